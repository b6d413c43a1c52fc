"""PollyBot's lead update as bytes and as a record, for both generations of the API.

    gen1    PUT /api/v1/leads/{leadId}
    gen2    PUT /api/v1/chatbots/{chatbotId}/leads/{id}

Gen-1 is the page "Update Lead" (https://pollybot.app/docs/api-endpoints/leads/update); gen-2 is
what the public activepieces piece `pollybot-ai` calls. A field that is absent, one that is null
and one with a value are three different things, so a record holds exactly the fields sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

import orjson

from gateway.model.json import DEEPEST, JsonObject, JsonValue, nested_too_deep


class Generation(StrEnum):
    """Which of the two APIs."""

    GEN1 = "gen1"
    GEN2 = "gen2"


IMMUTABLE = frozenset({"id", "createdAt", "updatedAt", "workspaceId", "chatbotId"})
"""Never changed by a call ("Unchanged Fields"); ignored where a body names them."""

STATUSES: Mapping[Generation, tuple[str, ...]] = {
    Generation.GEN1: ("new", "contacted", "qualified", "converted", "lost", "follow_up"),
    Generation.GEN2: (
        "NEW",
        "CONTACTED",
        "QUALIFIED",
        "NEGOTIATING",
        "CONVERTED",
        "LOST",
        "UNRESPONSIVE",
    ),
}
"""Status words, in the order in which the vendor's sentence lists them."""

PRIORITIES = ("LOW", "MEDIUM", "HIGH", "URGENT")


class Unreadable(ValueError):
    """A body that is no JSON object."""


@dataclass(frozen=True, slots=True)
class PollyBotUpdate:
    """One update as it stands on the wire."""

    generation: Generation
    lead_id: str
    fields: Mapping[str, JsonValue]
    """What the body says, in its order: null clears, absent is not mentioned."""
    chatbot_id: str = ""
    """Gen-2 only."""


def parse(
    generation: Generation, lead_id: str, body: bytes, chatbot_id: str = ""
) -> PollyBotUpdate:
    """Read a call; no body at all is an empty object. Raises Unreadable."""
    try:
        fields = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as error:
        raise Unreadable("Request body is not valid JSON") from error
    if not isinstance(fields, dict):
        raise Unreadable("Request body must be a JSON object")
    if nested_too_deep(body, fields):
        raise Unreadable(f"Request body is nested deeper than {DEEPEST} levels")
    return PollyBotUpdate(generation, lead_id, fields, chatbot_id)


def path_of(generation: Generation, lead_id: str, chatbot_id: str = "") -> str:
    """The path of a lead, percent-encoded."""
    lead = lead_id if lead_id.isascii() and lead_id.isalnum() else quote(lead_id, safe="")
    if generation is Generation.GEN1:
        return f"/api/v1/leads/{lead}"
    return f"/api/v1/chatbots/{quote(chatbot_id, safe='')}/leads/{lead}"


def render(update: PollyBotUpdate) -> tuple[str, bytes]:
    """Path and body of a call."""
    path = path_of(update.generation, update.lead_id, update.chatbot_id)
    return path, body_of(update.fields)


def body_of(fields: JsonObject) -> bytes:
    """The body of a call."""
    return orjson.dumps(fields)


# --- what the vendor accepts ----------------------------------------------------------------

Check: TypeAlias = Callable[[JsonValue], str | None]
"""A value that is not null to what is wrong with it."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_PHONE = re.compile(r"(?=.*[0-9])[0-9+\-(). ]{7,20}")


def _text(label: str, longest: int | None = None, shortest: int = 0) -> Check:
    def check(value: JsonValue) -> str | None:
        if not isinstance(value, str):
            return f"{label} must be a string"
        if longest is not None and len(value) > longest:
            return f"{label} must be at most {longest} characters"
        return f"{label} must not be empty" if len(value.strip()) < shortest else None

    return check


def _matching(pattern: re.Pattern[str], sentence: str) -> Check:
    def check(value: JsonValue) -> str | None:
        return None if isinstance(value, str) and pattern.fullmatch(value) else sentence

    return check


def _one_of(label: str, words: tuple[str, ...], *, any_case: bool = False) -> Check:
    known = frozenset(word.upper() for word in words) if any_case else frozenset(words)
    sentence = f"{label} must be one of: {', '.join(words)}"

    def check(value: JsonValue) -> str | None:
        if not isinstance(value, str):
            return sentence
        return None if (value.upper() if any_case else value) in known else sentence

    return check


def _object(label: str) -> Check:
    def check(value: JsonValue) -> str | None:
        return None if isinstance(value, dict) else f"{label} must be an object"

    return check


def _words(value: JsonValue) -> str | None:
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return None
    return "Tags must be an array of strings"


_NAME = _text("Name", 100, 1)
_EMAIL_FORM = _matching(_EMAIL, "Email must be a valid email address")
_PHONE_FORM = _matching(_PHONE, "Phone must be 7 to 20 digits, spaces or + - ( ) .")

RULES: Mapping[Generation, Mapping[str, Check]] = {
    Generation.GEN1: {
        "name": _text("Name", shortest=1),
        "email": _EMAIL_FORM,
        "phone": _PHONE_FORM,
        "source": _text("Source"),
        "status": _one_of("Status", STATUSES[Generation.GEN1], any_case=True),
        "metadata": _object("Metadata"),
    },
    Generation.GEN2: {
        "name": _NAME,
        "email": _EMAIL_FORM,
        "phone": _PHONE_FORM,
        "discord": _text("Discord", 50),
        "company": _text("Company", 100),
        "message": _text("Message", 1000),
        "preferredMethod": _one_of("Preferred method", ("email", "phone", "discord")),
        "urgency": _one_of("Urgency", ("low", "medium", "high")),
        "status": _one_of("Status", STATUSES[Generation.GEN2], any_case=True),
        "priority": _one_of("Priority", PRIORITIES, any_case=True),
        "notes": _text("Notes", 2000),
        "customFields": _object("Custom fields"),
        "tags": _words,
    },
}
"""Field -> its check. Gen-1: the page's fields, and its error scenarios name bad email, phone
and status. Gen-2: lengths and enumerations of the activepieces piece. The status sentence of
gen-1 is the page's own; the other sentences are ours, in its manner."""

NOT_NULL: Mapping[str, str] = {"name": "Name cannot be null", "email": "Email cannot be null"}
"""Required when a lead is created, so never cleared."""

NOTHING_GIVEN = "At least one field must be provided"


@dataclass(frozen=True, slots=True)
class Violation:
    """One field the vendor would refuse."""

    field: str
    value: JsonValue
    message: str


def violations(update: PollyBotUpdate) -> list[Violation]:
    """What the vendor would refuse, in the order of the body; unknown fields are no fault."""
    rules = RULES[update.generation]
    found: list[Violation] = []
    known = False
    for name, value in update.fields.items():
        check = rules.get(name)
        if check is None:
            continue
        known = True
        message = NOT_NULL.get(name) if value is None else check(value)
        if message is not None:
            found.append(Violation(name, value, message))
    if not known and update.generation is Generation.GEN2:
        found.append(Violation("body", None, NOTHING_GIVEN))
    return found


# --- answers --------------------------------------------------------------------------------


def success(lead: Mapping[str, object]) -> bytes:
    """The body of a 200."""
    return orjson.dumps({"success": True, "data": lead})


def failure(error: str, code: str, details: JsonObject | None = None) -> bytes:
    """The body of an error, keys in the order of the vendor's samples; `details` may be absent,
    as in the 401 of its authentication page."""
    body: dict[str, object] = {"success": False, "error": error, "code": code}
    if details is not None:
        body["details"] = details
    return orjson.dumps(body)


def validation_failed(violation: Violation) -> bytes:
    """The body of a 400 VALIDATION_ERROR ("Error Scenarios")."""
    return failure(
        "Validation failed",
        "VALIDATION_ERROR",
        {"field": violation.field, "value": violation.value, "message": violation.message},
    )


def lead_not_found(lead_id: str) -> bytes:
    """The body of a 404 (page "Error Handling")."""
    return failure(
        "Lead not found",
        "LEAD_NOT_FOUND",
        {"leadId": lead_id, "message": "No lead found with this ID in your workspace"},
    )


def duplicate_email(email: JsonValue, existing_lead_id: JsonValue) -> bytes:
    """The body of a 409 ("Error Scenarios")."""
    return failure(
        "Email already exists",
        "DUPLICATE_EMAIL",
        {
            "email": email,
            "existingLeadId": existing_lead_id,
            "message": "A different lead with this email already exists in your workspace",
        },
    )


MISSING_AUTH_HEADER = failure("Missing authorization header", "MISSING_AUTH_HEADER")
"""Page "Authentication"."""
INVALID_API_KEY = failure("Invalid API key", "INVALID_API_KEY")
"""Inferred: the vendor's text of this code is not public."""
RATE_LIMIT_EXCEEDED = failure("Rate limit exceeded", "RATE_LIMIT_EXCEEDED")
"""Inferred, as the body of a 429 is not public."""
INTERNAL_ERROR = failure("Internal server error", "INTERNAL_ERROR")
"""Inferred, as the body of a 500 is not public."""
NO_PATH = "NOT_FOUND"
NOT_FOUND = failure("Not found", NO_PATH)
"""Inferred: an unknown path."""
METHOD_NOT_ALLOWED = failure("Method not allowed", "METHOD_NOT_ALLOWED")
"""Inferred: a known path, another method."""


class Reply(NamedTuple):
    """An answer that is a PollyBot envelope."""

    success: bool
    data: JsonObject | None
    error: str
    code: str
    details: JsonObject


def is_object(body: bytes) -> bool:
    """Whether an answer is a JSON object: one of the API's, if not of a shape that we know."""
    try:
        return isinstance(orjson.loads(body), dict)
    except orjson.JSONDecodeError:
        return False


def read_reply(body: bytes) -> Reply | None:
    """Read an answer; None for one that is no envelope."""
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("success"), bool):
        return None
    data, details = envelope.get("data"), envelope.get("details")
    error, code = envelope.get("error"), envelope.get("code")
    return Reply(
        envelope["success"],
        data if isinstance(data, dict) else None,
        error if isinstance(error, str) else "",
        code if isinstance(code, str) else "",
        details if isinstance(details, dict) else {},
    )
