"""Acme's call and answer as bytes and as records. Pure.

    PUT /crm/people/{id}    {"name": "Jane Smith", "stage": "Customer", "company": null}

Page "Update a person": every value is text, or null to empty the field; what is not named stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson

from gateway.model.json import JsonValue

PATH = "/crm/people/"
KEY_HEADER = "X-API-Key"
STAGES = ("Lead", "Customer", "Lost")

STATUSES: Mapping[str, int] = {
    "OK": 200,
    "BAD_KEY": 401,
    "NO_PERSON": 404,
    "BAD_METHOD": 405,
    "BAD_VALUE": 422,
    "TOO_FAST": 429,
    "DOWN": 503,
}
"""Every result and its HTTP status (page "Results")."""


@dataclass(frozen=True, slots=True)
class AcmeUpdate:
    """One call: whom it is about, and what the body says in its order."""

    person: str
    fields: Mapping[str, str | None] = field(repr=False)


class Unreadable(ValueError):
    """A body that is no JSON object."""


class BadValue(ValueError):
    """A field whose value Acme refuses; its only argument is the field's name."""


def parse(person: str, body: bytes) -> AcmeUpdate:
    """Read a call; raises Unreadable, and BadValue for the first bad field."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unreadable("the body is no JSON") from None
    if not isinstance(fields, dict):
        raise Unreadable("the body is no JSON object")
    for name, value in fields.items():
        if not isinstance(value, str | None) or (name == "stage" and value not in STAGES):
            raise BadValue(name)
    return AcmeUpdate(person, fields)


def render(update: AcmeUpdate) -> tuple[str, bytes]:
    """Path and body of a call."""
    return PATH + quote(update.person, safe=""), orjson.dumps(update.fields)


def result(word: str, about: str = "") -> bytes:
    """The body of an answer; `about` is the field or the thing that is wrong."""
    return orjson.dumps({"result": word, "about": about} if about else {"result": word})


def read_result(body: bytes) -> tuple[str, str] | None:
    """Result and what it is about; None for a body that is not Acme's."""
    try:
        said: JsonValue = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(said, dict) or not isinstance(said.get("result"), str):
        return None
    about = said.get("about")
    return said["result"], about if isinstance(about, str) else ""
