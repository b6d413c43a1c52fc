"""A canonical event to a lead's attributes.

An event that came in by this dialect gets its own names and values back exactly; a cleared field
leaves as `""`, which is how the vendor's own clients empty one. Any other is said in canonical
values under the connector's names; what has no name, or no form of one value, is left out and
listed: LeadSquared refuses a whole lead for one attribute it doesn't know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from connectors.leadsquared.mapping.tables import (
    DIALECT,
    FIELDS,
    IDENTIFIERS,
    STAGES,
    moment_of,
)
from connectors.leadsquared.wire.attributes import Attribute
from connectors.leadsquared.wire.bulk import PROSPECT_ID, BulkLead
from gateway.model.changes import CLEAR, Change, Changes, Clear, Keep, Set
from gateway.model.event import LeadUpdate
from gateway.model.json import JsonValue
from gateway.phones import dashed

PhoneFormat = Literal["e164", "dashed"]


@dataclass(frozen=True, slots=True)
class Writing:
    """How one connector's leads are written; made once by `writing`."""

    names: Mapping[str, str]
    """Canonical field, or attribute, -> schema name."""
    stages: Mapping[str, str]
    """Canonical status -> stage."""
    send_unmapped: bool = False
    """Whether another dialect's attributes without a name are sent under their own."""
    phone_format: PhoneFormat = "e164"
    """How another dialect's phones are written; `dashed`: `+61-491570006`."""


def writing(
    fields: Mapping[str, str] | None = None,
    stages: Mapping[str, str] | None = None,
    *,
    send_unmapped: bool = False,
    phone_format: PhoneFormat = "e164",
) -> Writing:
    """A `Writing` from settings: `fields` is our name -> the schema's, `stages` canonical status
    -> the account's stage."""
    return Writing(
        {**FIELDS, **(fields or {})}, {**STAGES, **(stages or {})}, send_unmapped, phone_format
    )


class Plan(NamedTuple):
    """What of an event goes where."""

    fields: tuple[Attribute, ...]
    """In the event's order, without the attribute that names the lead."""
    dropped: tuple[str, ...] = ()
    """Canonical fields and attributes that can't be said."""
    given_back: bool = False
    """The event came in by this dialect: names and values are the caller's own."""


def plan(event: LeadUpdate, how: Writing) -> Plan:
    """Lay out an event."""
    if event.origin.dialect == DIALECT:
        return _given_back(event, how)
    return _translated(event, how)


def bulk_lead(planned: Plan, identifier: str, value: str) -> BulkLead:
    """A lead's entry in a bulk call, the attribute that names it first. Where the update also
    sets that attribute (a new e-mail address), the two can't be told apart: the name stays and
    the new value goes; see `clashes`."""
    named = Attribute(identifier, value)
    rest = tuple(each for each in planned.fields if each.name.lower() != identifier.lower())
    return BulkLead((named, *rest))


def clashes(planned: Plan, identifier: str) -> tuple[str, ...]:
    """What `bulk_lead` leaves out."""
    return tuple(each.name for each in planned.fields if each.name.lower() == identifier.lower())


# --- the caller's own -----------------------------------------------------------------------


def _given_back(event: LeadUpdate, how: Writing) -> Plan:
    names = event.origin.names
    fields: list[Attribute] = []
    dropped: list[str] = []
    for ours, change in event.changes.items():
        name = names.get(ours) or how.names.get(ours)
        if name is None:
            dropped.append(ours)
        elif isinstance(change, Set):
            fields.append(_own(name, change.received))
        elif isinstance(change, Clear):
            fields.append(Attribute(name, ""))
    fields.extend(_own(name, value) for name, value in event.attributes.patch.items())
    return Plan(tuple(fields), tuple(dropped), given_back=True)


def _own(name: str, value: JsonValue) -> Attribute:
    """An attribute as it was received; an object is a set of fields."""
    if isinstance(value, Mapping):
        return Attribute(name, "", tuple(_own(each, said) for each, said in value.items()))
    if isinstance(value, str | int | float):
        return Attribute(name, value)
    return Attribute(name, "" if value is None else ";".join(str(each) for each in value))


# --- other dialects' ------------------------------------------------------------------------


def _translated(event: LeadUpdate, how: Writing) -> Plan:
    fields: dict[str, str] = {}
    dropped: list[str] = []
    for ours, change in _split(event.changes, how).items():
        if isinstance(change, Keep):
            continue
        name = how.names.get(ours)
        value = "" if isinstance(change, Clear) else _said(ours, change, how)
        if name is None or value is None:
            dropped.append(ours)
        else:
            fields[name] = value
    for ours, said in event.attributes.patch.items():
        name = how.names.get(ours) or (ours if how.send_unmapped else None)
        text = "" if said is None else _text(said)
        if name is None or text is None or name in fields or name.lower() in IDENTIFIERS:
            dropped.append(ours)
        else:
            fields[name] = text
    return Plan(tuple(Attribute(name, text) for name, text in fields.items()), tuple(dropped))


def _split(changes: Changes, how: Writing) -> Changes:
    """A whole name as given and family name, where the account has no field for the whole: what
    stands after the first space is the family name, and a single word has none."""
    whole = changes.get("full_name")
    if whole is None or "full_name" in how.names:
        return changes
    first: Change = whole
    last: Change = whole
    if isinstance(whole, Set):
        given, _, family = str(whole.value).strip().partition(" ")
        first, last = Set(given), Set(family.strip()) if family.strip() else CLEAR
    rest = {ours: change for ours, change in changes.items() if ours != "full_name"}
    return {"first_name": first, "last_name": last, **rest}


def _said(ours: str, change: Set, how: Writing) -> str | None:
    """A canonical value in LeadSquared's form; None where it has none."""
    if ours.startswith("phones."):
        if change.e164 is None:
            return _text(change.value)
        return dashed(change.e164) if how.phone_format == "dashed" else change.e164
    if ours == "status":
        return how.stages.get(str(change.value))
    if ours == "callback.at":
        return moment_of(change.value)
    if ours == "tags":
        return _list(change.value)
    return _text(change.value)


def _text(value: JsonValue) -> str | None:
    """A value as one text, as the page's samples write it; None where it is no single one."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value) if isinstance(value, str | int | float) else None


def _list(value: JsonValue) -> str | None:
    """The words of a multi-select, between semicolons."""
    if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
        return ";".join(str(word) for word in value)
    return None


__all__ = [
    "PROSPECT_ID",
    "PhoneFormat",
    "Plan",
    "Writing",
    "bulk_lead",
    "clashes",
    "plan",
    "writing",
]
