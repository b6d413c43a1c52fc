"""PollyBot's answers to calls that were accepted, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import orjson
import pytest

from connectors.pollybot.inbound import PollyBotDialect
from gateway.dialect import (
    Accepted,
    Answer,
    Answering,
    Call,
    Caller,
    Parsed,
    QuotaState,
    RequestedUpdate,
    Settled,
    UpdateResult,
)
from gateway.model.codes import Code
from gateway.model.json import JsonObject, JsonValue
from gateway.model.outcome import Kind, Outcome

Asked = Callable[[Call, bytes], RequestedUpdate]
EVENT_ID = "0193503c-79a0-7000-8000-000000000001"
REQUEST_ID = ("requestId", "req_0193503c79a070008000000000000001")
QUOTA = QuotaState(limit=1000, remaining=987, used=13, reset_at=1_700_000_000.2, per=3600.0)
RATES = (
    ("X-RateLimit-Limit", "1000"),
    ("X-RateLimit-Remaining", "987"),
    ("X-RateLimit-Reset", "1700000001"),
    ("X-RateLimit-Used", "13"),
)


class Answers(Protocol):
    def __call__(
        self,
        call: Call,
        body: bytes,
        result: UpdateResult,
        view: Mapping[str, JsonValue] = ...,
        quota: QuotaState | None = ...,
    ) -> Answer: ...


@pytest.fixture
def answers(dialect: PollyBotDialect, caller: Caller) -> Answers:
    """The answer to a call that is accepted, at a fixed time."""

    def answer(
        call: Call,
        body: bytes,
        result: UpdateResult,
        view: Mapping[str, JsonValue] = {},
        quota: QuotaState | None = None,
    ) -> Answer:
        parsed = dialect.parse(call, body, caller)
        assert isinstance(parsed, Parsed)
        return dialect.answer(
            Answering(call, caller, parsed, (result,), (view,), quota, 1_700_000_000.5)
        )

    return answer


def settled(
    code: Code = Code.OK,
    kind: Kind = Kind.REJECTED,
    message: str = "",
    details: JsonObject | None = None,
    snapshot: Mapping[str, object] | None = None,
) -> Settled:
    """The authority's outcome."""
    outcome = Outcome(
        EVENT_ID,
        "polly",
        kind,
        code,
        "default",
        "ld_1",
        message=message,
        details=details or {},
        snapshot=snapshot,
    )
    return Settled(EVENT_ID, outcome)


def test_the_vendors_lead_is_given_back_byte_for_byte(
    answers: Answers, gen1: Call, capture: Callable[[str], bytes]
) -> None:
    """The page's "Success Response", from the authority's snapshot."""
    sample = orjson.loads(capture("answer_200"))
    sample["data"]["id"] = "lead_1234567890abcdef"
    result = settled(kind=Kind.APPLIED, snapshot=sample["data"])
    assert answers(gen1, capture("example_complete"), result, quota=QUOTA) == Answer(
        200, orjson.dumps(sample), (REQUEST_ID, *RATES)
    )


def test_a_snapshot_shows_the_callers_id(answers: Answers, gen1: Call) -> None:
    """The authority may know the lead by another one."""
    snapshot = {"id": "elsewhere", "name": "Jane", "workspaceId": "ws_1"}
    answer = answers(gen1, b'{"name":"Jane"}', settled(kind=Kind.APPLIED, snapshot=snapshot))
    assert orjson.loads(answer.body)["data"]["id"] == "lead_1234567890abcdef"


@pytest.mark.parametrize("snapshot", [None, {"id": "cl_1", "chatbotId": "bot_1"}, {"id": 7}])
def test_without_a_snapshot_of_this_generation_the_last_applied_fields_are_shown(
    answers: Answers, gen1: Call, snapshot: Mapping[str, object] | None
) -> None:
    """Unknown is null; updatedAt is now."""
    view: dict[str, JsonValue] = {"email": "jane@example.com", "attributes": {"notes": "x"}}
    result = settled(kind=Kind.APPLIED, snapshot=snapshot)
    assert answers(gen1, b'{"metadata":{"notes":"x"}}', result, view) == Answer(
        200,
        b'{"success":true,"data":{"id":"lead_1234567890abcdef","name":null,'
        b'"email":"jane@example.com","phone":null,"source":null,"status":null,'
        b'"metadata":{"notes":"x"},"createdAt":null,"updatedAt":"2023-11-14T22:13:20.500Z",'
        b'"workspaceId":null}}',
        (REQUEST_ID,),
    )


def test_an_accepted_gen2_call_shows_the_gen2_lead(answers: Answers, gen2: Call) -> None:
    """The chatbot is the path's."""
    view: dict[str, JsonValue] = {"status": "new", "priority": 5}
    answer = answers(gen2, b'{"status":"NEW"}', Accepted(EVENT_ID), view)
    data = orjson.loads(answer.body)["data"]
    assert {name: value for name, value in data.items() if value is not None} == {
        "id": "cl_1",
        "status": "NEW",
        "priority": "URGENT",
        "chatbotId": "bot_1",
        "updatedAt": "2023-11-14T22:13:20.500Z",
    }


def test_p_08_an_empty_gen1_body_is_answered_without_moving_updated_at(
    answers: Answers, gen1: Call
) -> None:
    """A legitimate call that changes nothing."""
    answer = answers(gen1, b"{}", Accepted(EVENT_ID), {"full_name": "Jane"})
    data = orjson.loads(answer.body)["data"]
    assert (answer.status, data["name"], data["updatedAt"]) == (200, "Jane", None)


def test_p_09_phones_are_echoed_as_sent(answers: Answers, gen1: Call) -> None:
    """The view holds the text as received."""
    body = b'{"phone":"+1-555-123-9999"}'
    view: dict[str, JsonValue] = {"phones.primary": "+1-555-123-9999"}
    answer = answers(gen1, body, Accepted(EVENT_ID), view)
    assert orjson.loads(answer.body)["data"]["phone"] == "+1-555-123-9999"


def test_p_10_unknown_fields_are_not_in_the_answer(answers: Answers, gen1: Call) -> None:
    """Accepted and ignored."""
    answer = answers(gen1, b'{"shoe_size":44}', Accepted(EVENT_ID))
    assert (answer.status, b"shoe_size" in answer.body) == (200, False)


def test_p_13_an_answer_has_the_events_request_id(answers: Answers, gen1: Call) -> None:
    """Always, and nothing of it in the body."""
    answer = answers(gen1, b"{}", settled(Code.INTERNAL))
    assert answer.headers == (REQUEST_ID,)
    assert b"requestId" not in answer.body


@pytest.mark.parametrize(
    ("code", "status", "word"),
    [
        (Code.LEAD_NOT_FOUND, 404, "LEAD_NOT_FOUND"),
        (Code.FORBIDDEN, 404, "LEAD_NOT_FOUND"),
        (Code.ROUTE_NOT_FOUND, 404, "NOT_FOUND"),
        (Code.LEAD_ID_MISSING, 404, "NOT_FOUND"),
        (Code.SCOPE_INVALID_ALLOCATION, 404, "NOT_FOUND"),
        (Code.DUPLICATE_EMAIL, 409, "DUPLICATE_EMAIL"),
        (Code.CONFLICT, 409, "CONFLICT"),
        (Code.UNAUTHENTICATED, 401, "INVALID_API_KEY"),
        (Code.RATE_LIMITED, 429, "RATE_LIMIT_EXCEEDED"),
        (Code.TIMEOUT, 500, "INTERNAL_ERROR"),
        (Code.INTERNAL, 500, "INTERNAL_ERROR"),
        (Code.VALIDATION_FAILED, 400, "VALIDATION_ERROR"),
        (Code.PHONE_INVALID, 400, "VALIDATION_ERROR"),
        (Code.DISPOSITION_INVALID, 400, "VALIDATION_ERROR"),
        (Code.CALLBACK_INVALID, 400, "VALIDATION_ERROR"),
        (Code.DNC_BLOCKED, 400, "VALIDATION_ERROR"),
        (Code.LEAD_NOT_LINKED, 400, "VALIDATION_ERROR"),
    ],
)
def test_each_outcome_has_its_status_and_word(
    answers: Answers, gen1: Call, code: Code, status: int, word: str
) -> None:
    """A code that PollyBot has no word for is a validation error."""
    answer = answers(gen1, b'{"status":"new"}', settled(code))
    assert (answer.status, orjson.loads(answer.body)["code"]) == (status, word)


def test_a_missing_lead_is_named_by_the_callers_id(answers: Answers, gen1: Call) -> None:
    """The documented 404."""
    answer = answers(gen1, b'{"status":"new"}', settled(Code.LEAD_NOT_FOUND))
    assert orjson.loads(answer.body)["details"] == {
        "leadId": "lead_1234567890abcdef",
        "message": "No lead found with this ID in your workspace",
    }


@pytest.mark.parametrize(("system", "shown"), [("polly", "lead_another123"), ("lsq", None)])
def test_a_duplicate_email_names_the_other_lead_only_in_the_callers_id_space(
    answers: Answers, gen1: Call, system: str, shown: str | None
) -> None:
    """An id of another vendor means nothing to the caller."""
    details = {"existing_lead_id": "lead_another123", "existing_lead_system": system}
    result = settled(Code.DUPLICATE_EMAIL, details=details)
    answer = answers(gen1, b'{"email":"existing@example.com"}', result)
    assert orjson.loads(answer.body)["details"] == {
        "email": "existing@example.com",
        "existingLeadId": shown,
        "message": "A different lead with this email already exists in your workspace",
    }


def test_a_refusal_of_another_vendor_is_told_in_the_callers_field_names(
    answers: Answers, gen1: Call
) -> None:
    """A canonical field by the caller's name for it; our code in the message."""
    phone = settled(
        Code.PHONE_INVALID,
        message="Too few digits",
        details={"field": "phones.primary", "value": "5550100"},
    )
    answer = answers(gen1, b'{"phone":"5550100"}', phone)
    assert orjson.loads(answer.body)["details"] == {
        "field": "phone",
        "value": "5550100",
        "message": "Too few digits (phone_invalid)",
    }
    answer = answers(gen1, b'{"phone":"5550100"}', settled(Code.DNC_BLOCKED))
    assert orjson.loads(answer.body)["details"] == {
        "field": "",
        "value": None,
        "message": "The update was not applied (dnc_blocked)",
    }
