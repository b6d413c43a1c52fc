"""The embedded log: its tail in memory, its retention, its counting."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.database.port import Operation, Query
from gateway.database.sqlite import SqliteDatabase
from gateway.eventlog.port import AppendUnknown, Extent, LogUnavailable, OffsetOutOfRange, Topic
from gateway.eventlog.sqlite import SCAN, SqliteLog
from gateway.eventlog.tail import Tail
from tests.contracts.eventlogs import TIME, SqliteFile, kept, new, read


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteFile]:
    """A file for a log."""
    file = SqliteFile(tmp_path / "log.db")
    yield file
    await file.close()


@pytest.fixture
async def log(file: SqliteFile) -> SqliteLog:
    """A log in it."""
    return await file.open()


def opened(file: SqliteFile) -> SqliteDatabase:
    """The database that is open."""
    assert file.database is not None
    return file.database


async def test_memory_and_file_give_the_same_records(log: SqliteLog) -> None:
    """Whatever was pushed out of memory is read from the file, without a seam."""
    log._tail = Tail(20_000)
    records = [
        new(f'{{"n":{n},"ü":"{n}"}}', n % 2, headers=(("a", str(n)),), time=TIME + n / 7)
        for n in range(600)
    ]
    for start in range(0, 600, 50):
        await log.append(records[start : start + 50])
    for part in (0, 1):
        expected = [kept(record, n) for n, record in enumerate(records[part::2])]
        for start in (0, 1, 150, 299):
            found = await read(log, {part: start}, 300 - start)
            assert found == expected[start:]
    assert log._tail._bytes <= 20_000


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    time=st.floats(min_value=0, max_value=4e9),
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4),
)
async def test_the_file_gives_back_exactly_what_it_took(
    log: SqliteLog, time: float, texts: list[str]
) -> None:
    """Every double, every text: the JSON in between rounds and cuts nothing."""
    log._tail = Tail(0)
    record = new(repr(texts), headers=tuple((t, t) for t in texts), time=time)
    (offset,) = await log.append([record])
    assert await log.fetch(Topic.UPDATES, {0: offset}, 1, 0.0) == [kept(record, offset)]


async def test_trimming_keeps_offsets(file: SqliteFile) -> None:
    """What is left begins where it began; a restart with nothing left counts on."""
    log = await file.open()
    await log.append([new(str(n), time=TIME + n) for n in range(10)])
    assert await log.trim(Topic.UPDATES, 0, 10, math.inf, 4) == 4
    assert (await log.extents(Topic.UPDATES))[0] == Extent(4, 10)
    assert [r.offset for r in await read(log, {0: 4}, 6)] == [4, 5, 6, 7, 8, 9]
    assert await log.trim(Topic.UPDATES, 0, 10, math.inf, 100) == 6
    assert await log.trim(Topic.UPDATES, 0, 10, math.inf, 100) == 0
    for reopened in (log, await file.open()):
        assert (await reopened.extents(Topic.UPDATES))[0] == Extent(10, 10)
    log = await file.open()
    assert await log.append([new("x")]) == [10]
    assert [r.offset for r in await read(log, {0: 10}, 1)] == [10]


async def test_trimming_stops_at_what_is_young_or_not_settled(log: SqliteLog) -> None:
    """A record goes when it or one after it is old, all before it have gone, and nobody needs it:
    a clock that was ahead for a while keeps nothing for ever."""
    times = [0, 1, 5, 2, 9]
    await log.append([new(str(n), time=TIME + after) for n, after in enumerate(times)])
    assert await log.trim(Topic.UPDATES, 0, 1, TIME + 3, 100) == 1
    assert await log.trim(Topic.UPDATES, 0, 5, TIME + 3, 2) == 2
    assert await log.trim(Topic.UPDATES, 0, 5, TIME + 3, 100) == 1
    assert await log.trim(Topic.UPDATES, 0, 5, TIME + 3, 100) == 0
    assert (await log.extents(Topic.UPDATES))[0] == Extent(4, 5)


async def test_a_long_log_is_counted_on_after_a_restart(file: SqliteFile) -> None:
    """Wherever it ends between two notes of its end, and whatever of it was let go of."""
    log, count = await file.open(), 0
    for count_then in (1, 15, 16, 17, 255, 256, 257, 271, 272, 273, 511, 512, 513, 1100):
        await log.append([new(str(n)) for n in range(count, count_then)])
        count = count_then
        log = await file.open()
        assert (await log.extents(Topic.UPDATES))[0] == Extent(0, count)
        assert [r.value for r in await read(log, {0: count - 1}, 1)] == [str(count - 1).encode()]
    assert await log.trim(Topic.UPDATES, 0, count, math.inf, count) == count
    log = await file.open()
    assert (await log.extents(Topic.UPDATES))[0] == Extent(count, count)
    assert await log.append([new("x")]) == [count]


async def test_a_read_of_what_was_trimmed_says_so(log: SqliteLog) -> None:
    """From memory, from the file, and where both happen at once."""
    log._tail = Tail(0)
    await log.append([new(str(n)) for n in range(10)])
    trimming = asyncio.create_task(log.trim(Topic.UPDATES, 0, 5, math.inf, 5))
    await asyncio.sleep(0)
    with pytest.raises(OffsetOutOfRange):
        await log.fetch(Topic.UPDATES, {0: 2}, 10, 0.0)
    await trimming
    with pytest.raises(OffsetOutOfRange) as raised:
        await log.fetch(Topic.UPDATES, {0: 2}, 10, 0.0)
    assert raised.value.extent == Extent(5, 10)


async def test_times_are_found_beyond_one_scan(log: SqliteLog) -> None:
    """A long partition is looked through piece by piece."""
    count = 2 * SCAN + 10
    await log.append([new("1", time=TIME + n) for n in range(count)])
    wanted = (0, SCAN - 1, SCAN, SCAN + 0.5, 2 * SCAN, count)
    found = [(await log.offsets_at(Topic.UPDATES, TIME + after))[0] for after in wanted]
    assert found == [0, SCAN - 1, SCAN, SCAN + 1, 2 * SCAN, count]


async def test_a_rollback_makes_no_hole(file: SqliteFile, log: SqliteLog) -> None:
    """Offsets that were counted for what was not committed are given out again."""

    def failing() -> Operation[None]:
        yield from log.append_in([new("gone"), new("gone")])
        raise LookupError("no")

    await log.append([new("0")])
    results = await asyncio.gather(
        opened(file).run(failing), log.append([new("1")]), return_exceptions=True
    )
    assert [type(result) for result in results] == [LookupError, list]
    assert await log.append([new("2")]) == [2]
    assert [r.value for r in await read(log, {0: 0}, 3)] == [b"0", b"1", b"2"]


async def test_a_record_that_cannot_be_written_takes_no_others_with_it(log: SqliteLog) -> None:
    """No UTF-8, and a partition there isn't."""
    bad = [new("x", 99), new("x", headers=(("h", "\ud800"),))]
    work = [log.append([record]) for record in (new("0"), *bad, new("1"))]
    results = await asyncio.gather(*work, return_exceptions=True)
    assert [isinstance(result, Exception) for result in results] == [False, True, True, False]
    assert [results[0], results[3]] == [[0], [1]]
    assert [r.value for r in await read(log, {0: 0}, 2)] == [b"0", b"1"]


async def test_a_full_disk_is_unavailable(file: SqliteFile, log: SqliteLog) -> None:
    """Nothing was appended, and the next append goes on without a gap."""
    await log.append([new("0")])
    connection = opened(file).connection._db
    connection.execute("PRAGMA max_page_count=1")
    with pytest.raises(LogUnavailable) as raised:
        await log.append([new("x" * 100_000)])
    assert type(raised.value) is LogUnavailable
    connection.execute("PRAGMA max_page_count=1000000")
    assert await log.append([new("1")]) == [1]


@pytest.mark.parametrize("written", [False, True])
async def test_offsets_are_counted_anew_after_an_unknown_commit(
    file: SqliteFile, log: SqliteLog, written: bool
) -> None:
    """Whether it was done or not, the next record follows what is in the file, and readers see
    all of it."""
    await log.append([new("0")])

    class Connection:
        def __init__(self, real: object) -> None:
            self.real = real

        def __getattr__(self, name: str) -> object:
            return getattr(self.real, name)

        def execute(self, sql: str, *parameters: object) -> object:
            if sql == "COMMIT":
                if written:
                    self.real.execute(sql)  # type: ignore[attr-defined]  # it is a connection
                raise sqlite3.OperationalError("disk I/O error")
            return self.real.execute(sql, *parameters)  # type: ignore[attr-defined]  # as above

    connection = opened(file).connection
    connection._db = Connection(connection._db)  # type: ignore[assignment]  # it stands in for one
    with pytest.raises(AppendUnknown):
        await log.append([new("unknown")])
    values = [b"0", *([b"unknown"] if written else []), b"after"]
    assert await log.append([new("after")]) == [len(values) - 1]
    assert [r.value for r in await read(log, {0: 0}, len(values))] == values


async def test_partitions_are_fixed_when_the_log_is_made(file: SqliteFile) -> None:
    """A later setting changes nothing."""
    log = await file.open()
    await log.append([new("0", 2)])
    file.partitions = 7
    log = await file.open()
    assert (log.partitions(Topic.UPDATES), log.partitions(Topic.REPLIES)) == (3, 1)
    assert [record.value for record in await read(log, {2: 0}, 1)] == [b"0"]


async def test_a_statement_of_another_kind_does_not_disturb_the_count(
    file: SqliteFile, log: SqliteLog
) -> None:
    """Rollbacks of others only make the log look into the file again."""
    await log.append([new("0"), new("1")])

    def failing() -> Operation[None]:
        yield Query("SELECT 1")
        raise LookupError("no")

    with pytest.raises(LookupError):
        await opened(file).run(failing)
    assert await log.append([new("2")]) == [2]


class Failing:
    """A connection whose commits are done and then fail."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self._real = real

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        done = self._real.execute(sql, *parameters)
        if sql == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


async def test_what_was_committed_although_it_failed_is_read(
    log: SqliteLog,
) -> None:
    """With the next work on the log, even if that appends nothing: a caller's retry that attaches
    to it would wait in vain."""
    await log.append([new("before")])
    connection = log._database.connection
    connection._db = Failing(connection._db)  # type: ignore[assignment]  # stands in for a connection
    with pytest.raises(AppendUnknown):
        await log.append([new("unknown")])
    await log.append([])
    assert (await log.extents(Topic.UPDATES))[0] == Extent(0, 2)
    assert [r.value for r in await read(log, {0: 0}, 2)] == [b"before", b"unknown"]
    assert await log.append([new("after")]) == [2]
