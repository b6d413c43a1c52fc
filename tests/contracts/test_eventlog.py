"""What every event log promises: appends and reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.eventlog.port import Extent, OffsetOutOfRange, Topic
from tests.contracts import eventlogs
from tests.contracts.eventlogs import PARTITIONS, TIME, Opened, kept, new, read
from tests.kafka.apache import MARKS
from tests.kafka_mock import MockCluster


@pytest.fixture(scope="module")
def mock() -> Iterator[MockCluster]:
    """A cluster for the whole suite; each test has topics of its own."""
    with MockCluster() as cluster:
        yield cluster


LOGS = ("sqlite", pytest.param("apache", marks=MARKS), "mock")


@pytest.fixture(params=LOGS)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    """A new log: in a file, on Apache Kafka, on librdkafka's mock of it."""
    if request.param == "sqlite":
        opening = eventlogs.sqlite(tmp_path)
    else:
        opening = eventlogs.kafka(request.getfixturevalue(request.param))
    async with opening as opened:
        yield opened


async def test_what_was_appended_is_there_for_others(opened: Opened) -> None:
    """Durable when `append` returns: whoever opens the log next reads it."""
    record = new('{"a":1}')
    assert await opened.log.append([record]) == [0]
    other = await opened.reopen()
    assert await read(other, {0: 0}, 1) == [kept(record, 0)]


async def test_a_record_comes_back_as_it_was(opened: Opened) -> None:
    """Key, headers, value and time, in any alphabet, to the millisecond."""
    headers = (("ce_id", "1"), ("ce_subject", "Zoë 🙂 \"'\\"), ("ce_empty", ""), ("ce_id", "2"))
    record = new('{"name":"Zoë 🙂","quote":"\\"\\u0000"}', 2, headers=headers, time=TIME + 0.123)
    await opened.log.append([record])
    assert await read(opened.log, {2: 0}, 1) == [kept(record, 0)]
    assert await read(await opened.reopen(), {2: 0}, 1) == [kept(record, 0)]


async def test_a_long_record_comes_back_as_it_was(opened: Opened) -> None:
    """Larger than a batch is otherwise filled to."""
    record = new('"' + "x" * 900_000 + '"')
    await opened.log.append([record])
    assert await read(opened.log, {0: 0}, 1) == [kept(record, 0)]


async def test_offsets_count_up_in_each_partition(opened: Opened) -> None:
    """They are returned in the order given, over partitions and topics."""
    records = [
        new("0", 1),
        new("1", 0),
        new("2", 1, Topic.OUTCOMES),
        new("3", 1),
        new("4", 1),
    ]
    assert await opened.log.append(records) == [0, 0, 0, 1, 2]
    assert await opened.log.append(records[:2]) == [3, 1]


async def test_appending_nothing_is_fine(opened: Opened) -> None:
    """No records, no offsets."""
    assert await opened.log.append([]) == []


async def test_appends_at_once_keep_their_order(opened: Opened) -> None:
    """One partition's records are in the order of the calls, and each call's lie together."""
    calls = [[new(f"[{call},{n}]") for n in range(3)] for call in range(40)]
    offsets = await asyncio.gather(*(opened.log.append(records) for records in calls))
    assert offsets == [[3 * call, 3 * call + 1, 3 * call + 2] for call in range(40)]
    found = await read(opened.log, {0: 0}, 120)
    assert found == [kept(r, n) for n, r in enumerate(r for records in calls for r in records)]


async def test_a_fetch_returns_at_most_its_limit(opened: Opened) -> None:
    """The rest comes with the next one."""
    await opened.log.append([new(str(n)) for n in range(10)])
    first = await read(opened.log, {0: 0}, 1)
    assert [record.offset for record in first] == [0]
    some = await opened.log.fetch(Topic.UPDATES, {0: 1}, 4, 5.0)
    assert [record.offset for record in some] == [1, 2, 3, 4][: len(some)]
    assert len(some) >= 1


async def test_readers_go_their_own_ways(opened: Opened) -> None:
    """Where one is says nothing about another, and a reader may go back."""
    await opened.log.append([new(str(n)) for n in range(6)])
    for start in (0, 4, 2, 0):
        found = await read(opened.log, {0: start}, 6 - start)
        assert [record.offset for record in found] == list(range(start, 6))


async def test_a_fetch_reads_only_the_partitions_it_names(opened: Opened) -> None:
    """Each from its own offset on."""
    await opened.log.append([new(str(part), part) for part in (0, 1, 2) for _ in range(2)])
    found = await read(opened.log, {0: 1, 2: 0}, 3)
    assert sorted((record.partition, record.offset) for record in found) == [(0, 1), (2, 0), (2, 1)]
    assert await opened.log.fetch(Topic.UPDATES, {0: 2, 2: 2}, 5, 0.0) == []


async def test_a_fetch_at_the_end_waits_for_news(opened: Opened) -> None:
    """It returns long before its wait is over once something is appended."""
    waiting = asyncio.create_task(opened.log.fetch(Topic.UPDATES, {0: 0, 1: 0}, 10, 30.0))
    await asyncio.sleep(0)
    record = new("1", 1)
    await opened.log.append([record])
    async with asyncio.timeout(10):
        assert await waiting == [kept(record, 0)]


async def test_a_fetch_at_the_end_gives_up_in_time(opened: Opened) -> None:
    """An empty list after the wait."""
    async with asyncio.timeout(5):
        assert await opened.log.fetch(Topic.UPDATES, {0: 0}, 10, 0.05) == []


async def test_a_fetch_beyond_the_end_says_so(opened: Opened) -> None:
    """It doesn't go on from somewhere else."""
    await opened.log.append([new("1")])
    with pytest.raises(OffsetOutOfRange) as raised:
        await opened.log.fetch(Topic.UPDATES, {0: 5}, 10, 5.0)
    lost = raised.value
    assert (lost.topic, lost.partition, lost.offset) == (Topic.UPDATES, 0, 5)
    assert lost.extent == Extent(0, 1)


async def test_a_reader_that_was_out_of_range_reads_on(opened: Opened) -> None:
    """From an offset the log holds, and from the same one once it is there."""
    await opened.log.append([new("0")])
    with pytest.raises(OffsetOutOfRange):
        await opened.log.fetch(Topic.UPDATES, {0: 2}, 10, 5.0)
    assert [r.offset for r in await read(opened.log, {0: 0}, 1)] == [0]
    await opened.log.append([new("1"), new("2")])
    assert [r.offset for r in await read(opened.log, {0: 2}, 1)] == [2]


async def test_extents_say_what_there_is(opened: Opened) -> None:
    """For every partition of the topic, the empty ones too."""
    assert await opened.log.extents(Topic.UPDATES) == dict.fromkeys(range(3), Extent(0, 0))
    await opened.log.append([new("0", 1), new("1", 1), new("2", 2)])
    expected = {0: Extent(0, 0), 1: Extent(0, 2), 2: Extent(0, 1)}
    assert await opened.log.extents(Topic.UPDATES) == expected
    other = await opened.reopen()
    assert await other.extents(Topic.UPDATES) == expected


async def test_offsets_are_found_by_time(opened: Opened, request: pytest.FixtureRequest) -> None:
    """The first record at or after a time; the end where all are older."""
    if "mock" in request.node.name:
        reason = "librdkafka's mock cluster answers every time with the end of the partition"
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    await opened.log.append([new(str(n), time=TIME + n) for n in range(4)])
    await opened.log.append([new("0", 1, time=TIME)])
    found = [await opened.log.offsets_at(Topic.UPDATES, TIME + after) for after in (-1, 2, 2.5, 9)]
    assert found == [
        {0: 0, 1: 0, 2: 0},
        {0: 2, 1: 1, 2: 0},
        {0: 3, 1: 1, 2: 0},
        {0: 4, 1: 1, 2: 0},
    ]


async def test_a_topic_has_the_partitions_it_was_made_with(opened: Opened) -> None:
    """Of every topic."""
    assert {opened.log.partitions(topic) for topic in Topic if topic is not Topic.REPLIES} == {
        PARTITIONS
    }


async def test_a_frontier_may_be_told(opened: Opened) -> None:
    """Again, and to nobody; it moves no reader."""
    await opened.log.append([new("0"), new("1")])
    for frontier in ({0: 2, 1: 0}, {0: 1}, {}):
        await opened.log.tell_frontier("acme", frontier)
    assert [record.offset for record in await read(opened.log, {0: 0}, 2)] == [0, 1]


async def test_an_append_whose_caller_left_can_be_read(opened: Opened) -> None:
    """What is in the log doesn't stay hidden because nobody waited for it."""
    leaving = asyncio.create_task(opened.log.append([new("0")]))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert [record.offset for record in await read(opened.log, {0: 0}, 1)] == [0]
