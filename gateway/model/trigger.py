"""A fact for automations: a lead was updated, or got a disposition."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.model.ids import derived_id
from gateway.model.json import JsonObject


class TriggerKind(StrEnum):
    """Which fact."""

    POST_UPDATED_LEAD = "postUpdatedLead"
    DISPOSITION_ACTION = "dispositionAction"


@dataclass(frozen=True, slots=True)
class Trigger:
    """Fired by the connector that applied the update. No round in its id: a redriven update
    fires if it never fired, and is otherwise the same trigger."""

    kind: TriggerKind
    event_id: str
    connector: str
    tenant: str
    lead_key: str
    data: JsonObject
    """The canonical event's data, and what was left out."""
    time: str = ""
    before: JsonObject = field(default_factory=dict)
    """Canonical fields and `attributes.NAME` -> what the connector had last applied before."""

    @property
    def id(self) -> str:
        """UUIDv5 of event, connector and kind."""
        return derived_id(f"{self.event_id}/{self.connector}/{self.kind}")

    @property
    def type(self) -> str:
        """CloudEvents type."""
        return f"io.leadwire.trigger.{self.kind}.v1"
