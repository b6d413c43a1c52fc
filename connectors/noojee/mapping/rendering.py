"""A canonical event to a body.

An event that came in by this dialect gets its own names and values back exactly. Any other is
said in canonical values under the connector's names; what has no name, or no flat form, is left
out and listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from connectors.noojee import wire
from connectors.noojee.mapping.tables import (
    ACCEPTED,
    SYSTEM_NAMES,
    TEMPLATE_NAMES,
    local_of,
    phone_roles,
    zone_of,
)
from gateway.model.changes import Change, Clear, Keep, Set
from gateway.model.event import LeadUpdate
from gateway.model.json import JsonValue
from gateway.phones import national


@dataclass(frozen=True, slots=True)
class Writing:
    """How one connector's bodies are written; made once by `writing`."""

    names: Mapping[str, str]
    """Canonical field, or attribute, -> the template's name."""
    first_phone: str
    """The phone field that carries `<No Change>` when there is no phone to send."""
    unmapped: Literal["send", "drop"] = "drop"
    """What becomes of another dialect's attributes without a name."""
    phone_format: Literal["e164", "national"] = "e164"


@dataclass(frozen=True, slots=True)
class Place:
    """How a tenant writes its texts."""

    region: str
    timezone: str


@dataclass(slots=True)
class Body:
    """What is sent."""

    fields: dict[str, JsonValue] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    """Canonical fields and attributes that were left out."""
    says: bool = False
    """Whether it asks for anything."""
    kept_by_us: bool = False
    """Whether the disposition's `<No Change>` is our word, not the caller's."""


def writing(
    fields: Mapping[str, str] | None = None,
    phone_fields: Sequence[str] = ("FirstPhone", "SecondPhone"),
    contact_hours_field: str | None = None,
    unmapped: Literal["send", "drop"] = "drop",
    phone_format: Literal["e164", "national"] = "e164",
) -> Writing:
    """A `Writing` from settings: `fields` is our name -> the template's."""
    phones = {ours: name for name, ours in phone_roles(phone_fields).items()}
    hours = {"contact_hours": contact_hours_field} if contact_hours_field else {}
    names = {**TEMPLATE_NAMES, **phones, **hours, **(fields or {}), **SYSTEM_NAMES}
    return Writing(names, phone_fields[0], unmapped, phone_format)


_CALL_BACK = "callback.at"


def body_of(event: LeadUpdate, known: Mapping[str, JsonValue], how: Writing, place: Place) -> Body:
    """The body for an event; `known` holds the last applied `callback.at` and `contact_hours`."""
    own = event.origin.dialect == "noojee"
    body = Body(says=own)
    theirs = event.origin.names if own else {}
    phone = False
    for ours, change in event.changes.items():
        if ours in {"disposition", _CALL_BACK}:
            continue
        name = SYSTEM_NAMES.get(ours) or theirs.get(ours) or how.names.get(ours)
        sent = name is not None and _add(body, name, ours, change, how, place, own)
        if sent:
            phone = phone or ours.startswith("phones.")
        elif own or not isinstance(change, Keep):
            body.dropped.append(ours)
    _add_attributes(body, event, how, own)
    if not phone:
        body.fields.setdefault(how.first_phone, wire.NO_CHANGE)
    _add_disposition(body, event.changes.get("disposition"), own)
    _add_callback(body, event, known, place, own)
    return body


def _add(
    body: Body, name: str, ours: str, change: Change, how: Writing, place: Place, own: bool
) -> bool:
    """Add one field; False where it has no form here."""
    if isinstance(change, Keep):
        if not own and not ours.startswith("phones."):
            return False
        body.fields[name] = wire.NO_CHANGE
        return True
    value = _value(ours, change, how, place, own)
    if value is None:
        return False
    body.fields[name] = value
    body.says = True
    return True


def _value(
    ours: str, change: Set | Clear, how: Writing, place: Place, own: bool
) -> str | int | float | None:
    if isinstance(change, Clear):
        return None if ours == "priority" else ""
    value = change.received if own else change.value
    if not own and ours.startswith("phones.") and change.e164 is not None:
        value = change.e164
        if how.phone_format == "national":
            value = national(value, place.region)
    if ours == "priority" and not own and value not in wire.PRIORITIES:
        return None
    return value if isinstance(value, str | int | float) else None


def _add_attributes(body: Body, event: LeadUpdate, how: Writing, own: bool) -> None:
    for ours, value in event.attributes.patch.items():
        name = ours if own or how.unmapped == "send" else None
        name = how.names.get(ours, name) if not own else name
        flat = "" if value is None else value
        taken = name is None or name in body.fields or name.lower() in ACCEPTED
        if taken or (not own and not isinstance(flat, str | int | float)):
            body.dropped.append(ours)
            continue
        body.fields[str(name)] = value if own else flat
        body.says = True


def _add_disposition(body: Body, change: Change | None, own: bool) -> None:
    """Always sent: the page marks it required, and `<No Change>` is how nothing is asked."""
    value = None
    if isinstance(change, Set):
        value = change.received if own else change.value
    if isinstance(value, str | int | float):
        body.fields[SYSTEM_NAMES["disposition"]] = value
        body.says = True
        return
    if change is not None and not isinstance(change, Keep):
        body.dropped.append("disposition")
    body.fields[SYSTEM_NAMES["disposition"]] = wire.NO_CHANGE
    body.kept_by_us = not (own and isinstance(change, Keep))


def _add_callback(
    body: Body, event: LeadUpdate, known: Mapping[str, JsonValue], place: Place, own: bool
) -> None:
    """A call-back that is not sent is lost (the lead becomes `new`), so the known one is sent
    with every update that does not change it, and clearing it is silence."""
    change = event.changes.get(_CALL_BACK)
    if isinstance(change, Clear):
        body.says = True
        return
    hours = event.changes.get("contact_hours")
    spoken = hours.value if isinstance(hours, Set) else known.get("contact_hours")
    zone = zone_of(spoken if isinstance(spoken, str) else None, place.timezone)
    text: JsonValue = None
    if isinstance(change, Set):
        text = change.raw if own and change.raw is not None else local_of(change.value, zone)
        body.says = body.says or text is not None
        if text is None:
            body.dropped.append(_CALL_BACK)
    if text is None:
        text = local_of(known.get(_CALL_BACK), zone)
    if text is not None:
        body.fields[SYSTEM_NAMES[_CALL_BACK]] = text
