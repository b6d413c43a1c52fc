"""Makes outcomes durable, in groups: what comes in while one settle is under way is the next.

A settle that fails is made again from memory with the same ids; nothing is delivered again, and
the connector sends nothing until it goes through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from connectors.delivery.gate import Gate
from connectors.delivery.plan import Plan, Ports
from connectors.delivery.reader import Reader
from connectors.delivery.settlement import (
    NONE_BEFORE,
    Before,
    Changes,
    Finished,
    Item,
    firing,
    gather,
)
from gateway import lines
from gateway.database.port import DatabaseUnavailable, Operation
from gateway.eventlog.port import Topic
from gateway.journal.port import JournalUnavailable
from gateway.model.event import LeadUpdate
from gateway.model.json import JsonObject
from gateway.model.outcome import Kind
from gateway.store import fields
from gateway.store.settling import Settlement

GROUP = 500
"""Most items in one settle."""
SETTLING = "settling"

FIRST_RETRY, LONGEST_RETRY = 0.1, 5.0


class Settler:
    """Settles for one worker."""

    def __init__(
        self,
        plan: Plan,
        ports: Ports,
        epoch: int,
        reader: Reader,
        gate: Gate,
        settled: Callable[[Sequence[Item]], None],
    ) -> None:
        """`settled` is called with the items of a settle once it is durable."""
        self._plan, self._ports, self._epoch = plan, ports, epoch
        self._reader, self._gate, self._settled = reader, gate, settled
        self._items: list[Item] = []
        self._work = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()

    def add(self, item: Item) -> None:
        """Settle this soon."""
        self._items.append(item)
        self._quiet.clear()
        self._work.set()

    def flush(self) -> None:
        """Write down frontiers that moved although nothing was settled."""
        if self._reader.dirty:
            self._quiet.clear()
            self._work.set()

    async def finish(self) -> None:
        """Wait until everything given is durable."""
        self.flush()
        await self._quiet.wait()

    async def run(self) -> None:
        """Settle for ever. Raises LeaseLost."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._items or self._reader.dirty:
                items, self._items = self._items[:GROUP], self._items[GROUP:]
                await self._settle(items)
            self._quiet.set()

    async def _settle(self, items: Sequence[Item]) -> None:
        before = await self._before(items)
        changes = gather(items, self._plan.triggers, self._ports.clock.now(), before)
        for part, pos in changes.settled:
            self._reader.settle(part, pos)
        settlement = Settlement(
            self._plan.name,
            self._plan.lease,
            self._epoch,
            Topic.UPDATES,
            self._reader.rows(),
            changes.park,
            changes.unpark,
            changes.fields,
            changes.verdicts,
            changes.dead_letters,
        )
        wait = FIRST_RETRY
        while True:
            try:
                # What is being written is written to its end, also when the worker is stopped:
                # readers must hear of what is in the log.
                await asyncio.shield(self._ports.journal.settle(settlement, changes.records))
                break
            except JournalUnavailable:
                self._gate.shut(SETTLING)
                await self._ports.clock.sleep(wait)
                wait = min(2 * wait, LONGEST_RETRY)
        if self._gate.is_shut(SETTLING):
            self._gate.reopen(SETTLING)
        self._count(items, changes)
        self._settled(items)

    async def _before(self, items: Sequence[Item]) -> Before:
        """What had last been applied of leads whose updates fire something: in a moment it is
        overwritten."""
        wanted = firing(items, self._plan.triggers)
        wait = FIRST_RETRY
        while wanted:
            try:
                return await self._ports.store.run(lambda: _held(self._plan.name, wanted))
            except DatabaseUnavailable:
                self._gate.shut(SETTLING)
                await self._ports.clock.sleep(wait)
                wait = min(2 * wait, LONGEST_RETRY)
        return NONE_BEFORE

    def _count(self, items: Sequence[Item], changes: Changes) -> None:
        metrics, name, now = self._ports.metrics, self._plan.name, self._ports.clock.now()
        age = metrics.delivery_age_seconds(name)
        applied = 0
        for item in items:
            if isinstance(item, Finished):
                kind = item.outcome.kind
                metrics.deliveries(name, kind).inc()
                if item.queued.action is not None:
                    metrics.actions(item.queued.action.kind, kind).inc()
                age.observe(max(0.0, now - item.queued.time))
                if kind is Kind.APPLIED:
                    applied += 1
                else:
                    self._tell(item)
        if applied:
            lines.info("deliveries.applied", connector=name, count=applied)
        for letter in changes.dead_letters:
            metrics.dead_letters(name, letter.code).inc()
        for trigger in changes.triggers:
            metrics.triggers(trigger.kind, name).inc()

    def _tell(self, item: Finished) -> None:
        """A line for a delivery that did not end as everybody hopes."""
        outcome = item.outcome
        lines.warning(
            "delivery.settled",
            connector=self._plan.name,
            event_id=outcome.event_id,
            lead=outcome.lead_key,
            outcome=outcome.kind,
            code=outcome.code,
            status=outcome.status,
            attempts=len(outcome.attempts),
            dead_letter=item.dead_letter,
        )


def _held(connector: str, updates: Sequence[LeadUpdate]) -> Operation[Before]:
    """By event id."""
    found: dict[str, JsonObject] = {}
    for update in updates:
        found[update.id] = yield from fields.held(update.tenant, update.lead_key, connector)
    return found
