"""From what a caller asked to canonical events with a lead key, a route and an id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import uuid_utils

from gateway.clock import rfc3339
from gateway.dialect import Call, Caller, RequestedUpdate
from gateway.eventlog.port import NewRecord, Topic, partition_of
from gateway.model.changes import Changes
from gateway.model.codec import outcome_headers, outcome_value, update_headers, update_value
from gateway.model.codes import Code
from gateway.model.event import Attributes, LeadId, LeadUpdate, Origin, TriggerWishes, trace_of
from gateway.model.making import make_origin, make_update
from gateway.model.outcome import Kind, Outcome
from gateway.routes import Routes
from gateway.store.links import Links


@dataclass(slots=True)
class Draft:
    """An update that has no route yet: what routes decide about."""

    tenant: str
    lead_key: str
    ids: tuple[LeadId, ...]
    changes: Changes
    attributes: Attributes
    triggers: TriggerWishes
    origin: Origin


class Built(NamedTuple):
    """Events of one call, in order, and whether somebody answers for any of them."""

    events: tuple[LeadUpdate, ...]
    waits: bool


class Builder:
    """Makes events. Raises DatabaseUnavailable where a lead must be looked up and can't be."""

    def __init__(self, routes: Routes, links: Links, replyto: Callable[[], str | None]) -> None:
        """`replyto` says which partition of the replies topic is this process's now."""
        self._routes, self._links, self._replyto = routes, links, replyto

    async def build(
        self,
        dialect: str,
        call: Call,
        caller: Caller,
        updates: Sequence[RequestedUpdate],
        now: float,
        *,
        wait: bool,
        hops: int = 0,
    ) -> Built:
        """The events of a call at `now` (unix seconds); `wait` asks for outcomes where an
        authority will give one; `hops` is how many of our own actions led to it."""
        time = rfc3339(now)
        batch = str(uuid_utils.uuid7()) if len(updates) > 1 else None
        traceparent = trace_of(call.headers.get("traceparent"))
        events = []
        waits = False
        for update in updates:
            origin = make_origin(
                dialect, call.operation, caller.system, batch, update.scope, update.names, hops
            )
            draft = await self._draft(caller, update, origin)
            decision = self._routes.decide(draft)
            waited = wait and decision.authority is not None
            waits = waits or waited
            events.append(
                make_update(
                    str(uuid_utils.uuid7()),
                    time,
                    caller.tenant,
                    draft.lead_key,
                    draft.ids,
                    update.changes,
                    update.attributes,
                    update.triggers,
                    draft.origin,
                    decision.connectors,
                    decision.authority,
                    decision.followers,
                    self._replyto() if waited else None,
                    update.traceparent or traceparent,
                )
            )
        return Built(tuple(events), waits)

    async def _draft(self, caller: Caller, update: RequestedUpdate, origin: Origin) -> Draft:
        key = self._links.cached_key(caller.tenant, update.lead)
        if key is None:
            key = await self._links.key(caller.tenant, update.lead)
        return Draft(
            caller.tenant,
            key,
            (update.lead, *update.others),
            update.changes,
            update.attributes,
            update.triggers,
            origin,
        )


def records_of(event: LeadUpdate, partitions: int, now: float) -> tuple[NewRecord, ...]:
    """An event as a record of the updates topic; one that no route wants comes with its
    outcome, since no connector will ever give it one."""
    record = record_of(event, partitions, now)
    if event.connectors:
        return (record,)
    outcome = Outcome(
        event.id,
        "",
        Kind.SKIPPED,
        Code.UNROUTED,
        event.tenant,
        event.lead_key,
        message="no route matched",
        time=event.time,
    )
    headers, value = outcome_headers(outcome), outcome_value(outcome)
    return record, NewRecord(Topic.OUTCOMES, record.partition, event.lead_key, headers, value, now)


def renamed(
    events: Sequence[LeadUpdate], partitions: int, now: float, ids: Sequence[str]
) -> list[tuple[NewRecord, ...]]:
    """The records of each event under another id: that of the same event of an earlier call."""
    return [
        records_of(event.renamed(event_id), partitions, now)
        for event, event_id in zip(events, ids, strict=True)
    ]


def record_of(event: LeadUpdate, partitions: int, now: float) -> NewRecord:
    """An event as a record of the updates topic."""
    part = partition_of(event.lead_key, partitions)
    headers, value = update_headers(event), update_value(event)
    return NewRecord(Topic.UPDATES, part, event.lead_key, headers, value, now, event)
