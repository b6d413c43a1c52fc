"""Dialnexa's refusals, provoked by calls and answered in exact status, headers and bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from connectors.sandbox.faults import Fault
from tests.journeys.running import (
    QUICK,
    Backends,
    Caller,
    Told,
    backends,
    document,
    server,
    url_of,
)

KEY = {"Authorization": "Bearer key_1:inbound"}
TOO_MANY = (
    b'{"statusCode":429,"message":"Too many requests. Please slow down and retry after a moment.",'
    b'"error":"Too Many Requests"}'
)
BAD = b'{"phone_number":"9876543210"}'
GOOD = b'{"phone_number":"+919876543211"}'


@pytest.fixture
async def vendors() -> AsyncIterator[Backends]:
    """A campaign with a lead in each state."""
    async with backends() as served:
        states: dict[str, dict[str, str | bool]] = {
            "l_pending": {},
            "l_completed": {"status": "completed"},
            "l_removed": {"status": "removed"},
            "l_blocked": {"blocked": True},
        }
        for lead_id, state in states.items():
            served.host.seed("dialnexa", {"id": lead_id, "phone_number": "+919876543210", **state})
        yield served


@asynccontextmanager
async def calling(vendors: Backends, folder: Path, **settings: str) -> AsyncIterator[Caller]:
    """A client with eight calls an hour, and further settings."""
    told = document(folder, vendors.url)
    told["tenants"]["default"]["credentials"] = [
        {
            "dialect": "dialnexa",
            "system": "nexa",
            "token": "key_1:inbound",
            "quota": {"requests": 8, "per": "1h"},
            **settings,
        }
    ]
    told["connectors"] = {
        "nexa": {
            "vendor": "dialnexa",
            "base_url": f"{vendors.url}/dialnexa",
            "token": "key_1:outbound",
            **QUICK,
        }
    }
    told["routes"] = [{"name": "all", "connectors": ["nexa"], "authority": {"dialnexa": "nexa"}}]
    async with server(folder, told) as running, Caller(url_of(running)) as client:
        yield client


@pytest.fixture
async def caller(vendors: Backends, tmp_path: Path) -> AsyncIterator[Caller]:
    """A client with eight calls an hour."""
    async with calling(vendors, tmp_path) as client:
        yield client


async def patch(caller: Caller, lead_id: str, body: bytes, path: str = "/v1") -> Told:
    """An update of a lead, with the key."""
    return await caller.call("PATCH", f"{path}/campaigns-leads/{lead_id}", body, KEY)


def error(told: Told) -> tuple[int, object]:
    """Status and message, where the body is an error and nothing more."""
    body = orjson.loads(told.body)
    assert list(body) == ["statusCode", "message", "error"]
    assert body["statusCode"] == told.status
    return told.status, body["message"]


async def test_an_update_and_every_refusal(vendors: Backends, caller: Caller) -> None:
    """200, then 400 before 404, 403 and 409; once the quota is spent 429 before all of them, and
    401 before that."""
    told = await patch(caller, "l_pending", GOOD)
    lead = orjson.loads(told.body)
    assert (told.status, lead["phone_number"], lead["status"]) == (200, "+919876543211", "pending")
    assert (told.headers["X-Leadwire-Outcome"], len(told.events)) == ("nexa=applied", 1)
    assert (told.headers["X-RateLimit-Limit"], told.headers["X-RateLimit-Remaining"]) == ("8", "7")
    vendors.host.forget_calls("dialnexa")
    bad_phone = "Validation failed: phone_number must be in E.164 format"
    assert error(await patch(caller, "l_removed", BAD)) == (400, bad_phone)
    assert error(await patch(caller, "l_pending", GOOD, "")) == (
        404, "Cannot PATCH /campaigns-leads/l_pending",
    )  # fmt: skip
    assert vendors.host.calls("dialnexa") == []
    missing = (404, "Campaign lead not found")
    assert error(await patch(caller, "l_none", GOOD)) == missing
    assert error(await patch(caller, "l_removed", GOOD)) == missing
    assert error(await patch(caller, "l_blocked", GOOD)) == (
        403, "The API key has no permission, or the destination is blocked",
    )  # fmt: skip
    assert error(await patch(caller, "l_completed", GOOD)) == (
        409, "Campaign lead has already been dialled and its data is locked",
    )  # fmt: skip
    assert {call["method"] for call in vendors.host.calls("dialnexa")} == {"GET"}
    assert (await patch(caller, "l_pending", BAD)).headers["X-RateLimit-Remaining"] == "0"
    for body in (GOOD, BAD):
        told = await patch(caller, "l_none", body)
        assert (told.status, told.body, told.events) == (429, TOO_MANY, [])
        assert 3500 < int(told.headers["Retry-After"]) <= 3600
    for headers in ({}, {"Authorization": "Bearer key_1:other"}):
        told = await caller.call("PATCH", "/v1/campaigns-leads/l_none", BAD, headers)
        assert (told.status, told.body) == (
            401, b'{"statusCode":401,"message":"Unauthorized","error":"Unauthorized"}',
        )  # fmt: skip


async def test_busy(vendors: Backends, tmp_path: Path) -> None:
    """429 with Retry-After and the event's id while the vendor fails; then the retry's 200."""
    async with calling(vendors, tmp_path, answer_within="3s") as caller:
        vendors.host.add_fault("dialnexa", Fault(status=503))
        told = await patch(caller, "l_pending", GOOD)
        assert (told.status, told.body) == (429, TOO_MANY)
        assert (told.headers["Retry-After"], len(told.events)) == ("5", 1)
        vendors.host.clear_faults("dialnexa")
        again = await patch(caller, "l_pending", GOOD)
        assert (again.status, again.events) == (200, told.events)
        assert vendors.host.lead("dialnexa", "l_pending")["phone_number"] == "+919876543211"
