"""Dialnexa's client: what is sent for an update, and what each reply means."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.connector import (
    Applied,
    Delivery,
    Misconfigured,
    NothingToSend,
    NotLinked,
    Refused,
    Throttled,
    Unavailable,
    Unreachable,
    Verdict,
)
from connectors.dialnexa import wire
from connectors.dialnexa.outbound import DialnexaSettings, connect, judge
from gateway.model.changes import Set
from gateway.model.codes import Code
from gateway.model.event import Attributes
from gateway.model.json import JsonObject
from gateway.settings.model import ConnectorSettings
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)
from tests.connectors.dialnexa.calls import (
    LEAD,
    SEED,
    backend,
    capture,
    connector,
    foreign,
    own,
    patched,
    replied,
    talk,
)
from tests.contracts.vendors import BASE_URL, OUTBOUND

PATH = f"/v1/campaigns-leads/{LEAD}"
HEADERS = (
    ("Authorization", f"Bearer {OUTBOUND}"),
    ("Content-Type", "application/json"),
    ("Accept", "application/json"),
)
NAMED = foreign({"full_name": Set("Priya")})
THERE: dict[str, Any] = {**SEED, "status": "pending"}


def test_the_pages_request_is_sent_as_it_is() -> None:
    """Read, write, read; the key, and no header that the vendor does not know."""
    sent, verdicts = talk(own(capture("update_request")), backend(SEED))
    body = b'{"phone_number":"+919876543211"}'
    assert sent == [
        HttpRequest("GET", BASE_URL + PATH, HEADERS, b"", 30.0),
        HttpRequest("PATCH", BASE_URL + PATH, HEADERS, body, 30.0),
        HttpRequest("GET", BASE_URL + PATH, HEADERS, b"", 30.0),
    ]
    (verdict,) = verdicts
    assert isinstance(verdict, Applied)
    assert verdict.snapshot is not None
    assert verdict.snapshot["phone_number"] == "+919876543211"


def test_a_part_of_the_variables_is_merged_and_sent_whole() -> None:
    """They are replaced, so what is to stay is said again."""
    held: JsonObject = {"product": "home_loan", "old": 1}
    delivery = foreign({"disposition": Set("Sale")}, Attributes("merge", {"old": None}))
    sent, _ = talk(delivery, backend({**SEED, "metadata": held}))
    assert patched(sent) == {"notes": {"product": "home_loan", "disposition": "Sale"}}


def test_without_a_word_about_variables_none_are_sent() -> None:
    """So nobody's are overwritten."""
    sent, _ = talk(foreign({"full_name": Set("P")}), backend(SEED), field_style="both")
    assert patched(sent) == {"name": "P"}


@pytest.mark.parametrize("style", ["camel", "snake", "both"])
def test_each_style_is_understood_by_the_backend(style: str) -> None:
    """Whichever of the two ways the vendor reads."""
    there = backend(SEED)
    changes = {"phones.primary": Set("x", "+61491570156"), "disposition": Set("Sale")}
    _, (verdict,) = talk(foreign(changes), there, field_style=style)
    assert isinstance(verdict, Applied)
    (lead,) = there.leads()
    assert (lead["phone_number"], lead["metadata"]) == (
        "+61491570156",
        {"product": "home_loan", "disposition": "Sale"},
    )


def test_an_id_is_encoded() -> None:
    """It is opaque."""
    sent, _ = talk(foreign({"full_name": Set("P")}, lead_id="a/b ü"), [ConnectFailed("x")])
    assert sent[0].url == BASE_URL + "/v1/campaigns-leads/a%2Fb%20%C3%BC"


def test_a_wrapped_lead_is_read() -> None:
    """As other calls of this vendor have been seen to answer."""
    there = backend({**SEED, "wrapped": True})
    sent, (verdict,) = talk(NAMED, there)
    assert isinstance(verdict, Applied)
    assert verdict.snapshot is not None
    assert (len(sent), verdict.snapshot["name"]) == (3, "Priya")


def test_an_empty_call_of_this_api_is_passed_on() -> None:
    """The vendor answers with the unchanged lead."""
    sent, (verdict,) = talk(own({}), backend(SEED))
    assert (patched(sent), isinstance(verdict, Applied)) == ({}, True)


def test_what_can_not_be_said_is_not_sent() -> None:
    """A number that is none has its own code."""
    assert talk(foreign({"status": Set("new")}), []) == ([], (NothingToSend(("status",)),))
    assert talk(foreign({"phones.primary": Set("12")}), []) == (
        [],
        (NothingToSend(("phones.primary",), Code.PHONE_INVALID),),
    )


def test_variables_without_room_are_not_sent() -> None:
    """Nothing else was asked; with `max_variables: null` the vendor says what it thinks of it."""
    full = backend({**SEED, "metadata": {f"v{number}": 1 for number in range(15)}})
    delivery = foreign({"disposition": Set("Sale")})
    sent, verdicts = talk(delivery, full)
    assert [each.method for each in sent] == ["GET"]
    assert verdicts == (NothingToSend(("disposition",)),)
    _, (verdict,) = talk(delivery, full, max_variables=None)
    assert verdict == Refused(
        Code.VALIDATION_FAILED, "Validation failed: notes must have at most 15 keys", 400
    )


def test_a_lead_without_an_id_here_is_not_linked() -> None:
    """There is no search."""
    assert talk(Delivery(NAMED.event, ()), []) == ([], (NotLinked(),))


# --- what was ignored -----------------------------------------------------------------------


def test_a_field_that_was_ignored_is_a_refusal() -> None:
    """Although the vendor said 200."""
    there = backend({**SEED, "ignores": ["phoneNumber", "countryCode"]})
    changes = {"phones.primary": Set("x", "+61491570156")}
    message = "the vendor answered 200 and left phoneNumber as it was"
    _, verdicts = talk(foreign(changes), there)
    assert verdicts == (Refused(Code.UNKNOWN_ATTRIBUTE, message, 200, {"field": "phoneNumber"}),)
    _, (verdict,) = talk(foreign(changes), there, field_style="snake")
    assert isinstance(verdict, Applied)


def test_without_verify_the_vendors_200_is_the_last_word() -> None:
    """One request less."""
    there = backend({**SEED, "ignores": ["name"]})
    sent, (verdict,) = talk(NAMED, there, verify=False)
    assert ([each.method for each in sent], isinstance(verdict, Applied)) == (
        ["GET", "PATCH"],
        True,
    )


@pytest.mark.parametrize(
    "reply", [HttpResponse(500, {}, b""), AnswerUnknown("x"), replied(b"{}"), replied(b"", 429)]
)
def test_a_second_look_that_fails_takes_nothing_back(reply: HttpReply) -> None:
    """The answer to the write is looked at instead."""
    wrote: dict[str, Any] = {**THERE, "name": "Priya"}
    _, verdicts = talk(NAMED, [replied(THERE), replied(wrote), reply])
    assert verdicts == (Applied(wrote, (), 200),)
    _, (verdict,) = talk(NAMED, [replied(THERE), replied(THERE), reply])
    assert isinstance(verdict, Refused)
    _, verdicts = talk(NAMED, [replied(THERE), replied({"message": "done"}), reply])
    assert verdicts == (Applied(None, (), 200),)


# --- what a reply means ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (AnswerUnknown("reset"), Unavailable("reset")),
        (replied(b"", 500), Unavailable("status 500", 500)),
        (replied({"message": "hello"}), Unavailable("the lead could not be read", 200)),
        (replied(b"", 429), Throttled(None, "", 429)),
        (replied(wire.UNAUTHORIZED, 401), Misconfigured(Code.UNAUTHENTICATED, "Unauthorized", 401)),
    ],
)
def test_a_read_that_fails_ends_the_attempt_and_changed_nothing(
    reply: HttpReply, verdict: Verdict
) -> None:
    """No write follows; a lost answer to a read is not an unknown one."""
    sent, verdicts = talk(NAMED, [reply])
    assert (len(sent), verdicts) == (1, (verdict,))


def failed(status: int, message: Any) -> HttpResponse:
    """An error as page "Errors" has it, whatever the status."""
    return replied({"statusCode": status, "message": message, "error": "x"}, status)


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (ConnectFailed("dns"), Unreachable("dns")),
        (AnswerUnknown("reset"), Unavailable("reset", answer_unknown=True)),
        (replied({"id": "x"}), Applied({"id": "x"}, ("a",), 200)),
        (replied({"message": "done"}), Applied(None, ("a",), 200)),
        (
            replied({"statusCode": 409, "message": "no"}),
            Unavailable("the answer is no success", 200),
        ),
        (replied(b"<html>"), Unavailable("the answer is no success", 200)),
        (failed(400, "bad"), Refused(Code.VALIDATION_FAILED, "bad", 400)),
        (failed(422, "bad"), Refused(Code.VALIDATION_FAILED, "bad", 422)),
        (
            failed(400, ["phone_number must be in E.164 format", "b"]),
            Refused(
                Code.PHONE_INVALID,
                "phone_number must be in E.164 format; b",
                400,
                {"messages": ["phone_number must be in E.164 format", "b"]},
            ),
        ),
        (failed(400, "m" * 300), Refused(Code.VALIDATION_FAILED, "m" * 200, 400)),
        (failed(401, "Unauthorized"), Misconfigured(Code.UNAUTHENTICATED, "Unauthorized", 401)),
        (failed(403, "no"), Refused(Code.FORBIDDEN, "no", 403)),
        (failed(404, "no lead"), Refused(Code.LEAD_NOT_FOUND, "no lead", 404)),
        (failed(404, []), Refused(Code.LEAD_NOT_FOUND, "", 404)),
        (failed(410, "gone"), Refused(Code.LEAD_NOT_FOUND, "gone", 410)),
        (
            failed(404, "Cannot PATCH /v1"),
            Misconfigured(Code.VENDOR_ENDPOINT_RETIRED, "Cannot PATCH /v1", 404),
        ),
        (replied(b"<html>", 404), Misconfigured(Code.VENDOR_ENDPOINT_RETIRED, "", 404)),
        (replied(b"<html>", 410), Misconfigured(Code.VENDOR_ENDPOINT_RETIRED, "", 410)),
        (replied(b"<html>", 403), Unavailable("status 403", 403)),
        (replied(b"", 405), Misconfigured(Code.ROUTE_NOT_FOUND, "", 405)),
        (replied(b"", 308), Misconfigured(Code.ROUTE_NOT_FOUND, "", 308)),
        (failed(409, "locked"), Refused(Code.LOCKED, "locked", 409)),
        (replied(b"", 408), Unavailable("status 408", 408)),
        (failed(500, "x"), Unavailable("status 500", 500)),
        (replied(b"", 100), Unavailable("status 100", 100)),
    ],
)
def test_each_reply_has_its_verdict(reply: HttpReply, verdict: Verdict) -> None:
    """Documented errors and everything else."""
    assert judge(reply, ("a",)) == verdict


NOON = "Sun, 22 Nov 2026 12:00:00 GMT"
NOON_UNIX = 1_795_348_800


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": "999999999"}, 3600.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT", "date": NOON}, 30.0),
        ({"x-ratelimit-reset": str(NOON_UNIX + 90), "date": NOON}, 90.0),
        ({"x-ratelimit-reset": str(NOON_UNIX - 90), "date": NOON}, 0.0),
        ({"x-ratelimit-reset": str(NOON_UNIX + 90)}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_429_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """Moments are counted from the answer's own Date."""
    message = orjson.loads(wire.TOO_MANY_REQUESTS)["message"]
    reply = HttpResponse(429, headers, wire.TOO_MANY_REQUESTS)
    assert judge(reply) == Throttled(seconds, message, 429)


@given(status=st.integers(100, 599), body=st.binary(max_size=20))
def test_every_reply_has_a_verdict(status: int, body: bytes) -> None:
    """Nothing an HTTP server says is an exception."""
    judge(HttpResponse(status, {}, body))


# --- settings -------------------------------------------------------------------------------


def test_the_defaults_of_a_connector() -> None:
    """No limits: the vendor publishes no numbers."""
    made = connector()
    assert (made.limits, made.throttle_wait, made.batch_size) == ((), 5.0, 1)
    assert (made.reads, made.secrets) == (frozenset(), (OUTBOUND,))
    settings = DialnexaSettings(base_url="https://api.dialnexa.com", token="key:secret")
    assert (settings.field_style, settings.verify, settings.on_locked, settings.max_variables) == (
        "camel", True, "reject", 15,
    )  # fmt: skip
    assert "secret" not in repr(settings)


def test_another_vendors_settings_are_refused() -> None:
    """When the connector is made."""
    with pytest.raises(TypeError):
        connect("nexa", ConnectorSettings(vendor="x"), {})
