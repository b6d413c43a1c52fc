"""PollyBot's server, played by us: who is let in and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from connectors.pollybot.inbound import PollyBotCredential, PollyBotDialect
from gateway.dialect import (
    Busy,
    Call,
    Caller,
    Fault,
    Invalid,
    KeyReused,
    Malformed,
    MethodNotAllowed,
    OverQuota,
    QuotaState,
    Refusal,
    RequestedUpdate,
    Route,
    TooLarge,
    Unauthenticated,
)
from gateway.model.codes import Code

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


def refused(dialect: PollyBotDialect, call: Call, refusal: Refusal) -> tuple[int, object]:
    """Status and body of a refusal."""
    answer = dialect.refuse(call, refusal, None)
    return answer.status, orjson.loads(answer.body)


# --- who is let in --------------------------------------------------------------------------


def test_p_01_and_p_12_both_paths_are_served_and_patch_is_an_alias(
    dialect: PollyBotDialect,
) -> None:
    """Four routes, two operations."""
    gen2 = "/api/v1/chatbots/{chatbotId}/leads/{id}"
    assert dialect.routes == (
        Route("PUT", "/api/v1/leads/{leadId}", "updateLead"),
        Route("PATCH", "/api/v1/leads/{leadId}", "updateLead"),
        Route("PUT", gen2, "updateChatbotLead"),
        Route("PATCH", gen2, "updateChatbotLead"),
    )


def test_p_12_a_patch_asks_what_a_put_asks(asked: Asked, gen1: Call) -> None:
    """The method changes nothing."""
    body = b'{"status":"contacted"}'
    assert asked(gen1._replace(method="PATCH"), body) == asked(gen1, body)


@pytest.mark.parametrize(
    ("header", "presented"),
    [
        ("Bearer sk-workspace_x", "sk-workspace_x"),
        ("bearer sk-workspace_x", "sk-workspace_x"),
        ("Basic abc", ""),
        ("Bearer ", ""),
        ("sk-workspace_x", ""),
    ],
)
def test_the_key_is_a_bearer_token(
    dialect: PollyBotDialect, gen1: Call, header: str, presented: str
) -> None:
    """A header without one presents nothing that could be right."""
    assert dialect.presented(gen1._replace(headers={"authorization": header})) == presented


def test_a_call_without_the_header_presents_nothing(dialect: PollyBotDialect, gen1: Call) -> None:
    """Which is another 401 than a wrong key."""
    assert dialect.presented(gen1._replace(headers={})) is None


def test_the_secret_is_the_token_and_is_masked_when_shown(dialect: PollyBotDialect) -> None:
    """Settings can be printed."""
    credential = PollyBotCredential(system="polly", token="sk-secret")
    assert dialect.secrets_of(credential) == ("sk-secret",)
    assert "sk-secret" not in repr(credential)


def test_a_credential_has_the_documented_quota() -> None:
    """1,000 calls an hour unless told otherwise."""
    credential = PollyBotCredential(system="polly", token="sk-secret")
    assert credential.quota is not None
    assert (credential.quota.requests, credential.quota.per) == (1000, 3600.0)
    assert PollyBotCredential(system="polly", token="sk-secret", quota=None).quota is None


# --- refusals -------------------------------------------------------------------------------


def test_p_11_each_refusal_has_its_envelope(dialect: PollyBotDialect, gen1: Call) -> None:
    """401, 405, 409, 413, 429 and 500, as documented or in the manner of what is."""

    def envelope(error: str, code: str, **details: str) -> dict[str, object]:
        body: dict[str, object] = {"success": False, "error": error, "code": code}
        return {**body, "details": details} if details else body

    cases: list[tuple[Refusal, int, dict[str, object]]] = [
        (
            Unauthenticated(presented=False),
            401,
            envelope("Missing authorization header", "MISSING_AUTH_HEADER"),
        ),
        (Unauthenticated(presented=True), 401, envelope("Invalid API key", "INVALID_API_KEY")),
        (OverQuota(QUOTA, 5.0), 429, envelope("Rate limit exceeded", "RATE_LIMIT_EXCEEDED")),
        (Busy(1.0, appended=True), 500, envelope("Internal server error", "INTERNAL_ERROR")),
        (
            MethodNotAllowed(("PUT", "PATCH")),
            405,
            envelope("Method not allowed", "METHOD_NOT_ALLOWED"),
        ),
        (
            TooLarge(1024),
            413,
            envelope(
                "Payload too large",
                "PAYLOAD_TOO_LARGE",
                message="Request body must be at most 1024 bytes",
            ),
        ),
        (
            KeyReused(),
            409,
            envelope(
                "Conflict", "CONFLICT", message="This idempotency key was used with another body"
            ),
        ),
    ]
    for refusal, status, body in cases:
        assert refused(dialect, gen1, refusal) == (status, body)


def test_a_malformed_body_is_a_validation_error(
    dialect: PollyBotDialect, gen1: Call, caller: Caller
) -> None:
    """In the shape of the documented 400."""
    refusal = dialect.parse(gen1, b"{", caller)
    assert refusal == Malformed("Request body is not valid JSON")
    assert refused(dialect, gen1, refusal) == (
        400,
        {
            "success": False,
            "error": "Validation failed",
            "code": "VALIDATION_ERROR",
            "details": {
                "field": "body",
                "value": None,
                "message": "Request body is not valid JSON",
            },
        },
    )


def test_p_02_gen1_refuses_a_status_by_the_pages_very_bytes(
    dialect: PollyBotDialect, gen1: Call, caller: Caller, capture: Callable[[str], bytes]
) -> None:
    """The page's "Error Scenarios"."""
    refusal = dialect.parse(gen1, b'{"status":"invalid_status"}', caller)
    assert isinstance(refusal, Invalid)
    answer = dialect.refuse(gen1, refusal, None)
    sample = orjson.dumps(orjson.loads(capture("answer_400_status")))
    assert (answer.status, answer.body) == (400, sample)


@pytest.mark.parametrize(
    ("call", "status", "listed"),
    [
        ("gen1", "NEGOTIATING", "new, contacted, qualified, converted, lost, follow_up"),
        (
            "gen2",
            "follow_up",
            "NEW, CONTACTED, QUALIFIED, NEGOTIATING, CONVERTED, LOST, UNRESPONSIVE",
        ),
    ],
)
def test_p_02_a_status_of_the_other_generation_is_refused_naming_the_routes_own_list(
    dialect: PollyBotDialect,
    caller: Caller,
    request: pytest.FixtureRequest,
    call: str,
    status: str,
    listed: str,
) -> None:
    """follow_up and UNRESPONSIVE are not the same."""
    body = orjson.dumps({"status": status})
    assert dialect.parse(request.getfixturevalue(call), body, caller) == Invalid(
        (Fault(Code.VALIDATION_FAILED, "status", status, f"Status must be one of: {listed}"),)
    )


def test_the_first_fault_is_told_and_all_are_known(
    dialect: PollyBotDialect, gen1: Call, caller: Caller
) -> None:
    """One `details` object names one field."""
    refusal = dialect.parse(gen1, b'{"phone":"12","email":null}', caller)
    phone_message = "Phone must be 7 to 20 digits, spaces or + - ( ) ."
    assert refusal == Invalid(
        (
            Fault(Code.PHONE_INVALID, "phone", "12", phone_message),
            Fault(Code.VALIDATION_FAILED, "email", None, "Email cannot be null"),
        )
    )
    assert isinstance(refusal, Invalid)
    answer = orjson.loads(dialect.refuse(gen1, refusal, None).body)
    assert answer["details"] == {"field": "phone", "value": "12", "message": phone_message}


def test_p_08_an_empty_gen2_body_is_refused(
    dialect: PollyBotDialect, gen2: Call, caller: Caller
) -> None:
    """Gen-2 asks for at least one field."""
    assert isinstance(dialect.parse(gen2, b"{}", caller), Invalid)


@pytest.mark.parametrize(
    ("refusal", "extra"),
    [
        (Unauthenticated(presented=False), ()),
        (OverQuota(QUOTA, 12.1), (("Retry-After", "13"),)),
        (Busy(0.0, appended=False), (("Retry-After", "1"),)),
        (MethodNotAllowed(("PUT", "PATCH")), (("Allow", "PUT, PATCH"),)),
    ],
)
def test_the_rate_headers_are_on_every_refusal_with_a_quota(
    dialect: PollyBotDialect,
    gen1: Call,
    refusal: Refusal,
    extra: tuple[tuple[str, str], ...],
) -> None:
    """Whatever went wrong; before the quota is known there are none."""
    assert dialect.refuse(gen1, refusal, QUOTA).headers[1:] == RATES + extra
    over = isinstance(refusal, OverQuota)
    assert dialect.refuse(gen1, refusal, None).headers[1:] == (RATES if over else ()) + extra


def test_p_13_a_refusal_has_a_request_id_of_the_call(dialect: PollyBotDialect, gen1: Call) -> None:
    """Equal calls have equal ids, others do not, and the key is no part of it."""

    def request_id(call: Call) -> str:
        (name, value) = dialect.refuse(call, Malformed("x"), None).headers[0]
        assert name == "requestId"
        return value

    other_key = gen1._replace(headers={"authorization": "Bearer sk-other"})
    assert request_id(gen1).startswith("req_")
    assert request_id(gen1) == request_id(other_key)
    assert request_id(gen1) != request_id(gen1._replace(path="/api/v1/leads/other"))
