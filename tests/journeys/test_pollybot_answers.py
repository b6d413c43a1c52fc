"""PollyBot's refusals, provoked by calls and answered in exact status, headers and bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from connectors.sandbox.faults import Fault
from tests.journeys.running import (
    Backends,
    Caller,
    Told,
    backends,
    document,
    server,
    url_of,
)

STATUS = b"new, contacted, qualified, converted, lost, follow_up"
BAD_STATUS = (
    b'{"success":false,"error":"Validation failed","code":"VALIDATION_ERROR","details":{'
    b'"field":"status","value":"invalid_status","message":"Status must be one of: '
    + STATUS
    + b'"}}'
)
NO_HEADER = b'{"success":false,"error":"Missing authorization header","code":"MISSING_AUTH_HEADER"}'
BAD_KEY = b'{"success":false,"error":"Invalid API key","code":"INVALID_API_KEY"}'
NOT_FOUND = (
    b'{"success":false,"error":"Lead not found","code":"LEAD_NOT_FOUND","details":{'
    b'"leadId":"lead_0","message":"No lead found with this ID in your workspace"}}'
)
TAKEN = (
    b'{"success":false,"error":"Email already exists","code":"DUPLICATE_EMAIL","details":{'
    b'"email":"Two@example.com","existingLeadId":"lead_2",'
    b'"message":"A different lead with this email already exists in your workspace"}}'
)
RATE = b'{"success":false,"error":"Rate limit exceeded","code":"RATE_LIMIT_EXCEEDED"}'
INTERNAL = b'{"success":false,"error":"Internal server error","code":"INTERNAL_ERROR"}'


@pytest.fixture
async def vendors() -> AsyncIterator[Backends]:
    """A workspace with two leads."""
    async with backends() as served:
        for number in ("1", "2"):
            word = {"1": "one", "2": "two"}[number]
            lead = {"id": f"lead_{number}", "name": word, "email": f"{word}@example.com"}
            served.host.seed("pollybot", lead)
        yield served


@asynccontextmanager
async def calling(vendors: Backends, folder: Path, **settings: str) -> AsyncIterator[Caller]:
    """A client with five calls an hour, and further settings."""
    told = document(folder, vendors.url)
    told["tenants"]["default"]["credentials"][1] |= {
        "quota": {"requests": 5, "per": "1h"},
        **settings,
    }
    async with server(folder, told) as running, Caller(url_of(running)) as client:
        yield client


@pytest.fixture
async def caller(vendors: Backends, tmp_path: Path) -> AsyncIterator[Caller]:
    """A client with five calls an hour."""
    async with calling(vendors, tmp_path) as client:
        yield client


def rate(told: Told) -> tuple[str, str, str]:
    """Limit, remaining and used, as told."""
    head = told.headers
    names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Used")
    limit, remaining, used = (head[name] for name in names)
    return limit, remaining, used


async def test_a_lead_kept_by_the_other_api_is_shown_as_the_caller_knows_it(
    vendors: Backends, tmp_path: Path
) -> None:
    """A caller of the first API, a connector to the second: the lead is what was applied."""
    told = document(tmp_path, vendors.url)
    told["connectors"]["polly"] |= {"api": "gen2", "chatbot_id": "bot_1"}
    async with server(tmp_path, told) as running, Caller(url_of(running)) as client:
        await client.polly("lead_1", {"name": "Jane", "metadata": {"a": 1}})
        answer = await client.polly("lead_1", {"status": "contacted", "metadata": {"b": 2}})
    lead = orjson.loads(answer.body)["data"]
    shown = {name: lead[name] for name in ("id", "name", "status", "metadata")}
    assert shown == {
        "id": "lead_1",
        "name": "Jane",
        "status": "contacted",
        "metadata": {"a": 1, "b": 2},
    }


async def test_a_bad_status(vendors: Backends, caller: Caller) -> None:
    """400 as on the vendor's page; the vendor isn't asked, the quota is used."""
    told = await caller.polly("lead_1", {"status": "invalid_status"})
    assert (told.status, told.body, rate(told)) == (400, BAD_STATUS, ("5", "4", "1"))
    assert (told.events, vendors.host.calls("pollybot")) == ([], [])


@pytest.mark.parametrize(
    ("key", "body"),
    [("", BAD_KEY), ("Bearer sk-workspace_other", BAD_KEY), ("Basic abc", BAD_KEY)],
)
async def test_a_wrong_key(caller: Caller, key: str, body: bytes) -> None:
    """401, without a word about anybody's rate."""
    told = await caller.polly("lead_1", {"status": "new"}, {"Authorization": key})
    assert (told.status, told.body) == (401, body)
    assert [name for name in told.headers if name.startswith("X-RateLimit")] == []


async def test_no_key(caller: Caller) -> None:
    """401 with the vendor's other code."""
    told = await caller.call("PUT", "/api/v1/leads/lead_1", b"{}")
    assert (told.status, told.body) == (401, NO_HEADER)


async def test_a_lead_that_is_not_there(vendors: Backends, caller: Caller) -> None:
    """404 by the authority's outcome, after one call."""
    told = await caller.polly("lead_0", {"status": "new"})
    assert (told.status, told.body) == (404, NOT_FOUND)
    assert told.headers["X-Leadwire-Outcome"] == "polly=rejected"
    assert len(vendors.host.calls("pollybot")) == 1


async def test_an_email_that_is_taken(vendors: Backends, caller: Caller) -> None:
    """409 with whose it is: the caller's ids are this vendor's."""
    told = await caller.polly("lead_1", {"email": "Two@example.com"})
    assert (told.status, told.body) == (409, TAKEN)
    assert len(vendors.host.calls("pollybot")) == 1


async def test_the_quota(vendors: Backends, caller: Caller) -> None:
    """Five calls pass, the sixth is 429 with a time to wait, and uses nothing up."""
    vendors.host.forget_calls("pollybot")
    rates = []
    for number in range(5):
        told = await caller.polly("lead_1", {"metadata": {"n": number}})
        assert told.status == 200
        rates.append(rate(told))
    assert rates == [("5", str(4 - n), str(n + 1)) for n in range(5)]
    for _ in range(2):
        refused = await caller.polly("lead_1", {"status": "new"})
        assert (refused.status, refused.body, rate(refused)) == (429, RATE, ("5", "0", "5"))
        assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert int(refused.headers["X-RateLimit-Reset"]) > 0
    assert len(vendors.host.calls("pollybot")) == 5


async def test_busy(vendors: Backends, tmp_path: Path) -> None:
    """500 with Retry-After and the event's id while the vendor fails; then the retry's 200."""
    async with calling(vendors, tmp_path, answer_within="3s") as caller:
        number = vendors.host.add_fault("pollybot", Fault(status=500))
        told = await caller.polly("lead_1", {"status": "lost"})
        assert (told.status, told.body, number) == (500, INTERNAL, 1)
        assert (told.headers["Retry-After"], len(told.events)) == ("5", 1)
        vendors.host.clear_faults("pollybot")
        again = await caller.polly("lead_1", {"status": "lost"})
        assert (again.status, again.events) == (200, told.events)
        assert vendors.host.lead("pollybot", "lead_1")["status"] == "lost"


async def test_other_methods(caller: Caller) -> None:
    """405 names those that are served."""
    told = await caller.call("DELETE", "/api/v1/leads/lead_1", b"")
    body = b'{"success":false,"error":"Method not allowed","code":"METHOD_NOT_ALLOWED"}'
    assert (told.status, told.body, told.headers["Allow"]) == (405, body, "PUT, PATCH")
