"""Every documented error, provoked by a call and answered in exact status, headers and bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from connectors.dialnexa import wire
from gateway.dialect import (
    Answer,
    Busy,
    Fault,
    Invalid,
    KeyReused,
    MethodNotAllowed,
    OverQuota,
    QuotaState,
    Refusal,
    TooLarge,
    Unauthenticated,
)
from gateway.model.codes import Code
from gateway.model.json import JsonObject
from gateway.model.outcome import Kind
from tests.connectors.dialnexa.calls import (
    DIALECT,
    LEAD,
    SEED,
    backend,
    call,
    exchange,
    outcome_of,
    own,
    replied,
    settled,
    shown,
    talk,
    told,
)
from tests.contracts.vendors import NOW, ended

QUOTA = QuotaState(limit=60, remaining=59, used=1, reset_at=NOW + 2.5, per=60.0)
RATES = (
    ("X-RateLimit-Limit", "60"),
    ("X-RateLimit-Remaining", "59"),
    ("X-RateLimit-Reset", str(int(NOW) + 3)),
)


def error(status: int, message: object, name: str) -> bytes:
    """An error body, written out."""
    return orjson.dumps({"statusCode": status, "message": message, "error": name})


BAD_PHONE = "Validation failed: phone_number must be in E.164 format"
NO_LEAD = "Campaign lead not found"
LOCKED = "Campaign lead has already been dialled and its data is locked"
BLOCKED = "The API key has no permission, or the destination is blocked"


@pytest.mark.parametrize(
    ("body", "state", "status", "message", "name"),
    [
        ({"phone_number": "9876543210"}, {}, 400, BAD_PHONE, "Bad Request"),
        (
            {"phone_number": "9", "metadata": 1},
            {},
            400,
            ["phone_number must be in E.164 format", "metadata must be an object"],
            "Bad Request",
        ),
        (b"{", {}, 400, "Request body is not valid JSON", "Bad Request"),
        ({"name": "x"}, {"blocked": True}, 403, BLOCKED, "Forbidden"),
        ({"name": "x"}, {"id": "lead_other"}, 404, NO_LEAD, "Not Found"),
        ({"name": "x"}, {"status": "removed"}, 404, NO_LEAD, "Not Found"),
        ({"name": "x"}, {"status": "completed"}, 409, LOCKED, "Conflict"),
        ({"name": "x"}, {"status": "in_progress"}, 409, LOCKED, "Conflict"),
        ({"name": "x"}, {"status": "completed", "blocked": True}, 403, BLOCKED, "Forbidden"),
        ({"name": "x"}, {"status": "removed", "blocked": True}, 404, NO_LEAD, "Not Found"),
        ({"name": 7}, {"status": "removed"}, 400, "Validation failed: name must be a string",
         "Bad Request"),
    ],
)  # fmt: skip
def test_what_a_call_and_a_leads_state_provoke(
    body: object, state: JsonObject, status: int, message: object, name: str
) -> None:
    """By our door, our client and a backend in that state: 400, then 404, 403, 409."""
    answer = exchange(body, backend({**SEED, **state}))
    assert answer == Answer(status, error(status, message, name), ())


TOO_MANY = error(
    429, "Too many requests. Please slow down and retry after a moment.", "Too Many Requests"
)


@pytest.mark.parametrize(
    ("refusal", "status", "body", "headers"),
    [
        (Unauthenticated(False), 401, error(401, "Unauthorized", "Unauthorized"), ()),
        (Unauthenticated(True), 401, error(401, "Unauthorized", "Unauthorized"), ()),
        (OverQuota(QUOTA, 2.5), 429, TOO_MANY, (*RATES, ("Retry-After", "3"))),
        (Busy(5.0, appended=True), 429, TOO_MANY, (("Retry-After", "5"),)),
        (Busy(0.0, appended=False), 429, TOO_MANY, (("Retry-After", "1"),)),
        (TooLarge(9), 413, error(413, "request entity too large", "Payload Too Large"), ()),
        (
            MethodNotAllowed(("PATCH",)),
            405,
            error(405, f"Cannot PATCH /v1/campaigns-leads/{LEAD}", "Method Not Allowed"),
            (("Allow", "PATCH"),),
        ),
        (
            KeyReused(),
            422,
            error(
                422, "This idempotency key was used with another body", "Unprocessable Entity"
            ),
            (),
        ),
        (
            Invalid((Fault(Code.VALIDATION_FAILED, "name"),)),
            400,
            error(400, "Validation failed: name is not valid", "Bad Request"),
            (),
        ),
    ],
)  # fmt: skip
def test_what_the_door_refuses(
    refusal: Refusal, status: int, body: bytes, headers: tuple[tuple[str, str], ...]
) -> None:
    """401 and 429 as the pages have them; busy is 429 with a time."""
    assert DIALECT.refuse(call(), refusal, None) == Answer(status, body, headers)


def test_every_refusal_says_the_rate_where_there_is_a_quota() -> None:
    """Page "Rate Limits": every answer."""
    assert DIALECT.refuse(call(), KeyReused(), QUOTA).headers == RATES


INTERNAL = "Internal server error"


@pytest.mark.parametrize(
    ("code", "status", "message", "name"),
    [
        (Code.UNAUTHENTICATED, 401, "Unauthorized", "Unauthorized"),
        (Code.FORBIDDEN, 403, BLOCKED, "Forbidden"),
        (Code.DNC_BLOCKED, 403, BLOCKED, "Forbidden"),
        (Code.LEAD_NOT_FOUND, 404, NO_LEAD, "Not Found"),
        (Code.SCOPE_INVALID_CAMPAIGN, 404, NO_LEAD, "Not Found"),
        (Code.VENDOR_ENDPOINT_RETIRED, 404, f"Cannot PATCH /v1/campaigns-leads/{LEAD}",
         "Not Found"),
        (Code.LOCKED, 409, LOCKED, "Conflict"),
        (Code.CONFLICT, 409, "The lead is being changed by somebody else", "Conflict"),
        (Code.PHONE_INVALID, 400, BAD_PHONE, "Bad Request"),
        (Code.VALIDATION_FAILED, 400, "Validation failed", "Bad Request"),
        (Code.MALFORMED_REQUEST, 400, "Bad Request", "Bad Request"),
        (Code.DISPOSITION_INVALID, 400,
         "Validation failed: The update was not applied (disposition_invalid)", "Bad Request"),
        (Code.LEAD_NOT_LINKED, 400,
         "Validation failed: The update was not applied (lead_not_linked)", "Bad Request"),
        (Code.RATE_LIMITED, 429,
         "Too many requests. Please slow down and retry after a moment.", "Too Many Requests"),
        (Code.TIMEOUT, 500, INTERNAL, "Internal Server Error"),
        (Code.INTERNAL, 500, INTERNAL, "Internal Server Error"),
    ],
)  # fmt: skip
def test_each_outcome_has_its_answer(code: Code, status: int, message: str, name: str) -> None:
    """A code without a cell of its own is a 400 that names it."""
    answer = told(settled(ended(Kind.REJECTED, code)))
    assert answer == Answer(status, error(status, message, name), ())


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Validation failed: phone_number must be in E.164 format"),
        (400, ["name must be a string", "notes must be an object"]),
        (403, "Destination +91 is blocked by workspace Telephony Config"),
        (404, "Lead lead_1 does not exist"),
        (409, "Lead is locked"),
    ],
)
def test_the_vendors_own_words_are_passed_on(status: int, message: Any) -> None:
    """An array stays one."""
    said = wire.failure(status, message)
    _, (verdict,) = talk(own({"name": "x"}), [replied(said, status)])
    answer = told(settled(outcome_of(verdict)))
    assert (answer.status, answer.body) == (status, said)


def test_another_vendors_words_are_passed_on_with_our_code() -> None:
    """Where the code has no cell here."""
    outcome = replace(ended(Kind.REJECTED, Code.DISPOSITION_INVALID), message="INVALID_DISPOSTION")
    _, body = shown(told(settled(outcome)))
    assert body["message"] == "Validation failed: INVALID_DISPOSTION (disposition_invalid)"
