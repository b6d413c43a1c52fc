"""Reads triggers and outcomes, asks the rules, and queues what they want done.

One process at a time does it, under a lease. What a batch comes to (facts that were seen, actions,
rests) and the place it was read to are one transaction, so a trigger that is read twice does
nothing the second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from connectors.automations.deciding import Decided, Deciding, Seen
from connectors.automations.facts import Fact, of_outcome, of_trigger
from connectors.automations.loading import Loaded
from connectors.automations.rules import CONSUMER
from gateway import lines
from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable, Operation
from gateway.eventlog.port import EventLog, LogUnavailable, OffsetOutOfRange, Record, Topic
from gateway.ledger.retention import AUTOMATIONS
from gateway.metrics import Metrics
from gateway.model.codec import read_outcome
from gateway.store import automations, leases, settling
from gateway.store.automations import Fired
from gateway.store.leases import RENEW, LeaseLost
from gateway.store.port import Store
from gateway.store.settling import FrontierRow

BATCH = 500
GATHER = 0.02
"""Seconds between looks while little comes in."""
TELL_EVERY = 60.0


class Ports(NamedTuple):
    """What it works with."""

    log: EventLog
    store: Store
    clock: Clock
    metrics: Metrics
    process: str
    poke: Callable[[Iterable[str]], None]
    """Tells consumers that there is something for them."""


class Evaluator:
    """Asks the rules that are in force."""

    def __init__(self, ports: Ports, loaded: Loaded) -> None:
        """`use` changes the rules while it runs."""
        self._ports = ports
        self._next: dict[Topic, dict[int, int]] = {}
        self._told = -TELL_EVERY
        self._loaded, self._kept = loaded, ""
        self._deciding = Deciding(loaded.rules)
        self._watch = leases.Watch(ports.clock.monotonic)

    def use(self, loaded: Loaded) -> None:
        """From the next batch on these rules decide."""
        self._loaded, self._deciding = loaded, Deciding(loaded.rules)

    async def introduce(self) -> None:
        """Write down where rules begin that were never there before: at the end of what is there.
        Raises DatabaseUnavailable, LogUnavailable."""
        for topic in (Topic.TRIGGERS, Topic.OUTCOMES):
            extents = await self._ports.log.extents(topic)
            ends = {part: extent.end for part, extent in extents.items()}
            await self._ports.store.run(_beginning(topic, ends))

    async def run(self) -> None:
        """Ask for ever, whenever the lease is ours; it is given back at the end."""
        try:
            while True:
                try:
                    await self._while_owner()
                except* (DatabaseUnavailable, LogUnavailable, LeaseLost) as errors:
                    self._tell(errors.exceptions[0])
                await self._ports.clock.sleep(RENEW)
        finally:
            await self._release()

    async def _release(self) -> None:
        try:
            await self._ports.store.run(lambda: leases.release(AUTOMATIONS, self._ports.process))
        except DatabaseUnavailable:
            return

    def _tell(self, error: BaseException) -> None:
        now = self._ports.clock.monotonic()
        if now - self._told >= TELL_EVERY:
            self._told = now
            lines.warning("automations.interrupted", reason=str(error))

    async def _while_owner(self) -> None:
        epoch = await self._lease()
        if epoch is None:
            return
        for topic in (Topic.TRIGGERS, Topic.OUTCOMES):
            await self._begin(topic)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._renew(epoch))
            for topic in (Topic.TRIGGERS, Topic.OUTCOMES):
                tasks.create_task(self._follow(topic, epoch))

    async def _lease(self) -> int | None:
        now = self._ports.clock.now()
        process = self._ports.process
        return await self._ports.store.run(
            lambda: leases.acquire(AUTOMATIONS, process, now, self._watch)
        )

    async def _renew(self, epoch: int) -> None:
        while True:
            await self._ports.clock.sleep(RENEW)
            if await self._lease() != epoch:
                raise LeaseLost(AUTOMATIONS)

    async def _begin(self, topic: Topic) -> None:
        known = await self._ports.store.run(lambda: settling.frontiers(AUTOMATIONS, topic))
        extents = await self._ports.log.extents(topic)
        self._next[topic] = {
            part: known[part].base if part in known else extent.end
            for part, extent in extents.items()
        }

    async def _follow(self, topic: Topic, epoch: int) -> None:
        while True:
            if await self.step(topic, epoch, RENEW) < BATCH:
                await self._ports.clock.sleep(GATHER)

    async def step(self, topic: Topic, epoch: int, wait: float) -> int:
        """Ask about what comes next, at most `wait` seconds from now; how many records it was.
        Raises LeaseLost, DatabaseUnavailable, LogUnavailable."""
        try:
            records = await self._ports.log.fetch(topic, self._next[topic], BATCH, wait)
        except OffsetOutOfRange as gap:
            lines.warning(
                "automations.gap", topic=topic, partition=gap.partition, offset=gap.offset
            )
            self._next[topic][gap.partition] = gap.extent.start
            return 1
        if records:
            await self._decide(topic, epoch, records)
        return len(records)

    async def _decide(self, topic: Topic, epoch: int, records: Sequence[Record]) -> None:
        deciding, ports = self._deciding, self._ports
        if self._kept != self._loaded.rules.version:
            await ports.store.run(self._text())
            self._kept = self._loaded.rules.version
        seen = await self._facts(topic, records)
        ids = [one.fact.id for one in seen]
        leads = list(dict.fromkeys(one.fact.lead for one in seen))
        remembers, now = deciding.rules.remembers, ports.clock.now()
        memory = await ports.store.run(lambda: automations.recall(ids, leads, remembers=remembers))
        decided = deciding.decide(seen, memory, now)
        moved = {record.partition: record.offset + 1 for record in records}
        fired = Fired(
            AUTOMATIONS,
            epoch,
            topic,
            [FrontierRow(part, base) for part, base in moved.items()],
            decided.facts,
            decided.rests,
            decided.counts,
            decided.actions,
        )
        await ports.store.run(lambda: automations.fire(fired))
        ports.poke({consumer for consumer, _ in decided.actions})
        places = self._next[topic]
        places |= moved
        last = records[-1].partition
        self._next[topic] = {p: o for p, o in places.items() if p != last} | {last: places[last]}
        self._count(decided)

    def _text(self) -> Callable[[], Operation[None]]:
        loaded, now = self._loaded, self._ports.clock.now()
        return lambda: automations.keep_text(loaded.rules.version, loaded.text, now)

    async def _facts(self, topic: Topic, records: Sequence[Record]) -> list[Seen]:
        """Those that rules of this kind may be asked about."""
        kinds, found = self._deciding.rules.kinds, list[Seen]()
        if topic is Topic.OUTCOMES and "outcome" not in kinds:
            return []
        for record in records:
            fact = await self._fact(topic, record)
            if fact is not None and fact.kind in kinds:
                found.append(Seen(fact, record))
        return found

    async def _fact(self, topic: Topic, record: Record) -> Fact | None:
        try:
            if topic is Topic.TRIGGERS:
                return of_trigger(record)
            outcome = read_outcome(record.headers, record.value)
        except ValueError:
            place = f"{record.topic}/{record.partition}@{record.offset}"
            lines.warning("automations.unreadable", record=place)
            return None
        if not outcome.connector or outcome.connector.startswith(CONSUMER):
            return None  # nobody's, or an action's own: rules about these would feed themselves
        return of_outcome(outcome)

    def _count(self, decided: Decided) -> None:
        metrics = self._ports.metrics
        fired = 0
        for verdict in decided.verdicts:
            metrics.rule_evaluations(verdict.rule, verdict.result).inc()
            fired += verdict.result == "fired"
        for refused in decided.refused:
            metrics.actions(refused.action.kind, "loop_refused").inc()
            lines.warning(
                "automations.loop_refused",
                rule=refused.action.rule,
                action=refused.action.name,
                lead=refused.action.update.lead_key,
                event_id=refused.action.fact["event_id"],
            )
        if fired:
            lines.info("automations.fired", rules=fired, actions=len(decided.actions))
        for rule, reason in self._deciding.rules.failures.items():
            lines.warning("automations.condition_failed", rule=rule, reason=reason)
        self._deciding.rules.failures.clear()


def _beginning(topic: Topic, ends: dict[int, int]) -> Callable[[], Operation[None]]:
    return lambda: settling.begin(AUTOMATIONS, topic, ends)
