"""Conversations held with nobody: what a vendor would get, and what it would come to.

A conversation goes on as if the vendor had the lead, with nothing else in it, and took whatever it
is sent (`Connector.assumed`), so that a write is shown too that begins with a read. A shadow
connector keeps the same of each update in its outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from connectors.delivery.connector import (
    NOTHING,
    Connector,
    Delivery,
    Pending,
    Unavailable,
    Verdict,
)
from connectors.delivery.conversing import tripped
from connectors.delivery.judgement import Finish, Situation, decide
from connectors.delivery.looking import ids_of, last_applied
from connectors.delivery.plan import Plan
from connectors.delivery.redaction import masked, redacted
from connectors.delivery.triggers import fired
from gateway.clock import Clock
from gateway.model.codes import Code
from gateway.model.event import LeadUpdate
from gateway.model.json import JsonObject
from gateway.model.outcome import Kind, Outcome, Result
from gateway.rehearsal import Rehearsed, Shown
from gateway.store.links import Links
from gateway.store.port import Store
from gateway.transport.port import HttpRequest

LONGEST_TALK = 20
"""Requests after which a conversation counts as one that never ends."""
KEPT_REQUESTS, KEPT_BODY = 5, 2000
"""Most requests, and bytes of each body, that a shadow connector keeps of an update."""

Written: TypeAlias = Callable[[HttpRequest], tuple[tuple[str, str], ...]]
"""A request to all of its headers, as the HTTP client writes them."""


class Talk(NamedTuple):
    """A conversation that nobody took part in."""

    requests: tuple[HttpRequest, ...]
    verdict: Verdict
    pending: bool = False
    """Whether the vendor would take the update first and be asked later."""


def talk(connector: Connector, delivery: Delivery) -> Talk:
    """All that would be said of one delivery. How the vendor is asked later about an update that
    it took is not told: by words that only it can give."""
    requests, verdict = _held(connector, delivery)
    if not isinstance(verdict, Pending):
        return Talk(requests, verdict)
    _, verdict = _held(connector, delivery._replace(pending=verdict.token))
    return Talk(requests, verdict, pending=True)


def _held(connector: Connector, delivery: Delivery) -> tuple[tuple[HttpRequest, ...], Verdict]:
    requests: list[HttpRequest] = []
    try:
        conversation = connector.converse([delivery])
        try:
            requests.append(next(conversation))
            while len(requests) < LONGEST_TALK:
                requests.append(conversation.send(connector.assumed(requests[-1])))
        finally:
            conversation.close()
    except StopIteration as end:
        (verdict,) = end.value
        return tuple(requests), verdict
    except Exception as error:  # noqa: BLE001 - as when it is spoken: it would be tried again
        return tuple(requests), tripped(type(error).__name__)
    return tuple(requests), Unavailable("the conversation has no end")


def conclusion(found: Talk, plan: Plan) -> Finish | None:
    """How a delivery would end after this; None: it would be tried again."""
    situation = Situation(0, 0, 0.0, others_answered=True, jitter=0.0)
    decision = decide(found.verdict, situation, plan.policy)
    return decision if isinstance(decision, Finish) else None


# --- for whoever asks ---------------------------------------------------------------------


class Rehearsing:
    """The port `gateway.rehearsal`, over connectors of its own: what they remember of a vendor's
    answers stays apart from what those that deliver remember."""

    def __init__(
        self, plans: Sequence[Plan], links: Links, store: Store, clock: Clock, written: Written
    ) -> None:
        """One plan per connector is enough, whatever its shards."""
        self._plans: Mapping[str, Plan] = {plan.name: plan for plan in plans}
        self._links, self._store, self._clock, self._written = links, store, clock, written
        self._secrets = tuple({s for plan in plans for s in plan.connector.secrets})

    async def rehearse(self, event: LeadUpdate) -> tuple[Rehearsed, ...]:
        """See the port."""
        plans = [self._plans[name] for name in event.connectors if name in self._plans]
        return tuple([await self._rehearsed(plan, event) for plan in plans])

    async def _rehearsed(self, plan: Plan, event: LeadUpdate) -> Rehearsed:
        found = talk(plan.connector, await self._delivery(plan, event))
        end = conclusion(found, plan)
        dropped = () if end is None else end.dropped
        outcome = Outcome(
            event.id, plan.name, Kind.APPLIED, Code.OK, "", event.lead_key, dropped=dropped
        )
        applied = end is not None and end.kind is Kind.APPLIED and not plan.shadow
        return Rehearsed(
            connector=plan.name,
            shadow=plan.shadow,
            requests=tuple(
                Shown(self._shown(request), assumed=place > 0)
                for place, request in enumerate(found.requests)
            ),
            kind=None if end is None else end.kind,
            code=None if end is None else end.code,
            message=redacted(_words(found.verdict), self._secrets),
            dropped=dropped,
            batch=plan.connector.batch_size,
            pending=found.pending,
            triggers=tuple(each.kind for each in fired(event, outcome, plan.triggers))
            if applied
            else (),
        )

    async def _delivery(self, plan: Plan, event: LeadUpdate) -> Delivery:
        ids, reads = await ids_of(self._links, plan.system, event), plan.connector.reads
        known: JsonObject = NOTHING
        if reads:
            known = await last_applied(self._store, plan.name, reads, event.tenant, event.lead_key)
        return Delivery(
            event,
            tuple(lead for lead in ids if lead.system == plan.system),
            tuple(lead for lead in ids if lead.system != plan.system),
            known,
            self._clock.now(),
        )

    def _shown(self, request: HttpRequest) -> HttpRequest:
        try:
            headers = self._written(request)
        except ValueError:
            headers = request.headers
        return masked(request._replace(headers=headers), self._secrets)


def _words(verdict: Verdict) -> str:
    text: str = getattr(verdict, "message", "") or getattr(verdict, "reason", "")
    return text


# --- for a connector that only rehearses --------------------------------------------------


def shadowed(plan: Plan, delivery: Delivery) -> Finish:
    """The end of a delivery that a shadow connector does not make: what would have been sent is in
    its details, bounded and without secrets."""
    found = talk(plan.connector, delivery)
    end = conclusion(found, plan)
    secrets = plan.connector.secrets
    kept = [_kept(masked(each, secrets)) for each in found.requests[:KEPT_REQUESTS]]
    would = "retried" if end is None else str(end.kind)
    code = Code.INTERNAL if end is None else end.code
    details: JsonObject = {"would": would, "code": code, "requests": kept}
    return Finish(
        Kind.SKIPPED,
        Code.SHADOWED,
        _words(found.verdict),
        dropped=() if end is None else end.dropped,
        details=details,
        result=Result.NOT_SENT,
    )


def _kept(request: HttpRequest) -> JsonObject:
    body = request.body
    return {
        "method": request.method,
        "url": request.url,
        "headers": [list(pair) for pair in request.headers],
        "body": body[:KEPT_BODY].decode("utf-8", "replace"),
        "bytes": len(body),
    }
