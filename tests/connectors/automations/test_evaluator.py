"""Who asks the rules: each trigger once, whatever is read again and whoever asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.automations.evaluator import Evaluator, Ports
from gateway.eventlog.port import NewRecord, Topic, partition_of
from gateway.ledger.retention import AUTOMATIONS
from gateway.model.codec import (
    outcome_headers,
    outcome_value,
    trigger_headers,
    trigger_value,
    update_data,
)
from gateway.model.codes import Code
from gateway.model.outcome import Kind, Outcome
from gateway.model.trigger import Trigger, TriggerKind
from gateway.store import leases, settling
from gateway.store.leases import TTL, LeaseLost
from tests.connectors.automations.rulebook import book, fact, rule
from tests.connectors.delivery.engine import PARTITIONS, Bench, bench, passed
from tests.gateway.edge.lines import written_lines
from tests.virtual import EPOCH, in_virtual_time

LEAD = "ld_42"
PART = partition_of(LEAD, PARTITIONS)


@dataclass
class Asking:
    """An evaluator with a log and a store."""

    bench: Bench
    evaluator: Evaluator
    poked: list[str] = field(default_factory=list)

    async def fire(self, number: int, times: int = 1) -> None:
        """A trigger comes into the log."""
        one = fact(number)
        trigger = Trigger(
            TriggerKind.DISPOSITION_ACTION,
            one.update.id,
            "crm",
            "default",
            LEAD,
            update_data(one.update),
        )
        headers, value = trigger_headers(trigger), trigger_value(trigger)
        record = NewRecord(Topic.TRIGGERS, PART, LEAD, headers, value, EPOCH)
        await self.bench.log.append([record] * times)

    async def step(self, topic: Topic = Topic.TRIGGERS, epoch: int = 1) -> int:
        """Ask about what has come."""
        return await self.evaluator.step(topic, epoch, 0.0)

    def queued(self) -> list[tuple[object, ...]]:
        """What is to be done: the place and state of each."""
        return self.bench.database.rows("SELECT pos, state FROM parked ORDER BY pos")


@asynccontextmanager
async def asking(*rules: Any) -> AsyncIterator[Asking]:
    """Somebody asks these rules; the log holds nothing yet."""
    async with bench() as made:
        loaded, poked = book({"rules": list(rules or [rule()])}), list[str]()
        ports = Ports(made.log, made.store, made.clock, made.metrics, "one", poked.extend)
        evaluator = Evaluator(ports, loaded)
        await evaluator.introduce()
        for topic in (Topic.TRIGGERS, Topic.OUTCOMES):
            await evaluator._begin(topic)
        assert await made.store.run(lambda: leases.acquire(AUTOMATIONS, "one", EPOCH)) == 1
        yield Asking(made, evaluator, poked)


@in_virtual_time
async def test_a_trigger_is_asked_about_once() -> None:
    """Though it is in the log twice, and is read again after a crash."""
    async with asking() as made:
        await made.fire(1, times=2)
        assert await made.step() == 2
        await made.fire(1)
        assert await made.step() == 1
        assert (made.queued(), made.poked) == ([(0, "waiting")], ["automations.log"])
        bases = await made.bench.store.run(lambda: settling.frontiers(AUTOMATIONS, Topic.TRIGGERS))
        assert bases[PART].base == 3


@in_virtual_time
async def test_who_has_lost_the_lease_writes_nothing() -> None:
    """Neither what fired nor how far it read."""
    async with asking() as made:
        await made.fire(1)
        with pytest.raises(LeaseLost):
            await made.step(epoch=2)
        assert made.queued() == []
        assert await made.step() == 1
        assert made.queued() == [(0, "waiting")]


@in_virtual_time
async def test_what_nobody_can_read_is_passed_by() -> None:
    """With a line; what comes after it fires."""
    async with asking() as made:
        await made.bench.log.append([NewRecord(Topic.TRIGGERS, PART, LEAD, (), b"{}", EPOCH)])
        await made.fire(1)
        with written_lines() as written:
            assert await made.step() == 2
        assert next(line["event"] for line in written) == "automations.unreadable"
        assert made.queued() == [(256, "waiting")]


@in_virtual_time
async def test_rules_about_outcomes_never_hear_of_actions() -> None:
    """They would feed themselves."""
    async with asking(rule(on="outcome")) as made:
        for connector in ("crm", "automations.log", ""):
            outcome = Outcome("e1", connector, Kind.APPLIED, Code.OK, "default", LEAD)
            headers, value = outcome_headers(outcome), outcome_value(outcome)
            record = NewRecord(Topic.OUTCOMES, PART, LEAD, headers, value, EPOCH)
            await made.bench.log.append([record])
        assert await made.step(Topic.OUTCOMES) == 3
        assert made.queued() == [(0, "waiting")]


@in_virtual_time
async def test_one_process_asks_and_another_goes_on() -> None:
    """After a crash from the place before; nothing fires twice."""
    async with asking() as made:
        await made.fire(1)
        assert await made.step() == 1
        await passed(2 * TTL)
        ports = made.evaluator._ports._replace(process="another")
        other = Evaluator(ports, book({"rules": [rule()]}))
        await other.introduce()
        for topic in (Topic.TRIGGERS, Topic.OUTCOMES):
            await other._begin(topic)
        now = made.bench.clock.now()
        assert await made.bench.store.run(lambda: leases.acquire(AUTOMATIONS, "another", now)) == 2
        await made.fire(1)
        await made.fire(2)
        assert await other.step(Topic.TRIGGERS, 2, 0.0) == 2
        assert made.queued() == [(0, "waiting"), (512, "waiting")]
