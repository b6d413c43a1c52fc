"""Our sender: what is posted, and what is made of the answers."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.delivery.connector import (
    Applied,
    Misconfigured,
    Refused,
    Throttled,
    Unavailable,
    Unreachable,
    Verdict,
)
from connectors.vendor import Payload, PayloadShape
from connectors.webhook import wire
from connectors.webhook.mapping import CLOUD_EVENT
from connectors.webhook.outbound import connecting, judge
from gateway.model.changes import Set
from gateway.model.codec import structured, update_headers, update_value
from gateway.model.codes import Code
from gateway.settings.model import ConnectorSettings
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)
from tests.connectors.webhook.hooks import (
    EVENT,
    NOW,
    OTHER,
    SECRET,
    TENANTS,
    URL,
    VENDOR,
    connector,
    delivery,
    posted,
    settings,
    verdict_on,
)

CLOUDEVENT = (
    b'{"specversion":"1.0","id":"0193503c-79a0-7000-8000-000000000001",'
    b'"type":"io.leadwire.lead.update.requested.v1","source":"/default/noojee",'
    b'"subject":"ld_1","time":"2026-11-22T00:00:00.000Z",'
    b'"datacontenttype":"application/json","partitionkey":"ld_1","tenant":"default",'
    b'"data":{"lead":{"key":"ld_1","ids":[{"system":"noojee-au",'
    b'"scope":{"allocation_id":"38"},"id":"9856"}]},'
    b'"changes":{"full_name":{"op":"set","value":"Jane Smith"},'
    b'"phones.primary":{"op":"set","value":"0383218199","e164":"+61383218199"},'
    b'"phones.secondary":{"op":"keep"},"email":{"op":"clear"},'
    b'"disposition":{"op":"set","value":"Sale"}},'
    b'"attributes":{"mode":"merge","patch":{"Loan":{"a":null}}},'
    b'"triggers":{"post_updated_lead":true,"disposition_actions":true},'
    b'"origin":{"dialect":"noojee","operation":"updateLeadFast","batch":null,'
    b'"scope":{"allocation_id":"38"},"system":"noojee-au","names":{},"hops":0}}}'
)


PLACE = "https://hooks.example.com/leads"


# --- what is posted -------------------------------------------------------------------------


def test_a_url_action_is_a_get_of_what_the_receiver_knows() -> None:
    """Noojee's names, encoded; what it does not know is empty; no body."""
    url = f"{PLACE}?lead=${{njExternalLeadId}}&what=${{njDisposition}}&who=${{Name}}&x=${{nothing}}"
    made = posted(delivery(), url=url, method="GET", payload="noojee")
    filled = f"{PLACE}?lead=9856&what=Sale&who=Jane%20Smith&x="
    headers = wire.signed([wire.signer(SECRET)], EVENT.id, NOW, b"")
    assert made == HttpRequest("GET", filled, headers, b"", 20.0)


@pytest.mark.parametrize("value", ["a&b=c", "a/../b", "ü €", "100%", 'a"b', "a\r\nb: c", "a?b#c"])
def test_nothing_that_is_filled_in_leaves_its_place(value: str) -> None:
    """A value is one part of the path, whatever is in it."""
    told = delivery(changes={"disposition": Set(value)})
    url = f"{PLACE}/${{njDisposition}}/x?y=${{njDisposition}}"
    found = urlsplit(posted(told, url=url, payload="noojee").url)
    parts = [unquote(part) for part in found.path.split("/")]
    assert (parts, parse_qsl(found.query)) == (["", "leads", value, "x"], [("y", value)])
    assert (found.hostname, found.fragment) == ("hooks.example.com", "")


@pytest.mark.parametrize("url", ["https://${njLeadId}/x", "https://a.${x}.example.com", "${url}"])
def test_no_host_is_filled_in(url: str) -> None:
    """Callers' words must not choose who is called."""
    with pytest.raises(ValidationError):
        settings(url=url)


def test_an_update_is_one_signed_post_of_a_cloudevent() -> None:
    """To the whole URL, to the byte; who else gets it is not told."""
    headers = (
        ("Content-Type", "application/cloudevents+json"),
        *wire.signed([wire.signer(SECRET)], EVENT.id, NOW, CLOUDEVENT),
    )
    assert posted(delivery()) == HttpRequest("POST", URL, headers, CLOUDEVENT, 20.0)


def test_the_event_is_as_in_the_log_but_for_what_is_ours() -> None:
    """Envelope, extensions and data."""
    traced = replace(EVENT, traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    logged = structured(update_headers(traced), update_value(traced))
    ours = {"connectors", "authority", "followers", "replyto"}
    assert ours <= logged.keys()
    expected = {name: value for name, value in logged.items() if name not in ours}
    sent = posted(delivery(traceparent=traced.traceparent))
    assert orjson.loads(sent.body) == expected


def test_a_repeat_has_the_same_id_and_a_time_of_its_own() -> None:
    """So that a receiver can tell it, and takes it."""
    first, later = (dict(posted(delivery(now)).headers) for now in (NOW, NOW + 3600))
    assert first[wire.ID] == later[wire.ID] == EVENT.id
    assert (first[wire.TIMESTAMP], later[wire.TIMESTAMP]) == ("1795348800", "1795352400")
    assert first[wire.SIGNATURE] != later[wire.SIGNATURE]


def test_a_list_of_secrets_signs_with_each() -> None:
    """While one is changed."""
    request = posted(delivery(), secret=[OTHER, SECRET])
    for secret in (OTHER, SECRET):
        assert wire.is_signed([wire.signer(secret)], dict(request.headers), request.body, NOW)
    assert connector(secret=[OTHER, SECRET]).secrets == (OTHER, SECRET)


def test_a_lead_without_ids_is_told_of_as_well() -> None:
    """An endpoint has no id space of its own."""
    assert orjson.loads(posted(delivery(ids=())).body)["data"]["lead"]["ids"] == []


def test_a_vendors_payload_is_posted_in_its_form() -> None:
    """Noojee's, by its name; what it can't say is in the outcome."""
    request = posted(delivery(), payload="noojee", fields={"email": "Mail"})
    assert dict(request.headers)["Content-Type"] == "application/json"
    told = orjson.loads(request.body)
    assert (told["njExternalLeadId"], told["njDisposition"]) == ("9856", "Sale")
    verdict = verdict_on(HttpResponse(204, {}, b""), payload="noojee")
    assert verdict == Applied(None, (), 204)


def test_a_shape_says_what_is_read_and_what_was_left_out() -> None:
    """A connector reads what its shape does."""
    shape = PayloadShape(
        "odd",
        lambda delivery, habits, fields: Payload(
            {"at": delivery.now, "zone": habits.timezone, **fields}, ("note",)
        ),
        reads=frozenset({"status"}),
    )
    made = connecting({"odd": shape})("hook", settings(payload="odd", fields={"a": "b"}), TENANTS)
    assert made.reads == {"status"}
    talk = made.converse([delivery()])
    assert orjson.loads(next(talk).body) == {"at": NOW, "zone": "Australia/Melbourne", "a": "b"}
    with pytest.raises(StopIteration) as end:
        talk.send(HttpResponse(200, {}, b""))
    assert end.value.value == (Applied(None, ("note",), 200),)


# --- verdicts -------------------------------------------------------------------------------


def misfit(code: Code, message: str, status: int) -> tuple[HttpReply, Verdict]:
    """A status that stops the connector; the target's own words are not needed."""
    return HttpResponse(status, {}, b'{"error":"x"}'), Misconfigured(code, message, status)


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (ConnectFailed("refused"), Unreachable("refused")),
        (
            ConnectFailed("cannot connect to x:1: blocked: 10.0.0.1 is not a public address"),
            Misconfigured(
                Code.FORBIDDEN,
                "blocked: 10.0.0.1 is not a public address (egress.allow opens ranges)",
            ),
        ),
        (
            AnswerUnknown("timed out"),
            Unavailable("timed out", answer_unknown=True, code=Code.TIMEOUT),
        ),
        (HttpResponse(200, {}, b"<html>"), Applied(None, ("x",), 200)),
        (HttpResponse(202, {}, b""), Applied(None, ("x",), 202)),
        (HttpResponse(299, {}, b'{"Status":"Error"}'), Applied(None, ("x",), 299)),
        *(
            misfit(Code.ROUTE_NOT_FOUND, "redirects are not followed", status)
            for status in (300, 301, 302, 303, 304, 307, 308)
        ),
        misfit(Code.UNAUTHENTICATED, "the target does not take the signature", 401),
        misfit(Code.FORBIDDEN, "the target forbids it", 403),
        misfit(Code.ROUTE_NOT_FOUND, "there is nothing at url", 404),
        misfit(Code.ROUTE_NOT_FOUND, "the target takes no POST", 405),
        misfit(Code.VENDOR_ENDPOINT_RETIRED, "the target asks to be sent no more", 410),
        (
            HttpResponse(400, {}, b'{"message":"no such lead"}'),
            Refused(Code.VALIDATION_FAILED, "no such lead", 400),
        ),
        (
            HttpResponse(422, {}, orjson.dumps({"error": {"a": 1}, "detail": "d" * 300})),
            Refused(Code.VALIDATION_FAILED, "d" * 200, 422),
        ),
        (HttpResponse(409, {}, b"[]"), Refused(Code.CONFLICT, "status 409", 409)),
        (HttpResponse(418, {}, b"tea"), Refused(Code.VALIDATION_FAILED, "status 418", 418)),
        (HttpResponse(408, {}, b""), Unavailable("status 408", 408)),
        (HttpResponse(425, {}, b""), Unavailable("status 425", 425)),
        (HttpResponse(500, {}, b""), Unavailable("status 500", 500)),
        (HttpResponse(502, {"retry-after": "9"}, b""), Unavailable("status 502", 502)),
        (HttpResponse(503, {"retry-after": "9"}, b""), Unavailable("status 503", 503)),
        (HttpResponse(504, {}, b""), Unavailable("status 504", 504)),
        (HttpResponse(101, {}, b""), Unavailable("status 101", 101)),
    ],
)
def test_each_reply_has_its_verdict(reply: HttpReply, verdict: Verdict) -> None:
    """2xx is a success, and nothing else is."""
    assert judge(reply, CLOUD_EVENT, NOW, ("x",)) == verdict


NOON = "Sun, 22 Nov 2026 12:00:00 GMT"
NOON_UNIX = 1_795_348_800


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": "999999999"}, 3600.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT", "date": NOON}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, 29.25),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_429_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """A moment is counted from the answer's own Date, else from the beginning of the try."""
    reply = HttpResponse(429, headers, b'{"error":"slow down"}')
    assert judge(reply, CLOUD_EVENT, NOON_UNIX + 0.75) == Throttled(seconds, "slow down", 429)


@given(status=st.integers(100, 599), body=st.binary(max_size=20))
def test_every_reply_has_a_verdict(status: int, body: bytes) -> None:
    """Nothing an HTTP server says is an exception, and only 2xx is a success."""
    verdict = judge(HttpResponse(status, {}, body), CLOUD_EVENT, NOW)
    assert isinstance(verdict, Applied) == (200 <= status < 300)


def test_a_shapes_own_failure_inside_a_success_is_refused() -> None:
    """Recorded with the receiver's words, and not tried again; only a 2xx is looked into."""
    shape = PayloadShape(
        "shy", CLOUD_EVENT.render, refusal=lambda body: "no" * 200 if body == b"E" else None
    )
    refused = Refused(Code.VALIDATION_FAILED, "no" * 100, 200)
    assert judge(HttpResponse(200, {}, b"E"), shape, NOW) == refused
    assert judge(HttpResponse(200, {}, b"S"), shape, NOW) == Applied(None, (), 200)
    assert judge(HttpResponse(500, {}, b"E"), shape, NOW) == Unavailable("status 500", 500)


# --- settings -------------------------------------------------------------------------------


def test_the_defaults() -> None:
    """No limits, no batches; a target has 20 s to answer."""
    made, given_ = connector(), settings()
    assert (made.limits, made.throttle_wait) == ((), 5.0)
    assert (made.batch_size, made.reads, made.secrets) == (1, frozenset(), (SECRET,))
    assert (given_.timeout, given_.concurrency, given_.payload) == (20.0, 16, "cloudevent")
    assert VENDOR.guarded


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("secret", "whsec_c2hvcnQ="),
        ("secret", []),
        ("secret", [SECRET, "whsec_c2hvcnQ="]),
        ("secret", 17),
        ("url", "hooks.example.com"),
        ("url", "ftp://hooks.example.com/x"),
        ("url", "https://user@hooks.example.com/x"),
        ("url", "https://hooks.example.com/x#y"),
        ("url", "https://hooks.example.com/a b"),
        ("url", "https://hooks.example.com/é"),
        ("url", "https://hooks.example.com/\n"),
        ("url", "https://2130706433/x"),
        ("url", "https://0x7f.1/x"),
        ("url", "https://0177.0.0.1/x"),
        ("url", "https://127.1/x"),
        ("base_url", "https://hooks.example.com"),
    ],
)
def test_what_cannot_be_used_is_refused_when_settings_are_read(name: str, value: object) -> None:
    """Under the setting's name, without showing it."""
    with pytest.raises(ValidationError) as caught:
        settings(**{name: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {name}
    assert "c2hvcnQ" not in str(caught.value)


def test_secrets_are_masked_when_settings_are_shown() -> None:
    """One, or several."""
    shown = repr([settings(), settings(secret=[SECRET, OTHER])])
    assert SECRET not in shown
    assert OTHER not in shown


def test_another_vendors_settings_are_a_programming_error() -> None:
    """The registry pairs them."""
    with pytest.raises(TypeError):
        VENDOR.connect("x", ConnectorSettings(vendor="x"), {})
