"""Clients written as the vendors' pages show them, with only the base address and the key
changed, are served as by the vendor."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import PIPE

import orjson
import pytest

from tests.journeys.everyone import everything
from tests.journeys.running import (
    NOOJEE_KEY,
    POLLY_KEY,
    Backends,
    backends,
    eventually,
    noojee_lead,
    server,
    url_of,
)

CLIENTS = Path(__file__).with_name("clients")
NODE = shutil.which("node")
LEAD = "lead_1234567890abcdef"
CAMPAIGN_LEAD = "cmp_5tw8vz2rnx1q"
"""As the page has it."""
LSQ_KEYS = ("u$r0123456789abcdef", "secret-of-the-pair", "third-key")
NEXA_KEY = "key_1:secret"

node = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture
async def vendors() -> AsyncIterator[Backends]:
    """All vendors, each with the leads of its pages."""
    async with backends() as served:
        served.host.seed("noojee", noojee_lead("9856", SecondPhone="0385550123"))
        served.host.seed(
            "pollybot",
            {
                "id": LEAD,
                "name": "John Smith",
                "email": "john.doe@example.com",
                "source": "website",
                "metadata": {"utm_source": "google"},
            },
        )
        served.host.seed("leadsquared", {"id": "leadId"})
        served.host.seed("leadsquared", {"id": "john", "EmailAddress": "johnwick@gmail.com"})
        served.host.seed("dialnexa", {"id": CAMPAIGN_LEAD, "phone_number": "+919876543210"})
        yield served


@pytest.fixture
async def address(vendors: Backends, tmp_path: Path) -> AsyncIterator[str]:
    """Where the gateway answers instead of the vendors."""
    told = everything(tmp_path, vendors.url)
    tenant = told["tenants"]["default"]
    tenant["credentials"] = [
        {"dialect": "noojee", "system": "noojee-au", "api_key": NOOJEE_KEY},
        {"dialect": "pollybot", "system": "polly", "token": POLLY_KEY},
        {
            "dialect": "leadsquared",
            "system": "lsq",
            "access_key": LSQ_KEYS[0],
            "secret_key": LSQ_KEYS[1],
            "x_api_key": LSQ_KEYS[2],
        },
        {"dialect": "dialnexa", "system": "nexa", "token": NEXA_KEY},
    ]
    async with server(tmp_path, told) as running:
        yield url_of(running)


async def run(program: str, *arguments: str) -> tuple[int, bytes]:
    """Exit code and output of a client program."""
    path = CLIENTS / program
    kind = {".sh": "sh", ".py": sys.executable, ".mjs": NODE or "node"}[path.suffix]
    process = await asyncio.create_subprocess_exec(kind, str(path), *arguments, stdout=PIPE)
    try:
        async with asyncio.timeout(40):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output


def http(output: bytes) -> tuple[bytes, bytes]:
    """Status line and body of what `curl -i` printed."""
    head, _, body = output.partition(b"\r\n\r\n")
    return head.split(b"\r\n", 1)[0], body


def stamped(body: bytes) -> bytes:
    """With the time of the update taken out."""
    return re.sub(rb'"updatedAt":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', b'"updatedAt":T', body)


APPLIED = {
    "Name": "Jane Smith",
    "StreetAddress": "Suite 8/10 Hoddle St",
    "City": "Abbotsford",
    "State": "Vic",
    "PostCode": "3064",
    "FirstPhone": "0383218199",
    "SecondPhone": "0385550123",
    "njDisposition": "Sale",
}


def applied(vendors: Backends) -> dict[str, object]:
    """What of the page's fields the vendor has."""
    lead = vendors.host.lead("noojee", "9856")
    return {name: lead[name] for name in APPLIED}


@curl
async def test_the_curl_of_noojees_page(vendors: Backends, address: str) -> None:
    """With the space before `apiKey`; the vendor has every field, and kept the second phone."""
    code, output = await run("noojee.sh", address, NOOJEE_KEY)
    assert (code, *http(output)) == (0, b"HTTP/1.1 200 OK", b'{"code":0,"message":"OK"}')
    assert applied(vendors) == APPLIED


@pytest.mark.parametrize(
    "program", ["noojee_requests.py", pytest.param("noojee_fetch.mjs", marks=node)]
)
async def test_noojees_call_by_a_library(vendors: Backends, address: str, program: str) -> None:
    """The same by what people write clients with."""
    code, output = await run(program, address, NOOJEE_KEY)
    assert (code, orjson.loads(output)) == (0, [200, '{"code":0,"message":"OK"}'])
    assert applied(vendors) == APPLIED


@curl
async def test_the_curl_of_pollybots_page(vendors: Backends, address: str) -> None:
    """The whole lead comes back, in the order of the page's keys."""
    code, output = await run("pollybot.sh", address, POLLY_KEY)
    line, body = http(output)
    assert (code, line) == (0, b"HTTP/1.1 200 OK")
    assert stamped(body) == (
        b'{"success":true,"data":{"id":"lead_1234567890abcdef","name":"John Smith",'
        b'"email":"john.doe@example.com","phone":null,"source":"website","status":"contacted",'
        b'"metadata":{"utm_source":"google","notes":"Follow up scheduled for next week",'
        b'"last_interaction":"2024-01-16T14:30:00.000Z"},"createdAt":"2024-01-15T10:30:00.000Z",'
        b'"updatedAt":T,"workspaceId":"ws_sandbox"}}'
    )
    assert vendors.host.lead("pollybot", LEAD)["status"] == "contacted"


async def test_the_requests_program_of_pollybots_page(vendors: Backends, address: str) -> None:
    """All its examples, and a lead that isn't there."""
    code, output = await run("pollybot_requests.py", address, POLLY_KEY)
    assert (code, output.decode()) == (
        0,
        "Updated lead: John Smith - Status: contacted\n"
        "Status updated to: contacted\n"
        "Updated lead: John Smith - Status: contacted\n"
        "Updated lead: John Smith - Status: qualified\n"
        "Lead with ID 'lead_another123' not found\n",
    )
    assert vendors.host.lead("pollybot", LEAD)["metadata"] == {
        "utm_source": "google",
        "notes": "Ready for sales team",
        "follow_up_date": "2024-01-25",
        "priority": "high",
    }


@node
async def test_the_fetch_program_of_pollybots_page(vendors: Backends, address: str) -> None:
    """All its examples; each answer is the lead as it then was."""
    code, output = await run("pollybot_fetch.mjs", address, POLLY_KEY)
    first, second, third, failed = orjson.loads(output)
    assert (code, failed) == (0, "Lead not found")
    notes = {
        "notes": "Very interested in our services",
        "lead_score": 90,
        "follow_up_date": "2024-01-25",
    }
    whole = {
        "id": LEAD,
        "name": "John Smith",
        "email": "john.doe@example.com",
        "phone": "+1-555-999-8888",
        "source": "referral",
        "status": "qualified",
        "metadata": {
            "utm_source": "google",
            **notes,
            "referrer": "Jane Smith",
            "budget_range": "$10k-25k",
        },
        "createdAt": "2024-01-15T10:30:00.000Z",
        "updatedAt": vendors.host.lead("pollybot", LEAD)["updatedAt"],
        "workspaceId": "ws_sandbox",
    }
    assert (first["status"], first["metadata"]) == ("contacted", {"utm_source": "google"})
    assert second["metadata"] == {"utm_source": "google", **notes}
    assert third == whole


# --- LeadSquared ---------------------------------------------------------------------------

ACCEPTED = "Request accepted. Please use below request id to check the status"
BULK = {
    "Status": {"TotalCount": 2, "SuccessCount": 1, "FailureCount": 1, "Message": "Processed"},
    "Details": {
        "SuccessfulLeads": [
            {"Identifier": "EmailAddress", "IdentifierValue": "johnwick@gmail.com"}
        ],
        "FailedLeads": [
            {
                "Identifier": "EmailAddress",
                "IdentifierValue": "jack@gmail.com",
                "Reason": "Lead does not exist in the system or You do not have permission to "
                "update the lead",
            }
        ],
    },
}
"""For the page's call, where one of its two leads exists."""


def account(vendors: Backends) -> list[object]:
    """What the vendor then has of the page's fields."""
    lead, john = (vendors.host.lead("leadsquared", id) for id in ("leadId", "john"))
    return [
        {name: lead.get(name) for name in ("Phone", "mx_City")},
        {name: john.get(name) for name in ("mx_FirstName", "mx_LastName", "Age")},
    ]


UPDATED = [
    {"Phone": "9999999999", "mx_City": "London"},
    {"mx_FirstName": "John", "mx_LastName": "Wick", "Age": "33"},
]


@curl
async def test_the_samples_of_leadsquareds_pages_by_curl(vendors: Backends, address: str) -> None:
    """Accepted with an id; and each lead of the bulk call has its answer."""
    code, output = await run("leadsquared.sh", address, *LSQ_KEYS)
    first, second = (http(part) for part in output.split(b"\n--\n"))
    accepted = orjson.loads(first[1])
    assert (code, first[0], accepted["Status"]) == (0, b"HTTP/1.1 200 OK", ACCEPTED)
    assert list(accepted) == ["Status", "RequestID"]
    assert (second[0], orjson.loads(second[1])) == (b"HTTP/1.1 200 OK", BULK)
    await eventually(lambda: account(vendors) == UPDATED)


@pytest.mark.parametrize(
    "program", ["leadsquared_requests.py", pytest.param("leadsquared_fetch.mjs", marks=node)]
)
async def test_leadsquareds_calls_by_a_library(
    vendors: Backends, address: str, program: str
) -> None:
    """The same by what people write clients with, which ask until the update is done."""
    code, output = await run(program, address, *LSQ_KEYS)
    accepted, bulk, state = orjson.loads(output)
    assert (code, accepted[0], accepted[1]["Status"]) == (0, 200, ACCEPTED)
    assert (bulk, state) == ([200, BULK], "Success")
    assert account(vendors) == UPDATED


# --- Dialnexa ------------------------------------------------------------------------------


@curl
async def test_the_curls_of_dialnexas_page(vendors: Backends, address: str) -> None:
    """Either way of naming the fields; the lead comes back."""
    code, output = await run("dialnexa.sh", address, NEXA_KEY)
    first, second = (http(part) for part in output.split(b"\n--\n"))
    assert (code, first[0], second[0]) == (0, b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK")
    assert orjson.loads(first[1]) == campaign_lead(phone_number="+919876543211")
    whole = campaign_lead(name="<string>", phone_number="+919876543212")
    assert orjson.loads(second[1]) == whole
    assert {
        n: vendors.host.lead("dialnexa", CAMPAIGN_LEAD)[n] for n in ("name", "phone_number")
    } == {
        "name": "<string>",
        "phone_number": "+919876543212",
    }


@pytest.mark.parametrize(
    "program", ["dialnexa_requests.py", pytest.param("dialnexa_fetch.mjs", marks=node)]
)
async def test_dialnexas_calls_by_a_library(vendors: Backends, address: str, program: str) -> None:
    """The page's fields by what people write clients with, and a number that is refused."""
    code, output = await run(program, address, NEXA_KEY)
    held = {"customer_name": "Priya Sharma", "product": "home_loan"}
    first = campaign_lead(phone_number="+919876543211")
    second = {**first, "metadata": held, "notes": held}
    third = {**second, "name": "Priya Sharma", "phone_number": "+919876543212"}
    refused = {
        "statusCode": 400,
        "message": "Validation failed: phone_number must be in E.164 format",
        "error": "Bad Request",
    }
    told = [[200, first], [200, second], [200, third], [400, refused]]
    assert (code, orjson.loads(output)) == (0, told)
    assert vendors.host.lead("dialnexa", CAMPAIGN_LEAD)["metadata"] == held


def campaign_lead(**fields: object) -> dict[str, object]:
    """The lead of the page as the vendor shows it."""
    blank = {"id": CAMPAIGN_LEAD, "name": None, "campaign_id": "cmp_sandbox", "status": "pending"}
    more: dict[str, object] = {"notes": {}, "metadata": {}, "call_log_id": None}
    return {**blank, **more, "created_at": "2024-05-01T09:05:00.000Z", **fields}
