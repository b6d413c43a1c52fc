"""What a consumer of Kafka's client gets stuck in, and how far it reads ahead."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.eventlog.kafka.cursor import BUFFERED, POLLED
from gateway.eventlog.port import OffsetOutOfRange, Topic
from tests.contracts.eventlogs import new, read
from tests.gateway.eventlog.failing import appended, connected, deafen
from tests.journeys.running import eventually
from tests.kafka_mock import MockCluster


async def test_a_reader_that_leaves_takes_nothing_with_it(cluster: MockCluster) -> None:
    """A fetch that is cancelled, again and again, loses no record for the next one."""
    async with connected(cluster) as log:
        for number in range(3):
            leaving = asyncio.create_task(log.fetch(Topic.UPDATES, {0: number}, 10, 30.0))
            await asyncio.sleep(0.05)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
            await log.append([new(str(number))])
            assert [r.offset for r in await read(log, {0: number}, 1)] == [number]
        assert len(log._cursors[Topic.UPDATES]) == 1


async def test_a_backlog_is_read_ahead_only_so_far(cluster: MockCluster) -> None:
    """What the brokers give at once may be thousands of records, packed."""
    async with connected(cluster) as log:
        for _ in range(4):
            await log.append([new(str(number)) for number in range(500)])
        assert [record.offset for record in await read(log, {0: 0}, 1)] == [0]
        (cursor,) = log._cursors[Topic.UPDATES]
        await eventually(lambda: cursor._ahead.wanted() == [])
        assert BUFFERED <= len(cursor._ahead._buffers[0]) < BUFFERED + POLLED
        assert [record.offset for record in await read(log, {0: 1}, 1999)] == [*range(1, 2000)]


async def test_a_consumer_that_stands_still_is_replaced(cluster: MockCluster) -> None:
    """It says nothing of its own; that the log holds more does."""
    async with connected(cluster) as log:
        await log.append([new("0")])
        await read(log, {0: 0}, 1)
        (cursor,) = log._cursors[Topic.UPDATES]
        standing = cursor._consumer
        standing._fetcher._fetch_task.cancel()
        await log.append([new("1")])
        assert [record.offset for record in await read(log, {0: 1}, 1)] == [1]
        assert (log._cursors[Topic.UPDATES], cursor._consumer is standing) == ([cursor], False)


async def test_a_consumer_with_nothing_to_read_is_left_alone(cluster: MockCluster) -> None:
    """However long that takes."""
    async with connected(cluster) as log:
        await log.append([new("0")])
        await read(log, {0: 0}, 1)
        (cursor,) = log._cursors[Topic.UPDATES]
        idle = cursor._consumer
        for _ in range(3):
            assert await log.fetch(Topic.UPDATES, {0: 1}, 10, 1.0) == []
        assert cursor._consumer is idle


async def test_a_consumer_that_fails_is_replaced(
    cluster: MockCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever of."""

    async def failing(*places: object, **options: int) -> object:
        raise KeyError(places, options)

    async with connected(cluster) as log:
        await log.append([new("0")])
        await read(log, {0: 0}, 1)
        (cursor,) = log._cursors[Topic.UPDATES]
        failed = cursor._consumer
        monkeypatch.setattr(failed, "getmany", failing)
        assert await log.fetch(Topic.UPDATES, {0: 1}, 10, 2.5) == []
        await log.append([new("1")])
        assert [record.offset for record in await read(log, {0: 1}, 1)] == [1]
        assert cursor._consumer is not failed


async def test_a_consumer_that_hears_no_news_is_replaced(cluster: MockCluster) -> None:
    """It would stand still once its partitions moved."""
    async with connected(cluster) as log:
        await appended(log, "0")
        assert await read(log, {0: 0, 1: 0}, 1) != []
        (cursor,) = log._cursors[Topic.UPDATES]
        deaf: Any = cursor._consumer
        await deafen(deaf._client)
        await eventually(lambda: cursor._consumer not in {None, deaf})
        await appended(log, "1")
        assert [one.value for one in await read(log, {0: 1, 1: 0}, 1)] == [b"1"]


async def test_a_reader_out_of_range_reads_there_once_there_is_something(
    cluster: MockCluster,
) -> None:
    """Whatever the client still says of what it asked before."""
    async with connected(cluster) as log:
        await log.append([new("0"), new("1")])
        with pytest.raises(OffsetOutOfRange):
            await read(log, {0: 3}, 1)
        await asyncio.sleep(0.5)
        assert await log.append([new("2"), new("3")]) == [2, 3]
        assert [record.value for record in await read(log, {0: 3}, 1)] == [b"3"]
