"""What the native API says: what was taken, what became of it, why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from gateway.clock import SystemClock
from gateway.dialect import (
    Accepted,
    Answer,
    Answering,
    Busy,
    Call,
    DeliveryReport,
    DeliveryState,
    Fault,
    Invalid,
    KeyReused,
    Malformed,
    MethodNotAllowed,
    OverQuota,
    Parsed,
    QuotaState,
    Refusal,
    Settled,
    StatusOf,
    StatusReport,
    TooLarge,
    Unauthenticated,
    UpdateResult,
)
from gateway.edge.credentials import Credentials, Registered
from gateway.edge.native.preference import wait_of
from gateway.edge.quota import counted_here
from gateway.model.codes import Code
from gateway.model.outcome import Attempt, Kind, Outcome, Result
from gateway.settings.model import QuotaSettings, TenantSettings
from tests.gateway.edge.native.calls import DIALECT, SALE, TOKEN, call, caller, parse

NOW = 1_767_225_600.0
QUOTA = QuotaState(limit=10, remaining=3, used=7, reset_at=NOW + 2.5, per=60.0)
LEFT = (("RateLimit-Policy", '"default";q=10;w=60'), ("RateLimit", '"default";r=3'))


def told(
    body: object, *results: UpdateResult, quota: QuotaState | None = None, **headers: str
) -> Answer:
    """The answer to a call with these results."""
    parsed = parse(body, **headers)
    assert isinstance(parsed, Parsed)
    return DIALECT.answer(Answering(call(**headers), caller(), parsed, results, (), quota, NOW))


def pending(id: str) -> dict[str, str]:
    """What an accepted update is told as."""
    return {"id": id, "status": "pending", "status_url": f"/v1/lead-updates/{id}"}


def test_one_that_is_safe() -> None:
    """202, and where to ask."""
    assert told(SALE, Accepted("e1")) == Answer(
        202, orjson.dumps(pending("e1")), (("Location", "/v1/lead-updates/e1"),)
    )


def test_many_that_are_safe() -> None:
    """A list for an array, also of one."""
    for ids in (("e1",), ("e1", "e2")):
        answer = told([SALE] * len(ids), *map(Accepted, ids))
        assert answer == Answer(202, orjson.dumps([pending(id) for id in ids]))


def rejected() -> Outcome:
    """A vendor's refusal, at the second attempt."""
    attempts = tuple(Attempt(n, "2026-01-01T00:00:00.000Z", 0.1, Result.REFUSED) for n in (1, 2))
    return Outcome(
        "e1", "polly", Kind.REJECTED, Code.DUPLICATE_EMAIL, "default", "ld_1", 1, "taken", 409,
        attempts, ("note",), {"field": "email"}, None, "2026-01-01T00:00:00.000Z",
    )  # fmt: skip


VERDICT = {
    "connector": "polly",
    "kind": "rejected",
    "code": "duplicate_email",
    "message": "taken",
    "vendor_status": 409,
    "attempts": 2,
    "dropped": ["note"],
    "details": {"field": "email"},
    "time": "2026-01-01T00:00:00.000Z",
}


def test_an_outcome_that_was_waited_for() -> None:
    """200 and the authority's verdict, good or bad; what was preferred and followed."""
    expected = {**pending("e1"), "status": "rejected", "outcome": VERDICT}
    settled = Settled("e1", rejected())
    body = orjson.dumps(expected)
    assert told(SALE, settled) == Answer(200, body)
    preferred = (("Preference-Applied", "wait=20"),)
    assert told(SALE, settled, prefer="wait=20") == Answer(200, body, preferred)
    both = orjson.dumps([expected, pending("e2")])
    assert told([SALE, SALE], settled, Accepted("e2")) == Answer(200, both)


def test_what_is_left_of_the_quota() -> None:
    """As the draft has it."""
    assert told(SALE, Accepted("e1"), quota=QUOTA).headers == (
        ("Location", "/v1/lead-updates/e1"),
        ("RateLimit-Policy", '"default";q=10;w=60'),
        ("RateLimit", '"default";r=3;t=3'),
    )


PLAIN: Mapping[str, Any] = {"type": "about:blank"}
FAULTS = (
    Fault(Code.VALIDATION_FAILED, "/changes/note", None, "should be a text"),
    Fault(Code.LEAD_ID_MISSING, "/lead", None, "is required"),
)
SAFE = "no outcome in time; the update is safe and goes on, and the same call again waits for it"
REFUSED: tuple[tuple[Refusal, int, dict[str, Any], tuple[tuple[str, str], ...]], ...] = (
    (Unauthenticated(presented=False), 401,
     {"title": "Unauthorized", "code": "unauthenticated", "detail": "a bearer token is needed"},
     (("WWW-Authenticate", "Bearer"),)),
    (Unauthenticated(presented=True), 401,
     {"title": "Unauthorized", "code": "unauthenticated",
      "detail": "the bearer token is not known"},
     (("WWW-Authenticate", 'Bearer error="invalid_token"'),)),
    (Malformed("the body is not JSON"), 400,
     {"title": "Bad Request", "code": "malformed_request", "detail": "the body is not JSON"}, ()),
    (Malformed("no", media_type=True), 415,
     {"title": "Unsupported Media Type", "code": "unsupported_media_type", "detail": "no"},
     (("Accept-Post", "application/json, application/cloudevents+json,"
       " application/cloudevents-batch+json"),)),
    (TooLarge(1024), 413,
     {"title": "Content Too Large", "code": "too_large",
      "detail": "a body has at most 1024 bytes"}, ()),
    (MethodNotAllowed(("POST",)), 405,
     {"title": "Method Not Allowed", "code": "method_not_allowed",
      "detail": "this path takes POST"}, (("Allow", "POST"),)),
    (Invalid(FAULTS[:1]), 422,
     {"title": "Unprocessable Content", "code": "validation_failed",
      "detail": "/changes/note should be a text",
      "errors": [{"pointer": "/changes/note", "code": "validation_failed",
                  "detail": "should be a text"}]}, ()),
    (Invalid(FAULTS), 422,
     {"title": "Unprocessable Content", "code": "validation_failed",
      "detail": "/changes/note should be a text, and 1 more",
      "errors": [{"pointer": "/changes/note", "code": "validation_failed",
                  "detail": "should be a text"},
                 {"pointer": "/lead", "code": "lead_id_missing", "detail": "is required"}]}, ()),
    (KeyReused(), 422,
     {"title": "Unprocessable Content", "code": "idempotency_key_reused",
      "detail": "the idempotency key was used with another body"}, ()),
    (Busy(2.5, appended=True), 503,
     {"title": "Service Unavailable", "code": "busy", "detail": SAFE}, (("Retry-After", "3"),)),
    (Busy(0.1, appended=False), 503,
     {"title": "Service Unavailable", "code": "busy",
      "detail": "the update could not be taken; try again"}, (("Retry-After", "1"),)),
)  # fmt: skip
"""A refusal, and its status, document and headers."""


@pytest.mark.parametrize(
    ("refusal", "status", "document", "headers"), REFUSED, ids=map(str, range(len(REFUSED)))
)
def test_a_refusal_is_a_problem(
    refusal: Refusal,
    status: int,
    document: dict[str, Any],
    headers: tuple[tuple[str, str], ...],
) -> None:
    """With what is left of the quota, where there is one."""
    expected = {**PLAIN, "status": status, **document}
    for quota, left in ((None, ()), (QUOTA, LEFT)):
        answer = DIALECT.refuse(call(), refusal, quota)
        assert orjson.loads(answer.body) == expected
        assert answer._replace(body=b"") == Answer(
            status, b"", headers + left, "application/problem+json"
        )


def test_over_quota() -> None:
    """When to come back, and the quota."""
    spent = QuotaState(limit=10, remaining=0, used=10, reset_at=NOW + 9, per=60.0)
    answer = DIALECT.refuse(call(), OverQuota(spent, 2.5), None)
    assert orjson.loads(answer.body) == {
        **PLAIN,
        "title": "Too Many Requests",
        "status": 429,
        "detail": "the key may make 10 calls in 60 seconds",
        "code": "rate_limited",
    }
    assert (answer.status, answer.headers) == (
        429,
        (
            ("Retry-After", "3"),
            ("RateLimit-Policy", '"default";q=10;w=60'),
            ("RateLimit", '"default";r=0;t=3'),
        ),
    )


# --- what became of it --------------------------------------------------------------------


def asked(report: StatusReport | None) -> Answer:
    """The answer to a call that asks about `e1`."""
    path = "/v1/lead-updates/e1"
    get = Call("GET", path, "getLeadUpdate", {"id": "e1"}, (), {})
    assert DIALECT.ask(get, caller()) == StatusOf("e1")
    return DIALECT.tell(get, caller(), report, NOW)


def side(state: DeliveryState, connector: str = "polly") -> DeliveryReport:
    """One connector's side."""
    return DeliveryReport(connector, state)


def test_an_unknown_update() -> None:
    """Another tenant's is one too."""
    answer = asked(None)
    assert (answer.status, answer.content_type) == (404, "application/problem+json")
    assert orjson.loads(answer.body) == {
        **PLAIN,
        "title": "Not Found",
        "status": 404,
        "detail": "no update has this id",
        "code": "not_found",
    }


def test_an_update_that_is_not_in_the_ledger_yet() -> None:
    """It was accepted a moment ago."""
    assert orjson.loads(asked(StatusReport("e1", NOW)).body) == {
        **pending("e1"),
        "time": "2026-01-01T00:00:00.000Z",
        "settled": False,
        "authority": None,
        "deliveries": [],
    }


def test_an_update_that_is_under_way() -> None:
    """Its authority has a verdict, another connector tries again in a minute."""
    waiting = DeliveryReport("noojee-au", DeliveryState.WAITING, None, 3, NOW + 60)
    refused = DeliveryReport("polly", DeliveryState.REJECTED, rejected(), 2)
    answer = asked(StatusReport("e1", NOW, None, "polly", (refused, waiting)))
    assert (answer.status, answer.headers, answer.content_type) == (200, (), "application/json")
    assert orjson.loads(answer.body) == {
        **pending("e1"),
        "status": "rejected",
        "time": "2026-01-01T00:00:00.000Z",
        "settled": False,
        "authority": "polly",
        "deliveries": [
            {
                "connector": "polly",
                "state": "rejected",
                "attempts": 2,
                "due": None,
                "outcome": VERDICT,
            },
            {
                "connector": "noojee-au",
                "state": "waiting",
                "attempts": 3,
                "due": "2026-01-01T00:01:00.000Z",
                "outcome": None,
            },
        ],
    }


@pytest.mark.parametrize(
    ("states", "authority", "status", "settled"),
    [
        (("applied", "dead_lettered"), "0", "applied", True),
        (("applied", "dead_lettered"), None, "dead_lettered", True),
        (("rejected", "superseded"), None, "rejected", True),
        (("applied", "skipped"), None, "skipped", True),
        (("applied", "pending"), None, "pending", False),
        (("applied", "waiting"), "0", "applied", False),
        (("waiting", "applied"), "0", "pending", False),
        (("applied",), "gone", "pending", True),
    ],
)
def test_what_deliveries_come_to(
    states: tuple[str, ...], authority: str | None, status: str, settled: bool
) -> None:
    """The authority's word; without one the worst."""
    sides = tuple(side(DeliveryState(state), str(n)) for n, state in enumerate(states))
    told = orjson.loads(asked(StatusReport("e1", NOW, None, authority, sides)).body)
    assert (told["status"], told["settled"]) == (status, settled)


# --- who calls ----------------------------------------------------------------------------


def found(header: str | None) -> Registered | bool:
    """Who calls with this `Authorization`."""
    tenant = TenantSettings(region="AU", credentials=[caller().settings])
    headers = {} if header is None else {"authorization": header}
    known = Credentials({"default": tenant}, {"native": DIALECT}, counted_here(SystemClock()))
    return known.find(DIALECT, call(**headers))


def test_the_token_opens() -> None:
    """As HTTP has it: the scheme in any case."""
    for header in (f"Bearer {TOKEN}", f"bearer  {TOKEN} "):
        assert isinstance(found(header), Registered)


@pytest.mark.parametrize(
    ("header", "presented"),
    [(None, False), ("", True), ("Bearer", True), ("Bearer wrong", True), (f"Basic {TOKEN}", True),
     (TOKEN, True), ("Bearer ключ", True)],
)  # fmt: skip
def test_nothing_else_does(header: str | None, presented: bool) -> None:
    """Whether it was anything at all is told."""
    assert found(header) is presented


def test_a_quota_is_the_keys() -> None:
    """For every operation; none unless configured."""
    assert {DIALECT.quota_of(route.operation) for route in DIALECT.routes} == {"quota"}
    assert caller().settings.model_dump()["quota"] is None
    assert caller(quota=QuotaSettings(requests=1, per="1s")).settings.model_dump()["quota"] == {
        "requests": 1,
        "per": 1.0,
    }


@pytest.mark.parametrize(
    ("prefer", "configured", "seconds"),
    [
        ("", None, None),
        ("", 10.0, 10.0),
        ("wait=5", None, 5.0),
        ("wait=5", 10.0, 5.0),
        ('Wait = "5"', None, 5.0),
        ("respond-async, wait=5", None, 5.0),
        ("respond-async", 10.0, None),
        ("wait=0", 10.0, None),
        ("wait=3600", None, 60.0),
        ("wait=" + "9" * 5000, None, 60.0),
        ("wait=-1", None, None),
        ("wait=soon", 10.0, 10.0),
        ("wait", None, None),
        ("wait=5; foo=bar, wait=7", None, 5.0),
        ("return=minimal", None, None),
    ],
)  # fmt: skip
def test_how_long_a_call_waits(
    prefer: str, configured: float | None, seconds: float | None
) -> None:
    """As it prefers, a minute at most; what can't be read is passed over."""
    assert wait_of(prefer, configured) == seconds


def test_a_credential_may_wait_by_itself() -> None:
    """`answer: applied` is for callers that don't say."""
    settings = caller(answer="applied", answer_within="7s").settings
    assert DIALECT.patience(call(), settings) == 7.0
    assert DIALECT.patience(call(prefer="wait=3"), settings) == 3.0
    assert DIALECT.patience(call(), caller().settings) is None
