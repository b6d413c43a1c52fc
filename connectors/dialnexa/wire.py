"""Dialnexa's campaign lead as bytes and as a record.

    PATCH /v1/campaigns-leads/{id}

The page (https://dialnexa.mintlify.app/api-reference/campaign-leads/update) speaks of the same
fields in two ways: its schema block has `phoneNumber`, `countryCode` and an object `notes`, its
table `phone_number`, `metadata` and free-form `notes`. Both are read. A field that is absent, one
that is null and one with a value are three different things, so a record holds exactly the fields
sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

import orjson

from gateway.model.json import DEEPEST, JsonObject, JsonValue, nested_too_deep

PATH = "/v1/campaigns-leads"
UNVERSIONED_PATH = "/campaigns-leads"
"""The vendor retired it on 2026-07-31."""

READ_ONLY = frozenset({"id", "campaign_id", "status", "call_log_id", "created_at"})
"""Fields of a lead that no call changes; passed over where a body names them."""

PENDING, REMOVED = "pending", "removed"
STATUSES = (PENDING, "in_progress", "completed", "failed", REMOVED)
"""Page "Get Campaign Lead". A lead is changed only while it is pending."""

MOST_VARIABLES = 15
"""Page "Add a Lead": up to 15 key-value pairs."""

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_COUNTRY_CODE = re.compile(r"\+?[1-9][0-9]{0,2}")
_SEPARATORS = str.maketrans("", "", " -().")


class Unreadable(ValueError):
    """A body that is no JSON object."""


@dataclass(frozen=True, slots=True)
class DialnexaUpdate:
    """One update as it stands on the wire."""

    lead_id: str
    fields: Mapping[str, JsonValue]
    """What the body says, in its order: absent is not mentioned."""


def parse(lead_id: str, body: bytes) -> DialnexaUpdate:
    """Read a call; no body at all is an empty object. Raises Unreadable."""
    try:
        fields = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as error:
        raise Unreadable("Request body is not valid JSON") from error
    if not isinstance(fields, dict):
        raise Unreadable("Request body must be a JSON object")
    if nested_too_deep(body, fields):
        raise Unreadable(f"Request body is nested deeper than {DEEPEST} levels")
    return DialnexaUpdate(lead_id, fields)


def path_of(lead_id: str) -> str:
    """The path of a lead, percent-encoded."""
    return f"{PATH}/{quote(lead_id, safe='')}"


def render(update: DialnexaUpdate) -> tuple[str, bytes]:
    """Path and body of a call."""
    return path_of(update.lead_id), body_of(update.fields)


def body_of(fields: JsonObject) -> bytes:
    """The body of a call."""
    return orjson.dumps(fields)


# --- phones ---------------------------------------------------------------------------------


def composed(country_code: str, number: str) -> str | None:
    """E.164 of a national number and its country's calling code, as the page "Add a Lead" joins
    `9876543210` and `+91`; None where they make no number. One leading 0 is the trunk prefix
    (inferred), and a number that is whole already may be given with its code."""
    if _COUNTRY_CODE.fullmatch(country_code) is None:
        return None
    prefix, digits = "+" + country_code.removeprefix("+"), number.translate(_SEPARATORS)
    whole = digits if digits.startswith(prefix) else prefix + digits.removeprefix("0")
    return whole if E164.fullmatch(whole) else None


class Phone(NamedTuple):
    """The number that a body gives."""

    field: str
    """The field that holds it."""
    value: JsonValue
    """The number as it was sent."""
    e164: str | None
    """None where it is none."""


def phone_of(fields: JsonObject) -> Phone | None:
    """The number of a body; None where it gives none. `phone_number` goes before the parts."""
    if "phone_number" in fields:
        value = fields["phone_number"]
        fits = isinstance(value, str) and E164.fullmatch(value) is not None
        return Phone("phone_number", value, str(value) if fits else None)
    if "phoneNumber" not in fields:
        return None
    value, code = fields["phoneNumber"], fields.get("countryCode")
    if not isinstance(value, str):
        return Phone("phoneNumber", value, None)
    if "countryCode" in fields:
        whole = composed(code, value) if isinstance(code, str) else None
        return Phone("phoneNumber", value, whole)
    return Phone("phoneNumber", value, value if E164.fullmatch(value) else None)


def lone_country_code(fields: JsonObject) -> JsonValue:
    """A calling code that is sent without a number; None where there is none."""
    if "phone_number" in fields or "phoneNumber" in fields:
        return None
    return fields.get("countryCode")


# --- variables ------------------------------------------------------------------------------


def holder_of(fields: JsonObject) -> str | None:
    """The field that holds the variables: `metadata`, else `notes` that are no text; None where
    a body does not speak of them."""
    if "metadata" in fields:
        return "metadata"
    return "notes" if not isinstance(fields.get("notes", ""), str) else None


def is_scalar(value: JsonValue) -> bool:
    """Whether a variable can have this value."""
    return value is None or isinstance(value, str | int | float)


# --- what the vendor accepts ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Violation:
    """One field the vendor would refuse."""

    field: str
    value: JsonValue
    message: str


def violations(
    update: DialnexaUpdate, most_variables: int | None = MOST_VARIABLES
) -> list[Violation]:
    """What the vendor would refuse: name, phone, variables, notes. Unknown fields are no fault.
    The sentence about E.164 is the vendor's (page "Errors"), the others are in its manner."""
    fields = update.fields
    return [*_name(fields), *_phone(fields), *_variables(fields, most_variables), *_notes(fields)]


def _name(fields: JsonObject) -> Iterator[Violation]:
    name = fields.get("name")
    if name is not None and not isinstance(name, str):
        yield Violation("name", name, "name must be a string")


def _phone(fields: JsonObject) -> Iterator[Violation]:
    phone = phone_of(fields)
    if phone is None:
        code = fields.get("countryCode", "+1")
        if not isinstance(code, str) or _COUNTRY_CODE.fullmatch(code) is None:
            yield Violation("countryCode", code, "countryCode must be a country calling code")
    elif phone.e164 is None:
        yield Violation(phone.field, phone.value, f"{phone.field} must be in E.164 format")


def _variables(fields: JsonObject, most: int | None) -> Iterator[Violation]:
    holder = holder_of(fields)
    if holder is None:
        return
    held = fields[holder]
    if not isinstance(held, Mapping):
        if held is not None and holder == "metadata":
            yield Violation(holder, held, "metadata must be an object")
        return
    if most is not None and len(held) > most:
        yield Violation(holder, len(held), f"{holder} must have at most {most} keys")
    for name, value in held.items():
        if not is_scalar(value):
            sentence = f"{holder}.{name} must be a string, a number or a boolean"
            yield Violation(f"{holder}.{name}", None, sentence)


def _notes(fields: JsonObject) -> Iterator[Violation]:
    notes = fields.get("notes")
    if notes is not None and not isinstance(notes, str | Mapping):
        yield Violation("notes", None, "notes must be an object or a string")


# --- answers --------------------------------------------------------------------------------

NAMES: Mapping[int, str] = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Payload Too Large",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
}
"""The short names of page "Errors", and HTTP's for 405 and 413."""


def failure(status: int, message: str | Sequence[str]) -> bytes:
    """The body of an error (page "Errors")."""
    return orjson.dumps({"statusCode": status, "message": message, "error": NAMES[status]})


def validation_failed(messages: Sequence[str]) -> bytes:
    """The body of a 400: one fault is a sentence, several are an array (page "Errors")."""
    return failure(400, messages if len(messages) > 1 else f"Validation failed: {messages[0]}")


BAD_PHONE = "Validation failed: phone_number must be in E.164 format"
"""The model of page "Errors", for this endpoint's field."""
NO_LEAD = "Campaign lead not found"
"""Ours: the page says when 404 is answered, not in which words."""
LOCKED = "Campaign lead has already been dialled and its data is locked"
"""Ours, of the page's own words about 409."""
NOT_ALLOWED = "The API key has no permission, or the destination is blocked"
"""Ours, of page "Errors" about 403."""

UNAUTHORIZED = failure(401, "Unauthorized")
"""Page "Authentication"."""
TOO_MANY_REQUESTS = failure(429, "Too many requests. Please slow down and retry after a moment.")
"""Page "Rate Limits"."""
INTERNAL = failure(500, "Internal server error")
"""Inferred: the shape is the page's, the sentence is its framework's."""
REMOVED_ANSWER = orjson.dumps({"message": "Lead removed from campaign."})
"""Page "Remove Campaign Lead"."""


def cannot(method: str, path: str) -> str:
    """The message of a 404 for a path that is not served (inferred: its framework's)."""
    return f"Cannot {method} {path}"


class Reply(NamedTuple):
    """An answer that is a JSON object."""

    status: int | None
    """Its `statusCode`."""
    messages: tuple[str, ...]
    lead: JsonObject | None
    """The lead it shows, bare or in `{"statusCode":200,"data":…}`."""


def read_reply(body: bytes) -> Reply | None:
    """Read an answer; None for one that is no object."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(said, dict) or nested_too_deep(body, said):
        return None
    code, message, data = said.get("statusCode"), said.get("message"), said.get("data")
    status = code if type(code) is int else None
    told = message if isinstance(message, list) else [message]
    messages = tuple(each for each in told if isinstance(each, str))
    lead = data if status is not None and isinstance(data, dict) else said
    shown = isinstance(lead.get("id"), str) and (status is None or status < 400)
    return Reply(status, messages, lead if shown else None)
