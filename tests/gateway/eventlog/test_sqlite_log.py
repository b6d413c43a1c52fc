"""The embedded log: its tail in memory, its retention, its counting."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

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
async def test_the_file_gives_back_exactly_what_it_took(time: float, texts: list[str]) -> None:
    """Every double, every text: JSON in between rounds and cuts nothing."""
    database = SqliteDatabase(":memory:") if False else await in_memory()
    log = SqliteLog(database, 1)
    await log.start()
    log._tail = Tail(0)
    record = new(repr(texts), headers=tuple((t, t) for t in texts), time=time)
    await log.append([record])
    assert await log.fetch(Topic.UPDATES, {0: 0}, 1, 0.0) == [kept(record, 0)]
    await database.close()
