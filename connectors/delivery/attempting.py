"""From lanes whose turn it is to decisions: looks up what a conversation needs, holds it, and
weighs the verdicts."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from connectors.delivery.breaker import Permit
from connectors.delivery.connector import (
    NOTHING,
    Applied,
    Delivery,
    GivenUp,
    Misconfigured,
    NotLinked,
    Pending,
    Refused,
    Throttled,
    Unavailable,
    Verdict,
)
from connectors.delivery.conversing import Speaker
from connectors.delivery.gate import Gate, Ticket
from connectors.delivery.judgement import (
    Ask,
    Decision,
    Finish,
    Park,
    Situation,
    SlowDown,
    Stop,
    TryAgain,
    applied,
    decide,
    is_failure,
    is_proper,
)
from connectors.delivery.lanes import Lane
from connectors.delivery.looking import ids_of, last_applied
from connectors.delivery.plan import Plan, Ports
from connectors.delivery.queued import Progress, Queued, Taken
from connectors.delivery.redaction import redacted
from connectors.delivery.rehearsing import shadowed
from gateway.clock import rfc3339
from gateway.database.port import DatabaseUnavailable
from gateway.model.changes import Clear, Set
from gateway.model.codes import Code
from gateway.model.json import JsonObject, JsonValue
from gateway.model.making import make_attempt, make_outcome
from gateway.model.outcome import Kind, Outcome, Result

KNOWN = 50_000
"""Leads whose last applied fields are kept in memory."""

SHADOWED = 3
"""Newest updates that a shadow connector tells operators of."""

_HEARD_OF = TryAgain(0.5, counted=False, result=Result.NOT_SENT)
_REFUSED = Finish(Kind.SKIPPED, Code.NOT_SENT_REFUSED, result=Result.NOT_SENT)


class Shadowed(NamedTuple):
    """An update that a shadow connector did not send."""

    event_id: str
    lead: str
    time: str
    details: JsonObject
    """What it would have sent."""


class Judged(NamedTuple):
    """What becomes of one lane's head."""

    lane: Lane
    decision: Decision


class Attempting:
    """Makes attempts for one worker."""

    def __init__(self, plan: Plan, ports: Ports, gate: Gate, speaker: Speaker) -> None:
        """Nothing known of any lead yet."""
        self._plan, self._ports, self._gate, self._speaker = plan, ports, gate, speaker
        self._proper = 0
        self._seconds = ports.metrics.attempt_seconds(plan.name)
        self._parked: dict[str, tuple[int | None, float | None, float]] = {}
        """Mark, beginning and age of what this worker has parked, by event id."""
        self._known: dict[tuple[str, str], dict[str, JsonValue]] = {}
        self.shadowed: deque[Shadowed] = deque(maxlen=SHADOWED)
        """The newest updates that were not sent because the connector only rehearses."""

    def alone(self, lanes: list[Lane]) -> tuple[list[Lane], list[Delivery]] | None:
        """As `prepare`, for one lane about which nothing has to be looked up; else None."""
        if len(lanes) > 1 or self._plan.connector.reads or not self._ports.links.none:
            return None
        head = lanes[0].head
        event = head.event
        if len(event.ids) != 1 or head.action is not None:
            return None
        ids, taken = event.ids, head.progress.taken
        now, token = self._ports.clock.now(), taken and taken.token
        if ids[0].system == self._plan.system:
            return lanes, [Delivery(event, ids, (), NOTHING, now, token)]
        return lanes, [Delivery(event, (), ids, NOTHING, now, token)]

    async def prepare(self, lanes: Sequence[Lane]) -> tuple[list[Lane], list[Delivery]]:
        """The lanes that can share a conversation with the first, and their deliveries. Raises
        DatabaseUnavailable."""
        first = await self._delivery(lanes[0].head)
        if len(lanes) == 1:
            return [lanes[0]], [first]
        key = self._key(first)
        chosen, deliveries = [lanes[0]], [first]
        for lane in lanes[1:]:
            delivery = await self._delivery(lane.head)
            if self._key(delivery) == key:
                chosen.append(lane)
                deliveries.append(delivery)
        return chosen, deliveries

    async def unsent(self, lane: Lane) -> Judged | None:
        """The decision on a head that is not to be sent: its authority refused it, or this
        connector only rehearses. Raises DatabaseUnavailable."""
        if lane.head.refused:
            return Judged(lane, _REFUSED)
        if not self._plan.shadow:
            return None
        finish = shadowed(self._plan, await self._delivery(lane.head))
        event = lane.head.event
        self.shadowed.append(
            Shadowed(event.id, event.lead_key, rfc3339(self._ports.clock.now()), finish.details)
        )
        return Judged(lane, finish)

    def _key(self, delivery: Delivery) -> Hashable:
        try:
            return self._plan.connector.batch_key(delivery)
        except Exception:  # noqa: BLE001 - it trips over this update: that one goes alone
            return object()

    async def attempt(
        self, lanes: Sequence[Lane], deliveries: Sequence[Delivery], ticket: Ticket
    ) -> list[Judged]:
        """One conversation and what it means for each lane."""
        clock = self._ports.clock
        at, began = deliveries[-1].now, clock.monotonic()
        for lane in lanes:
            self._begin(lane.head, began)
        try:
            verdicts = await self._speaker.converse(deliveries)
        except BaseException:
            self._gate.abandoned(ticket)
            raise
        seconds = clock.monotonic() - began
        if len(lanes) == 1 and isinstance(verdicts[0], Applied):
            return [self._applied(lanes[0], verdicts[0], at, seconds)]
        self._tell_gate(verdicts, ticket)
        if len(lanes) > 1 and _failed_whole(verdicts):
            return self._halve(lanes, verdicts[0], at, seconds)
        self._proper += sum(map(is_proper, verdicts))
        late = [
            await self._is_linked(one, told) for one, told in zip(deliveries, verdicts, strict=True)
        ]
        down = ticket.breaker is Permit.PROBE or self._gate.breaker.is_open
        return [
            Judged(lane, _HEARD_OF) if heard else self._weigh(lane, verdict, at, seconds, down)
            for lane, verdict, heard in zip(lanes, verdicts, late, strict=True)
        ]

    async def _is_linked(self, delivery: Delivery, verdict: Verdict) -> bool:
        """Whether a lead that this process knew no id of has one by now: what it has heard of links
        may be old, and for want of one the update would be a dead letter."""
        if not isinstance(verdict, NotLinked) or delivery.ids:
            return False
        links, system = self._ports.links, self._plan.system
        try:
            await links.refresh()
            ids = await ids_of(links, system, delivery.event)
        except DatabaseUnavailable:
            return True
        return any(lead.system == system for lead in ids)

    def _applied(self, lane: Lane, verdict: Applied, at: float, seconds: float) -> Judged:
        """What nearly every attempt comes to, without weighing."""
        self._gate.answered()
        self._proper += 1
        progress = lane.head.progress
        self._note(
            progress, at, seconds, (progress.counted + 1, Result.APPLIED, "", verdict.status)
        )
        progress.counted += 1
        progress.uncounted = 0
        progress.mark = self._proper
        return Judged(lane, applied(verdict))

    def outcome(self, queued: Queued, finish: Finish) -> Outcome:
        """The verdict on a delivery, as it is written down."""
        event = queued.event
        if self._parked:
            self._parked.pop(event.id, None)
        message = finish.message and redacted(finish.message, self._plan.connector.secrets)
        return make_outcome(
            event.id,
            self._plan.name,
            finish.kind,
            finish.code,
            event.tenant,
            event.lead_key,
            queued.round,
            message,
            finish.status,
            tuple(queued.progress.attempts),
            finish.dropped,
            finish.details,
            finish.snapshot,
            rfc3339(self._ports.clock.now()),
        )

    def applied(self, queued: Queued, dropped: Sequence[str]) -> None:
        """Remember what an applied update set, for the conversations that need it."""
        reads = self._plan.connector.reads
        event = queued.event
        known = self._known.get((event.tenant, event.lead_key))
        if known is None:
            return
        for name in reads & event.changes.keys():
            change = event.changes[name]
            if name in dropped:
                continue
            if isinstance(change, Set):
                known[name] = change.value
            elif isinstance(change, Clear):
                known.pop(name, None)

    async def _delivery(self, queued: Queued) -> Delivery:
        event, system = queued.event, self._plan.system
        ids = await ids_of(self._ports.links, system, event)
        known: JsonObject = {} if queued.action is None else queued.action.before
        if self._plan.connector.reads and queued.action is None:
            known = await self._last_applied(event.tenant, event.lead_key)
        return Delivery(
            event,
            tuple(lead for lead in ids if lead.system == system),
            tuple(lead for lead in ids if lead.system != system),
            known,
            self._ports.clock.now(),
            queued.progress.taken and queued.progress.taken.token,
            queued.action,
        )

    async def _last_applied(self, tenant: str, lead: str) -> dict[str, JsonValue]:
        known = self._known.get((tenant, lead))
        if known is None:
            plan = self._plan
            known = await last_applied(
                self._ports.store, plan.name, plan.connector.reads, tenant, lead
            )
            if len(self._known) >= KNOWN:
                self._known.clear()
            self._known[tenant, lead] = known
        return known

    def _begin(self, queued: Queued, now: float) -> None:
        progress = queued.progress
        if progress.since is not None:
            return
        before = self._parked.get(queued.event.id)
        if before is not None:
            progress.mark, progress.since, progress.age = before
        else:
            progress.mark, progress.since = self._proper, now - self._gate.impeded()

    def _tell_gate(self, verdicts: Sequence[Verdict], ticket: Ticket) -> None:
        gate = self._gate
        throttled = [verdict for verdict in verdicts if isinstance(verdict, Throttled)]
        for verdict in throttled:
            wait = verdict.retry_after
            gate.slow_down(wait or self._plan.policy.throttled)
        misfit = next((v for v in verdicts if isinstance(v, Misconfigured)), None)
        if any(map(is_proper, verdicts)):
            gate.answered()
        elif misfit is not None:
            message = redacted(misfit.message, self._plan.connector.secrets)
            gate.misfit(ticket, f"{misfit.code}: {message}" if message else misfit.code)
        elif any(map(is_failure, verdicts)):
            gate.failed(ticket)
        else:
            gate.abandoned(ticket)

    def _halve(
        self, lanes: Sequence[Lane], verdict: Verdict, at: float, seconds: float
    ) -> list[Judged]:
        """A batch failed as a whole: nobody is charged; halves of it are tried next. Where no
        answer came the vendor may have updated each of its leads, so it is on each one's record."""
        result = Result.UNAVAILABLE if isinstance(verdict, Unavailable) else Result.REFUSED
        if isinstance(verdict, Unavailable) and verdict.answer_unknown:
            result = Result.ANSWER_UNKNOWN
            reason = redacted(verdict.reason, self._plan.connector.secrets)
            for lane in lanes:
                self._note(lane.head.progress, at, seconds, (0, result, reason, verdict.status))
        for lane in lanes:
            lane.most = len(lanes) // 2
        return [Judged(lane, TryAgain(0.0, counted=False, result=result)) for lane in lanes]

    def _weigh(self, lane: Lane, verdict: Verdict, at: float, seconds: float, down: bool) -> Judged:
        progress, taken = lane.head.progress, lane.head.progress.taken
        mark, since = progress.mark or 0, progress.since or 0.0
        age = progress.age + self._ports.clock.monotonic() - self._gate.impeded() - since
        situation = Situation(
            progress.counted,
            progress.uncounted,
            age,
            self._proper > mark,
            self._ports.jitter(),
            down,
            taken and age - taken.age,
            taken.asks if taken else 0,
        )
        decision = decide(verdict, situation, self._plan.policy)
        self._note(progress, at, seconds, self._written(progress, decision, verdict))
        if isinstance(verdict, GivenUp):
            progress.taken = None
        elif isinstance(decision, Ask):
            progress.taken = _taken(taken, verdict, age)
        if isinstance(decision, Park | Ask):
            self._parked[lane.head.event.id] = progress.mark, progress.since, progress.age
            progress.age = age + decision.after
        return Judged(lane, decision)

    def _note(
        self,
        progress: Progress,
        at: float,
        seconds: float,
        told: tuple[int, Result, str, int | None],
    ) -> None:
        """Write an attempt down: its number, result, message and HTTP status."""
        number, result, message, status = told
        progress.note(make_attempt(number, rfc3339(at), round(seconds, 6), result, status, message))
        self._ports.metrics.attempts(self._plan.name, result).inc()
        self._seconds.observe(seconds)

    def _written(
        self, progress: Progress, decision: Decision, verdict: Verdict
    ) -> tuple[int, Result, str, int | None]:
        """Count the attempt and say how it went."""
        status = getattr(verdict, "status", None)
        text: str = getattr(verdict, "message", "") or getattr(verdict, "reason", "")
        message = redacted(text, self._plan.connector.secrets)
        match decision:
            case SlowDown():
                return 0, Result.THROTTLED, message, status
            case Stop():
                return 0, Result.MISCONFIGURED, message, status
            case TryAgain(counted=False):
                progress.uncounted += 1
                return 0, decision.result, message, status
            case Ask():
                progress.uncounted = 0
                progress.mark = self._proper
                number = 0 if progress.taken else progress.counted + 1
                return number, decision.result, message, status
            case _:
                progress.uncounted = 0
                progress.counted += 1
                progress.mark = self._proper
                return progress.counted, decision.result, message, status


def _taken(before: Taken | None, verdict: Verdict, age: float) -> Taken | None:
    """What is kept of an update that the vendor has, until it is asked (again)."""
    if before is not None:
        before = before._replace(asks=before.asks + 1)
    if not isinstance(verdict, Pending):
        return before
    return Taken(verdict.token, age) if before is None else before._replace(token=verdict.token)


def _failed_whole(verdicts: Sequence[Verdict]) -> bool:
    """Whether all share one failure or refusal: the conversation's, not each lead's own."""
    first = verdicts[0]
    shared = all(verdict is first for verdict in verdicts)
    return shared and isinstance(first, Unavailable | Refused)
