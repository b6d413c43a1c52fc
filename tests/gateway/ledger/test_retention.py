"""What is let go of, and a wall clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.eventlog.port import NewRecord, Topic
from gateway.eventlog.sqlite import SqliteLog
from gateway.ledger.retention import HELD, Retention
from gateway.store.port import Store
from tests.inline_database import InlineDatabase
from tests.virtual import VirtualClock, in_virtual_time

DAY = 86400.0
KEPT = 14 * DAY


@asynccontextmanager
async def keeping(path: Path, clock: VirtualClock) -> AsyncIterator[tuple[SqliteLog, Retention]]:
    """A log with a trigger in it, which nobody must settle, and its retention."""
    database = InlineDatabase(path)
    store, log = Store(database), SqliteLog(database, 1)
    await store.start()
    await log.start()
    await log.append([NewRecord(Topic.TRIGGERS, 0, "k", (), b"{}", clock.now())])
    try:
        yield log, Retention(log, store, clock, KEPT, KEPT)
    finally:
        await database.close()


async def left(log: SqliteLog) -> int:
    """Triggers in the log."""
    extent = (await log.extents(Topic.TRIGGERS))[0]
    return extent.end - extent.start


@in_virtual_time
async def test_what_is_old_goes(tmp_path: Path) -> None:
    """By the time that has passed."""
    clock = VirtualClock()
    async with keeping(tmp_path / "d.db", clock) as (log, retention):
        await retention.once()
        seen = [await left(log)]
        await asyncio.sleep(KEPT + 1.0)
        await retention.once()
        assert [*seen, await left(log)] == [1, 0]


@pytest.mark.parametrize("back", [True, False])
def test_nothing_goes_for_an_hour_after_a_jump(tmp_path: Path, back: bool) -> None:
    """A clock that is set right again in that time has cost nothing; one that stays is believed."""

    @in_virtual_time
    async def scenario() -> None:
        clock = VirtualClock()
        async with keeping(tmp_path / "d.db", clock) as (log, retention):
            clock.jump(10 * KEPT)
            await retention.once()
            await asyncio.sleep(HELD / 2)
            if back:
                clock.jump(-10 * KEPT)
            await retention.once()
            seen = [await left(log)]
            await asyncio.sleep(HELD + 1.0)
            await retention.once()
            assert [*seen, await left(log)] == [1, int(back)]

    scenario()
