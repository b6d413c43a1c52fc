"""Readiness: a real write, and nothing of any vendor."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.edge.admin.health import Health
from gateway.store.port import Store
from tests.inline_database import InlineDatabase
from tests.virtual import in_virtual_time


@pytest.fixture
def database(tmp_path: Path) -> InlineDatabase:
    """A file of its own."""
    return InlineDatabase(tmp_path / "leadwire.db")


async def opened(database: InlineDatabase) -> Store:
    """A store with its tables."""
    store = Store(database)
    await store.start()
    return store


@in_virtual_time
async def test_it_is_ready_when_a_write_was_flushed(database: InlineDatabase) -> None:
    """The write is there to be seen."""
    health = Health(await opened(database), SystemClock(), lambda: True)
    assert await health.why_not() is None
    assert len(database.rows("SELECT value FROM facts WHERE name = 'probe'")) == 1


@in_virtual_time
async def test_it_is_not_ready_while_nothing_can_be_written(database: InlineDatabase) -> None:
    """And ready again when that is over."""
    health = Health(await opened(database), SystemClock(), lambda: True)
    database.failing = lambda _: True
    assert await health.why_not() == "an append can't be made durable: the test says so"
    database.failing = lambda _: False
    assert await health.why_not() is None


@in_virtual_time
async def test_it_is_not_ready_while_it_drains(database: InlineDatabase) -> None:
    """Without a write."""
    health = Health(await opened(database), SystemClock(), lambda: False)
    assert await health.why_not() == "the server is not taking calls: it starts or drains"
    assert database.rows("SELECT value FROM facts WHERE name = 'probe'") == []


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
    health = Health(Store(database), SystemClock(), lambda: True)
    loop = asyncio.get_running_loop()
    began = loop.time()
    said = {await health.why_not() for _ in range(3)}
    assert said == {"a write takes longer than 2 s"}
    assert (loop.time() - began, database.waiting) == (6.0, 1)
