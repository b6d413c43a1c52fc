"""LeadSquared's callers, over real sockets: queued and asked about, many leads at once, retried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from connectors.leadsquared.wire.bulk import NOT_FOUND
from connectors.sandbox.faults import Fault
from gateway.model.event import LeadId
from tests.journeys.running import (
    QUICK,
    Backends,
    Caller,
    Document,
    Running,
    Told,
    backends,
    document,
    eventually,
    link,
    noojee_lead,
    server,
    url_of,
)

KEYS = {"accessKey": "u$rinbound", "secretKey": "inbound-secret"}
THIRD = {"x-api-key": "inbound-third"}
BULK = "/v2/LeadManagement.svc/Lead/Bulk/UpdateV2"
UPDATE: list[Document] = [
    {"Attribute": "Notes", "Value": "Ready"},
    {"Attribute": "mx_A", "Value": 7},
]


def with_leadsquared(folder: Path, sandbox: str, **connector: Any) -> Document:
    """A configuration in which LeadSquared answers its callers, and Noojee follows."""
    told = document(folder, sandbox)
    (tenant,) = told["tenants"].values()
    keys = {"access_key": KEYS["accessKey"], "secret_key": KEYS["secretKey"]}
    third = {"x_api_key": THIRD["x-api-key"]}
    tenant["credentials"].append({"dialect": "leadsquared", "system": "lsq", **keys, **third})
    told["connectors"]["lsq"] = {
        "vendor": "leadsquared",
        "base_url": f"{sandbox}/leadsquared",
        "access_key": "u$routbound",
        "secret_key": "outbound-secret",
        **QUICK,
        **connector,
    }
    told["connectors"]["noojee-au"] |= {"fields": {"note": "Notes"}}
    names, authority = ["lsq", "noojee-au"], {"leadsquared": "lsq"}
    told["routes"] = [{"name": "all", "connectors": names, "authority": authority}]
    return told


@pytest.fixture
async def vendors() -> AsyncIterator[Backends]:
    """Two leads of one account, one of them known to Noojee."""
    async with backends() as served:
        served.host.seed("leadsquared", {"id": "lead-1", "EmailAddress": "one@example.com"})
        served.host.seed("leadsquared", {"id": "lead-2", "EmailAddress": "two@example.com"})
        served.host.seed("noojee", noojee_lead("9856"))
        yield served


@pytest.fixture
async def running(vendors: Backends, tmp_path: Path) -> AsyncIterator[Running]:
    """A server before them."""
    async with server(tmp_path, with_leadsquared(tmp_path, vendors.url)) as started:
        scope = (("allocation_id", "38"),)
        await link(started, (LeadId("lsq", "lead-1"), LeadId("noojee-au", "9856", scope)))
        yield started


@pytest.fixture
async def caller(running: Running) -> AsyncIterator[Caller]:
    """A client of it."""
    async with Caller(url_of(running)) as client:
        yield client


async def update(caller: Caller, lead: str, fields: Sequence[Document] = UPDATE) -> Told:
    """Update a Lead (Async)."""
    query = urlencode({**KEYS, "leadId": lead})
    return await caller.call("POST", f"/lead/update?{query}", orjson.dumps(fields), THIRD)


async def bulk(caller: Caller, *leads: Sequence[tuple[str, Any]], search_by: str) -> Told:
    """Update Leads in Bulk v2."""
    entries = [
        {"Fields": [{"Attribute": name, "Value": value} for name, value in lead]} for lead in leads
    ]
    body = orjson.dumps({"SearchByKey": search_by, "LeadPropertiesList": entries})
    return await caller.call("POST", f"{BULK}?{urlencode(KEYS)}", body)


async def task(caller: Caller, request_id: str) -> Document:
    """The status call's task, once it is not in the queue any more."""
    async with asyncio.timeout(20.0):
        while True:
            query = urlencode({"RequestID": request_id})
            told = await caller.call("GET", f"/lead/update/status?{query}", b"", THIRD)
            assert told.status == 200, told
            found: Document = orjson.loads(told.body)["TaskStatus"]
            if found["Status"] != "In-Queue":
                return found
            await asyncio.sleep(0.05)


async def test_an_update_is_accepted_applied_and_asked_about(
    vendors: Backends, caller: Caller
) -> None:
    """At once, by its id, and it reaches the vendors that know the lead."""
    told = await update(caller, "lead-1")
    (event_id,) = told.events
    assert orjson.loads(told.body) == {
        "Status": "Request accepted. Please use below request id to check the status",
        "RequestID": event_id,
    }
    assert await task(caller, event_id) == {
        "TaskType": "Lead Update",
        "Status": "Success",
        "StatusReason": "Request was successfully completed",
        "TaskCurrentStep": None,
        "TaskLastStep": "In-Process-Queue",
        "RequestBody": orjson.dumps(UPDATE).decode(),
        "Message": '{"Status":"Success","Message":{"AffectedRows":1}}',
    }
    lead, _ = vendors.host.leads("leadsquared")
    assert (lead["Notes"], lead["mx_A"]) == ("Ready", 7)
    await eventually(lambda: vendors.received("noojee", "Notes") == ["Ready"])


async def test_a_refused_update_is_a_failure_to_whoever_asks(caller: Caller) -> None:
    """With the exception in its reason; an id that nobody gave out is bad input."""
    told = await update(caller, "lead-9")
    assert told.status == 200
    found = await task(caller, told.events[0])
    assert (found["Status"], found["StatusReason"], found["Message"]) == (
        "FAILURE",
        f"MXInvalidInputException: {NOT_FOUND}",
        None,
    )
    old = "0192d000-0000-7000-8000-000000000001"
    unknown = await caller.call("GET", f"/lead/status?RequestId={old}", b"", THIRD)
    assert (unknown.status, orjson.loads(unknown.body)["ExceptionMessage"]) == (
        500,
        "RequestID does not exist",
    )
    without = await caller.call("GET", f"/lead/status?RequestId={told.events[0]}", b"")
    assert without.status == 401


async def test_the_backlog_can_be_asked_for(caller: Caller) -> None:
    """After the last verdict nothing is pending."""
    told = await update(caller, "lead-1")
    await task(caller, told.events[0])
    answer = await caller.call("GET", "/lead/update/metrics", b"", THIRD)
    assert (answer.status, answer.body) == (
        200,
        b'{"PendingMessages":0,"MaxDelayInSeconds":0,"ProcessingRatePerMinute":0.1}',
    )


async def test_each_lead_of_a_bulk_call_has_its_own_answer(
    vendors: Backends, caller: Caller
) -> None:
    """Found by its address, missing, or without any."""
    told = await bulk(
        caller,
        [("EmailAddress", "One@Example.com"), ("Notes", "1")],
        [("EmailAddress", "nobody@example.com"), ("Notes", "2")],
        [("Notes", "3")],
        [("EmailAddress", "two@example.com"), ("Notes", "4")],
        search_by="EmailAddress",
    )
    assert (told.status, len(told.events)) == (200, 3)
    said = orjson.loads(told.body)
    assert said == {
        "Status": {"TotalCount": 4, "SuccessCount": 2, "FailureCount": 2, "Message": "Processed"},
        "Details": {
            "SuccessfulLeads": [_entry("One@Example.com"), _entry("two@example.com")],
            "FailedLeads": [
                _entry("nobody@example.com", NOT_FOUND),
                _entry("", "'EmailAddress' is mandatory for updating lead"),
            ],
        },
    }
    assert [lead["Notes"] for lead in vendors.host.leads("leadsquared")] == ["1", "4"]


def _entry(value: str, reason: str | None = None) -> dict[str, str]:
    entry = {"Identifier": "EmailAddress", "IdentifierValue": value}
    return entry if reason is None else {**entry, "Reason": reason}


async def test_a_bulk_call_repeated_without_an_answer_is_one_update_a_lead(
    vendors: Backends, caller: Caller
) -> None:
    """The second call gets the answer of the first; a third is new."""
    some = [("ProspectId", "lead-1"), ("Notes", "1")], [("ProspectId", "lead-2"), ("Notes", "2")]
    vendors.host.add_fault("leadsquared", Fault(delay=1.0, times=1))
    async with Caller(caller.url, timeout=0.4) as impatient:
        with pytest.raises(TimeoutError):
            await bulk(impatient, *some, search_by="ProspectId")
    again = await bulk(caller, *some, search_by="ProspectId")
    assert orjson.loads(again.body)["Status"]["SuccessCount"] == 2
    sent = vendors.received("leadsquared", "LeadPropertiesList")
    leads = [lead["Fields"][0]["Value"] for leads in sent for lead in leads]
    assert sorted(leads) == ["lead-1", "lead-2"]
    third = await bulk(caller, *some, search_by="ProspectId")
    assert set(third.events).isdisjoint(again.events)


async def test_calls_beyond_the_quota_hear_its_own_sentence(
    vendors: Backends, tmp_path: Path
) -> None:
    """Bulk calls may have a quota of their own."""
    told = with_leadsquared(tmp_path, vendors.url)
    (tenant,) = told["tenants"].values()
    tenant["credentials"][-1] |= {"bulk_quota": {"requests": 1, "per": "1h"}}
    async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
        lead = [("ProspectId", "lead-1"), ("Notes", "1")]
        answers = [await bulk(caller, lead, search_by="ProspectId") for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 429]
        assert orjson.loads(answers[1].body) == {
            "Status": "Error",
            "ExceptionType": "MXAPIRateLimitExceededException",
            "ExceptionMessage": "API calls exceeded the limit of 1 in 3600 second(s)",
        }
        assert (await update(caller, "lead-1")).status == 200
