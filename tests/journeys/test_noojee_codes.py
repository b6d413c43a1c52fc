"""Every code of Noojee's table, provoked by a call and answered in its exact status and bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.sandbox.faults import Fault
from tests.journeys.running import (
    BUSY,
    NOOJEE_KEY,
    NOOJEE_PATH,
    OK,
    Backends,
    Caller,
    Document,
    backends,
    document,
    noojee_lead,
    server,
    url_of,
)

TABLE = {
    101: (400, b'{"code":101,"message":"COULDNT_FIND_THE_LEAD"}'),
    102: (400, b'{"code":102,"message":"NO_PHONE_FIELDS"}'),
    103: (500, b'{"code":103,"message":"EXCEPTION"}'),
    104: (400, b'{"code":104,"message":"DNC"}'),
    105: (400, b'{"code":105,"message":"DUPLICATE"}'),
    106: (400, b'{"code":106,"message":"INVALID_DISPOSTION"}'),
    107: (400, b'{"code":107,"message":"DISPOSTION_ISNT_SET_AND_NOCHANGE_SPECIFIED"}'),
    108: (400, b'{"code":108,"message":"IMPORT_BUT_NOCHANGE_SPECIFIED"}'),
    109: (400, BUSY),
    110: (400, b'{"code":110,"message":"LEAD_NOT_UPDATED_DUE_TO_CONFLICT"}'),
    111: (400, b'{"code":111,"message":"INVALID_TIMEZONE_SPECIFIED"}'),
    112: (400, b'{"code":112,"message":"DUPLICATE_EXTERNAL_ID"}'),
    113: (400, b'{"code":113,"message":"EDIT_BUT_NO_EXTERNAL_ID_SUPPLIED"}'),
    114: (400, b'{"code":114,"message":"INVALID_CALLBACK_DATE_FORMAT"}'),
    115: (400, b'{"code":115,"message":"ALLOCATIN_ID_REQUIRED"}'),
    116: (400, b'{"code":116,"message":"TEMPLATE_ID_REQUIRED"}'),
    117: (400, b'{"code":117,"message":"CAMPAIGN_ID_REQUIRED"}'),
}
BAD_KEY = (403, b'{"code":-1,"message":"INVALID_API_KEY"}')
MALFORMED = (400, b'{"code":103,"message":"EXCEPTION"}')

SALE = {"njDisposition": "Sale"}


@pytest.fixture
async def vendors() -> AsyncIterator[Backends]:
    """A Noojee server with one lead for each thing that can be wrong with a lead."""
    async with backends() as served:
        for lead in (
            noojee_lead("fine", FirstPhone="0385550100"),
            noojee_lead("other", FirstPhone="0385550101"),
            noojee_lead("blocked", FirstPhone="0385550102", dnc=True),
            noojee_lead("edited", FirstPhone="0385550103", being_edited=True),
            noojee_lead("few", FirstPhone="0385550104", dispositions=["Sale"]),
            noojee_lead("hours", FirstPhone="0385550105", contact_hours=["Melbourne"]),
            {**noojee_lead("undialled"), "dialled": False, "njDisposition": ""},
        ):
            served.host.seed("noojee", lead)
        yield served


def strict(told: Document) -> Document:
    """What exists is known at the door."""
    told["tenants"]["default"]["credentials"][0] |= {
        "strict_scope": True,
        "templates": [41],
        "campaigns": [41],
        "allocations": [38],
        "dispositions": ["Sale", "Callback"],
        "contact_hours": ["Melbourne"],
    }
    return told


@pytest.fixture
async def caller(vendors: Backends, tmp_path: Path) -> AsyncIterator[Caller]:
    """A client of a gateway that leaves everything to the vendor."""
    told = document(tmp_path, vendors.url)
    async with server(tmp_path, told) as running, Caller(url_of(running)) as client:
        yield client


@pytest.fixture
async def hasty_caller(vendors: Backends, tmp_path: Path) -> AsyncIterator[Caller]:
    """The same, that hears busy after three seconds."""
    told = document(tmp_path, vendors.url)
    told["tenants"]["default"]["credentials"][0]["answer_within"] = "3s"
    async with server(tmp_path, told) as running, Caller(url_of(running)) as client:
        yield client


@pytest.fixture
async def strict_caller(vendors: Backends, tmp_path: Path) -> AsyncIterator[Caller]:
    """A client of a gateway that knows what exists."""
    told = strict(document(tmp_path, vendors.url))
    async with server(tmp_path, told) as running, Caller(url_of(running)) as client:
        yield client


AT_ONCE: list[tuple[int, dict[str, Any], dict[str, str | None]]] = [
    (102, {"FirstPhone": None, **SALE}, {}),
    (106, {"njDisposition": "Sold"}, {}),
    (111, {"njTimezone": "Atlantis", **SALE}, {}),
    (113, SALE, {"njExternalLeadId": None}),
    (113, SALE, {"njExternalLeadId": ""}),
    (114, {"njCallBackDate": "2026-01-02 10:00", **SALE}, {}),
    (114, {"njCallBackDate": "2026/02/30 10:00", **SALE}, {}),
    (115, SALE, {"fAllocationId": None}),
    (115, SALE, {"fAllocationId": "39"}),
    (115, SALE, {"fAllocationId": "all"}),
    (116, SALE, {"fTemplateId": None}),
    (116, SALE, {"fTemplateId": "42"}),
    (117, SALE, {"fCampaignId": None}),
    (117, SALE, {"fCampaignId": "x"}),
]


@pytest.mark.parametrize(("code", "fields", "query"), AT_ONCE)
async def test_what_the_door_knows_is_answered_at_once(
    vendors: Backends,
    strict_caller: Caller,
    code: int,
    fields: dict[str, Any],
    query: dict[str, str | None],
) -> None:
    """The vendor is not asked, and no event is made."""
    body = {"FirstPhone": "<No Change>", **fields}
    sent = {name: value for name, value in body.items() if value is not None}
    told = await strict_caller.call("POST", _target(query), orjson.dumps(sent))
    assert (told.status, told.body) == TABLE[code]
    assert (told.events, vendors.host.calls("noojee")) == ([], [])


def _target(query: dict[str, str | None]) -> str:
    said = {
        "fTemplateId": "41",
        "fCampaignId": "41",
        "fAllocationId": "38",
        "njExternalLeadId": "fine",
        "apiKey": NOOJEE_KEY,
        **query,
    }
    text = "&".join(f"{name}={value}" for name, value in said.items() if value is not None)
    return f"{NOOJEE_PATH}?{text}"


@pytest.mark.parametrize("key", [None, "", "another"])
async def test_a_wrong_key_is_refused(strict_caller: Caller, key: str | None) -> None:
    """Whatever else is wrong with the call."""
    told = await strict_caller.call("POST", _target({"apiKey": key, "fTemplateId": "x"}), b"{")
    assert (told.status, told.body) == BAD_KEY


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b'{"a":\xff}'])
async def test_a_body_that_cant_be_read_is_bad_data(strict_caller: Caller, body: bytes) -> None:
    """103 under 400: nothing that a retry would mend."""
    told = await strict_caller.call("POST", _target({}), body)
    assert (told.status, told.body) == MALFORMED


async def test_other_methods_and_paths(strict_caller: Caller) -> None:
    """405 with the method that is served; 404 elsewhere."""
    told = await strict_caller.call("PUT", _target({}), b"{}")
    assert (told.status, told.body, told.headers["Allow"]) == (405, MALFORMED[1], "POST")
    told = await strict_caller.call("POST", "/servicemanager/rest/CampaignAPI/insertLead", b"{}")
    assert (told.status, told.body) == (404, b'{"error":"no such path"}')


BY_THE_VENDOR: list[tuple[int, str, dict[str, Any]]] = [
    (101, "nobody", SALE),
    (104, "blocked", SALE),
    (105, "fine", {"FirstPhone": "0385550101", **SALE}),
    (106, "few", {"njDisposition": "Sold"}),
    (107, "undialled", {"njDisposition": "<No Change>"}),
    (110, "edited", SALE),
    (111, "hours", {"njTimezone": "Atlantis", **SALE}),
]


@pytest.mark.parametrize(("code", "lead", "fields"), BY_THE_VENDOR)
async def test_what_only_the_vendor_knows_is_told_in_its_words(
    vendors: Backends, caller: Caller, code: int, lead: str, fields: dict[str, Any]
) -> None:
    """Through the authority's outcome, after one call to the vendor: none is repeated."""
    told = await caller.noojee(lead, fields)
    assert (told.status, told.body) == TABLE[code]
    assert [call["status"] for call in vendors.host.calls("noojee")] == [400]
    kind = "dead_lettered" if code == 110 else "rejected"
    assert told.headers["X-Leadwire-Outcome"] == f"noojee-au={kind}"
    assert len(told.events) == 1


async def test_success(vendors: Backends, caller: Caller) -> None:
    """0, and the outcome in our header."""
    told = await caller.noojee("fine", SALE)
    assert (told.status, told.body) == (200, OK)
    assert told.headers["Content-Type"] == "application/json"
    assert told.headers["X-Leadwire-Outcome"] == "noojee-au=applied"
    assert vendors.received("noojee", "njDisposition") == ["Sale"]


@pytest.mark.parametrize("code", [108, 112])
async def test_codes_of_the_insert_are_passed_on(
    vendors: Backends, caller: Caller, code: int
) -> None:
    """No update earns them by itself, so the vendor is told to say so."""
    status, body = TABLE[code]
    vendors.host.add_fault("noojee", Fault(status=status, body=body.decode()))
    told = await caller.noojee("fine", SALE)
    assert (told.status, told.body) == (status, body)
    assert len(vendors.host.calls("noojee")) == 1


@pytest.mark.parametrize("code", [103, 109])
async def test_what_may_pass_is_tried_again_before_the_caller_hears(
    vendors: Backends, caller: Caller, code: int
) -> None:
    """A server error or too many requests, once: the caller gets its OK."""
    status, body = TABLE[code]
    vendors.host.add_fault("noojee", Fault(status=status, body=body.decode(), times=1))
    told = await caller.noojee("fine", SALE)
    assert (told.status, told.body) == (200, OK)
    assert [call["status"] for call in vendors.host.calls("noojee")] == [status, 200]


@pytest.mark.parametrize("code", [103, 109])
async def test_what_does_not_pass_in_time_is_busy(
    vendors: Backends, hasty_caller: Caller, code: int
) -> None:
    """109 with the event's id: the update goes on, and a retry attaches to it."""
    status, body = TABLE[code]
    vendors.host.add_fault("noojee", Fault(status=status, body=body.decode()))
    first = await hasty_caller.noojee("fine", SALE)
    assert (first.status, first.body, len(first.events)) == (*TABLE[109], 1)
    vendors.host.clear_faults("noojee")
    again = await hasty_caller.noojee("fine", SALE)
    while (again.status, again.body) == TABLE[109]:
        again = await hasty_caller.noojee("fine", SALE)
    assert (again.status, again.body, again.events) == (200, OK, first.events)


async def test_a_lead_that_fails_for_good_is_told_what_became_of_it(
    vendors: Backends, tmp_path: Path
) -> None:
    """Attempts spent while another lead passes: the vendor has no word for it, so ours stands in
    the message, under the status that nobody repeats."""
    told = document(tmp_path, vendors.url)
    told["connectors"]["noojee-au"]["retry"] |= {"attempts": 2}
    vendors.host.add_fault("noojee", Fault(status=500, lead="fine"))
    async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
        failing = asyncio.create_task(caller.noojee("fine", SALE))
        while not failing.done():
            other = await caller.noojee("other", SALE)
            assert (other.status, other.body) == (200, OK)
        answer = await failing
    assert answer.status == 400
    assert answer.body == b'{"code":103,"message":"EXCEPTION: attempts_spent"}'
