"""A call's body to canonical changes.

What is read keeps its received form (`Set.raw`, `names`), so that a Noojee connector gives it
back as it came. What can't be read as its field, and every name that no table knows, stays under
its own name in the attributes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from zoneinfo import ZoneInfo

from connectors.noojee import wire
from connectors.noojee.mapping.tables import (
    ACCEPTED,
    PHONE_ROLES,
    TEMPLATE_NAMES,
    instant_of,
    phone_roles,
    zone_of,
)
from gateway.dialect import Caller, Fault, RequestedUpdate
from gateway.model.changes import CLEAR, KEEP, Change, Clear, Set
from gateway.model.codes import Code
from gateway.model.event import LeadId, TriggerWishes
from gateway.model.json import JsonObject, JsonValue
from gateway.model.making import make_attributes, make_set
from gateway.phones import e164


@dataclass(frozen=True, slots=True)
class Reading:
    """How one credential's bodies are read; made once by `reading`."""

    names: Mapping[str, str]
    """Body key in lower case -> canonical field."""
    plain: Mapping[str, str]
    """Those of `names` whose values are plain text."""
    guess_phones: bool = True
    """Whether every key with `phone` or `mobile` in it is a phone field."""
    roles: tuple[str, ...] = PHONE_ROLES
    """The roles that guessed phones take, in the order of the body."""
    contact_hours: frozenset[str] | None = None
    """The hours' names that exist; None: all."""
    dispositions: frozenset[str] | None = None
    """The codes that exist; None: all."""
    callback_resets: bool = False
    """Whether silence about the call-back clears it."""


def reading(
    fields: Mapping[str, str] | None = None,
    phone_fields: Sequence[str] | None = None,
    contact_hours: Sequence[str] | None = None,
    dispositions: Sequence[str] | None = None,
    callback_resets: bool = False,
) -> Reading:
    """A `Reading` from settings: `fields` is canonical -> the template's name."""
    named = {**TEMPLATE_NAMES, **(fields or {})}
    names = {name.lower(): ours for ours, name in named.items()}
    names |= {name.lower(): ours for name, ours in phone_roles(phone_fields or ()).items()}
    names |= {name.lower(): ours for ours, name in (fields or {}).items()}
    names |= ACCEPTED
    plain = {
        name: ours
        for name, ours in names.items()
        if ours not in _READERS and not ours.startswith(_NOT_PLAIN)
    }
    return Reading(
        names=names,
        plain=plain,
        guess_phones=phone_fields is None,
        roles=tuple(role for role in PHONE_ROLES if role not in names.values()),
        contact_hours=None if contact_hours is None else frozenset(contact_hours),
        dispositions=None if dispositions is None else frozenset(dispositions),
        callback_resets=callback_resets,
    )


def body_id(fields: Mapping[str, JsonValue]) -> str:
    """The lead's id where older clients put it: in the body. Empty where it isn't."""
    for name, value in fields.items():
        if name.lower() == "njexternalleadid" and isinstance(value, str | int):
            return str(value).strip()
    return ""


def _text(value: JsonValue) -> Change | None:
    """A field of text. Numbers become text and keep their form; None: not a text."""
    if isinstance(value, str):
        if value == "":
            return CLEAR
        return KEEP if wire.is_no_change(value) else make_set(value, None, None)
    if value is None:
        return CLEAR
    if isinstance(value, bool | int | float):
        return Set(str(value).lower() if isinstance(value, bool) else str(value), raw=value)
    return None


def _phone(value: JsonValue, region: str) -> Change | None:
    change = _text(value)
    if isinstance(change, Set):
        return make_set(change.value, e164(str(change.value), region), change.raw)
    return change


def _disposition(value: JsonValue) -> Change | None:
    """An empty code asks for nothing: a disposition can't be taken away."""
    change = _text(value)
    return KEEP if isinstance(change, Clear) else change


_SMALL = re.compile(r"\s*[0-9]{1,3}\s*")


def _priority(value: JsonValue) -> Change | None:
    """None for what is no priority: the vendor has no error for it, so it is left aside."""
    if wire.is_no_change(value):
        return KEEP
    number = value
    if isinstance(value, str) and _SMALL.fullmatch(value):
        number = int(value)
    if isinstance(number, bool) or not isinstance(number, int) or number not in wire.PRIORITIES:
        return None
    return Set(number, raw=None if number is value else value)


def _callback(date: JsonValue, time: JsonValue, zone: ZoneInfo) -> Change | None:
    """None for a date in another form."""
    change = _text(date)
    if not isinstance(change, Set):
        return change
    local = str(change.value).strip()
    if isinstance(time, str) and " " not in local:
        local = f"{local} {time.strip()}"
    instant = instant_of(local, zone)
    return None if instant is None else Set(instant, raw=local)


@dataclass(slots=True)
class _Body:
    """A body, taken apart."""

    changes: dict[str, Change] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, JsonValue] = field(default_factory=dict)
    phone: bool = False
    """Whether it names a phone field."""
    parts: dict[str, JsonValue] = field(default_factory=dict)
    """Values of `callback.at` and `callback.time`, read when the zone is known."""


def _phone_role(name: str, changes: Mapping[str, Change], roles: tuple[str, ...]) -> str:
    """The role of a phone field by its place in the body."""
    for role in roles:
        if role not in changes:
            return role
    return f"phones.{name.lower()}"


def _change(ours: str, value: JsonValue, region: str) -> Change | None:
    """The change of one field; None where the value can't be read as it."""
    if ours.startswith("phones."):
        return _phone(value, region)
    return _READERS.get(ours, _text)(value)


def _take_apart(fields: Mapping[str, JsonValue], how: Reading, region: str) -> _Body:
    body = _Body()
    changes, names = body.changes, body.names
    for name, value in fields.items():
        ours = how.plain.get(name.lower())
        # Nearly every field of nearly every call: said in one look.
        if ours and ours not in names and isinstance(value, str) and value and "<" not in value:
            changes[ours] = make_set(value, None, None)
            names[ours] = name
        else:
            _take(body, name, value, how, region)
    return body


def _take(body: _Body, name: str, value: JsonValue, how: Reading, region: str) -> None:
    """Put one field where it belongs."""
    ours = how.names.get(name.lower())
    if ours is None and how.guess_phones and wire.is_phone_name(name):
        ours = _phone_role(name, body.changes, how.roles)
    if ours == "id":
        return
    if ours is None or ours in body.names:
        if not wire.is_no_change(value):
            body.attributes[name] = value
        return
    if ours.startswith("callback."):
        body.parts[ours] = value
    else:
        change = _change(ours, value, region)
        if change is None:
            body.attributes[name] = value
            return
        body.changes[ours] = change
        body.phone = body.phone or ours.startswith("phones.")
    body.names[ours] = name


_READERS: Mapping[str, Callable[[JsonValue], Change | None]] = {
    "disposition": _disposition,
    "priority": _priority,
}
_NOT_PLAIN = ("phones.", "callback.", "id")


def _read_callback(body: _Body, how: Reading, timezone: str) -> Fault | None:
    """Add the call-back's change; a fault where its date has another form."""
    time_name = body.names.pop("callback.time", None)
    if "callback.at" not in body.parts:
        if time_name is not None:
            body.attributes[time_name] = body.parts["callback.time"]
        if how.callback_resets:
            body.changes["callback.at"] = CLEAR
        return None
    hours = body.changes.get("contact_hours")
    zone = zone_of(str(hours.value) if isinstance(hours, Set) else None, timezone)
    date, time = body.parts["callback.at"], body.parts.get("callback.time")
    change = _callback(date, time, zone)
    if change is None:
        return Fault(Code.CALLBACK_INVALID, body.names["callback.at"], date)
    body.changes["callback.at"] = change
    return None


def _outside(body: _Body, ours: str, allowed: frozenset[str], code: Code) -> list[Fault]:
    change = body.changes.get(ours)
    if not isinstance(change, Set) or change.value in allowed:
        return []
    return [Fault(code, body.names[ours], change.received)]


_WISHES = TriggerWishes(post_updated_lead=False, disposition_actions=True)
"""The vendor has no flag: its automations run by disposition, always."""

Requested: TypeAlias = RequestedUpdate | tuple[Fault, ...]


def requested(
    fields: Mapping[str, JsonValue], lead: LeadId, scope: JsonObject, how: Reading, caller: Caller
) -> Requested:
    """What a body asks of a lead, or its faults in the vendor's order: 102, 114, 111, 106."""
    body = _take_apart(fields, how, caller.region)
    faults = []
    if not body.phone:
        faults.append(Fault(Code.PHONE_MISSING))
    callback = _read_callback(body, how, caller.timezone)
    if callback is not None:
        faults.append(callback)
    if how.contact_hours is not None:
        faults += _outside(body, "contact_hours", how.contact_hours, Code.TIMEZONE_INVALID)
    if how.dispositions is not None:
        faults += _outside(body, "disposition", how.dispositions, Code.DISPOSITION_INVALID)
    if faults:
        return tuple(faults)
    return RequestedUpdate(
        lead=lead,
        changes=body.changes,
        attributes=make_attributes("merge", body.attributes),
        triggers=_WISHES,
        names=body.names,
        scope=scope,
    )
