"""CloudEvents as their SDK writes them, in HTTP's three modes."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from gateway.dialect import Malformed, Parsed, Refusal, RequestedUpdate
from gateway.edge.native.envelopes import BATCH, STRUCTURED
from gateway.model.changes import Set
from tests.gateway.edge.native.calls import CRM, LEAD, SALE, asked, parse, wrong

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NAMES = {"source": "/crm/é vent", "id": "e 1", "type": "com.example.anything"}
UPDATE = RequestedUpdate(
    CRM, {"disposition": Set("Sale")}, scope={"cloudevent": NAMES}, traceparent=TRACE
)


def event(data: Any = SALE, **attributes: str) -> CloudEvent:
    """An event of the SDK's, with a trace."""
    told = {**NAMES, "specversion": "1.0", "traceparent": TRACE, **attributes}
    return CloudEvent({**told, "datacontenttype": "application/json"}, data)


def sent(message: HTTPMessage) -> Parsed | Refusal:
    """What becomes of an SDK's message."""
    body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
    headers = {name.replace("-", "_"): text for name, text in message.headers.items()}
    media = next(text for name, text in message.headers.items() if name.lower() == "content-type")
    headers = {name: text for name, text in headers.items() if name.lower() != "content_type"}
    return parse(body, media, **headers)


def batched(*events: CloudEvent) -> bytes:
    """A batch: a JSON array of structured events (JSON format, section 4)."""
    return b"[" + b",".join(bytes(to_structured_event(one).body) for one in events) + b"]"


def key_of(parsed: Parsed | Refusal) -> str:
    """By what a repeat is known."""
    assert isinstance(parsed, Parsed), parsed
    assert parsed.key is not None
    return parsed.key


def test_structured() -> None:
    """The data is the body; who sent it stays with the update."""
    parsed = sent(to_structured_event(event()))
    assert isinstance(parsed, Parsed)
    assert parsed.updates == (UPDATE,)


def test_binary() -> None:
    """The same in headers, percent-decoded."""
    parsed = sent(to_binary_event(event()))
    assert isinstance(parsed, Parsed)
    assert parsed.updates == (UPDATE,)


def test_batch() -> None:
    """Each event's own."""
    parsed = parse(batched(event(), event(id="2")), BATCH)
    assert isinstance(parsed, Parsed)
    second = {"cloudevent": {**NAMES, "id": "2"}}
    assert [one.scope for one in parsed.updates] == [UPDATE.scope, second]


def test_data_in_base64() -> None:
    """As bytes travel in the JSON format."""
    parsed = sent(to_structured_event(event(orjson.dumps(SALE))))
    assert isinstance(parsed, Parsed)
    assert parsed.updates == (UPDATE,)


def test_an_event_of_many_updates() -> None:
    """Its data is an array."""
    parsed = sent(to_structured_event(event([SALE, SALE])))
    assert isinstance(parsed, Parsed)
    assert parsed.updates == (UPDATE, UPDATE)


def test_source_and_id_are_the_key() -> None:
    """The same in structured and binary mode, whatever else the event says; of a batch, all."""
    key = key_of(sent(to_structured_event(event())))
    assert key.startswith("cloudevents:")
    assert key_of(sent(to_binary_event(event()))) == key
    assert key_of(sent(to_binary_event(event(type="com.example.other")))) == key
    assert key_of(parse(batched(event()), BATCH)) == key
    others = [event(id="2"), event(source="/2")]
    keys = {key_of(sent(to_structured_event(other))) for other in others}
    keys |= {key_of(parse(batched(event(), other), BATCH)) for other in others}
    assert len(keys | {key}) == 5
    assert isinstance(parse(SALE), Parsed)


@pytest.mark.parametrize(
    ("trace", "kept"),
    [
        (TRACE, TRACE),
        ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", None),
        (TRACE.replace("00-4", "ff-4"), None),
        (TRACE.upper(), None),
        ("nonsense", None),
    ],
)
def test_a_trace_that_cant_be_one_is_passed_over(trace: str, kept: str | None) -> None:
    """W3C: start afresh."""
    envelope = {**NAMES, "specversion": "1.0", "traceparent": trace, "data": SALE}
    assert asked(envelope, STRUCTURED).traceparent == kept


REQUIRED = "is required: every CloudEvent has it"
GOOD = {**NAMES, "specversion": "1.0", "data": SALE}
WRONG: tuple[tuple[str, object, list[tuple[str, str, str]]], ...] = (
    (STRUCTURED, 17, [
        ("", "validation_failed", "should be a CloudEvent: an object"),
        ("", "validation_failed", "should be an object"),
    ]),
    (STRUCTURED, {**GOOD, "id": "", "source": None}, [
        ("/id", "validation_failed", REQUIRED),
        ("/source", "validation_failed", REQUIRED),
    ]),
    (STRUCTURED, {**GOOD, "specversion": "0.3"}, [
        ("/specversion", "validation_failed", "should be 1.0"),
    ]),
    (STRUCTURED, {**GOOD, "datacontenttype": "text/xml"}, [
        ("/datacontenttype", "validation_failed", "should be application/json"),
    ]),
    (STRUCTURED, {**NAMES, "specversion": "1.0"}, [
        ("/data", "validation_failed", "should be an object"),
    ]),
    (STRUCTURED, {**NAMES, "specversion": "1.0", "data_base64": "!"}, [
        ("/data_base64", "validation_failed", "should be JSON in Base64"),
        ("/data_base64", "validation_failed", "should be an object"),
    ]),
    (STRUCTURED, {**GOOD, "data": {"lead": LEAD, "changes": {"note": 1}}}, [
        ("/data/changes/note", "validation_failed", "should be a text"),
    ]),
    (BATCH, [], [("", "batch_too_large", "should be an array of 1 to 100 events")]),
    (BATCH, GOOD, [("", "batch_too_large", "should be an array of 1 to 100 events")]),
    (BATCH, [GOOD, {**GOOD, "data": {"lead": LEAD, "changes": {"note": 1}}}], [
        ("/1/data/changes/note", "validation_failed", "should be a text"),
    ]),
    (BATCH, [{**GOOD, "data": [SALE] * 60}] * 2, [
        ("", "batch_too_large", "should hold at most 100 updates in all"),
    ]),
)  # fmt: skip
"""A media type, a body, and everything that is wrong with it."""


@pytest.mark.parametrize(("media", "body", "faults"), WRONG, ids=map(str, range(len(WRONG))))
def test_what_is_wrong_is_told_by_its_place(
    media: str, body: object, faults: list[tuple[str, str, str]]
) -> None:
    """Pointers go through the envelope."""
    assert wrong(body, media) == faults


def test_a_binary_event_that_is_none() -> None:
    """A header is missing; the pointer names the attribute."""
    assert wrong(SALE, ce_id="1", ce_specversion="1.0", ce_type="t") == [
        ("/source", "validation_failed", REQUIRED)
    ]


def test_a_header_that_is_no_text() -> None:
    """Its bytes are no UTF-8, so it can't be written down."""
    headers = {"ce_id": "\udcff", "ce_source": "/x", "ce_type": "t"}
    assert wrong(SALE, ce_specversion="1.0", **headers) == [
        ("/id", "validation_failed", "should be UTF-8")
    ]


def test_a_quoted_header() -> None:
    """As senders of another binding write them."""
    headers = {"ce_id": '"a \\"b\\" %25"', "ce_source": "/x", "ce_type": "t"}
    scope = asked(SALE, ce_specversion="1.0", **headers).scope
    assert scope == {"cloudevent": {"source": "/x", "id": 'a "b" %', "type": "t"}}


OTHER = (
    "the body is one of application/json, application/cloudevents+json,"
    " application/cloudevents-batch+json"
)


@pytest.mark.parametrize(
    "media",
    ["application/x-www-form-urlencoded", "text/plain", "application/cloudevents+xml", "nonsense",
     "application/cloudevents+avro", "application/cloudevents-other+json"],
)  # fmt: skip
def test_another_media_type(media: str) -> None:
    """Is refused before its body is looked at."""
    assert parse(b"\x00", media) == Malformed(OTHER, media_type=True)


@pytest.mark.parametrize(
    "media",
    ["application/json; charset=utf-8", "Application/JSON", "application/vnd.example+json", None],
)
def test_json_by_other_names(media: str | None) -> None:
    """With parameters, in any case, of a kind, and where nothing is said."""
    assert asked(SALE, media).lead == CRM


def test_half_an_envelope_is_malformed() -> None:
    """As half a body is."""
    packed = b64encode(b"{").decode()
    assert parse(b"{", STRUCTURED) == Malformed("the body is not JSON")
    assert wrong({**NAMES, "specversion": "1.0", "data_base64": packed}, STRUCTURED)[0] == (
        "/data_base64",
        "validation_failed",
        "should be JSON in Base64",
    )
