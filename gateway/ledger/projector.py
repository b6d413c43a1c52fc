"""Projects updates and outcomes from the log into the ledger's tables.

One process at a time does it, under a lease. Each batch and the place it was read to are one
transaction, and a record read twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway import lines
from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable, Row
from gateway.eventlog.port import EventLog, LogUnavailable, OffsetOutOfRange, Record, Topic
from gateway.ledger.queries import outcome_text
from gateway.model.codec import read_outcome, read_update
from gateway.model.event import LeadUpdate
from gateway.model.outcome import Outcome
from gateway.store import leases, ledger, settling
from gateway.store.leases import RENEW, Watch
from gateway.store.port import Store
from gateway.store.settling import FrontierRow

NAME = "@ledger"
"""Its name among the consumers of the log."""
BATCH = 500
TELL_EVERY = 60.0
"""Seconds between lines about work that is interrupted again and again."""
GATHER = 0.05
"""Seconds between writes while little comes in: fewer, larger transactions."""
TOPICS = (Topic.UPDATES, Topic.OUTCOMES)


class Projector:
    """Keeps the ledger up to date."""

    def __init__(self, log: EventLog, store: Store, clock: Clock, process: str) -> None:
        """`process` is who we are, as the lease's owner."""
        self._log, self._store, self._clock, self._process = log, store, clock, process
        self._next: dict[Topic, dict[int, int]] = {}
        self._told = -TELL_EVERY
        self._watch = Watch(clock.monotonic)

    async def run(self) -> None:
        """Project for ever, whenever the lease is ours; it is given back at the end."""
        try:
            while True:
                try:
                    await self._project_while_owner()
                except* (DatabaseUnavailable, LogUnavailable) as errors:
                    self._tell(errors.exceptions[0])
                await self._clock.sleep(RENEW)
        finally:
            await self._release()

    async def _release(self) -> None:
        try:
            await self._store.run(lambda: leases.release(NAME, self._process))
        except DatabaseUnavailable:
            return

    def _tell(self, error: BaseException) -> None:
        now = self._clock.monotonic()
        if now - self._told >= TELL_EVERY:
            self._told = now
            lines.warning("ledger.interrupted", reason=str(error))

    async def catch_up(self) -> None:
        """Project what the log has now, once, without a lease: for a process that has the files
        to itself."""
        for topic in TOPICS:
            await self._begin(topic)
            while await self._step(topic, 0.0):
                pass

    async def _project_while_owner(self) -> None:
        if await self._lease() is None:
            return
        for topic in TOPICS:
            await self._begin(topic)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._renew())
            for topic in TOPICS:
                tasks.create_task(self._follow(topic))

    async def _lease(self) -> int | None:
        now = self._clock.now()
        return await self._store.run(lambda: leases.acquire(NAME, self._process, now, self._watch))

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(RENEW)
            if await self._lease() is None:
                raise DatabaseUnavailable("the ledger's lease went to another process")

    async def _begin(self, topic: Topic) -> None:
        known = await self._store.run(lambda: settling.frontiers(NAME, topic))
        extents = await self._log.extents(topic)
        self._next[topic] = {
            part: known[part].base if part in known else extent.start
            for part, extent in extents.items()
        }

    async def _follow(self, topic: Topic) -> None:
        while True:
            if await self._step(topic, RENEW) < BATCH:
                await self._clock.sleep(GATHER)

    async def _step(self, topic: Topic, wait: float) -> int:
        try:
            records = await self._log.fetch(topic, self._next[topic], BATCH, wait)
        except OffsetOutOfRange as gap:
            lines.warning("ledger.gap", topic=topic, partition=gap.partition, offset=gap.offset)
            self._next[topic][gap.partition] = gap.extent.start
            return 1
        if records:
            await self._write(topic, records)
        return len(records)

    async def _write(self, topic: Topic, records: list[Record]) -> None:
        moved = {record.partition: record.offset + 1 for record in records}
        frontiers = [FrontierRow(part, base) for part, base in moved.items()]
        updates = _rows(records, _update) if topic is Topic.UPDATES else []
        outcomes = _rows(records, _outcome) if topic is Topic.OUTCOMES else []
        await self._store.run(lambda: ledger.project(NAME, topic, frontiers, updates, outcomes))
        places = self._next[topic]
        places |= moved
        last = records[-1].partition
        self._next[topic] = {p: o for p, o in places.items() if p != last} | {last: places[last]}


def _rows(records: list[Record], row_of: Callable[[Record], Row]) -> list[Row]:
    """Rows of all records that are ours; a foreign or damaged one is told and passed over."""
    rows = []
    for record in records:
        try:
            rows.append(row_of(record))
        except ValueError:
            place = f"{record.topic}/{record.partition}@{record.offset}"
            lines.warning("ledger.unreadable", record=place)
    return rows


def _update(record: Record) -> Row:
    event = record.parsed
    if not isinstance(event, LeadUpdate):
        event = read_update(record.headers, record.value)
    return (
        event.id,
        event.tenant,
        record.key,
        event.origin.dialect,
        event.origin.operation,
        ",".join(event.connectors),
        event.authority or "",
        record.partition,
        record.offset,
        record.time,
    )


def _outcome(record: Record) -> Row:
    outcome = record.parsed
    if not isinstance(outcome, Outcome):
        outcome = read_outcome(record.headers, record.value)
    return (
        outcome.event_id,
        outcome.connector,
        outcome.round,
        outcome.kind,
        outcome.code,
        record.time,
        outcome_text(record),
    )
