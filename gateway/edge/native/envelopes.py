"""How a body comes: plain JSON, or as CloudEvents 1.0 in one of HTTP's three modes. Pure.

Structured and batch by their media types (CloudEvents 1.0, HTTP protocol binding, section 3),
binary by its `ce-` headers. In each the data is a native body. What kind of event it is (`type`)
is the caller's own; `source` and `id` together name an event once and for all, so they are the
key by which a repeat is known.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import unquote

import orjson

from gateway.dialect import Call, Malformed
from gateway.edge.native.body import MOST_UPDATES
from gateway.edge.native.findings import Findings, inside
from gateway.model.codes import Code
from gateway.model.event import trace_of
from gateway.model.json import JsonObject, JsonValue, nested_too_deep

PLAIN = "application/json"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MEDIA_TYPES = (PLAIN, STRUCTURED, BATCH)
_PREFIX = "ce-"
_REQUIRED = ("specversion", "id", "source", "type")
_OTHER = f"the body is one of {', '.join(MEDIA_TYPES)}"


class Enveloped(NamedTuple):
    """A native body, and what stood around it."""

    body: JsonValue
    place: str
    """Where in the call it stands, as a JSON Pointer."""
    scope: JsonObject
    """The event it came in: `source`, `id` and `type` under `cloudevent`; empty for plain JSON."""
    traceparent: str | None = None
    name: tuple[JsonValue, JsonValue] = (None, None)
    """The event's source and id, which name it once and for all."""


class Unwrapped(NamedTuple):
    """The bodies of a call."""

    bodies: Sequence[Enveloped]
    key: str | None
    """By which a repeat of the call is known; None for plain JSON."""
    many: bool
    """Whether the caller sent a batch, and expects a list."""


def unwrap(call: Call, body: bytes, found: Findings) -> Unwrapped | Malformed:
    """Take a call's envelope off; what is wrong with one goes into `found`."""
    media = call.headers.get("content-type", PLAIN).partition(";")[0].strip().lower()
    attributes = _attributes(call.headers)
    if media in {STRUCTURED, BATCH}:
        told = _json(body)
        if isinstance(told, Malformed):
            return told
        return _batch(told.value, found) if media == BATCH else _structured(told.value, found)
    if not _is_json(media):
        return Malformed(_OTHER, media_type=True)
    told = _json(body)
    if isinstance(told, Malformed):
        return told
    many = isinstance(told.value, list)
    if not attributes:
        return Unwrapped([Enveloped(told.value, "", {})], None, many)
    return _named([_enveloped(attributes, told.value, "", "", found)], found, many=many)


# --- reading ------------------------------------------------------------------------------


class _Read(NamedTuple):
    value: JsonValue


def _is_json(media: str) -> bool:
    return media in {PLAIN, "text/json"} or (
        media.endswith("+json") and not media.startswith("application/cloudevents")
    )


def _json(body: bytes) -> _Read | Malformed:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Malformed("the body is not JSON")
    if nested_too_deep(body, value):
        return Malformed("the body is nested too deep")
    return _Read(value)


def _attributes(headers: Mapping[str, str]) -> dict[str, JsonValue]:
    """The attributes in `ce-` headers (HTTP protocol binding, section 3.1.3.2)."""
    told: dict[str, JsonValue] = {}
    for name, text in headers.items():
        if name[:3].lower() == _PREFIX:
            quoted = len(text) > 1 and text[0] == text[-1] == '"'
            bare = re.sub(r"\\(.)", r"\1", text[1:-1]) if quoted else text
            told[name[3:].lower()] = unquote(bare)
    return told


# --- modes --------------------------------------------------------------------------------


def _batch(value: JsonValue, found: Findings) -> Unwrapped:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_UPDATES:
        text = f"should be an array of 1 to {MOST_UPDATES} events"
        found.add("", text, Code.BATCH_TOO_LARGE)
        return Unwrapped((), None, many=True)
    events = []
    for number, event in enumerate(value):
        events.append(_event(event, inside("", number), found))
        if found.full:
            break
    return _named(events, found, many=True)


def _structured(value: JsonValue, found: Findings) -> Unwrapped:
    event = _event(value, "", found)
    return _named([event], found, many=isinstance(event.body, list))


def _event(value: JsonValue, place: str, found: Findings) -> Enveloped:
    """An event of the JSON format (section 3)."""
    if not isinstance(value, Mapping):
        found.add(place, "should be a CloudEvent: an object")
        return Enveloped(None, place, {})
    media = value.get("datacontenttype")
    if isinstance(media, str) and not _is_json(media.partition(";")[0].strip().lower()):
        found.add(inside(place, "datacontenttype"), f"should be {PLAIN}")
    at = inside(place, "data")
    packed = value.get("data_base64")
    data = value.get("data")
    if isinstance(packed, str) and data is None:
        at = inside(place, "data_base64")
        data = _unpacked(packed, at, found)
    return _enveloped(value, data, at, place, found)


def _unpacked(packed: str, place: str, found: Findings) -> JsonValue:
    try:
        told = _json(b64decode(packed, validate=True))
    except (NotBase64, ValueError):
        told = Malformed("")
    if isinstance(told, _Read):
        return told.value
    found.add(place, "should be JSON in Base64")
    return None


def _enveloped(
    attributes: JsonObject, body: JsonValue, at: str, place: str, found: Findings
) -> Enveloped:
    """A body that stands at `at` in an event at `place`."""
    for name in _REQUIRED:
        text = attributes.get(name)
        if not isinstance(text, str) or not text:
            found.add(inside(place, name), "is required: every CloudEvent has it")
        elif not _is_text(text):
            found.add(inside(place, name), "should be UTF-8")
        elif name == "specversion" and text != "1.0":
            found.add(inside(place, name), "should be 1.0")
    source, id_ = attributes.get("source"), attributes.get("id")
    scope = {"cloudevent": {"source": source, "id": id_, "type": attributes.get("type")}}
    return Enveloped(body, at, scope, trace_of(attributes.get("traceparent")), (source, id_))


def _is_text(text: str) -> bool:
    """Whether it can be written down; bytes of a header that are no UTF-8 come as what can't."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _named(events: Sequence[Enveloped], found: Findings, *, many: bool) -> Unwrapped:
    """The events under one key: that of their sources and ids, in order."""
    if found.faults:
        return Unwrapped(events, None, many)
    digest = blake2b(orjson.dumps([event.name for event in events]), digest_size=16)
    return Unwrapped(events, f"cloudevents:{digest.hexdigest()}", many)
