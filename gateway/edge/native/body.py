"""The native body: one update, or an array of them, in canonical words. Pure.

    {"lead": {"ids": [{"system": "crm", "id": "42"}]},
     "changes": {"disposition": "Sale", "email": null},
     "attributes": {"plan": "pro"},
     "post_updated_lead": true}

A bare value sets, null clears, `{"op": …}` says which of set, clear and keep. Nothing is passed
over: a member that nobody knows is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from gateway.dialect import Caller, RequestedUpdate
from gateway.edge.native import values
from gateway.edge.native.findings import Findings, inside, shortened
from gateway.edge.native.values import Wrong
from gateway.model.changes import CLEAR, FIELDS, KEEP, Change, Set, is_field
from gateway.model.codes import Code
from gateway.model.event import Attributes, LeadId, TriggerWishes, scope_of
from gateway.model.json import JsonObject, JsonValue
from gateway.phones import e164
from gateway.settings.problems import nearest

MOST_UPDATES = 100
"""Updates of one call."""
MOST_IDS = 20
"""Ids of one lead."""
LONGEST = 512
"""Letters of a system, an id or a part of a scope."""
MEMBERS = ("lead", "changes", "attributes", "post_updated_lead")
_OPS = ("set", "clear", "keep")
_SET = ("op", "value", "e164", "raw")
_OBJECT, _MISSING = "should be an object", "is required"
_MODES: Mapping[str, Literal["merge", "replace"]] = {"merge": "merge", "replace": "replace"}


def read(body: JsonValue, place: str, caller: Caller, found: Findings) -> list[RequestedUpdate]:
    """The updates in a body that stands at `place` of the call; what is wrong goes into
    `found`, and then what is returned is of no use."""
    if not isinstance(body, list):
        update = _update(body, place, caller, found)
        return [] if update is None else [update]
    if not 1 <= len(body) <= MOST_UPDATES:
        found.add(place, f"should hold 1 to {MOST_UPDATES} updates", Code.BATCH_TOO_LARGE)
        return []
    updates = []
    for number, item in enumerate(body):
        update = _update(item, inside(place, number), caller, found)
        if update is not None:
            updates.append(update)
        if found.full:
            break
    return updates


def _update(body: JsonValue, place: str, caller: Caller, found: Findings) -> RequestedUpdate | None:
    if not isinstance(body, Mapping):
        found.add(place, _OBJECT)
        return None
    found.members(body, MEMBERS, place)
    ids = _ids(body.get("lead"), inside(place, "lead"), caller, found)
    changes = _changes(body.get("changes", {}), inside(place, "changes"), caller, found)
    attributes = _attributes(body.get("attributes", {}), inside(place, "attributes"), found)
    told = body.get("post_updated_lead", False)
    if not isinstance(told, bool):
        found.add(inside(place, "post_updated_lead"), "should be true or false")
    if found.faults or not ids:
        return None
    wishes = TriggerWishes(post_updated_lead=told is True)
    return RequestedUpdate(ids[0], changes, attributes, wishes, others=ids[1:])


# --- ids ----------------------------------------------------------------------------------


def _ids(lead: JsonValue, place: str, caller: Caller, found: Findings) -> tuple[LeadId, ...]:
    if lead is None:
        found.add(place, _MISSING, Code.LEAD_ID_MISSING)
        return ()
    if not isinstance(lead, Mapping):
        found.add(place, _OBJECT)
        return ()
    found.members(lead, ("ids",), place)
    listed, place = lead.get("ids"), inside(place, "ids")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_IDS:
        found.add(place, f"should be an array of 1 to {MOST_IDS} ids", Code.LEAD_ID_MISSING)
        return ()
    ids = [_id(item, inside(place, number), caller, found) for number, item in enumerate(listed)]
    return tuple(dict.fromkeys(one for one in ids if one is not None))


def _id(item: JsonValue, place: str, caller: Caller, found: Findings) -> LeadId | None:
    if not isinstance(item, Mapping):
        found.add(place, _OBJECT)
        return None
    found.members(item, ("system", "id", "scope"), place)
    named = item.get("system", caller.system or None)
    system = _name(named, inside(place, "system"), found)
    text = _name(item.get("id"), inside(place, "id"), found)
    narrow = _scope(item.get("scope", {}), inside(place, "scope"), found)
    if system == "email":
        text = text.lower()
    elif system == "phone" and text:
        number = e164(text, caller.region)
        if number is None:
            message = f"can't be read as a phone number of {caller.region}; write it in E.164"
            found.add(inside(place, "id"), message, Code.PHONE_INVALID)
        text = number or ""
    return LeadId(system, text, scope_of(narrow)) if system and text else None


def _scope(body: JsonValue, place: str, found: Findings) -> dict[str, str]:
    if not isinstance(body, Mapping) or len(body) > MOST_IDS:
        found.add(place, f"should be an object of at most {MOST_IDS} texts")
        return {}
    for name in body:
        _name(name, inside(place, name), found)
    return {name.strip(): _name(part, inside(place, name), found) for name, part in body.items()}


def _name(value: JsonValue, place: str, found: Findings) -> str:
    """A text that is part of a lead's identity; empty where it can't be."""
    if value is None:
        found.add(place, _MISSING, Code.LEAD_ID_MISSING)
    elif not isinstance(value, str):
        found.add(place, "should be a text")
    elif not value.strip():
        found.add(place, "should hold something", Code.LEAD_ID_MISSING)
    elif len(value) > LONGEST:
        found.add(place, f"should have at most {LONGEST} letters")
    elif any(character < " " or character == "\x7f" for character in value):
        found.add(place, "should hold no control characters")
    else:
        return value.strip()
    return ""


# --- changes and attributes ---------------------------------------------------------------


def _changes(body: JsonValue, place: str, caller: Caller, found: Findings) -> Mapping[str, Change]:
    if not isinstance(body, Mapping):
        found.add(place, _OBJECT)
        return {}
    changes: dict[str, Change] = {}
    for name, value in body.items():
        if found.full:
            break
        at = inside(place, name)
        if not is_field(name):
            close = nearest(shortened(name), FIELDS)
            text = f"is no canonical field{close}; what has none goes under attributes"
            found.add(at, text, Code.UNKNOWN_ATTRIBUTE)
            continue
        change = _change(name, value, at, caller, found)
        if change is not None:
            changes[name] = change
    return changes


def _change(
    name: str, value: JsonValue, place: str, caller: Caller, found: Findings
) -> Change | None:
    if value is None:
        return CLEAR
    if isinstance(value, Mapping):
        return _explicit(name, value, place, caller, found)
    return _set(name, value, place, caller, found)


def _set(name: str, value: JsonValue, place: str, caller: Caller, found: Findings) -> Set | None:
    change = values.kind_of(name).read(value, caller)
    if isinstance(change, Wrong):
        found.add(place, change.message, change.code)
        return None
    return change


def _explicit(
    name: str, body: JsonObject, place: str, caller: Caller, found: Findings
) -> Change | None:
    """A change in the canonical event's own form."""
    op = body.get("op")
    if op not in _OPS:
        found.add(inside(place, "op"), "should be set, clear or keep")
        return None
    if op != "set":
        found.members(body, ("op",), place)
        return CLEAR if op == "clear" else KEEP
    phone = name.startswith("phones.")
    found.members(body, _SET if phone else tuple(m for m in _SET if m != "e164"), place)
    change = _set(name, body.get("value"), inside(place, "value"), caller, found)
    number = body.get("e164")
    if phone and number is not None and not values.is_e164(number):
        found.add(inside(place, "e164"), "should be + and 7 to 15 digits", Code.PHONE_INVALID)
    if change is None:
        return None
    own = number if isinstance(number, str) else change.e164
    raw = body.get("raw")
    return Set(change.value, own, change.raw if raw is None else raw)


def _attributes(body: JsonValue, place: str, found: Findings) -> Attributes:
    """The caller's own names: a merge patch, or `mode` and `patch` where it says both."""
    if not isinstance(body, Mapping):
        found.add(place, _OBJECT)
        return Attributes()
    if set(body) != {"mode", "patch"}:
        return Attributes("merge", body)
    mode, patch = _MODES.get(str(body["mode"])), body["patch"]
    if mode is None:
        found.add(inside(place, "mode"), "should be merge or replace")
    if not isinstance(patch, Mapping):
        found.add(inside(place, "patch"), _OBJECT)
        return Attributes()
    return Attributes(mode or "merge", patch)
