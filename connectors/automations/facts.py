"""What rules are asked about: a trigger, or an outcome with its update. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.eventlog.port import Record
from gateway.model.changes import Set
from gateway.model.codec import outcome_data, read_parsed, read_trigger, update_data
from gateway.model.event import UPDATE_REQUESTED, Attributes, LeadUpdate, Origin, TriggerWishes
from gateway.model.json import JsonObject
from gateway.model.outcome import Outcome
from gateway.model.trigger import Trigger
from gateway.routes import context


@dataclass(frozen=True, slots=True)
class Fact:
    """One of them."""

    id: str
    kind: str
    """`postUpdatedLead`, `dispositionAction` or `outcome`."""
    connector: str
    time: str
    update: LeadUpdate
    before: JsonObject
    """Canonical fields and `attributes.NAME` -> what they were."""
    outcome: JsonObject
    data: JsonObject | None = None
    """The update's data, where it was read as such."""

    @property
    def tenant(self) -> str:
        """Whose lead."""
        return self.update.tenant

    @property
    def lead(self) -> str:
        """The lead's key."""
        return self.update.lead_key

    @property
    def disposition(self) -> str | None:
        """What the update set it to; None where it did not."""
        change = self.update.changes.get("disposition")
        return change.value if isinstance(change, Set) and isinstance(change.value, str) else None

    @property
    def told(self) -> JsonObject:
        """The fact without its update, for records of what it caused."""
        return {
            "id": self.id,
            "kind": self.kind,
            "event_id": self.update.id,
            "connector": self.connector,
            "time": self.time,
        }

    def kept(self) -> JsonObject:
        """As it is written down, to be asked about again."""
        return {
            **self.told,
            "tenant": self.tenant,
            "lead": self.lead,
            "update": update_data(self.update) if self.data is None else self.data,
            "before": dict(self.before),
            "outcome": self.outcome,
        }

    def context(self) -> dict[str, object]:
        """As conditions see it."""
        return context(self.update) | {
            "before": dict(self.before),
            "connector": self.connector,
            "kind": self.kind,
            "time": self.time,
            "event": self.update.id,
            "outcome": self.outcome,
        }


def of_trigger(record: Record) -> Fact:
    """The fact of a record of the triggers topic. Raises ValueError for one that is not ours."""
    trigger = read_trigger(record.headers, record.value)
    return fact_of(trigger)


def of_outcome(outcome: Outcome) -> Fact:
    """The fact that an outcome is. Its update is not in it: conditions know its lead by the key,
    and what was said by `outcome`."""
    update = LeadUpdate(
        outcome.event_id,
        outcome.time,
        outcome.tenant,
        outcome.lead_key,
        (),
        {},
        Attributes(),
        TriggerWishes(),
        Origin("", ""),
    )
    told: JsonObject = outcome_data(outcome)
    return Fact(outcome.id, "outcome", outcome.connector, outcome.time, update, {}, told)


def read_kept(told: Any) -> Fact:
    """The inverse of `Fact.kept`."""
    update = _update(told["event_id"], told["time"], told["tenant"], told["lead"], told["update"])
    return Fact(
        told["id"],
        told["kind"],
        told["connector"],
        told["time"],
        update,
        told["before"],
        told["outcome"],
    )


def fact_of(trigger: Trigger) -> Fact:
    """The fact that a trigger is."""
    update = _update(trigger.event_id, trigger.time, trigger.tenant, trigger.lead_key, trigger.data)
    data = trigger.data
    return Fact(
        trigger.id, trigger.kind, trigger.connector, trigger.time, update, trigger.before, {}, data
    )


def _update(id: str, time: str, tenant: str, lead: str, data: object) -> LeadUpdate:
    envelope = {
        "ce_specversion": "1.0",
        "ce_type": UPDATE_REQUESTED,
        "ce_id": id,
        "ce_time": time,
        "ce_tenant": tenant,
        "ce_subject": lead,
    }
    return read_parsed(envelope, data)
