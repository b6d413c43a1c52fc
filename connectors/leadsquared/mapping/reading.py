"""A lead's attributes to canonical changes.

What is read keeps its received form (`Set.raw`, `names`), so that a LeadSquared connector gives
it back as it came. What can't be read as its field, and every name that no table knows, stays
under its own name in the attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from connectors.leadsquared.mapping.tables import (
    FIELDS,
    IDENTIFIERS,
    STAGES,
    instant_of,
    truth_of,
)
from connectors.leadsquared.wire.attributes import Attribute
from connectors.leadsquared.wire.bulk import PROSPECT_ID, BulkLead
from gateway.dialect import Caller, RequestedUpdate, make_requested
from gateway.model.changes import CLEAR, Change, Set
from gateway.model.event import LeadId, TriggerWishes
from gateway.model.json import JsonObject, JsonValue
from gateway.model.making import make_attributes, make_set
from gateway.phones import e164


@dataclass(frozen=True, slots=True)
class Reading:
    """How one credential's leads are read; made once by `reading`."""

    names: Mapping[str, str]
    """Schema name in lower case -> canonical field."""
    stages: Mapping[str, str]
    """Stage in lower case -> canonical status."""


def reading(
    fields: Mapping[str, str] | None = None, stages: Mapping[str, str] | None = None
) -> Reading:
    """A `Reading` from settings: `fields` is canonical -> schema name, `stages` canonical status
    -> the account's stage."""
    named = {**FIELDS, **(fields or {})}
    names = {name.lower(): ours for ours, name in named.items()}
    names |= {name.lower(): ours for ours, name in (fields or {}).items()}
    words = {name.lower(): ours for ours, name in {**STAGES, **(stages or {})}.items()}
    return Reading(names, words)


class Named(NamedTuple):
    """A lead of a bulk call, with what names it apart."""

    identifier: str
    """The attribute it is sought by, as the call spells it."""
    value: str
    """As sent; empty where the lead has none."""
    fields: tuple[Attribute, ...]
    """The others."""


def named(lead: BulkLead, search_by: str | None) -> Named:
    """Take the attribute that `SearchByKey` names (the lead's own id where it names none) out of
    a lead. The own id may be spelt in any of the vendor's ways, and stand beside `Fields`."""
    identifier = search_by.strip() if search_by and search_by.strip() else PROSPECT_ID
    lower = identifier.lower()
    own = lower in IDENTIFIERS
    found: JsonValue = lead.prospect_id if own else None
    rest = []
    for each in lead.fields:
        name = each.name.lower()
        if each.fields is None and (name == lower or (own and name in IDENTIFIERS)):
            found = each.value
        else:
            rest.append(each)
    given = isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip()
    return Named(search_by or PROSPECT_ID, str(found) if given else "", tuple(rest))


def without_id(attributes: Sequence[Attribute], lead_id: str) -> tuple[Attribute, ...]:
    """The attributes of a single update, but those that only say its lead's id again."""
    return tuple(
        each for each in attributes if each.name.lower() not in IDENTIFIERS or each.value != lead_id
    )


def requested(
    lead: LeadId,
    attributes: Sequence[Attribute],
    how: Reading,
    caller: Caller,
    *,
    wished: bool,
    scope: JsonObject,
) -> RequestedUpdate:
    """What a lead's attributes ask. The last of two of one name counts, and the name is kept in
    the scope under `repeated`."""
    changes: dict[str, Change] = {}
    names: dict[str, str] = {}
    others: dict[str, JsonValue] = {}
    last: Sequence[Attribute] = attributes
    if len({each.name for each in attributes}) < len(attributes):
        last = tuple({each.name: each for each in attributes}.values())
        seen = [each.name for each in attributes]
        scope = {**scope, "repeated": sorted({name for name in seen if seen.count(name) > 1})}
    for each in last:
        ours = how.names.get(each.name.lower())
        change = None
        if ours is not None and ours not in changes and each.fields is None:
            change = _change(ours, each.value, how, caller.region)
        if ours is None or change is None:
            others[each.name] = other(each)
        else:
            changes[ours] = change
            names[ours] = each.name
    wishes = _WISHED if wished else _NOT_WISHED
    patch = make_attributes("merge", others)
    return make_requested(lead, changes, patch, wishes, names, scope, (), None)


_WISHED, _NOT_WISHED = (TriggerWishes(post_updated_lead=wished) for wished in (True, False))


def other(attribute: Attribute) -> JsonValue:
    """An attribute without a canonical place: its value (null clears), or the values of its
    fields."""
    if attribute.fields is not None:
        return {each.name: other(each) for each in attribute.fields}
    return None if attribute.value == "" else attribute.value


def _change(ours: str, value: JsonValue, how: Reading, region: str) -> Change | None:
    """The change of one field; None where the value can't be read as it."""
    if value is None or value == "":
        return CLEAR
    if ours == "status":
        word = how.stages.get(str(value).strip().lower())
        return None if word is None else Set(word, raw=value)
    if ours.startswith("phones."):
        if isinstance(value, str):
            return make_set(value, e164(value, region), None)
        change = _text(value)
        return make_set(change.value, e164(str(change.value), region), change.raw)
    return _READERS.get(ours, _text)(value)


def _text(value: JsonValue) -> Set:
    """A field of text; a number or a truth becomes text and keeps its form."""
    if isinstance(value, str):
        return make_set(value, None, None)
    return Set(str(value).lower() if isinstance(value, bool) else str(value), raw=value)


def _truth(value: JsonValue) -> Set | None:
    said = truth_of(value)
    return None if said is None else Set(said, raw=None if said is value else value)


def _number(value: JsonValue) -> Set | None:
    if isinstance(value, str):
        try:
            number: int | float = int(value) if value.strip().isdecimal() else float(value)
        except ValueError:
            return None
        return Set(number, raw=value) if abs(number) < 2**53 else None
    return Set(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _priority(value: JsonValue) -> Set | None:
    change = _number(value)
    fits = change is not None and isinstance(change.value, int) and change.value in range(101)
    return change if fits else None


def _moment(value: JsonValue) -> Set | None:
    instant = instant_of(value.strip()) if isinstance(value, str) else None
    return None if instant is None else Set(instant, raw=value)


def _words(value: JsonValue) -> Set | None:
    """A multi-select: its words stand between semicolons."""
    if not isinstance(value, str):
        return None
    return Set([word.strip() for word in value.split(";") if word.strip()], raw=value)


_READERS: Mapping[str, Callable[[JsonValue], Set | None]] = {
    "callback.at": _moment,
    "do_not_call": _truth,
    "priority": _priority,
    "score": _number,
    "tags": _words,
}
