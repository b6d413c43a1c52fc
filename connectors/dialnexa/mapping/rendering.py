"""What of a canonical event is said to Dialnexa, and in which field.

`plan` lays an event out; `variables` makes the whole new set of them, because they are replaced
whole; `ignored` finds what a vendor that said 200 did not do; `enrolment` makes the body that
enrols a corrected copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from connectors.dialnexa import wire
from connectors.dialnexa.mapping.showing import note_of, variables_of
from connectors.dialnexa.mapping.tables import DIALECT, HOLDERS, OPERATION, UNSAYABLE, Style
from gateway.model.changes import Changes, Clear, Keep, Set
from gateway.model.event import LeadUpdate
from gateway.model.json import JsonObject, JsonValue
from gateway.phones import parted


class Plan(NamedTuple):
    """What of an event goes where."""

    fields: Mapping[str, JsonValue]
    """Ready for the body, without the variables."""
    patch: JsonObject
    """Variables: a merge patch, or the whole new set."""
    replaces: bool
    """Whether `patch` is the whole new set."""
    holders: tuple[str, ...]
    """The fields that hold the variables."""
    phone: str | None = None
    """The number in E.164 that the lead is to have."""
    country_code: str | None = None
    """A calling code for the number that the lead has already."""
    dropped: tuple[str, ...] = ()
    """Names of what can't be said."""
    given_back: bool = False
    """The event came in by this very API: names and values are the caller's own."""

    @property
    def has_variables(self) -> bool:
        """Whether the variables are spoken of at all."""
        return self.replaces or bool(self.patch)

    @property
    def says(self) -> bool:
        """Whether there is anything to send; an empty call of this API's own is one, too."""
        return self.given_back or bool(self.fields) or self.has_variables


def plan(
    event: LeadUpdate, style: Style, renames: Mapping[str, str], *, send_unmapped: bool
) -> Plan:
    """Lay out an event; `renames` is our field or attribute name -> the variable's."""
    if event.origin.dialect == DIALECT and event.origin.operation == OPERATION:
        return _given_back(event)
    said = _Said(style)
    for ours, change in _joined(event.changes, renames, said.dropped).items():
        if not isinstance(change, Keep):
            said.change(ours, change, renames.get(ours))
    replaces = event.attributes.mode == "replace" and send_unmapped
    for name, value in event.attributes.patch.items():
        if name not in renames and not send_unmapped:
            said.dropped.append(name)
        else:
            said.variable(name, value, renames.get(name) or name)
    patch = {n: v for n, v in said.patch.items() if v is not None or not replaces}
    phone = said.phone
    return Plan(said.fields, patch, replaces, HOLDERS[style], phone, dropped=tuple(said.dropped))


def _given_back(event: LeadUpdate) -> Plan:
    """As it came. What this API could not have said is not there to be given back."""
    scope = event.origin.scope
    ignored = scope.get("ignored")
    fields = dict(ignored) if isinstance(ignored, Mapping) else {}
    country_code, phone = scope.get("country_code"), None
    for ours, change in event.changes.items():
        value = change.received if isinstance(change, Set) else None
        if ours in {"full_name", "note"} and not isinstance(change, Keep):
            fields["name" if ours == "full_name" else "notes"] = value
        elif ours == "phones.primary" and isinstance(change, Set):
            phone = change.e164
            fields[event.origin.names.get(ours, "phone_number")] = value
            if country_code is not None:
                fields["countryCode"] = country_code
    lone = isinstance(country_code, str) and phone is None
    return Plan(
        fields,
        event.attributes.patch,
        event.attributes.mode == "replace",
        ("notes",) if scope.get("variables") == "notes" else ("metadata",),
        phone,
        str(country_code) if lone else None,
        given_back=True,
    )


class _Said:
    """What of another dialect's event can be said, gathered."""

    __slots__ = ("dropped", "fields", "patch", "phone", "style")

    def __init__(self, style: Style) -> None:
        self.style = style
        self.fields: dict[str, JsonValue] = {}
        self.patch: dict[str, JsonValue] = {}
        self.dropped: list[str] = []
        self.phone: str | None = None

    def change(self, ours: str, change: Set | Clear, renamed: str | None) -> None:
        """A canonical field: its own field, else a variable."""
        value = (change.e164 or change.value) if isinstance(change, Set) else None
        if renamed is None and ours == "full_name":
            self._name(value, cleared=isinstance(change, Clear))
        elif renamed is None and ours == "phones.primary":
            self._phone(value)
        elif renamed is None and ours == "note" and self.style is Style.SNAKE:
            self._note(value)
        elif (renamed is None and ours in UNSAYABLE) or (isinstance(change, Set) and value is None):
            self.dropped.append(ours)
        else:
            self.variable(ours, _joined_words(value), renamed or ours.replace(".", "_"))

    def variable(self, ours: str, value: JsonValue, name: str) -> None:
        """A variable of this name, unless an earlier one has it; null takes it away."""
        if not wire.is_scalar(value):
            self.dropped.append(ours)
        else:
            self.patch.setdefault(name, value)

    def _name(self, value: JsonValue, *, cleared: bool) -> None:
        if cleared or isinstance(value, str):
            self.fields["name"] = value
        else:
            self.dropped.append("full_name")

    def _phone(self, value: JsonValue) -> None:
        if isinstance(value, str) and wire.E164.fullmatch(value):
            self.phone = value
            self.fields.update(phone_fields(value, self.style))
        else:
            self.dropped.append("phones.primary")

    def _note(self, value: JsonValue) -> None:
        # Null would be read as no variables at all.
        if value is None or isinstance(value, str):
            self.fields["notes"] = value or ""
        else:
            self.dropped.append("note")


def _joined_words(value: JsonValue) -> JsonValue:
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return ", ".join(value)
    return value


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


def phone_fields(number: str, style: Style) -> dict[str, JsonValue]:
    """A number in E.164 in the style's fields: `camel` in parts as page "Add a Lead" has them,
    and whole where the parts would not make the same number."""
    fields: dict[str, JsonValue] = {}
    if style is not Style.SNAKE:
        parts = parted(number)
        if parts is not None and wire.composed(*parts) == number:
            fields |= {"phoneNumber": parts[1], "countryCode": parts[0]}
        else:
            fields["phoneNumber"] = number
    if style is not Style.CAMEL:
        fields["phone_number"] = number
    return fields


def recomposed(stored: JsonValue, country_code: str) -> str | None:
    """The number a lead has, with another calling code; None where that makes no number."""
    parts = parted(stored) if isinstance(stored, str) else None
    if parts is None or parts[1].startswith("0"):
        return None
    return wire.composed(country_code, parts[1])


def variables(
    plan: Plan, lead: JsonObject, most: int | None
) -> tuple[dict[str, JsonValue], tuple[str, ...]]:
    """The whole new set, and the names of variables for which there is no room."""
    held = {} if plan.replaces else variables_of(lead)
    gone = {n for n, value in plan.patch.items() if value is None and not plan.replaces}
    wanted = {name: value for name, value in held.items() if name not in gone}
    left_out: list[str] = []
    for name, value in plan.patch.items():
        if name in gone:
            continue
        if most is not None and name not in wanted and len(wanted) >= most:
            left_out.append(name)
        else:
            wanted[name] = value
    return wanted, tuple(left_out)


def has_note(fields: JsonObject) -> bool:
    """Whether the `notes` of a body are a note, and not its variables (again)."""
    if "notes" not in fields or wire.holder_of(fields) == "notes":
        return False
    return fields["notes"] != fields.get("metadata")


def ignored(fields: JsonObject, number: str | None, before: JsonObject, after: JsonObject) -> str:
    """The first field of a body that a lead does not show and that nothing became of; empty where
    there is none. A value that the vendor wrote in a way of its own was taken."""
    holder = wire.holder_of(fields)
    sent: list[tuple[str, str, JsonValue, JsonValue, JsonValue]] = []
    if "name" in fields:
        sent.append(("name", "name", fields["name"], before.get("name"), after.get("name")))
    if number is not None:
        field = "phone_number" if "phone_number" in fields else "phoneNumber"
        old, new = before.get("phone_number"), after.get("phone_number")
        sent.append((field, "phone_number", number, old, new))
    if holder is not None:
        shown = "metadata" if "metadata" in after else "notes"
        old, new = _texts(variables_of(before)), _texts(variables_of(after))
        sent.append((holder, shown, _texts(fields[holder]), old, new))
    if has_note(fields):
        sent.append(("notes", "notes", fields["notes"] or None, note_of(before), note_of(after)))
    for field, shown, wanted, old, new in sent:
        if shown in after and new == old and new != wanted:
            return field
    return ""


def _texts(held: JsonValue) -> JsonObject:
    """Variables without their types: what `5` and `"5"` say in a prompt is the same."""
    return {k: str(v).lower() for k, v in held.items()} if isinstance(held, Mapping) else {}


def enrolment(
    lead: JsonObject, fields: JsonObject, number: str | None, held: JsonObject
) -> dict[str, JsonValue] | None:
    """The body that enrols a corrected copy of a lead (page "Add a Lead"); None where its campaign
    or number is not known."""
    campaign, stored = lead.get("campaign_id"), lead.get("phone_number")
    if number is None and isinstance(stored, str) and wire.E164.fullmatch(stored):
        number = stored
    if not isinstance(campaign, str) or number is None:
        return None
    return {
        "name": fields["name"] if "name" in fields else lead.get("name"),
        **phone_fields(number, Style.CAMEL),
        "campaignId": campaign,
        "notes": held,
    }
