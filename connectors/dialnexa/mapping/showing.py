"""A lead as Dialnexa shows it, in the shapes of its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from connectors.dialnexa import wire
from gateway.dialect import LeadView, RequestedUpdate
from gateway.model.changes import Set
from gateway.model.json import JsonObject, JsonValue
from gateway.phones import e164

Shape: TypeAlias = Literal["union", "schema", "example"]
_START = ("id", "name", "phone_number", "campaign_id", "status", "notes")
SHAPES: Mapping[Shape, tuple[str, ...]] = {
    "union": (*_START, "metadata", "call_log_id", "created_at"),
    "schema": (*_START, "call_log_id", "created_at"),
    "example": ("id", "campaign_id", "phone_number", "metadata", "status", "created_at"),
}
"""The keys of a lead: of the page's schema block, of its example, and of both together."""


def variables_of(lead: Mapping[str, Any]) -> JsonObject:
    """The variables of a lead in whichever shape."""
    held = (lead.get("metadata"), lead.get("notes"))
    return next((each for each in held if isinstance(each, Mapping)), {})


def note_of(lead: Mapping[str, Any]) -> JsonValue:
    """The note of a lead: `notes` that are not its variables."""
    notes, metadata = lead.get("notes"), lead.get("metadata")
    apart = isinstance(metadata, Mapping) and isinstance(notes, Mapping) and notes != metadata
    return notes if apart or (isinstance(notes, str) and notes) else None


def lead_object(shape: Shape, lead: Mapping[str, Any]) -> dict[str, JsonValue]:
    """A lead in a shape; what is not known is null. `notes` are the note where there is one, and
    always the variables in the schema block, which knows no other."""
    held, note = variables_of(lead), note_of(lead)
    shown = {**lead, "metadata": held, "notes": note}
    if note is None or shape == "schema":
        shown["notes"] = held
    return {name: shown.get(name) for name in SHAPES[shape]}


def known_lead(view: LeadView, update: RequestedUpdate, region: str) -> dict[str, JsonValue]:
    """What we know of a lead after an update. It is pending: no other can be changed."""
    name, phone = view.get("full_name"), view.get("phones.primary")
    if name is None:
        halves = (view.get("first_name"), view.get("last_name"))
        name = " ".join(half for half in halves if isinstance(half, str) and half) or None
    asked = update.changes.get("note")
    attributes = view.get("attributes")
    return {
        "name": name,
        "phone_number": e164(phone, region) if isinstance(phone, str) else None,
        "status": wire.PENDING,
        "metadata": attributes if isinstance(attributes, Mapping) else {},
        "notes": asked.received if isinstance(asked, Set) else view.get("note"),
    }
