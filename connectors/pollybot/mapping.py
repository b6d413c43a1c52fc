"""PollyBot's fields and the canonical ones: tables, and the two ways over them.

In: `requested` makes a canonical update of a record. Out: `plan` says what of a canonical event
goes to which field; `lead_object` shows a lead as PollyBot would.

What has no field of its own lives in the *bag*: `metadata` (gen-1, merged by the vendor) or
`customFields` (gen-2, replaced whole). The bag is the event's `attributes`. Gen-2's four plain
fields without a canonical place (`discord`, `message`, `preferredMethod`, `urgency`) are
attributes under their own names too; a custom field of one of those names is kept apart as
`customFields.<name>`, so what came from where can always be told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from connectors.pollybot.wire import IMMUTABLE, NOT_NULL, RULES, Generation, PollyBotUpdate
from gateway.dialect import Caller, LeadView, RequestedUpdate
from gateway.model.changes import CLEAR, Change, Changes, Clear, Keep, Set
from gateway.model.event import Attributes, LeadId, LeadUpdate, TriggerWishes
from gateway.model.json import JsonObject, JsonValue
from gateway.phones import e164

DIALECT = "pollybot"

OPERATIONS: Mapping[Generation, str] = {
    Generation.GEN1: "updateLead",
    Generation.GEN2: "updateChatbotLead",
}
GENERATIONS: Mapping[str, Generation] = {word: each for each, word in OPERATIONS.items()}

CANONICAL: Mapping[Generation, Mapping[str, str]] = {
    Generation.GEN1: {
        "name": "full_name",
        "email": "email",
        "phone": "phones.primary",
        "source": "source",
        "status": "status",
    },
    Generation.GEN2: {
        "name": "full_name",
        "email": "email",
        "phone": "phones.primary",
        "company": "company",
        "status": "status",
        "priority": "priority",
        "notes": "note",
        "tags": "tags",
    },
}
"""PollyBot's field -> ours."""

FIELDS: Mapping[Generation, Mapping[str, str]] = {
    generation: {ours: theirs for theirs, ours in table.items()}
    for generation, table in CANONICAL.items()
}
"""Our field -> PollyBot's."""

BAGS: Mapping[Generation, str] = {Generation.GEN1: "metadata", Generation.GEN2: "customFields"}
PLAIN = frozenset({"discord", "message", "preferredMethod", "urgency"})
"""Gen-2's fields without a canonical place."""
_ESCAPE = "customFields."

BAG_NAMES: Mapping[str, str] = {
    "callback.at": "follow_up_date",
    "note": "notes",
    "score": "lead_score",
}
"""Our field -> its key in the bag, after the page's samples ("Add metadata and notes"); any other
keeps its name, with `_` for dots."""

STATUS_OUT: Mapping[Generation, Mapping[str, str]] = {
    Generation.GEN1: {
        "new": "new",
        "contacted": "contacted",
        "qualified": "qualified",
        "negotiating": "qualified",
        "converted": "converted",
        "lost": "lost",
        "follow_up": "follow_up",
        "unresponsive": "contacted",
    },
    Generation.GEN2: {
        "new": "NEW",
        "contacted": "CONTACTED",
        "qualified": "QUALIFIED",
        "negotiating": "NEGOTIATING",
        "converted": "CONVERTED",
        "lost": "LOST",
        "follow_up": "CONTACTED",
        "unresponsive": "UNRESPONSIVE",
    },
}
"""Canonical status -> the generation's word; where the words differ something is lost (inferred:
the vendor publishes no bridge between its two sets)."""

PRIORITY_IN: Mapping[str, int] = {"URGENT": 0, "HIGH": 10, "MEDIUM": 40, "LOW": 70}
"""Gen-2 word -> the most urgent number of its band (inferred)."""
_PRIORITY_BANDS = tuple(reversed(tuple(PRIORITY_IN.items())))

_PERSON = ("id", "name", "email", "phone", "source", "status")
_GEN2_ONLY = ("company", "discord", "message", "urgency", "priority", "preferredMethod")

LEAD_FIELDS: Mapping[Generation, tuple[str, ...]] = {
    Generation.GEN1: (*_PERSON, "metadata", "createdAt", "updatedAt", "workspaceId"),
    Generation.GEN2: (
        *(*_PERSON, *_GEN2_ONLY),
        *("customFields", "tags", "chatbotId", "createdAt", "updatedAt"),
    ),
}
"""Keys of a lead object in the vendor's order (gen-1: "Success Response"; gen-2: the sample of
the activepieces trigger)."""


def priority_word(value: JsonValue) -> str | None:
    """Gen-2's word for a canonical priority (0 to 100, lower first)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return next((word for word, least in _PRIORITY_BANDS if value >= least), "URGENT")


_WISHES = TriggerWishes(post_updated_lead=False, disposition_actions=True)

# --- in -------------------------------------------------------------------------------------


def requested(record: PollyBotUpdate, caller: Caller) -> RequestedUpdate:
    """A record that breaks no rule as a canonical update.

    Unknown fields change nothing and go to `scope["ignored"]`; ids and times that the vendor
    never changes are left out silently.
    """
    table = CANONICAL[record.generation]
    changes: dict[str, Change] = {}
    names: dict[str, str] = {}
    ignored: dict[str, JsonValue] = {}
    attributes: dict[str, JsonValue] = {}
    mode: Literal["merge", "replace"] = "merge"
    gen2 = record.generation is Generation.GEN2
    bag = BAGS[record.generation]
    for own, value in record.fields.items():
        ours = table.get(own)
        if ours is not None:
            changes[ours] = CLEAR if value is None else _change(own, value, caller)
            names[ours] = own
        elif own == bag:
            held: JsonObject = value if isinstance(value, Mapping) else {}
            mode = "replace" if gen2 or value is None else "merge"
            attributes.update({_escaped(key): held[key] for key in held} if gen2 else held)
        elif gen2 and own in PLAIN:
            attributes[own] = value
        elif own not in IMMUTABLE:
            ignored[own] = value
    scope: dict[str, JsonValue] = {"chatbot_id": record.chatbot_id} if gen2 else {}
    if ignored:
        scope["ignored"] = ignored
    return RequestedUpdate(
        LeadId(caller.system, record.lead_id),
        changes,
        Attributes(mode, attributes),
        _WISHES,
        names,
        scope,
    )


def _change(own: str, value: JsonValue, caller: Caller) -> Set:
    if not isinstance(value, str):
        return Set(value)
    if own == "phone":
        return Set(value, e164(value, caller.region))
    if own == "status":
        word = value.lower()
        return Set(word, raw=None if word == value else value)
    if own == "priority":
        return Set(PRIORITY_IN[value.upper()], raw=value)
    return Set(value)


def _escaped(key: str) -> str:
    return _ESCAPE + key if key in PLAIN or key.startswith(_ESCAPE) else key


def split_attributes(attributes: JsonObject) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
    """Gen-2 attributes as plain fields and custom fields."""
    plain: dict[str, JsonValue] = {}
    custom: dict[str, JsonValue] = {}
    for name, value in attributes.items():
        if name in PLAIN:
            plain[name] = value
        else:
            custom[name.removeprefix(_ESCAPE)] = value
    return plain, custom


# --- out ------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """What of an event goes where."""

    fields: Mapping[str, JsonValue]
    """Ready for the body, without the bag."""
    bag: JsonObject
    """A merge patch, or the whole new set."""
    replaces: bool
    """Whether `bag` is the whole new set."""
    dropped: tuple[str, ...] = ()
    """Names of what can't be said; `status:<word>` where the nearest status was sent instead."""
    given_back: bool = False
    """The event came in by this very API: names and values are the caller's own."""

    @property
    def has_bag(self) -> bool:
        """Whether the bag is spoken of at all."""
        return self.replaces or bool(self.bag)


def plan(
    event: LeadUpdate, generation: Generation, renames: Mapping[str, str], *, send_unmapped: bool
) -> Plan:
    """Lay out an event; `renames` is our field or attribute name -> PollyBot's."""
    if event.origin.dialect == DIALECT and event.origin.operation == OPERATIONS[generation]:
        return _given_back(event, generation)
    fields, bag, dropped = _translated(event, generation, renames)
    replaces = event.attributes.mode == "replace" and send_unmapped
    for name, value in event.attributes.patch.items():
        target = renames.get(name)
        if target is None and not send_unmapped:
            dropped.append(name)
        elif target in PLAIN and generation is Generation.GEN2:
            _place(target, value, generation, fields, dropped, name)
        else:
            bag.setdefault(target or name, value)
    return Plan(fields, bag, replaces, tuple(dropped))


def _given_back(event: LeadUpdate, generation: Generation) -> Plan:
    own_names = FIELDS[generation]
    fields: dict[str, JsonValue] = {}
    for ours, change in event.changes.items():
        own = own_names.get(ours)
        if own is not None and not isinstance(change, Keep):
            fields[own] = _literal(own, change, generation) if isinstance(change, Set) else None
    bag: JsonObject = event.attributes.patch
    if generation is Generation.GEN2:
        plain, bag = split_attributes(bag)
        fields |= plain
    ignored = event.origin.scope.get("ignored")
    if isinstance(ignored, Mapping):
        fields.update(ignored)
    return Plan(fields, bag, event.attributes.mode == "replace", given_back=True)


def _literal(own: str, change: Set, generation: Generation) -> JsonValue:
    """The value as received, but an enumerated word in the letters the vendor documents."""
    if own == "status":
        return STATUS_OUT[generation].get(str(change.value), change.received)
    return str(change.received).upper() if own == "priority" else change.received


def _translated(
    event: LeadUpdate, generation: Generation, renames: Mapping[str, str]
) -> tuple[dict[str, JsonValue], dict[str, JsonValue], list[str]]:
    fields: dict[str, JsonValue] = {}
    bag: dict[str, JsonValue] = {}
    dropped: list[str] = []
    own_names = FIELDS[generation]
    same_dialect = event.origin.dialect == DIALECT
    for ours, change in _joined(event.changes, renames, dropped).items():
        own = renames.get(ours) or own_names.get(ours)
        if isinstance(change, Keep):
            continue
        if own is not None and CANONICAL[generation].get(own) == ours:
            value = None if isinstance(change, Clear) else _said(own, change, same_dialect)
            word = _status_word(value, generation, dropped) if own == "status" else value
            if isinstance(change, Set) and word is None:
                dropped.append(ours)
            else:
                _place(own, word, generation, fields, dropped, ours)
        elif isinstance(change, Set):
            bag[own or bag_name(ours)] = change.e164 or change.value
        elif event.attributes.mode == "merge":
            bag[own or bag_name(ours)] = None
    return fields, bag, dropped


def bag_name(ours: str) -> str:
    """The key of a canonical field in the bag."""
    return BAG_NAMES.get(ours) or ours.replace(".", "_")


def _joined(changes: Changes, renames: Mapping[str, str], dropped: list[str]) -> Changes:
    """Given and family name as one; half a name would erase the other half, so is left out."""
    halves = [half for half in ("first_name", "last_name") if half in changes]
    if not halves or any(half in renames for half in halves):
        return changes
    whole = {ours: change for ours, change in changes.items() if ours not in halves}
    if "full_name" in whole:
        return whole
    words = [str(change.value) for half in halves if isinstance(change := changes[half], Set)]
    if len(halves) < 2 or not words or any(isinstance(changes[h], Keep) for h in halves):
        dropped.extend(halves)
        return whole
    return {"full_name": Set(" ".join(words)), **whole}


def _said(own: str, change: Set, same_dialect: bool) -> JsonValue:
    if own == "phone":
        return change.received if same_dialect else change.e164 or change.value
    return priority_word(change.value) if own == "priority" else change.value


def _status_word(value: JsonValue, generation: Generation, dropped: list[str]) -> JsonValue:
    if not isinstance(value, str):
        return None
    word = STATUS_OUT[generation].get(value.lower())
    if word is not None and word.lower() != value.lower():
        dropped.append(f"status:{value.lower()}")
    return word


def _place(
    own: str,
    value: JsonValue,
    generation: Generation,
    fields: dict[str, JsonValue],
    dropped: list[str],
    ours: str,
) -> None:
    """Put a value in its field, or leave it out where the vendor would refuse it."""
    refused = own in NOT_NULL if value is None else RULES[generation][own](value) is not None
    if refused:
        dropped.append(ours)
    else:
        fields[own] = value


def replacing_patch(current: JsonValue, wanted: JsonObject) -> dict[str, JsonValue]:
    """The merge patch that turns `current` into exactly `wanted`."""
    held = current if isinstance(current, Mapping) else {}
    patch: dict[str, JsonValue] = {name: None for name in held if name not in wanted}
    for name, value in wanted.items():
        before = held.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            patch[name] = replacing_patch(before, value)
        else:
            patch[name] = value
    return patch


# --- a lead, shown --------------------------------------------------------------------------


def lead_object(
    generation: Generation, lead_id: str, view: LeadView, known: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """A lead as the vendor shows it: `known` (ids, times) over the view; unknown is null."""
    lead: dict[str, JsonValue] = dict.fromkeys(LEAD_FIELDS[generation])
    lead["id"] = lead_id
    for own, ours in (*CANONICAL[generation].items(), ("source", "source")):
        if own in lead:
            lead[own] = _shown(generation, own, view.get(ours))
    if lead["name"] is None:
        words = (view.get("first_name"), view.get("last_name"))
        lead["name"] = " ".join(word for word in words if isinstance(word, str) and word) or None
    attributes = view.get("attributes")
    if isinstance(attributes, Mapping):
        plain, custom = (
            split_attributes(attributes) if generation is Generation.GEN2 else ({}, attributes)
        )
        lead.update(plain)
        lead[BAGS[generation]] = custom
    lead.update({name: value for name, value in known.items() if name in lead})
    return lead


def _shown(generation: Generation, own: str, value: JsonValue) -> JsonValue:
    if own == "status":
        return _status_word(value, generation, [])
    return priority_word(value) if own == "priority" else value
