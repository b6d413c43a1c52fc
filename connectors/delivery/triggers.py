"""Which triggers an applied update fires. Pure."""

from __future__ import annotations

from typing import Literal

from gateway.model.changes import Set
from gateway.model.codec import trigger_data
from gateway.model.event import LeadUpdate
from gateway.model.outcome import Kind, Outcome
from gateway.model.trigger import Trigger, TriggerKind

When = Literal["authority", "always", "never"]


def fired(event: LeadUpdate, outcome: Outcome, when: When) -> list[Trigger]:
    """The triggers of one outcome.

    Only applied updates fire, and only at the connector that answers for them (or everywhere,
    or nowhere, as configured). `postUpdatedLead` needs the caller's wish; a disposition fires
    whatever the wish, unless it was left out.
    """
    if outcome.kind is not Kind.APPLIED or when == "never":
        return []
    if when == "authority" and event.authority != outcome.connector:
        return []
    kinds = []
    if event.triggers.post_updated_lead:
        kinds.append(TriggerKind.POST_UPDATED_LEAD)
    disposed = isinstance(event.changes.get("disposition"), Set)
    if disposed and event.triggers.disposition_actions and "disposition" not in outcome.dropped:
        kinds.append(TriggerKind.DISPOSITION_ACTION)
    if not kinds:
        return []
    data = trigger_data(event, outcome.dropped)
    return [
        Trigger(kind, event.id, outcome.connector, event.tenant, event.lead_key, data, outcome.time)
        for kind in kinds
    ]
