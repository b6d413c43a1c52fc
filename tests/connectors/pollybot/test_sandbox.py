"""PollyBot's backend, faked: it answers by the vendor's pages, and our client gets on with it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

import orjson
import pytest

from connectors.delivery.connector import Applied, Conversation, Delivery, Verdict
from connectors.pollybot import VENDOR, wire
from connectors.pollybot.outbound import PollyBotSettings, connect
from connectors.pollybot.sandbox import backend
from connectors.sandbox.port import Backend, BackendCall
from gateway.dialect import Answer, RequestedUpdate
from gateway.model.changes import Set
from gateway.model.event import Attributes, LeadId, LeadUpdate
from gateway.model.json import JsonObject
from gateway.transport.port import HttpResponse

GEN1 = "/api/v1/leads/lead_1"
GEN2 = "/api/v1/chatbots/bot_1/leads/lead_1"
KEY = "Bearer sk-workspace_" + "x" * 51
NOW = 1_700_000_000.5


def call(
    body: object = None,
    path: str = GEN1,
    method: str = "PUT",
    key: str | None = KEY,
    now: float = NOW,
) -> BackendCall:
    """A call at a fixed time."""
    headers = {} if key is None else {"authorization": key}
    return BackendCall(method, path, (), headers, b"" if body is None else orjson.dumps(body), now)


@pytest.fixture
def polly() -> Backend:
    """A workspace with two leads."""
    made = backend(faithful=False)
    made.seed(
        {
            "id": "lead_1",
            "name": "Jane",
            "email": "jane@example.com",
            "metadata": {"a": 1, "b": [1]},
        }
    )
    made.seed({"id": "lead_2", "name": "John", "email": "John@example.com"})
    return made


def data(answer: Answer) -> dict[str, object]:
    """The lead of a success."""
    assert answer.status == 200
    return cast("dict[str, object]", orjson.loads(answer.body)["data"])


def test_the_vendor_names_this_module() -> None:
    """The host loads it by that name."""
    assert import_module(VENDOR.sandbox).backend is backend


def test_gen1_merges_metadata_and_moves_updated_at(polly: Backend) -> None:
    """RFC 7396: null removes, arrays are replaced; the whole lead in the page's order."""
    answer = polly.handle(
        call(
            {
                "status": "FOLLOW_UP",
                "phone": "+1-555-010-0100",
                "metadata": {"a": None, "b": [2], "c": 3},
            }
        )
    )
    assert (answer.status, answer.body) == (
        200,
        b'{"success":true,"data":{"id":"lead_1","name":"Jane","email":"jane@example.com",'
        b'"phone":"+1-555-010-0100","source":null,"status":"follow_up",'
        b'"metadata":{"b":[2],"c":3},"createdAt":"2024-01-15T10:30:00.000Z",'
        b'"updatedAt":"2023-11-14T22:13:20.500Z","workspaceId":"ws_sandbox"}}',
    )


def test_gen2_replaces_custom_fields_and_tags_in_the_same_store(polly: Backend) -> None:
    """One lead, two generations."""
    polly.handle(
        call(
            {
                "customFields": {"z": 1},
                "tags": ["vip"],
                "status": "NEGOTIATING",
                "priority": "high",
            },
            GEN2,
        )
    )
    shown = data(polly.handle(call(path=GEN2, method="GET")))
    assert (shown["customFields"], shown["tags"], shown["status"], shown["priority"]) == (
        {"z": 1},
        ["vip"],
        "NEGOTIATING",
        "HIGH",
    )
    assert shown["chatbotId"] == "bot_1"
    gen1 = data(polly.handle(call(method="GET")))
    assert (gen1["metadata"], gen1["status"]) == ({"z": 1}, "qualified")


def test_p_06_an_email_of_another_lead_is_taken_in_any_letters(polly: Backend) -> None:
    """409 with the other lead's id; one's own email is no conflict."""
    answer = polly.handle(call({"email": "JOHN@example.com"}))
    assert (answer.status, answer.body) == (409, wire.duplicate_email("JOHN@example.com", "lead_2"))
    assert data(polly.handle(call({"email": "Jane@Example.com"})))["email"] == "Jane@Example.com"


def test_an_email_is_unique_in_a_chatbot_for_gen2() -> None:
    """Another chatbot's lead may have it."""
    made = backend(faithful=False)
    made.seed({"id": "lead_1", "chatbotId": "bot_1"})
    made.seed({"id": "lead_2", "chatbotId": "bot_2", "email": "john@example.com"})
    body = {"email": "john@example.com"}
    assert made.handle(call(body)).status == 409
    assert made.handle(call(body, GEN2)).status == 200


def test_p_08_an_empty_gen1_body_changes_nothing(polly: Backend) -> None:
    """Nor is updatedAt moved; gen-2 refuses it."""
    assert data(polly.handle(call({})))["updatedAt"] == "2024-01-15T10:30:00.000Z"
    assert polly.handle(call({}, GEN2)).status == 400


def test_p_12_patch_is_an_alias(polly: Backend) -> None:
    """As at our own door."""
    assert data(polly.handle(call({"name": "Janet"}, method="PATCH")))["name"] == "Janet"


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        (call(key=None), 401, wire.MISSING_AUTH_HEADER),
        (call(key="Bearer other"), 401, wire.INVALID_API_KEY),
        (call(key="Bearer sk-"), 401, wire.INVALID_API_KEY),
        (call({}, "/api/v1/leads/nobody"), 404, wire.lead_not_found("nobody")),
        (call({}, "/api/v2/leads/lead_1"), 404, wire.NOT_FOUND),
        (call({}, method="DELETE"), 405, wire.METHOD_NOT_ALLOWED),
    ],
)
def test_refusals(polly: Backend, asked: BackendCall, status: int, body: bytes) -> None:
    """By the vendor's pages."""
    answer = polly.handle(asked)
    assert (answer.status, answer.body) == (status, body)


def test_a_broken_rule_is_a_400_and_changes_nothing(polly: Backend) -> None:
    """The same rules as at our own door."""
    before = polly.leads()
    assert polly.handle(call({"name": "Janet", "status": "cold"})).status == 400
    assert polly.handle(call([])).status == 400
    assert polly.leads() == before


def test_a_lead_of_another_chatbot_is_not_found() -> None:
    """A seeded chatbotId binds the lead to it; gen-1 knows no chatbots."""
    made = backend(faithful=False)
    made.seed({"id": "lead_1", "chatbotId": "bot_2"})
    assert made.handle(call({"notes": "x"}, GEN2)).status == 404
    assert made.handle(call({"name": "Jane"})).status == 200


def test_rates_are_on_every_answer_and_held_only_when_faithful() -> None:
    """1,000 in a sliding hour."""
    free, strict = backend(faithful=False), backend(faithful=True)
    for each in (free, strict):
        each.seed({"id": "lead_1"})
        for _ in range(1000):
            assert each.handle(call({})).status == 200
    assert free.handle(call({})).status == 200
    later = strict.handle(call({}, now=NOW + 10))
    assert later == Answer(
        429,
        wire.RATE_LIMIT_EXCEEDED,
        (
            ("X-RateLimit-Limit", "1000"),
            ("X-RateLimit-Remaining", "0"),
            ("X-RateLimit-Reset", "1700003601"),
            ("X-RateLimit-Used", "1000"),
            ("Retry-After", "3591"),
        ),
    )
    assert strict.handle(call({}, now=NOW + 3600)).status == 200


def test_a_faithful_backend_takes_only_keys_of_64_characters() -> None:
    """`sk-workspace_` and 51 more."""
    strict = backend(faithful=True)
    strict.seed({"id": "lead_1"})
    assert strict.handle(call({}, key="Bearer sk-workspace_short")).status == 401
    assert strict.handle(call({})).status == 200


@pytest.mark.parametrize(
    ("lead", "message"),
    [
        ({}, "a lead needs an id"),
        ({"id": "x", "shoe": 1}, "a lead has no shoe"),
        ({"id": "x", "email": "JANE@example.com"}, "the email is lead lead_1's"),
    ],
)
def test_a_lead_that_can_not_be_kept_is_not_seeded(
    polly: Backend, lead: JsonObject, message: str
) -> None:
    """With the reason."""
    with pytest.raises(ValueError) as raised:
        polly.seed(lead)
    assert str(raised.value) == message


def test_a_gen2_lead_is_seeded_in_its_own_fields(polly: Backend) -> None:
    """With customFields and upper-case words; seeding again replaces."""
    polly.seed({"id": "lead_1", "status": "LOST", "customFields": {"z": 1}})
    assert data(polly.handle(call(method="GET")))["metadata"] == {"z": 1}
    assert [lead["status"] for lead in polly.leads()] == ["lost", "new"]


def test_the_lead_of_a_call_is_in_its_path(polly: Backend) -> None:
    """For faults and records of one lead."""
    paths = (GEN1, GEN2, "/api/v1/leads", "/elsewhere")
    assert [polly.lead_of(call(path=path)) for path in paths] == ["lead_1", "lead_1", None, None]


def held(conversation: Conversation, polly: Backend) -> tuple[Verdict, ...]:
    """Let the backend answer to the end."""
    request = next(conversation)
    try:
        while True:
            path = request.url.removeprefix("https://x")
            headers = {name.lower(): value for name, value in request.headers}
            asked = BackendCall(request.method, path, (), headers, request.body, NOW)
            answer = polly.handle(asked)
            request = conversation.send(HttpResponse(answer.status, {}, answer.body))
    except StopIteration as end:
        return cast("tuple[Verdict, ...]", end.value)


@pytest.mark.parametrize(("api", "bag"), [("gen1", "metadata"), ("gen2", "customFields")])
def test_our_client_changes_part_of_the_bag_and_the_rest_stays(
    polly: Backend, event: Callable[..., LeadUpdate], api: str, bag: str
) -> None:
    """The same update by either generation, merged by the vendor or by us."""
    settings = PollyBotSettings.model_validate(
        {"base_url": "https://x", "token": "sk-x", "api": api, "chatbot_id": "bot_1"}
    )
    lead = LeadId("polly", "lead_1")
    changes = {"disposition": Set("Sale"), "phones.primary": Set("0491 570 156", "+61491570156")}
    update = RequestedUpdate(lead, changes, Attributes("merge", {"a": None}))
    made = event(update, "native", "postLeadUpdates")
    (verdict,) = held(connect("polly", settings, {}).converse([Delivery(made, (lead,))]), polly)
    assert isinstance(verdict, Applied)
    assert verdict.snapshot is not None
    assert verdict.snapshot[bag] == {"b": [1], "disposition": "Sale"}
    assert verdict.snapshot["phone"] == "+61491570156"
