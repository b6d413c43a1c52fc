"""Dialnexa's backend, faked: it answers by the vendor's pages."""

from __future__ import annotations

from importlib import import_module

import orjson
import pytest

from connectors.dialnexa import VENDOR, wire
from connectors.dialnexa import sandbox as module
from connectors.sandbox.port import Backend, BackendCall
from gateway.dialect import Answer
from gateway.model.json import JsonObject
from tests.connectors.dialnexa.calls import LEAD, SEED, backend, capture, shown

FAMILY = "/v1/campaigns-leads"
PATH = f"{FAMILY}/{LEAD}"
NOW = 1_700_000_000.5


def call(
    body: object = None,
    method: str = "PATCH",
    path: str = PATH,
    key: str | None = "Bearer key:secret",
    now: float = NOW,
) -> BackendCall:
    """A call at a fixed time."""
    headers = {} if key is None else {"authorization": key}
    raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    return BackendCall(method, path, (), headers, raw, now)


@pytest.fixture
def nexa() -> Backend:
    """An organisation with one lead."""
    return backend(SEED)


def test_the_vendor_names_this_module() -> None:
    """The host loads it by that name."""
    assert import_module(VENDOR.sandbox) is module


def test_an_update_is_kept_and_the_whole_lead_is_shown(nexa: Backend) -> None:
    """Number, variables replaced, note; by the pages' keys."""
    answer = nexa.handle(call({"phone_number": "+919876543211", "metadata": {}, "notes": "Six"}))
    assert answer.body == (
        b'{"id":"lead_m4b7zx9nq2pw","name":"Priya Sharma","phone_number":"+919876543211",'
        b'"campaign_id":"cmp_5tw8vz2rnx1q","status":"pending","notes":"Six","metadata":{},'
        b'"call_log_id":null,"created_at":"2024-05-01T09:05:00.000Z"}'
    )
    assert nexa.handle(call(method="GET")).body == answer.body


def test_the_pages_way_of_adding_a_lead(nexa: Backend) -> None:
    """201 with a new id, pending, the number joined."""
    status, lead = shown(nexa.handle(call(capture("add_request"), "POST", FAMILY)))
    sample = orjson.loads(capture("add_request"))
    assert (status, lead) == (
        201,
        {
            "id": "lead_000000000002",
            "name": "Priya Sharma",
            "phone_number": "+919876543210",
            "campaign_id": "cmp_xyz789",
            "status": "pending",
            "notes": sample["notes"],
            "metadata": sample["notes"],
            "call_log_id": None,
            "created_at": "2023-11-14T22:13:20.500Z",
        },
    )
    assert len(nexa.leads()) == 2


def test_a_removed_lead_is_not_found_and_not_removed_again(nexa: Backend) -> None:
    """Page "Remove Campaign Lead"."""
    answer = nexa.handle(call(method="DELETE"))
    assert (answer.status, answer.body) == (200, wire.REMOVED_ANSWER)
    for method in ("GET", "PATCH", "DELETE"):
        assert nexa.handle(call(method=method)).status == 404


MISSING = ["campaignId should not be empty", "phoneNumber should not be empty"]


@pytest.mark.parametrize(
    ("asked", "status", "message"),
    [
        (call({}, key=None), 401, "Unauthorized"),
        (call({}, key="Bearer "), 401, "Unauthorized"),
        (call({}, key="Basic x"), 401, "Unauthorized"),
        (call(b"{"), 400, "Request body is not valid JSON"),
        (call({"phone_number": "1"}), 400, wire.BAD_PHONE),
        (call({"countryCode": "x"}), 400,
         "Validation failed: countryCode must be a country calling code"),
        (call({"name": 7}, path=f"{FAMILY}/x"), 400, "Validation failed: name must be a string"),
        (call({}, path=f"{FAMILY}/x"), 404, wire.NO_LEAD),
        (call({}, "POST", FAMILY), 400, MISSING),
        (call({"name": 7}, "POST", FAMILY), 400, "Validation failed: name must be a string"),
        (call({}, "PUT"), 404, f"Cannot PUT {PATH}"),
        (call({}, "GET", FAMILY), 404, f"Cannot GET {FAMILY}"),
        (call({}, path="/campaigns-leads/x"), 404, "Cannot PATCH /campaigns-leads/x"),
    ],
)  # fmt: skip
def test_refusals(nexa: Backend, asked: BackendCall, status: int, message: object) -> None:
    """In the shape of page "Errors"; nothing is changed."""
    before = nexa.leads()
    answer = nexa.handle(asked)
    body = {"statusCode": status, "message": message, "error": wire.NAMES[status]}
    assert shown(answer) == (status, body)
    assert nexa.leads() == before


@pytest.mark.parametrize(
    ("state", "method", "status"),
    [
        ({"status": "completed"}, "PATCH", 409),
        ({"status": "in_progress"}, "PATCH", 409),
        ({"status": "failed"}, "PATCH", 409),
        ({"status": "completed"}, "GET", 200),
        ({"status": "completed"}, "DELETE", 200),
        ({"campaign_ended": True}, "DELETE", 409),
        ({"campaign_ended": True}, "PATCH", 200),
        ({"blocked": True}, "PATCH", 403),
        ({"phone_number": None}, "PATCH", 200),
    ],
)
def test_a_leads_state_decides(state: JsonObject, method: str, status: int) -> None:
    """Locked by any status but pending; switches as seeded."""
    assert backend({**SEED, **state}).handle(call({}, method)).status == status


def test_switches_make_it_ignore_fields_and_wrap_its_answers() -> None:
    """As the vendor has been seen to do elsewhere."""
    there = backend({**SEED, "ignores": ["name"], "wrapped": True})
    status, body = shown(there.handle(call({"name": "x", "notes": {"a": 1}})))
    assert (status, body["statusCode"]) == (200, 200)
    assert (body["data"]["name"], body["data"]["metadata"]) == ("Priya Sharma", {"a": 1})


def test_rates_are_on_every_answer_and_held_only_when_faithful() -> None:
    """A sliding minute."""
    free, strict = backend(SEED), backend(SEED, faithful=True)
    for each in (free, strict):
        for _ in range(60):
            assert each.handle(call({})).status == 200
    assert free.handle(call({})).status == 200
    assert strict.handle(call({}, now=NOW + 10)) == Answer(
        429,
        wire.TOO_MANY_REQUESTS,
        (
            ("X-RateLimit-Limit", "60"),
            ("X-RateLimit-Remaining", "0"),
            ("X-RateLimit-Reset", "1700000061"),
            ("Retry-After", "51"),
        ),
    )
    assert strict.handle(call({}, now=NOW + 60)).status == 200


@pytest.mark.parametrize(
    ("key", "status"),
    [("key:secret", 200), ("dnx_live_1", 200), ("dnx_test_1", 200), ("any", 401), (":", 401)],
)
def test_a_faithful_backend_takes_only_keys_of_the_pages_forms(key: str, status: int) -> None:
    """Two parts, or the other page's prefix."""
    there = backend(SEED, faithful=True)
    assert there.handle(call({}, key=f"Bearer {key}")).status == status


@pytest.mark.parametrize(
    ("lead", "message"),
    [
        ({}, "a lead needs an id"),
        ({"id": "x", "shoe": 1}, "a lead has no shoe"),
        (
            {"id": "x", "status": "new"},
            "a status is one of pending, in_progress, completed, failed, removed",
        ),
    ],
)
def test_a_lead_that_can_not_be_kept_is_not_seeded(
    nexa: Backend, lead: JsonObject, message: str
) -> None:
    """With the reason."""
    with pytest.raises(ValueError) as raised:
        nexa.seed(lead)
    assert str(raised.value) == message


def test_the_lead_of_a_call_is_in_its_path(nexa: Backend) -> None:
    """For faults and records of one lead."""
    paths = (PATH, FAMILY, "/elsewhere")
    assert [nexa.lead_of(call(path=path)) for path in paths] == [LEAD, None, None]
