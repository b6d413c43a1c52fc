"""What a caller asked of one field. Absent, set, clear and keep are four different things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from gateway.model.json import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class Set:
    """Give the field this value."""

    value: JsonValue
    """The canonical value; for a phone the text as received."""
    e164: str | None = None
    """Phones only: the number in E.164, where it could be read."""
    raw: JsonValue = None
    """The value as received where it differs from the canonical one (a date without a zone,
    a status in the vendor's own letters); None where `value` is what was received."""

    @property
    def received(self) -> JsonValue:
        """The value exactly as the caller sent it."""
        return self.value if self.raw is None else self.raw


@dataclass(frozen=True, slots=True)
class Clear:
    """Make the field empty."""


@dataclass(frozen=True, slots=True)
class Keep:
    """The caller named the field and asked that it stays as it is."""


Change: TypeAlias = Set | Clear | Keep
Changes: TypeAlias = Mapping[str, Change]

CLEAR = Clear()
KEEP = Keep()

FIELDS: Mapping[str, str] = {
    "full_name": "the person's whole name",
    "first_name": "given name",
    "last_name": "family name",
    "email": "e-mail address",
    "phones.primary": "the first phone number",
    "phones.secondary": "the second phone number",
    "company": "organisation",
    "address.line1": "street address",
    "address.line2": "street address, second line",
    "address.city": "city or suburb",
    "address.region": "state or province",
    "address.postal_code": "postal code",
    "address.country": "country",
    "status": "stage: new, contacted, qualified, negotiating, converted, lost, follow_up, "
    "unresponsive",
    "disposition": "the code a call ended with",
    "callback.at": "when to call, RFC 3339 in UTC",
    "priority": "0 to 100, lower is called earlier",
    "contact_hours": "the name of the hours in which the person may be called",
    "do_not_call": "true where the person must not be called",
    "source": "where the lead came from",
    "note": "free text",
    "tags": "list of words",
    "score": "number",
    "owner_id": "who looks after the lead",
}
"""Every canonical field and what its value is. `phones.<word>` is open: any further role."""


def is_field(name: str) -> bool:
    """Whether `name` is a canonical field."""
    return name in FIELDS or (name.startswith("phones.") and len(name) > len("phones."))


def change_to_json(change: Change) -> JsonObject:
    """The form of a change in the canonical event."""
    if isinstance(change, Set):
        body: dict[str, JsonValue] = {"op": "set", "value": change.value}
        if change.e164 is not None:
            body["e164"] = change.e164
        if change.raw is not None:
            body["raw"] = change.raw
        return body
    return {"op": "clear"} if isinstance(change, Clear) else {"op": "keep"}


def change_from_json(body: JsonObject) -> Change:
    """Read a change; raises ValueError for an unknown `op`."""
    op = body.get("op")
    if op == "set":
        e164 = body.get("e164")
        return Set(body.get("value"), e164 if isinstance(e164, str) else None, body.get("raw"))
    if op == "clear":
        return CLEAR
    if op == "keep":
        return KEEP
    raise ValueError(f"a change has op set, clear or keep, not {op!r}")
