"""What a canonical field may be set to: one reader per kind of value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from gateway.dialect import Caller
from gateway.model.changes import Set
from gateway.model.codes import Code
from gateway.model.json import JsonObject, JsonValue
from gateway.phones import e164
from gateway.settings.problems import nearest

STATUSES = (
    *("new", "contacted", "qualified", "negotiating"),
    *("converted", "lost", "follow_up", "unresponsive"),
)
"""The canonical stages of a lead."""
MOMENT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?$"
)
"""A date and a time; without a zone it is read in the tenant's."""
E164 = r"^[+][1-9][0-9]{6,14}$"
_MOMENT, _E164 = re.compile(MOMENT), re.compile(E164)
_BLANK = "should hold something; null clears the field"


class Wrong(NamedTuple):
    """Why a value can't be taken, as the rest of a sentence about it."""

    message: str
    code: Code = Code.VALIDATION_FAILED


Reader: TypeAlias = Callable[[JsonValue, Caller], "Set | Wrong"]


def _text(value: JsonValue, _: Caller) -> Set | Wrong:
    if not isinstance(value, str):
        return Wrong("should be a text")
    return Set(value) if value.strip() else Wrong(_BLANK)


def _phone(value: JsonValue, caller: Caller) -> Set | Wrong:
    if not isinstance(value, str):
        return Wrong("should be a text", Code.PHONE_INVALID)
    if not any(character.isdecimal() for character in value):
        return Wrong("should hold a phone number", Code.PHONE_INVALID)
    return Set(value, e164(value, caller.region))


def _status(value: JsonValue, _: Caller) -> Set | Wrong:
    if value in STATUSES:
        return Set(value)
    close = nearest(value[:64], STATUSES) if isinstance(value, str) else ""
    return Wrong(f"should be one of {', '.join(STATUSES)}{close}")


def _moment(value: JsonValue, caller: Caller) -> Set | Wrong:
    wrong = Wrong("should be a date and time (RFC 3339)", Code.CALLBACK_INVALID)
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return wrong
    try:
        time = datetime.fromisoformat(value)
        zone = time.tzinfo or ZoneInfo(caller.timezone)
        instant = time.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return wrong
    canonical = instant.isoformat().replace("+00:00", "Z")
    return Set(canonical, raw=None if canonical == value else value)


def _priority(value: JsonValue, _: Caller) -> Set | Wrong:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100:
        return Set(value)
    return Wrong("should be a whole number from 0 to 100")


def _number(value: JsonValue, _: Caller) -> Set | Wrong:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Set(value)
    return Wrong("should be a number")


def _flag(value: JsonValue, _: Caller) -> Set | Wrong:
    return Set(value) if isinstance(value, bool) else Wrong("should be true or false")


def _words(value: JsonValue, _: Caller) -> Set | Wrong:
    if isinstance(value, list) and all(isinstance(word, str) and word.strip() for word in value):
        return Set(value)
    return Wrong("should be an array of texts")


class Kind(NamedTuple):
    """A kind of value."""

    name: str
    """In the published schema."""
    read: Reader
    schema: JsonObject
    """What `read` takes."""


_TEXT: JsonObject = {"type": "string", "pattern": r"\S"}
_SPECIAL: Mapping[str, Kind] = {
    "status": Kind("Status", _status, {"enum": list(STATUSES)}),
    "callback.at": Kind("Moment", _moment, {"type": "string", "pattern": MOMENT}),
    "priority": Kind("Priority", _priority, {"type": "integer", "minimum": 0, "maximum": 100}),
    "score": Kind("Number", _number, {"type": "number"}),
    "do_not_call": Kind("Flag", _flag, {"type": "boolean"}),
    "tags": Kind("Words", _words, {"type": "array", "items": _TEXT}),
}
_PHONE = Kind("Phone", _phone, {"type": "string", "pattern": "[0-9]"})
_PLAIN = Kind("Text", _text, _TEXT)


def kind_of(field: str) -> Kind:
    """The kind of a canonical field's value; null is none."""
    return _PHONE if field.startswith("phones.") else _SPECIAL.get(field, _PLAIN)


def is_e164(value: JsonValue) -> bool:
    """Whether a value is a phone number in E.164."""
    return isinstance(value, str) and bool(_E164.fullmatch(value))
