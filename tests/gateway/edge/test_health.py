"""Readiness: a real write, and nothing of any vendor."""

from __future__ import annotations

import asyncio
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.edge.admin.health import Health
from gateway.journal.condition import QUIET, Condition
from gateway.lines import configure
from gateway.meters import Gauge
from gateway.settings.model import LoggingSettings
from gateway.storage import write_to_store
from gateway.store.port import Store
from tests.inline_database import InlineDatabase
from tests.virtual import VirtualClock, in_virtual_time


@pytest.fixture
def database(tmp_path: Path) -> InlineDatabase:
    """A file of its own."""
    return InlineDatabase(tmp_path / "leadwire.db")


async def opened(database: InlineDatabase) -> Store:
    """A store with its tables."""
    store = Store(database)
    await store.start()
    return store


def healthy(store: Store, condition: Condition | None = None, *, serving: bool = True) -> Health:
    """What is tested."""
    clock = VirtualClock()
    condition = condition or Condition(clock, Gauge())
    return Health(partial(write_to_store, store, clock), condition, clock, lambda: serving)


@in_virtual_time
async def test_it_is_ready_when_a_write_was_flushed(database: InlineDatabase) -> None:
    """The write is there to be seen."""
    health = healthy(await opened(database))
    assert await health.why_not() is None
    assert len(database.rows("SELECT claim FROM claims WHERE tenant = ''")) == 1


@in_virtual_time
async def test_it_is_not_ready_while_nothing_can_be_written(database: InlineDatabase) -> None:
    """And ready again when that is over."""
    health = healthy(await opened(database))
    database.failing = lambda _: True
    assert await health.why_not() == "an append can't be made durable: the test says so"
    database.failing = lambda _: False
    await asyncio.sleep(QUIET)
    assert await health.why_not() is None


@in_virtual_time
async def test_it_is_not_ready_while_it_drains(database: InlineDatabase) -> None:
    """Without a write."""
    health = healthy(await opened(database), serving=False)
    assert await health.why_not() == "the server is not taking calls: it starts or drains"
    assert database.rows("SELECT claim FROM claims WHERE tenant = ''") == []


class Stuck:
    """A disk that does not answer, and how many writes wait for it."""

    waiting = 0

    async def run(self, *_: object) -> None:
        self.waiting += 1
        await asyncio.get_running_loop().create_future()


@in_virtual_time
async def test_a_write_that_hangs_is_not_waited_for_and_not_repeated() -> None:
    """Two seconds, and one write however often somebody asks."""
    database: Any = Stuck()
    health = healthy(Store(database))
    loop = asyncio.get_running_loop()
    began = loop.time()
    said = {await health.why_not() for _ in range(3)}
    assert said == {"an append can't be made durable: a write takes longer than 2 s"}
    assert (loop.time() - began, database.waiting) == (6.0, 1)


@in_virtual_time
async def test_an_append_that_failed_is_told_once_until_it_is_over(
    database: InlineDatabase,
) -> None:
    """The metric says so meanwhile, and nobody need ask for it to be over."""
    clock, gauge, stream = VirtualClock(), Gauge(), BytesIO()
    configure(LoggingSettings(level="warning"), clock, stream)
    condition = Condition(clock, gauge)
    health = healthy(await opened(database), condition)
    watching = asyncio.create_task(health.watch())
    database.failing = lambda _: True
    for _ in range(100):
        condition.failed("disk I/O error")
        await asyncio.sleep(0.05)
    seen = [gauge.value]
    database.failing = lambda _: False
    await asyncio.sleep(QUIET + 1.5)
    seen.append(gauge.value)
    watching.cancel()
    told = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    assert seen == [0.0, 1.0]
    assert [(line["level"], line["event"], line.get("reason")) for line in told] == [
        ("error", "storage.unavailable", "disk I/O error"),
        ("warning", "storage.available", None),
    ]


@in_virtual_time
async def test_a_probe_needs_room_each_time_and_leaves_one_row(database: InlineDatabase) -> None:
    """As an append does: what is left of the one before gives none away."""
    health = healthy(await opened(database))
    for _ in range(3):
        assert await health.why_not() is None
        await asyncio.sleep(10)
    assert len(database.rows("SELECT claim FROM claims")) == 1
    database.connection._db.execute("PRAGMA max_page_count=1")
    database.rows("PRAGMA incremental_vacuum")
    pages = database.rows("PRAGMA page_count")[0][0]
    database.connection._db.execute(f"PRAGMA max_page_count={pages}")
    told = await health.why_not()
    assert told is not None
    assert "full" in told


@in_virtual_time
async def test_what_goes_through_now_and_then_ends_no_trouble(database: InlineDatabase) -> None:
    """Large appends fail while the probe has room: one line, until none has failed for a while."""
    condition = Condition(VirtualClock(), Gauge())
    health = healthy(await opened(database), condition)
    seen = []
    for wait in (0.0, 1.0, 1.0, QUIET):
        await asyncio.sleep(wait)
        seen.append(await health.why_not())
        if wait < QUIET:
            condition.failed("full")
    full = "an append can't be made durable: full"
    assert seen == [None, full, full, None]
