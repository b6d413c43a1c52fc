"""Says how a connector is: to the front door of this process, to the store, to the metrics."""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Protocol

import orjson

from connectors.delivery.attempting import Shadowed
from connectors.delivery.gate import PAUSED, Gate
from connectors.delivery.lanes import Lanes
from connectors.delivery.plan import Plan, Ports
from connectors.delivery.reader import Reader
from gateway.database.port import DatabaseUnavailable
from gateway.store import connectors, parked

EVERY = 5.0
"""Seconds between reports while nothing changes."""
STATES = ("running", "paused", "breaker_open", "stopped", "waiting")


def _finite(seconds: float) -> float | None:
    return None if seconds == inf else round(seconds, 3)


class Subject(Protocol):
    """What is reported on."""

    gate: Gate
    lanes: Lanes
    reader: Reader
    shadowed: deque[Shadowed]


def state_of(gate: Gate) -> tuple[str, str]:
    """A connector's state and why it is not running."""
    if gate.is_shut("gap"):
        return "stopped", gate.reason
    if gate.settings.is_open:
        return "stopped", gate.reason
    if gate.is_shut(PAUSED):
        return "paused", "by an operator, or because its endpoint was disabled"
    if gate.breaker.is_open:
        return "breaker_open", "no proper answer from the vendor"
    if gate.is_shut("settling"):
        return "running", "the store does not take outcomes"
    return "running", ""


class Reporter:
    """Reports on one worker."""

    def __init__(self, plan: Plan, ports: Ports, subject: Subject) -> None:
        """Nothing said yet."""
        self._plan, self._ports, self._subject = plan, ports, subject
        self._said: tuple[str, str, str] = ("", "", "")
        self._at = -EVERY

    def notice(self) -> None:
        """Tell this process's front door at once."""
        state, _ = state_of(self._subject.gate)
        self._ports.board.set(self._plan.name, state)

    async def report(self) -> None:
        """Tell everybody. Raises DatabaseUnavailable."""
        state, reason = state_of(self._subject.gate)
        self.notice()
        await self._measure(state)
        clock, shadowed = self._ports.clock, self._subject.shadowed
        said = state, reason, shadowed[-1].event_id if shadowed else ""
        if said == self._said and clock.monotonic() - self._at < EVERY:
            return
        name, details, now = self._plan.name, orjson.dumps(self._details()).decode(), clock.now()
        await self._ports.store.run(lambda: connectors.report(name, state, reason, details, now))
        self._said, self._at = said, clock.monotonic()

    async def gone(self) -> None:
        """This process no longer runs the connector."""
        self._ports.board.drop(self._plan.name)
        self._ports.metrics.lease_held(self._plan.name).set(0)
        self._forget()
        name, now = self._plan.name, self._ports.clock.now()
        try:
            await self._ports.store.run(
                lambda: connectors.report(name, "waiting", "no process runs it", "{}", now)
            )
        except DatabaseUnavailable:
            return

    def _forget(self) -> None:
        """Take back what was measured: only who runs the connector knows how it is."""
        metrics, name = self._ports.metrics, self._plan.name
        for known in STATES:
            metrics.connector_state.forget(name, known)
        for gauge in (
            metrics.breaker_open,
            metrics.lanes,
            metrics.parked_leads,
            metrics.pending_deliveries,
            metrics.backlog,
            metrics.oldest_parked_seconds,
            metrics.oldest_unsettled_seconds,
        ):
            gauge.forget(name)

    def _details(self) -> dict[str, object]:
        subject, now = self._subject, self._ports.clock.monotonic()
        return {
            "process": self._ports.process,
            "lanes": len(subject.lanes),
            "held": subject.lanes.held,
            "breaker": subject.gate.breaker.state,
            "next_probe_in": _finite(subject.gate.breaker.wait(now)),
            "quota_left": [
                {"requests": limit.requests, "per": limit.per, "left": left}
                for limit, left in subject.gate.throttle.left(now)
            ],
            "shadowed": [each._asdict() for each in subject.shadowed],
        }

    async def _measure(self, state: str) -> None:
        metrics, name, subject = self._ports.metrics, self._plan.name, self._subject
        for known in STATES:
            metrics.connector_state(name, known).set(known == state)
        metrics.breaker_open(name).set(subject.gate.breaker.is_open)
        metrics.lease_held(name).set(1)
        metrics.lanes(name).set(len(subject.lanes))
        metrics.parked_leads(name).set(subject.lanes.parked)
        metrics.backlog(name).set(await subject.reader.backlog() + subject.lanes.stored)
        now = self._ports.clock.now()
        oldest = subject.lanes.oldest
        waiting, pending = await self._ports.store.run(lambda: parked.standing(name))
        metrics.pending_deliveries(name).set(pending)
        metrics.oldest_parked_seconds(name).set(0.0 if waiting is None else max(0.0, now - waiting))
        times = [time for time in (oldest, waiting) if time is not None]
        metrics.oldest_unsettled_seconds(name).set(max(0.0, now - min(times)) if times else 0.0)
