"""Which triggers an applied update fires. Pure."""

from __future__ import annotations

from typing import Literal

from connectors.delivery.connector import NOTHING
from gateway.model.changes import Set
from gateway.model.codec import trigger_data
from gateway.model.event import LeadUpdate
from gateway.model.json import JsonObject
from gateway.model.outcome import Kind, Outcome
from gateway.model.trigger import Trigger, TriggerKind

When = Literal["authority", "always", "never"]


def kinds_of(event: LeadUpdate, outcome: Outcome, when: When) -> tuple[TriggerKind, ...]:
    """Which triggers an outcome fires.

    Only applied updates fire, and only at the connector that answers for them (or everywhere,
    or nowhere, as configured). `postUpdatedLead` needs the caller's wish; a disposition fires
    whatever the wish, unless it was left out.
    """
    if outcome.kind is not Kind.APPLIED or when == "never":
        return ()
    if when == "authority" and event.authority != outcome.connector:
        return ()
    kinds: tuple[TriggerKind, ...] = ()
    if event.triggers.post_updated_lead:
        kinds = (TriggerKind.POST_UPDATED_LEAD,)
    disposed = isinstance(event.changes.get("disposition"), Set)
    if disposed and event.triggers.disposition_actions and "disposition" not in outcome.dropped:
        kinds = (*kinds, TriggerKind.DISPOSITION_ACTION)
    return kinds


def fired(
    event: LeadUpdate, outcome: Outcome, when: When, before: JsonObject = NOTHING
) -> list[Trigger]:
    """The triggers of one outcome; `before` has what the connector had last applied."""
    kinds = kinds_of(event, outcome, when)
    if not kinds:
        return []
    data = trigger_data(event, outcome.dropped)
    lead, time = event.lead_key, outcome.time
    return [
        Trigger(kind, event.id, outcome.connector, event.tenant, lead, data, time, before)
        for kind in kinds
    ]
