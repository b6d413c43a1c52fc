"""A bench for the engine: log, store and journal on one file, a vendor that answers as told, and
virtual time. What a test asserts on is what the vendor received and what was settled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connectors.delivery.judgement import Policy
from connectors.delivery.owner import Owner
from connectors.delivery.plan import Plan, Ports
from connectors.delivery.worker import Worker
from gateway.clock import rfc3339
from gateway.eventlog.port import NewRecord, Record, Topic, partition_of
from gateway.eventlog.sqlite import SqliteLog
from gateway.journal.embedded import EmbeddedJournal
from gateway.metrics import Metrics
from gateway.model.changes import Change, Set
from gateway.model.codec import (
    read_dead_letter,
    read_outcome,
    read_trigger,
    update_headers,
    update_value,
)
from gateway.model.event import Attributes, Followers, LeadId, LeadUpdate, Origin, TriggerWishes
from gateway.model.outcome import Outcome
from gateway.model.trigger import Trigger
from gateway.store import connectors, dead_letters
from gateway.store.board import Board
from gateway.store.links import Links
from gateway.store.port import Store
from tests.connectors.delivery.fake_vendor import Answer, TestConnector, Vendor
from tests.inline_database import InlineDatabase
from tests.virtual import EPOCH, VirtualClock

PARTITIONS = 4
NAME = "crm"


@dataclass
class Bench:
    """One machine: its file, and what runs on it."""

    database: InlineDatabase
    vendors: dict[str, Vendor] = field(default_factory=dict)
    clock: VirtualClock = field(default_factory=VirtualClock)
    board: Board = field(default_factory=Board)
    metrics: Metrics = field(default_factory=Metrics)
    jitter: float = 0.5

    async def boot(self) -> None:
        """Open log and store, as a new process does."""
        self.log = SqliteLog(self.database, PARTITIONS)
        self.store = Store(self.database)
        await self.store.start()
        await self.log.start()
        self.journal = EmbeddedJournal(self.database, self.log, self.clock)
        self.links = Links(self.store)
        await self.links.refresh()

    @property
    def vendor(self) -> Vendor:
        """The vendor of the connector named NAME."""
        return self.vendors.setdefault(NAME, Vendor())

    def ports(self, process: str = "one") -> Ports:
        """What a process's workers share."""
        return Ports(
            self.log,
            self.journal,
            self.store,
            self.links,
            self.board,
            self.clock,
            self.metrics,
            lambda plan: self.vendors.setdefault(plan.name, Vendor()),
            lambda: self.jitter,
            process,
        )

    def owner(self, *plans: Plan, process: str = "one") -> Owner:
        """Who runs these connectors; one plain connector if none is given."""
        return Owner(plans or (plan(),), self.ports(process))

    @asynccontextmanager
    async def running(self, *plans: Plan, process: str = "one") -> AsyncIterator[Owner]:
        """Run connectors; at the end they are killed, as by a crash."""
        owner = self.owner(*plans, process=process)
        task = asyncio.create_task(owner.run())
        try:
            yield owner
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def append(self, *events: LeadUpdate) -> None:
        """Accept events."""
        records = [
            NewRecord(
                Topic.UPDATES,
                partition_of(event.lead_key, PARTITIONS),
                event.lead_key,
                update_headers(event),
                update_value(event),
                self.clock.now(),
            )
            for event in events
        ]
        await self.log.append(records)

    async def everything(self, topic: Topic) -> list[Record]:
        """All records of a topic."""
        found: list[Record] = []
        for part, extent in (await self.log.extents(topic)).items():
            position = extent.start
            while position < extent.end:
                found += await self.log.fetch(topic, {part: position}, 10_000, 0.0)
                position = found[-1].offset + 1
        return found

    async def outcomes(self) -> list[Outcome]:
        """Every outcome written, oldest first in each partition."""
        return [read_outcome(r.headers, r.value) for r in await self.everything(Topic.OUTCOMES)]

    async def ends(self) -> dict[str, str]:
        """Event id to kind, or kind and code where it wasn't applied."""
        found = sorted(await self.outcomes(), key=lambda outcome: (outcome.event_id, outcome.round))
        return {one.event_id: f"{one.kind} {one.code}".removesuffix(" ok") for one in found}

    async def dead(self) -> dict[str, str]:
        """Event id of each dead letter in the log to its code."""
        records = await self.everything(Topic.DEAD_LETTERS)
        letters = [read_dead_letter(record.headers, record.value)[0] for record in records]
        return {letter.event_id: letter.code for letter in letters}

    async def triggers(self) -> list[Trigger]:
        """Every trigger written."""
        return [read_trigger(r.headers, r.value) for r in await self.everything(Topic.TRIGGERS)]

    def parked(self) -> list[tuple[object, ...]]:
        """(event, state) of what waits in the store, in order."""
        return self.database.rows("SELECT event_id, state FROM parked ORDER BY lead, pos")

    def unsettled(self, name: str = NAME) -> int:
        """Records of the log that a connector has yet to settle, as stored."""
        rows = self.database.rows(
            "SELECT f.base, (SELECT MAX(pos) + 1 FROM log_records AS r WHERE r.topic = 'updates'"
            " AND r.part = f.part) FROM frontiers AS f WHERE f.consumer = ?",
            name,
        )
        return sum(max(0, (end or 0) - base) for base, end in rows)  # type: ignore[operator]  # rows are Any in SQL

    async def state(self, name: str = NAME) -> tuple[str, str]:
        """A connector's reported state and reason."""
        row = await self.store.run(lambda: connectors.row(name))
        return row.state, row.reason

    async def wish(self, value: str, name: str = NAME) -> None:
        """What `connectors pause` and `connectors resume` do."""
        await self.store.run(lambda: connectors.wish(name, value))

    async def redrive(self, *events: str, force: bool = False) -> dead_letters.Redriven:
        """What `dead-letters redrive` does with the dead letters of these events."""
        found = await self.store.run(lambda: dead_letters.find(dead_letters.Filter()))
        ids = tuple(letter.id for letter in found if letter.event_id in events)
        wanted = dead_letters.Filter(ids=ids)
        return await self.store.run(
            lambda: dead_letters.redrive(wanted, self.clock.now(), force=force)
        )


@contextmanager
def opened() -> Iterator[InlineDatabase]:
    """A database in a folder of its own."""
    with TemporaryDirectory() as folder:
        database = InlineDatabase(Path(folder) / "leadwire.db")
        try:
            yield database
        finally:
            database.connection.close()


@asynccontextmanager
async def bench(*answers: Answer) -> AsyncIterator[Bench]:
    """A bench, with a vendor that answers as told."""
    with opened() as database:
        made = Bench(database)
        if answers:
            made.vendors[NAME] = Vendor(*answers)
        await made.boot()
        yield made


async def passed(seconds: float) -> None:
    """Let virtual time pass."""
    await asyncio.sleep(seconds)


def plan(name: str = NAME, **changed: Any) -> Plan:
    """A connector's plan: one lane at a time, no limits, the documented retries."""
    given = Plan(
        name=name,
        system=name,
        connector=TestConnector(),
        policy=Policy(),
        limits=(),
        concurrency=4,
        failures=5,
        open_for=5.0,
        max_open=60.0,
        start="beginning",
    )
    return replace(given, **changed)


def update(event_id: str, lead: str = "a", **changed: Any) -> LeadUpdate:
    """An update of a lead, for the connector NAME."""
    changes: dict[str, Change] = {"note": Set(event_id)}
    given = LeadUpdate(
        event_id,
        rfc3339(EPOCH),
        "default",
        lead,
        (LeadId(NAME, lead),),
        changes,
        Attributes(),
        TriggerWishes(),
        Origin("native", "update"),
        (NAME,),
    )
    return replace(given, **changed)


def neighbours(count: int) -> list[str]:
    """So many leads whose updates are in one partition, so that all come in log order."""
    part = partition_of("a", PARTITIONS)
    every = (f"lead {number}" for number in range(1000))
    return [lead for lead in every if partition_of(lead, PARTITIONS) == part][:count]


def follower(event_id: str, lead: str = "a", **changed: Any) -> LeadUpdate:
    """An update that goes to `crm` once `boss` has applied it."""
    mode: Followers = "after_authority"
    return update(
        event_id, lead, connectors=("boss", NAME), authority="boss", followers=mode, **changed
    )


def worker_of(owner: Owner, name: str = NAME) -> Worker:
    """The worker that runs a connector now."""
    worker = owner.worker(name)
    assert worker is not None
    return worker
