"""The fake Noojee Contact server."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connectors.noojee import SAMPLE, sandbox, wire
from connectors.noojee.sandbox import NoojeeBackend
from connectors.sandbox.port import BackendCall
from gateway.dialect import Answer
from gateway.model.json import JsonObject

LEAD: JsonObject = {"id": "9856", "fAllocationId": "38", "FirstPhone": "0383218199"}
QUERY = {"fAllocationId": "38", "njExternalLeadId": "9856", "apiKey": "any"}
BODY: JsonObject = {"FirstPhone": "<No Change>", "njDisposition": "Sale"}
OK = Answer(200, b'{"code":0,"message":"OK"}')


def holding(*leads: JsonObject, faithful: bool = False) -> NoojeeBackend:
    """A server with these leads."""
    backend = sandbox.backend(faithful)
    for lead in leads:
        backend.seed(lead)
    return backend


def update(body: JsonObject | bytes = BODY, at: float = 0.0, **query: Any) -> BackendCall:
    """A call; `query` changes the good one."""
    sent = body if isinstance(body, bytes) else orjson.dumps(body)
    pairs = [(name, value) for name, value in {**QUERY, **query}.items() if value != "-"]
    return BackendCall("POST", wire.PATH, pairs, {}, sent, at)


def row(code: int) -> Answer:
    """A documented answer."""
    return Answer(wire.REPLIES[code].status, wire.REPLIES[code].body)


def test_the_pages_sample_updates_its_lead() -> None:
    """The sentinel leaves the second phone alone."""
    backend = holding({**LEAD, "SecondPhone": "0491570006", "Age": 40})
    sample = BackendCall("POST", SAMPLE.path, SAMPLE.query, {}, SAMPLE.body, 0.0)
    assert backend.handle(sample) == OK
    assert backend.leads() == [
        {
            "id": "9856",
            "fAllocationId": "38",
            "FirstPhone": "0383218199",
            "SecondPhone": "0491570006",
            "Age": 40,
            "Name": "Jane Smith",
            "StreetAddress": "Suite 8/10 Hoddle St",
            "City": "Abbotsford",
            "State": "Vic",
            "PostCode": "3064",
            "njDisposition": "Sale",
            "dialled": False,
            "dnc": False,
            "being_edited": False,
        }
    ]


@pytest.mark.parametrize(
    ("switches", "body", "query", "code"),
    [
        ({}, BODY, {"njExternalLeadId": "-"}, 113),
        ({}, BODY, {"fTemplateId": "x"}, 116),
        ({"fTemplateId": "41"}, BODY, {"fTemplateId": "42"}, 116),
        ({}, BODY, {"fCampaignId": "x"}, 117),
        ({"fCampaignId": 41}, BODY, {"fCampaignId": "42"}, 117),
        ({}, BODY, {"fAllocationId": "-"}, 115),
        ({}, BODY, {"fAllocationId": "x"}, 115),
        ({}, BODY, {"fAllocationId": "39"}, 101),
        ({}, BODY, {"njExternalLeadId": "1"}, 101),
        ({}, {"njDisposition": "Sale"}, {}, 102),
        ({}, {**BODY, "njCallBackDate": "soon"}, {}, 114),
        ({}, {**BODY, "njCallBackDate": "2026/12/01", "njCallbackTime": "9"}, {}, 114),
        ({"contact_hours": ["Business"]}, {**BODY, "njTimezone": "Night"}, {}, 111),
        ({"dispositions": ["No Answer"]}, BODY, {}, 106),
        ({}, {"FirstPhone": "<No Change>", "njDisposition": "<No Change>"}, {}, 107),
        ({}, {"FirstPhone": "<No Change>"}, {}, 107),
        ({"dnc": True}, BODY, {}, 104),
        ({"dnc_numbers": ["0491 570 006"]}, {**BODY, "Mobile": "0491570006"}, {}, 104),
        ({"being_edited": True}, BODY, {}, 110),
    ],
)
def test_every_refusal_of_the_page_can_be_had(
    switches: dict[str, Any], body: JsonObject, query: dict[str, Any], code: int
) -> None:
    """And leaves the lead as it was."""
    backend = holding({**LEAD, **switches})
    before = backend.leads()
    assert backend.handle(update(body, **query)) == row(code)
    assert backend.leads() == before


@pytest.mark.parametrize("given", [{"dialled": True}, {"njDisposition": "No Answer"}])
def test_a_dialled_lead_may_keep_its_disposition(given: dict[str, Any]) -> None:
    """The sentinel, or silence."""
    backend = holding({**LEAD, **given})
    said = {"FirstPhone": "<No Change>", "njDisposition": "<NO CHANGE>"}
    answers = [backend.handle(update(body)) for body in (said, {"FirstPhone": "<No Change>"})]
    assert answers == [OK, OK]
    assert backend.leads()[0].get("njDisposition") == given.get("njDisposition")


def test_an_update_without_a_callback_makes_the_lead_new() -> None:
    """The page's words; which is why connectors send the known one again."""
    backend = holding(LEAD)
    backend.handle(update({**BODY, "njCallbackDate": "2026/12/01 09:30", "njPriority": 5}))
    dated = backend.leads()[0]
    assert (dated["njCallBackDate"], dated["njPriority"]) == ("2026/12/01 09:30", 5)
    assert backend.handle(update()) == OK
    after = backend.leads()[0]
    assert (after.get("njCallBackDate"), after["njPriority"]) == (None, 5)


def test_n_17_a_number_of_another_lead_of_the_campaign_is_a_duplicate() -> None:
    """However it is written; in another campaign it is none."""
    backend = holding(
        {**LEAD, "fCampaignId": "1"},
        {"id": "2", "fAllocationId": "38", "fCampaignId": "1", "Mobile": "0491 570 006"},
        {"id": "3", "fAllocationId": "39", "fCampaignId": "2", "Mobile": "0491570157"},
    )
    assert backend.handle(update({**BODY, "Mobile": "0491-570-006"})) == row(105)
    assert backend.handle(update({**BODY, "Mobile": "0491570157"})) == OK


def test_a_lead_without_an_allocation_is_in_every_one() -> None:
    """For seeds that don't care."""
    assert holding({"id": 9856}).handle(update()) == OK


def test_the_id_may_stand_in_the_body() -> None:
    """As older clients send it."""
    assert (
        holding(LEAD).handle(update({**BODY, "njExternalLeadId": 9856}, njExternalLeadId="-")) == OK
    )


def test_a_body_that_cannot_be_read_is_bad_data() -> None:
    """After id and place."""
    expected = Answer(400, b'{"code":103,"message":"EXCEPTION"}')
    assert holding(LEAD).handle(update(b"{")) == expected


def test_a_call_without_a_key_is_403() -> None:
    """Any key is good."""
    expected = Answer(403, b'{"code":-1,"message":"INVALID_API_KEY"}')
    assert holding(LEAD).handle(update(apiKey="-")) == expected


def test_n_21_another_method_is_405_and_another_path_an_html_page() -> None:
    """404 is not JSON at this vendor."""
    backend = holding(LEAD)
    wrong = BackendCall("PUT", wire.PATH, [], {}, b"", 0.0)
    lost = BackendCall("POST", "/servicemanager/rest/CampaignAPI/nope", [], {}, b"", 0.0)
    assert backend.handle(wrong) == Answer(405, wire.MALFORMED.body, (("Allow", "POST"),))
    assert backend.handle(lost) == Answer(404, wire.NOT_FOUND_PAGE, content_type="text/html")


def test_a_faithful_server_turns_away_what_would_queue_over_a_minute() -> None:
    """Four at once and a tenth of a second each: 2,404 calls in a burst, then 109."""
    backend = holding(LEAD, faithful=True)
    answers = [backend.handle(update(at=100.0)) for _ in range(2410)]
    assert answers == [OK] * 2404 + [row(109)] * 6
    assert backend.handle(update(at=100.2)) == OK


def test_a_burst_does_not_trouble_a_server_that_is_not_faithful() -> None:
    """Limits are off unless asked."""
    backend = holding(LEAD)
    assert {backend.handle(update()).status for _ in range(2500)} == {200}


def test_a_lead_shown_can_be_seeded_again() -> None:
    """With every switch."""
    lead: JsonObject = {
        "id": "1", "fAllocationId": "38", "fCampaignId": "2", "fTemplateId": "3", "Phone": "1",
        "njDisposition": "A", "njCallBackDate": "2026/12/01 09:30", "dialled": True, "dnc": True,
        "being_edited": True, "dispositions": ["A", "B"], "contact_hours": ["Business"],
    }  # fmt: skip
    backend = holding(lead)
    assert backend.leads() == [lead]
    assert holding(*backend.leads()).leads() == [lead]


@pytest.mark.parametrize("lead", [{}, {"id": ""}, {"id": "1", "fAllocationId": "x"}])
def test_a_lead_that_cannot_be_kept_is_an_error(lead: JsonObject) -> None:
    """No id, or a place that is no number."""
    with pytest.raises(ValueError):
        sandbox.backend(faithful=False).seed(lead)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (update(), "9856"),
        (update({"njExternalLeadId": "7"}, njExternalLeadId="-"), "7"),
        (update(b"{", njExternalLeadId="-"), None),
        (update({}, njExternalLeadId="-"), None),
    ],
    ids=["query", "body", "unreadable", "nowhere"],
)
def test_a_call_names_its_lead(call: BackendCall, expected: str | None) -> None:
    """For faults and records of one lead."""
    assert sandbox.backend(faithful=False).lead_of(call) == expected
