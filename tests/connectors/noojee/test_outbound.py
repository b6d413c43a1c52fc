"""The client of UpdateLeadFast, by feeding it replies."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from connectors.delivery.connector import (
    Applied,
    Delivery,
    Misconfigured,
    NeedsHuman,
    NothingToSend,
    NotLinked,
    Refused,
    Throttled,
    Unavailable,
    Unreachable,
    Verdict,
)
from connectors.noojee import SAMPLE, VENDOR, wire
from connectors.noojee.outbound import NoojeeConnector, NoojeeSettings, bounded, connect
from gateway.model.changes import KEEP, Change, Set
from gateway.model.codes import Code
from gateway.model.event import LeadId, LeadUpdate
from gateway.settings.model import TenantSettings
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)
from tests.connectors.noojee.calls import LEAD, as_event, asked, event

OK = HttpResponse(200, {}, b'{"code":0,"message":"OK"}')
SALE: dict[str, Change] = {"disposition": Set("Sale"), "phones.primary": Set("1", "+61383218199")}
PLAIN_ID = LeadId("noojee-au", "9856")


def connector(**settings: Any) -> NoojeeConnector:
    """A connector of a tenant in Melbourne."""
    read = NoojeeSettings(
        **{"vendor": "noojee", "base_url": "https://pbx.example.com/", "api_key": "out-key",
           **settings}
    )  # fmt: skip
    habits = TenantSettings(region="AU", timezone="Australia/Melbourne")
    return connect("noojee-au", read, {"default": habits})


def attempt(
    client: NoojeeConnector, delivery: Delivery, *replies: HttpReply
) -> tuple[list[HttpRequest], Verdict]:
    """One attempt: the requests it makes when answered so, and its verdict."""
    conversation = client.converse([delivery])
    requests = []
    waiting = list(replies)
    try:
        requests.append(next(conversation))
        while True:
            requests.append(conversation.send(waiting.pop(0)))
    except StopIteration as end:
        assert not waiting
        verdicts: tuple[Verdict, ...] = end.value
        assert len(verdicts) == 1
        return requests, verdicts[0]


def delivery(given: LeadUpdate | None = None, lead: LeadId = LEAD, **known: str) -> Delivery:
    """An event for a linked lead."""
    return Delivery(given or event(SALE), (lead,), known=known)


def reply(code: int, status: int | None = None) -> HttpResponse:
    """A documented answer."""
    row = wire.REPLIES[code]
    return HttpResponse(row.status if status is None else status, {}, row.body)


def verdict(answer: HttpReply, given: Delivery | None = None, **settings: Any) -> Verdict:
    """What an answer to one request means."""
    return attempt(connector(**settings), given or delivery(), answer)[1]


# --- the request --------------------------------------------------------------------------


def test_a_request_is_the_pages_call() -> None:
    """Method, URL, headers, body and the vendor's minute of queueing in the time-out."""
    requests, _ = attempt(connector(template_id=40, campaign_id=41), delivery(), OK)
    assert requests == [
        HttpRequest(
            "POST",
            "https://pbx.example.com/servicemanager/rest/CampaignAPI/updateLeadFast"
            "?fTemplateId=40&fCampaignId=41&fAllocationId=38&njExternalLeadId=9856&apiKey=out-key",
            (("Accept", "application/json"), ("Content-Type", "application/json")),
            b'{"FirstPhone":"+61383218199","njDisposition":"Sale"}',
            75.0,
        )
    ]


def test_the_pages_sample_goes_on_as_it_came() -> None:
    """Same place, same body; our own key."""
    fields = wire.read_fields(SAMPLE.body)
    query = {"fTemplateId": "41", "fCampaignId": "40", "fAllocationId": "38",
             "njExternalLeadId": "9856"}  # fmt: skip
    sent = attempt(connector(), delivery(as_event(asked(fields, query))), OK)[0][0]
    assert sent.url.split("?")[1] == (
        "fTemplateId=41&fCampaignId=40&fAllocationId=38&njExternalLeadId=9856&apiKey=out-key"
    )
    assert orjson.loads(sent.body) == fields


def test_an_id_without_an_allocation_gets_the_configured_one() -> None:
    """A linked id need not carry it."""
    requests, _ = attempt(connector(allocation_id=7), delivery(lead=PLAIN_ID), OK)
    assert "fAllocationId=7&" in requests[0].url


def test_an_id_with_no_allocation_at_all_is_refused_without_a_request() -> None:
    """Only this lead's link is wrong, so the connector goes on."""
    said = "the lead's id names no allocation, and allocation_id is not configured"
    expected = Refused(Code.SCOPE_INVALID_ALLOCATION, said)
    assert attempt(connector(), delivery(lead=PLAIN_ID)) == ([], expected)


def test_another_leads_place_is_not_taken_from_the_call() -> None:
    """What a call says of place is about its own lead's id."""
    query = {"fCampaignId": "5", "fAllocationId": "38", "njExternalLeadId": "9856"}
    given = as_event(asked(query=query))
    other = LeadId("noojee-other", "77", (("allocation_id", "9"),))
    requests, _ = attempt(connector(campaign_id=3), delivery(given, other), OK)
    assert requests[0].url.split("?")[1] == (
        "fCampaignId=3&fAllocationId=9&njExternalLeadId=77&apiKey=out-key"
    )


def test_n_06_the_known_callback_goes_along_in_the_tenants_zone() -> None:
    """The lead would be new without it."""
    given = Delivery(event(SALE), (LEAD,), known={"callback.at": "2026-11-30T22:30:00Z"})
    sent = attempt(connector(), given, OK)[0][0]
    assert orjson.loads(sent.body)["njCallBackDate"] == "2026/12/01 09:30"


def test_phones_are_written_as_dialled_where_that_is_set() -> None:
    """For servers whose phone patterns know only national numbers."""
    sent = attempt(connector(phone_format="national"), delivery(), OK)[0][0]
    assert orjson.loads(sent.body)["FirstPhone"] == "0383218199"


def test_an_unlinked_lead_makes_no_request() -> None:
    """This vendor has no search."""
    assert attempt(connector(), Delivery(event(SALE), ())) == ([], NotLinked())


def test_an_event_this_vendor_cannot_say_makes_no_request() -> None:
    """What was left out is told."""
    given = delivery(event({"status": Set("new")}, {"mx_Loan": 1}))
    assert attempt(connector(), given) == ([], NothingToSend(("status", "mx_Loan")))


def test_a_conversation_of_two_has_two_verdicts() -> None:
    """One request each, in order."""
    conversation = connector().converse([delivery(), delivery()])
    next(conversation)
    conversation.send(OK)
    with pytest.raises(StopIteration) as end:
        conversation.send(reply(104))
    assert end.value.value == (Applied(status=200), Refused(Code.DNC_BLOCKED, "DNC", 400))


# --- the verdict --------------------------------------------------------------------------


def test_an_applied_update_tells_what_was_left_out() -> None:
    """200 and code 0."""
    given = delivery(event({**SALE, "status": Set("new")}))
    assert verdict(OK, given) == Applied(dropped=("status",), status=200)


@pytest.mark.parametrize(
    ("code", "canonical"),
    [
        (101, Code.LEAD_NOT_FOUND),
        (102, Code.PHONE_MISSING),
        (104, Code.DNC_BLOCKED),
        (105, Code.DUPLICATE_PHONE),
        (106, Code.DISPOSITION_INVALID),
        (107, Code.DISPOSITION_REQUIRED),
        (108, Code.NOCHANGE_NOT_ALLOWED),
        (111, Code.TIMEZONE_INVALID),
        (112, Code.DUPLICATE_EXTERNAL_ID),
        (113, Code.LEAD_ID_MISSING),
        (114, Code.CALLBACK_INVALID),
        (115, Code.SCOPE_INVALID_ALLOCATION),
    ],
)
def test_n_17_a_refusal_of_this_lead_is_final(code: int, canonical: Code) -> None:
    """105 and 112 too, although an update should not meet 112."""
    expected = Refused(canonical, wire.REPLIES[code].message, 400)
    assert verdict(reply(code)) == expected


def test_overload_waits_and_is_no_attempt() -> None:
    """A couple of minutes, as the page asks."""
    assert verdict(reply(109)) == Throttled(None, "TIMEOUT_TOO_MANY_CONCURRENT_REQUESTS", 400)
    assert connector().throttle_wait == 120.0


def test_n_12_an_edit_conflict_needs_a_human() -> None:
    """A retry could overwrite what a user was writing."""
    expected = NeedsHuman(Code.CONFLICT, "LEAD_NOT_UPDATED_DUE_TO_CONFLICT", 400)
    assert verdict(reply(110)) == expected


@pytest.mark.parametrize("status", [500, 400])
def test_n_10_an_exception_may_pass(status: int) -> None:
    """Under either status that revisions of the page give it."""
    assert verdict(reply(103, status)) == Unavailable("EXCEPTION", status)


@pytest.mark.parametrize(
    ("code", "settings", "lead", "canonical"),
    [
        (115, {"allocation_id": 7}, PLAIN_ID, Code.SCOPE_INVALID_ALLOCATION),
        (116, {"template_id": 7}, LEAD, Code.SCOPE_INVALID_TEMPLATE),
        (116, {}, LEAD, Code.SCOPE_INVALID_TEMPLATE),
        (117, {"campaign_id": 7}, LEAD, Code.SCOPE_INVALID_CAMPAIGN),
        (117, {}, LEAD, Code.SCOPE_INVALID_CAMPAIGN),
    ],
)
def test_a_place_from_our_settings_that_is_wrong_stops_the_connector(
    code: int, settings: dict[str, int], lead: LeadId, canonical: Code
) -> None:
    """Every lead would be refused; a missing setting is one too."""
    expected = Misconfigured(canonical, wire.REPLIES[code].message, 400)
    assert verdict(reply(code), delivery(lead=lead), **settings) == expected


@pytest.mark.parametrize(
    ("code", "canonical"),
    [
        (115, Code.SCOPE_INVALID_ALLOCATION),
        (116, Code.SCOPE_INVALID_TEMPLATE),
        (117, Code.SCOPE_INVALID_CAMPAIGN),
    ],
)
def test_a_place_from_the_caller_that_is_wrong_is_the_callers(code: int, canonical: Code) -> None:
    """Said wrongly or not said: the answer is what the vendor would have told it."""
    given = delivery(as_event(asked()))
    expected = Refused(canonical, wire.REPLIES[code].message, 400)
    assert verdict(reply(code), given) == expected


STRANGE = [
    (ConnectFailed("refused"), Unreachable("refused")),
    (
        AnswerUnknown("time ran out"),
        Unavailable("time ran out", answer_unknown=True, code=Code.TIMEOUT),
    ),
    (
        HttpResponse(403, {}, b'{"code":-1,"message":"INVALID_API_KEY"}'),
        Misconfigured(Code.UNAUTHENTICATED, "the vendor refuses the key", 403),
    ),
    (
        HttpResponse(401, {}, b""),
        Misconfigured(Code.UNAUTHENTICATED, "the vendor refuses the key", 401),
    ),
    (
        HttpResponse(404, {}, wire.NOT_FOUND_PAGE),
        Misconfigured(Code.ROUTE_NOT_FOUND, "there is no such API at base_url", 404),
    ),
    (
        HttpResponse(302, {"location": "/login"}, b""),
        Misconfigured(Code.ROUTE_NOT_FOUND, "there is no such API at base_url", 302),
    ),
    (HttpResponse(200, {}, b"<html>"), Unavailable("the answer is not JSON", 200)),
    (HttpResponse(204, {}, b""), Unavailable("the answer is not JSON", 204)),
    (HttpResponse(502, {}, b"<html>"), Unavailable("the answer is not JSON", 502)),
    (HttpResponse(408, {}, b""), Unavailable("the answer is not JSON", 408)),
    (HttpResponse(400, {}, b"<html>"), Unavailable("the answer is not JSON", 400)),
    (
        HttpResponse(429, {"retry-after": "30"}, b"slow down"),
        Throttled(30.0, "too many requests", 429),
    ),
    (
        HttpResponse(429, {"retry-after": "soon"}, b'{"code":103,"message":"X"}'),
        Throttled(None, "X", 429),
    ),
    (
        HttpResponse(500, {}, b'{"code":0,"message":"OK"}'),
        Unavailable("code 0 under an error status", 500),
    ),
    (
        HttpResponse(200, {}, b'{"code":104,"message":"DNC"}'),
        Refused(Code.DNC_BLOCKED, "DNC", 200),
    ),
    (
        HttpResponse(400, {}, b'{"code":999,"message":"NEW"}'),
        Refused(Code.VALIDATION_FAILED, "NEW", 400),
    ),
    (HttpResponse(503, {}, b'{"code":999,"message":"NEW"}'), Unavailable("NEW", 503)),
    (
        HttpResponse(404, {}, b'{"code":999,"message":"NEW"}'),
        Misconfigured(Code.ROUTE_NOT_FOUND, "NEW", 404),
    ),
]


@pytest.mark.parametrize(("answer", "expected"), STRANGE)
def test_whatever_comes_back_has_a_verdict(answer: HttpReply, expected: Verdict) -> None:
    """Failures of the way, other servers' pages, codes to come."""
    assert verdict(answer) == expected


@pytest.mark.parametrize("status", range(100, 600, 7))
def test_no_status_is_without_a_verdict(status: int) -> None:
    """Only a 2xx with code 0 is applied."""
    applied = isinstance(verdict(HttpResponse(status, {}, OK.body)), Applied)
    assert applied == (200 <= status < 300)


# --- 107 ----------------------------------------------------------------------------------


def test_our_own_no_change_gives_way_to_the_configured_disposition() -> None:
    """Once, in the same attempt."""
    given = delivery(event({"full_name": Set("J")}))
    requests, end = attempt(connector(disposition_if_undialled="Updated"), given, reply(107), OK)
    sent = [orjson.loads(request.body)["njDisposition"] for request in requests]
    assert sent == ["<No Change>", "Updated"]
    assert end == Applied(status=200)


def test_a_second_refusal_is_the_verdict() -> None:
    """No third request."""
    given = delivery(event({"full_name": Set("J")}))
    client = connector(disposition_if_undialled="Updated")
    requests, end = attempt(client, given, reply(107), reply(106))
    assert len(requests) == 2
    assert end == Refused(Code.DISPOSITION_INVALID, "INVALID_DISPOSTION", 400)


def test_without_one_the_lead_needs_a_disposition() -> None:
    """The default."""
    given = delivery(event({"full_name": Set("J"), "disposition": KEEP}))
    requests, end = attempt(connector(), given, reply(107))
    assert len(requests) == 1
    assert end == Refused(Code.DISPOSITION_REQUIRED, wire.REPLIES[107].message, 400)


def test_a_callers_own_no_change_is_its_own_to_mend() -> None:
    """It gets the 107 that the vendor would have told it."""
    given = delivery(as_event(asked({"Phone": "1", "njDisposition": "<No Change>"})))
    requests, end = attempt(connector(disposition_if_undialled="Updated"), given, reply(107))
    assert len(requests) == 1
    assert end == Refused(Code.DISPOSITION_REQUIRED, wire.REPLIES[107].message, 400)


# --- secrets, settings --------------------------------------------------------------------


def test_a_vendors_message_is_short_and_names_nobody() -> None:
    """No key, no number, no address."""
    said = "bad apiKey out-key for jane@example.com on +61 491 570 006: " + "x" * 500
    clean = bounded(said, "out-key")
    assert clean.startswith("bad apiKey *** for *** on ***: xxx")
    assert len(clean) == 200


def test_secrets_are_named_and_hidden() -> None:
    """In settings and in requests."""
    client = connector()
    request = attempt(client, delivery(), OK)[0][0]
    assert client.secrets == ("out-key",)
    assert "out-key" not in repr(request)
    assert "out-key" not in repr(connector()._settings)


def test_the_connectors_figures_are_the_vendors() -> None:
    """One lead a call, four at once, no documented rate."""
    client = connector()
    settings = client._settings
    assert (client.batch_size, client.limits, settings.concurrency) == (1, (), 4)
    assert client.reads == {"callback.at", "contact_hours"}
    assert VENDOR.connect("noojee-au", settings, {}).throttle_wait == 120.0


@pytest.mark.parametrize("settings", [{"phone_fields": []}, {"phone_format": "x"}, {"phones": 1}])
def test_settings_that_cannot_be_meant_are_errors(settings: dict[str, Any]) -> None:
    """Unknown keys included."""
    with pytest.raises(ValidationError):
        connector(**settings)
