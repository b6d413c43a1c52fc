"""What runs leadwire, where its power can be cut: one process with its file, or where the whole run
is through several processes (`conftest`), all of them; and what it has written down then."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import NamedTuple, Protocol

import orjson

from gateway.eventlog.port import Topic
from tests.journeys.running import Child, Document, spawn
from tests.ports import free_port

ENDS_WITHIN = 30.0


class Place(NamedTuple):
    """An update at a vendor."""

    connector: str
    lead: str
    number: int


class Written(NamedTuple):
    """What leadwire holds while it doesn't run."""

    done: set[Place]
    """Updates with an outcome, and those that their vendor is known to have taken."""
    letters: list[str]
    """Codes of dead letters."""


class Machines(Protocol):
    """What leadwire runs on."""

    url: str
    """Where it answers callers, whenever it runs."""

    @property
    def admin(self) -> str:
        """Where it answers operators now."""

    async def start(self, stop_at: str | None = None) -> None:
        """Start all of it, and wait until it answers, or something has ended at its step: `STEP:N`
        as in `stopping`."""

    async def kill(self) -> None:
        """Cut the power."""

    async def ended(self) -> int:
        """Wait until something ends by itself, and cut the power of the rest; its exit code."""

    async def terminate(self) -> int:
        """Ask all of it to end; the exit code."""

    async def written(self) -> Written:
        """What it holds; nothing of it runs."""


class OneProcess:
    """`leadwire serve` with every role, on one file."""

    def __init__(self, folder: Path, told: Document) -> None:
        """It doesn't run yet."""
        self._port, admin = free_port(), free_port()
        self._folder, self._told = folder, {**told, "admin": {**told["admin"], "port": admin}}
        self.url, self.admin = f"http://127.0.0.1:{self._port}", f"http://127.0.0.1:{admin}"
        self._child: Child | None = None

    async def start(self, stop_at: str | None = None) -> None:
        """See the port."""
        self._child = await spawn(self._folder, self._told, port=self._port, stop_at=stop_at)

    async def kill(self) -> None:
        """See the port."""
        if self._child is not None:
            await self._child.kill()

    async def ended(self) -> int:
        """See the port."""
        assert self._child is not None
        return await asyncio.wait_for(self._child.process.wait(), ENDS_WITHIN)

    async def terminate(self) -> int:
        """See the port."""
        assert self._child is not None
        return await self._child.terminate()

    async def written(self) -> Written:
        """See the port."""
        return await asyncio.to_thread(_written, self._folder)


def _written(folder: Path) -> Written:
    with closing(sqlite3.connect(f"file:{folder / 'leadwire.db'}?mode=ro", uri=True)) as db:
        kept = db.execute("SELECT topic, headers, value FROM log_records").fetchall()
        taken = db.execute(
            "SELECT event_id, connector FROM parked WHERE state = 'pending'"
        ).fetchall()
        letters = [code for (code,) in db.execute("SELECT code FROM dead_letters")]
    events, outcomes = dict[str, tuple[str, int]](), set[tuple[str, str]](taken)
    for topic, headers, value in kept:
        if topic == Topic.UPDATES:
            events[dict(orjson.loads(headers))["ce_id"]] = lead_and_number(value)
        elif topic == Topic.OUTCOMES:
            outcomes.add(delivery(value))
    return Written(places(events, outcomes), letters)


def lead_and_number(value: bytes) -> tuple[str, int]:
    """Of an update, as the log has it."""
    data = orjson.loads(value)
    number = int(data["changes"]["full_name"]["value"].rpartition(" ")[2])
    return data["lead"]["ids"][0]["id"].removeprefix("noojee-"), number


def delivery(value: bytes) -> tuple[str, str]:
    """Event and connector of an outcome, as the log has it."""
    data = orjson.loads(value)
    return data["event_id"], data["connector"]


def places(events: dict[str, tuple[str, int]], deliveries: Iterable[tuple[str, str]]) -> set[Place]:
    """Deliveries of these events, in the words of a test."""
    return {Place(name, *events[event]) for event, name in deliveries}


@asynccontextmanager
async def machines(folder: Path, told: Document) -> AsyncIterator[Machines]:
    """What runs leadwire; its power is cut at the end."""
    async with opened(folder, told) as made:
        try:
            yield made
        finally:
            await made.kill()


@asynccontextmanager
async def opened(folder: Path, told: Document) -> AsyncIterator[Machines]:
    """One process."""
    yield OneProcess(folder, told)
