"""PollyBot's client: what is sent for an update, and what each reply means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.connector import (
    Applied,
    Conversation,
    Delivery,
    Limit,
    Misconfigured,
    NothingToSend,
    NotLinked,
    Refused,
    Throttled,
    Unavailable,
    Unreachable,
    Verdict,
)
from connectors.pollybot import VENDOR, wire
from connectors.pollybot.outbound import PollyBotConnector, PollyBotSettings, connect, judge
from gateway.dialect import Call, RequestedUpdate
from gateway.model.changes import Set
from gateway.model.codes import Code
from gateway.model.event import Attributes, LeadId, LeadUpdate
from gateway.model.json import JsonObject, JsonValue
from gateway.settings.model import ConnectorSettings
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)

Asked = Callable[[Call, bytes], RequestedUpdate]
Held = Callable[[Conversation, Sequence[HttpReply]], tuple[list[HttpRequest], tuple[Verdict, ...]]]
LEAD = LeadId("polly", "lead_1")


class MakesEvents(Protocol):
    def __call__(
        self, update: RequestedUpdate, dialect: str = ..., operation: str = ..., system: str = ...
    ) -> LeadUpdate: ...


def connector(api: str = "gen1", **settings: object) -> PollyBotConnector:
    """A connector named `polly`."""
    given_settings = {"api": api, "chatbot_id": "bot_0", **settings}
    return connect(
        "polly",
        PollyBotSettings.model_validate(
            {"base_url": "https://polly.example.com/", "token": "sk-secret", **given_settings}
        ),
        {},
    )


def ok(lead: JsonObject | None = None) -> HttpResponse:
    """A 200."""
    return HttpResponse(200, {}, wire.success(lead if lead is not None else {"id": "lead_1"}))


def said(request: HttpRequest) -> tuple[str, str, object]:
    """Method, path and body of what was sent."""
    body = orjson.loads(request.body) if request.body else None
    return request.method, request.url.removeprefix("https://polly.example.com"), body


@pytest.fixture
def foreign(event: MakesEvents) -> Callable[..., Delivery]:
    """A delivery of another dialect's event."""

    def make(attributes: Attributes | None = None, **changes: JsonValue) -> Delivery:
        wanted = {name: Set(value) for name, value in changes.items()}
        update = RequestedUpdate(LeadId("crm", "42"), wanted, attributes or Attributes())
        return Delivery(event(update, "native", "postLeadUpdates", "crm"), (LEAD,))

    return make


# --- what is sent ---------------------------------------------------------------------------


def test_gen1_is_one_put_with_the_metadata_patch_as_it_came(
    asked: Asked, gen1: Call, event: MakesEvents, held: Held, capture: Callable[[str], bytes]
) -> None:
    """The page's cURL example in and out."""
    update = asked(gen1, capture("curl"))
    lead: JsonObject = {"id": "lead_1234567890abcdef", "status": "contacted"}
    deliveries = [Delivery(event(update), (update.lead,))]
    sent, verdicts = held(connector().converse(deliveries), [ok(lead)])
    assert sent == [
        HttpRequest(
            "PUT",
            "https://polly.example.com/api/v1/leads/lead_1234567890abcdef",
            (
                ("Authorization", "Bearer sk-secret"),
                ("Content-Type", "application/json"),
                ("Accept", "application/json"),
            ),
            orjson.dumps(orjson.loads(capture("curl"))),
            30.0,
        )
    ]
    assert verdicts == (Applied(lead, (), 200),)


def test_p_03_the_path_is_appended_to_any_host_and_ids_are_encoded(
    foreign: Callable[..., Delivery], held: Held
) -> None:
    """The vendor's page names no host."""
    delivery = Delivery(foreign(note="x").event, (LeadId("polly", "a/b ü"),))
    sent, _ = held(connector("gen2", chatbot_id="bot 1").converse([delivery]), [ok()])
    assert sent[0].url == ("https://polly.example.com/api/v1/chatbots/bot%201/leads/a%2Fb%20%C3%BC")


def test_p_08_an_empty_gen1_call_is_passed_on(
    asked: Asked, gen1: Call, event: MakesEvents, held: Held
) -> None:
    """The vendor answers with the unchanged lead; gen-2 has no such call."""
    delivery = Delivery(event(asked(gen1, b"{}")), (LEAD,))
    sent, _ = held(connector().converse([delivery]), [ok()])
    assert [said(each) for each in sent] == [("PUT", "/api/v1/leads/lead_1", {})]
    assert held(connector("gen2").converse([delivery]), []) == ([], (NothingToSend(()),))


def test_p_04_a_whole_new_set_is_made_of_gen1s_merge(
    foreign: Callable[..., Delivery], held: Held
) -> None:
    """Read, then remove what is not in it; arrays are replaced."""
    delivery = foreign(Attributes("replace", {"a": {"y": 2}, "list": [3]}))
    current: JsonObject = {"metadata": {"a": {"x": 1}, "old": True, "list": [1, 2]}}
    sent, verdicts = held(connector().converse([delivery]), [ok(current), ok()])
    assert [said(each) for each in sent] == [
        ("GET", "/api/v1/leads/lead_1", None),
        (
            "PUT",
            "/api/v1/leads/lead_1",
            {"metadata": {"old": None, "a": {"x": None, "y": 2}, "list": [3]}},
        ),
    ]
    assert verdicts == (Applied({"id": "lead_1"}, (), 200),)


def test_an_empty_set_is_null_for_gen1_and_needs_no_read(
    foreign: Callable[..., Delivery], held: Held
) -> None:
    """The page says "Send null to clear a field"."""
    sent, _ = held(connector().converse([foreign(Attributes("replace", {}))]), [ok()])
    assert [said(each) for each in sent] == [("PUT", "/api/v1/leads/lead_1", {"metadata": None})]


def test_gen2_without_custom_fields_is_one_put(
    foreign: Callable[..., Delivery], held: Held
) -> None:
    """Nothing to merge."""
    sent, _ = held(connector("gen2").converse([foreign(note="x", status="new")]), [ok()])
    assert [said(each) for each in sent] == [
        ("PUT", "/api/v1/chatbots/bot_0/leads/lead_1", {"notes": "x", "status": "NEW"})
    ]


def test_gen2_custom_fields_are_read_merged_and_written(
    foreign: Callable[..., Delivery], held: Held
) -> None:
    """They are replaced whole, so a part is merged here."""
    delivery = foreign(Attributes("merge", {"size": 44, "old": None}), disposition="Sale")
    current: JsonObject = {"customFields": {"old": 1, "kept": 2}}
    sent, _ = held(connector("gen2").converse([delivery]), [ok(current), ok()])
    path = "/api/v1/chatbots/bot_0/leads/lead_1"
    assert [said(each) for each in sent] == [
        ("GET", path, None),
        ("PUT", path, {"customFields": {"kept": 2, "disposition": "Sale", "size": 44}}),
    ]


def test_gen2_whole_custom_fields_are_one_put(
    asked: Asked, gen2: Call, event: MakesEvents, held: Held
) -> None:
    """As the caller said them, to the caller's chatbot."""
    body: dict[str, object] = {"customFields": {"a": None}, "tags": ["vip"], "status": "LOST"}
    update = asked(gen2, orjson.dumps(body))
    made = event(update, operation="updateChatbotLead")
    sent, _ = held(connector("gen2").converse([Delivery(made, (update.lead,))]), [ok()])
    assert [said(each) for each in sent] == [("PUT", "/api/v1/chatbots/bot_1/leads/cl_1", body)]


def test_p_01_the_chatbot_of_another_system_is_not_ours(
    asked: Asked, gen2: Call, event: MakesEvents, held: Held
) -> None:
    """Then the configured one is meant."""
    update = asked(gen2, b'{"notes":"x"}')
    made = event(update, operation="updateChatbotLead", system="another-polly")
    sent, _ = held(connector("gen2").converse([Delivery(made, (LEAD,))]), [ok()])
    assert said(sent[0])[1] == "/api/v1/chatbots/bot_0/leads/lead_1"


@pytest.mark.parametrize(
    ("changes", "dropped", "code"),
    [
        ({"status": "Opportunity"}, ("status",), Code.NOTHING_TO_SEND),
        ({"phones.primary": "12"}, ("phones.primary",), Code.PHONE_INVALID),
    ],
)
def test_what_can_not_be_said_is_not_sent(
    foreign: Callable[..., Delivery],
    held: Held,
    changes: dict[str, JsonValue],
    dropped: tuple[str, ...],
    code: Code,
) -> None:
    """No empty call for a foreign event."""
    told = held(connector().converse([foreign(**changes)]), [])
    assert told == ([], (NothingToSend(dropped, code),))


def test_what_is_left_out_is_told_with_what_is_applied(
    foreign: Callable[..., Delivery], held: Held
) -> None:
    """By name."""
    delivery = foreign(email="nobody", source="web")
    _, verdicts = held(connector().converse([delivery]), [ok()])
    assert verdicts == (Applied({"id": "lead_1"}, ("email",), 200),)


def test_a_lead_without_an_id_here_is_not_linked(
    foreign: Callable[..., Delivery], held: Held
) -> None:
    """PollyBot has no search that would find one lead for sure."""
    delivery = Delivery(foreign(note="x").event, ())
    assert held(connector().converse([delivery]), []) == ([], (NotLinked(),))


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (HttpResponse(404, {}, wire.lead_not_found("lead_1")), Code.LEAD_NOT_FOUND),
        (HttpResponse(500, {}, b""), Unavailable("status 500", 500)),
        (AnswerUnknown("reset"), Unavailable("reset")),
        (
            HttpResponse(200, {}, b'{"success":true}'),
            Unavailable("the lead could not be read", 200),
        ),
    ],
)
def test_a_read_that_fails_ends_the_attempt_and_changed_nothing(
    foreign: Callable[..., Delivery], held: Held, reply: HttpReply, verdict: Verdict | Code
) -> None:
    """No write follows; a lost answer to a read is not an unknown one."""
    delivery = foreign(Attributes("merge", {"size": 44}))
    sent, (found,) = held(connector("gen2").converse([delivery]), [reply])
    assert len(sent) == 1
    assert (found.code if isinstance(found, Refused) else found) == verdict


# --- what a reply means ---------------------------------------------------------------------


def failed(status: int, code: str, **details: JsonValue) -> HttpResponse:
    """An error envelope."""
    return HttpResponse(status, {}, wire.failure("Failed", code, details or None))


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (ConnectFailed("dns"), Unreachable("dns")),
        (AnswerUnknown("reset"), Unavailable("reset", answer_unknown=True)),
        (HttpResponse(200, {}, b'{"success":true}'), Applied(None, ("x",), 200)),
        (failed(200, "X"), Unavailable("the answer is no success", 200)),
        (HttpResponse(200, {}, b"<html>"), Unavailable("the answer is no success", 200)),
        (HttpResponse(204, {}, b""), Unavailable("the answer is no success", 204)),
        (
            failed(401, "INVALID_API_KEY"),
            Misconfigured(Code.UNAUTHENTICATED, "Failed", 401),
        ),
        (failed(403, "FORBIDDEN"), Refused(Code.FORBIDDEN, "Failed", 403)),
        (
            HttpResponse(404, {}, wire.lead_not_found("lead_1")),
            Refused(Code.LEAD_NOT_FOUND, "No lead found with this ID in your workspace", 404),
        ),
        (HttpResponse(404, {}, b"<html>"), Misconfigured(Code.ROUTE_NOT_FOUND, "", 404)),
        (HttpResponse(405, {}, b""), Misconfigured(Code.ROUTE_NOT_FOUND, "", 405)),
        (HttpResponse(308, {}, b""), Misconfigured(Code.ROUTE_NOT_FOUND, "", 308)),
        (
            failed(400, "VALIDATION_ERROR", field="status", value="x" * 300, message="m" * 300),
            Refused(
                Code.VALIDATION_FAILED,
                "m" * 200,
                400,
                {"field": "status", "value": "x" * 200},
            ),
        ),
        (HttpResponse(422, {}, b"{}"), Refused(Code.VALIDATION_FAILED, "", 422)),
        (
            failed(
                409, "DUPLICATE_EMAIL", email="a@example.com", existingLeadId="l2", message="taken"
            ),
            Refused(
                Code.DUPLICATE_EMAIL,
                "taken",
                409,
                {
                    "email": "a@example.com",
                    "existing_lead_id": "l2",
                    "existing_lead_system": "polly",
                },
            ),
        ),
        (failed(409, "CONFLICT"), Refused(Code.CONFLICT, "Failed", 409)),
        (HttpResponse(408, {}, b""), Unavailable("status 408", 408)),
        (failed(500, "INTERNAL_ERROR"), Unavailable("status 500", 500)),
        (HttpResponse(503, {}, b"<html>"), Unavailable("status 503", 503)),
        (HttpResponse(100, {}, b""), Unavailable("status 100", 100)),
    ],
)
def test_each_reply_has_its_verdict(reply: HttpReply, verdict: Verdict) -> None:
    """Documented errors and everything else."""
    assert judge(reply, "polly", ("x",)) == verdict


NOON = "Sun, 22 Nov 2026 12:00:00 GMT"
NOON_UNIX = 1_795_348_800


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": "999999999"}, 3600.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT", "date": NOON}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT", "date": NOON}, 0.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 -0000", "date": NOON}, 30.0),
        ({"x-ratelimit-reset": str(NOON_UNIX + 90), "date": NOON}, 90.0),
        ({"x-ratelimit-reset": str(NOON_UNIX + 90)}, None),
        ({"retry-after": "soon", "date": NOON}, None),
        ({}, None),
    ],
)
def test_429_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """Moments are counted from the answer's own Date; never longer than the window."""
    reply = HttpResponse(429, headers, wire.RATE_LIMIT_EXCEEDED)
    assert judge(reply, "polly") == Throttled(seconds, "Rate limit exceeded", 429)


@given(status=st.integers(100, 599), body=st.binary(max_size=20))
def test_every_reply_has_a_verdict(status: int, body: bytes) -> None:
    """Nothing an HTTP server says is an exception."""
    judge(HttpResponse(status, {}, body), "polly")


# --- settings -------------------------------------------------------------------------------


def test_the_documented_limits_and_wait() -> None:
    """1,000 an hour; a minute after a 429 that says nothing."""
    made = connector()
    assert (made.limits, made.throttle_wait) == ((Limit(1000, 3600.0),), 60.0)
    assert (made.batch_size, made.reads, made.secrets) == (1, frozenset(), ("sk-secret",))


def test_gen2_is_the_default_and_needs_a_chatbot() -> None:
    """Said when the settings are read, not at the first update."""
    base = {"base_url": "https://pollybot.app", "token": "sk-secret"}
    with pytest.raises(ValueError, match="needs a chatbot_id"):
        PollyBotSettings.model_validate(base)
    settings = PollyBotSettings.model_validate({**base, "chatbot_id": "bot_1"})
    assert (settings.api, settings.concurrency) == ("gen2", 16)


def test_the_token_is_masked_when_settings_are_shown() -> None:
    """In every repr."""
    settings = PollyBotSettings(base_url="https://pollybot.app", token="sk-secret", api="gen1")
    assert "sk-secret" not in repr(settings)


def test_another_vendors_settings_are_a_programming_error() -> None:
    """The registry pairs them."""
    with pytest.raises(TypeError):
        VENDOR.connect("x", ConnectorSettings(vendor="x"), {})
