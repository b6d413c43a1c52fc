"""UpdateLeadFast as we answer it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from connectors.noojee import SAMPLE, VENDOR, wire
from gateway.dialect import (
    Accepted,
    Answer,
    Answering,
    Busy,
    Call,
    Fault,
    Invalid,
    KeyReused,
    Malformed,
    MethodNotAllowed,
    OverQuota,
    Parsed,
    QuotaState,
    Refusal,
    Route,
    Settled,
    TooLarge,
    Unauthenticated,
)
from gateway.model.changes import KEEP, Set
from gateway.model.codes import Code
from gateway.model.event import LeadId
from gateway.model.json import JsonObject
from gateway.model.outcome import Kind, Outcome
from tests.connectors.noojee.calls import (
    BODY,
    CAPTURES,
    DIALECT,
    PATH,
    QUERY,
    asked,
    call,
    caller,
    capture,
    credential,
    refused,
)

BUSY = Answer(400, b'{"code":109,"message":"TIMEOUT_TOO_MANY_CONCURRENT_REQUESTS"}')
BAD_DATA = Answer(400, b'{"code":103,"message":"EXCEPTION"}')


def without(*names: str) -> dict[str, str]:
    """The good query without some parameters."""
    return {name: value for name, value in QUERY.items() if name not in names}


def told(kind: Kind, code: Code) -> Answer:
    """The answer to a caller whose update ended so."""
    outcome = Outcome("e", "noojee-au", kind, code, "default", "ld_1")
    parsed = Parsed((asked(),))
    return DIALECT.answer(
        Answering(call(), caller(), parsed, [Settled("e", outcome)], [], None, 0.0)
    )


# --- what a call asks ---------------------------------------------------------------------


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_every_capture_is_a_call_we_take(path: Path) -> None:
    """By one of our routes, with a key, to one update."""
    recorded, body = capture(path)
    route = Route(recorded.method, recorded.path, recorded.operation)
    assert route in DIALECT.routes
    assert DIALECT.presented(recorded)
    parsed = DIALECT.parse(recorded, body, caller())
    assert isinstance(parsed, Parsed)
    assert [update.lead for update in parsed.updates] == [
        LeadId("noojee-au", "9856", (("allocation_id", "38"),))
    ]


def test_the_pages_sample_is_one_update_of_its_lead() -> None:
    """With its place, and the caller's own names."""
    recorded = Call("POST", SAMPLE.path, "updateLeadFast", {}, SAMPLE.query, dict(SAMPLE.headers))
    parsed = DIALECT.parse(recorded, SAMPLE.body, caller())
    assert isinstance(parsed, Parsed)
    update = parsed.updates[0]
    assert update.lead == LeadId("noojee-au", "9856", (("allocation_id", "38"),))
    assert update.scope == {"template_id": "41", "campaign_id": "41", "allocation_id": "38"}
    assert update.changes["phones.secondary"] == KEEP
    assert update.names["full_name"] == "Name"


def test_n_02_both_paths_are_served() -> None:
    """The deprecated one is the same call."""
    assert DIALECT.routes == (
        Route("POST", "/servicemanager/rest/CampaignAPI/updateLeadFast", "updateLeadFast"),
        Route("POST", "/servicemanager/rest/CampaignAPI/updateLead", "updateLead"),
    )


def test_n_03_a_key_after_a_space_is_the_key() -> None:
    """The page's sample has a space before `apiKey`."""
    spaced = Call("POST", PATH, "updateLeadFast", {}, ((" apiKey", "inbound-key"),), {})
    assert (DIALECT.presented(spaced),) == DIALECT.secrets_of(credential())


@pytest.mark.parametrize("query", [{}, {"apiKey": ""}, {"apiKey": " "}, {"key": "x"}])
def test_a_call_without_a_key_presents_none(query: dict[str, str]) -> None:
    """An empty key is none."""
    assert DIALECT.presented(call(query)) is None


@pytest.mark.parametrize(
    ("change", "settings", "code"),
    [
        ({"fAllocationId": None}, {}, 115),
        ({"fAllocationId": ""}, {}, 115),
        ({"fAllocationId": "x"}, {}, 115),
        ({"fAllocationId": "-3"}, {}, 115),
        ({"fAllocationId": "9" * 5000}, {}, 115),
        ({"fAllocationId": "39"}, {"allocations": [38]}, 115),
        ({"fTemplateId": "x"}, {}, 116),
        ({"fTemplateId": ""}, {}, 116),
        ({"fTemplateId": "42"}, {"templates": [41]}, 116),
        ({}, {"strict_scope": True}, 116),
        ({"fCampaignId": "x"}, {}, 117),
        ({"fCampaignId": "42"}, {"campaigns": [41]}, 117),
        ({"fTemplateId": "41"}, {"strict_scope": True}, 117),
        ({"fTemplateId": "x", "fCampaignId": "x", "fAllocationId": "x"}, {}, 116),
        ({"fCampaignId": "x", "fAllocationId": "x"}, {}, 117),
    ],
)
def test_n_04_the_place_is_checked_template_campaign_allocation(
    change: dict[str, str | None], settings: dict[str, Any], code: int
) -> None:
    """Only the allocation is required, unless the scope is strict; ids are numbers that exist."""
    query = {name: value for name, value in {**QUERY, **change}.items() if value is not None}
    row = wire.REPLIES[code]
    assert refused(BODY, query, **settings) == Answer(400, row.body)


def test_n_04_a_strict_scope_that_is_whole_is_taken() -> None:
    """And written without leading zeros, so that one allocation is one key."""
    query = {**QUERY, "fTemplateId": "41", "fCampaignId": "40", "fAllocationId": "038"}
    update = asked(BODY, query, strict_scope=True, allocations=[38])
    assert update.lead.scope == (("allocation_id", "38"),)
    assert update.scope == {"template_id": "41", "campaign_id": "40", "allocation_id": "38"}


@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        ("9856", "1", "9856"),
        (None, "9856", "9856"),
        ("", " 9856 ", "9856"),
        (None, 9856, "9856"),
    ],
    ids=["both", "body", "empty query", "number"],
)
def test_n_14_the_id_is_taken_from_the_query_before_the_body(
    query: str | None, body: str | int, expected: str
) -> None:
    """Older clients send it in the body."""
    said = without("njExternalLeadId")
    if query is not None:
        said["njExternalLeadId"] = query
    update = asked({**BODY, "njExternalLeadId": body}, said)
    assert update.lead.id == expected
    assert update.attributes.patch == {}


@pytest.mark.parametrize("body", [BODY, {**BODY, "njExternalLeadId": " "}, {}, b"{"])
def test_n_14_no_id_anywhere_is_113(body: JsonObject | bytes) -> None:
    """Whatever else is wrong."""
    expected = Answer(400, b'{"code":113,"message":"EDIT_BUT_NO_EXTERNAL_ID_SUPPLIED"}')
    assert refused(body, {"apiKey": "k"}) == expected


def test_n_20_the_first_check_that_fails_answers() -> None:
    """Id, place, body, phones, call-back, contact hours, disposition."""
    lists: dict[str, Any] = {"contact_hours": ["Business"], "dispositions": ["Sale"]}
    wrong: dict[str, Any] = {"njCallBackDate": "x", "njTimezone": "x", "njDisposition": "x"}
    right_query = dict(QUERY)
    answers = [
        refused(b"{", {"apiKey": "k"}, **lists),
        refused(b"{", without("fAllocationId"), **lists),
        refused(b"{", right_query, **lists),
        refused(wrong, right_query, **lists),
        refused({"Phone": "1", **wrong}, right_query, **lists),
        refused({"Phone": "1", **wrong, "njCallBackDate": ""}, right_query, **lists),
        refused({"Phone": "1", "njDisposition": "x"}, right_query, **lists),
    ]
    codes = [orjson.loads(answer.body)["code"] for answer in answers]
    assert codes == [113, 115, 103, 102, 114, 111, 106]


def test_n_20_a_call_with_many_faults_keeps_them_in_order() -> None:
    """For those who explain the call; the answer tells the first."""
    body = orjson.dumps({"njCallBackDate": "soon", "njDisposition": "x"})
    refusal = DIALECT.parse(call(), body, caller(dispositions=["Sale"]))
    assert refusal == Invalid(
        (
            Fault(Code.PHONE_MISSING),
            Fault(Code.CALLBACK_INVALID, "njCallBackDate", "soon"),
            Fault(Code.DISPOSITION_INVALID, "njDisposition", "x"),
        )
    )


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b"\xff\xfe"])
def test_a_body_that_cannot_be_read_is_bad_data(body: bytes) -> None:
    """400 and the vendor's catch-all."""
    assert refused(body) == BAD_DATA


def test_a_call_without_a_phone_field_is_102() -> None:
    """An empty or unchanged one is a phone field; none is none."""
    assert refused({"njDisposition": "Sale"}) == Answer(400, wire.REPLIES[102].body)
    assert asked({"Phone": ""}).names == {"phones.primary": "Phone"}
    assert asked({"Phone": "<No Change>"}).names == {"phones.primary": "Phone"}


def test_n_18_unknown_contact_hours_are_111_where_they_are_listed() -> None:
    """Without a list every name is taken."""
    said = {"Phone": "1", "njTimezone": "Night"}
    expected = Answer(400, b'{"code":111,"message":"INVALID_TIMEZONE_SPECIFIED"}')
    assert refused(said, contact_hours=["Business"]) == expected
    assert asked(said).changes["contact_hours"] == Set("Night")


def test_n_13_a_call_that_ran_out_of_time_is_told_to_try_again() -> None:
    """109; the update itself goes on and the repeated call attaches to it."""
    assert DIALECT.refuse(call(), Busy(5.0, appended=True), None) == BUSY


# --- what we say --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (Unauthenticated(True), Answer(403, b'{"code":-1,"message":"INVALID_API_KEY"}')),
        (OverQuota(QuotaState(1, 0, 1, 0.0, 1.0), 1.0), BUSY),
        (Busy(1.0, appended=False), BUSY),
        (Malformed("x"), BAD_DATA),
        (TooLarge(10), BAD_DATA),
        (
            MethodNotAllowed(("POST",)),
            Answer(405, b'{"code":103,"message":"EXCEPTION"}', (("Allow", "POST"),)),
        ),
        (Invalid((Fault(Code.PHONE_MISSING),)), Answer(400, wire.REPLIES[102].body)),
        (
            KeyReused(),
            Answer(400, b'{"code":103,"message":"EXCEPTION: idempotency_key_reused"}'),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_refusal_has_the_vendors_shape(refusal: Refusal, expected: Answer) -> None:
    """Status, bytes and headers."""
    assert DIALECT.refuse(call(), refusal, None) == expected


@pytest.mark.parametrize("presented", [True, False])
def test_n_19_a_bad_key_is_403_and_a_code_that_is_not_0(presented: bool) -> None:
    """The vendor does not document it; its own client asks for no more."""
    expected = Answer(403, b'{"code":-1,"message":"INVALID_API_KEY"}')
    assert DIALECT.refuse(call(), Unauthenticated(presented), None) == expected


def test_n_21_another_method_is_405() -> None:
    """The sample is a POST."""
    assert DIALECT.refuse(call(), MethodNotAllowed(("POST",)), None).status == 405


def test_an_update_that_is_safe_or_applied_is_ok() -> None:
    """The exact bytes of the page; nothing else."""
    ok = Answer(200, b'{"code":0,"message":"OK"}')
    parsed = Parsed((asked(),))
    safe = DIALECT.answer(Answering(call(), caller(), parsed, [Accepted("e")], [], None, 0.0))
    kinds = [
        (Kind.APPLIED, Code.OK),
        (Kind.SUPERSEDED, Code.SUPERSEDED),
        (Kind.SKIPPED, Code.SHADOWED),
        (Kind.SKIPPED, Code.UNROUTED),
    ]
    assert [safe, *(told(kind, code) for kind, code in kinds)] == [ok] * 5


@pytest.mark.parametrize(
    ("kind", "code", "status", "body"),
    [
        (
            Kind.REJECTED,
            Code.LEAD_NOT_FOUND,
            400,
            b'{"code":101,"message":"COULDNT_FIND_THE_LEAD"}',
        ),
        (Kind.REJECTED, Code.PHONE_INVALID, 400, b'{"code":102,"message":"NO_PHONE_FIELDS"}'),
        (Kind.DEAD_LETTERED, Code.INTERNAL, 500, b'{"code":103,"message":"EXCEPTION"}'),
        (Kind.REJECTED, Code.DNC_BLOCKED, 400, b'{"code":104,"message":"DNC"}'),
        (Kind.REJECTED, Code.DUPLICATE_PHONE, 400, b'{"code":105,"message":"DUPLICATE"}'),
        (
            Kind.DEAD_LETTERED,
            Code.CONFLICT,
            400,
            b'{"code":110,"message":"LEAD_NOT_UPDATED_DUE_TO_CONFLICT"}',
        ),
        (
            Kind.DEAD_LETTERED,
            Code.LEAD_NOT_LINKED,
            400,
            b'{"code":103,"message":"EXCEPTION: lead_not_linked"}',
        ),
        (
            Kind.SKIPPED,
            Code.NOTHING_TO_SEND,
            400,
            b'{"code":103,"message":"EXCEPTION: nothing_to_send"}',
        ),
    ],
)  # fmt: skip
def test_an_outcome_is_told_in_the_vendors_words(
    kind: Kind, code: Code, status: int, body: bytes
) -> None:
    """A code without a row is bad data with our word in the message."""
    assert told(kind, code) == Answer(status, body)


# --- settings -----------------------------------------------------------------------------


def test_an_answer_comes_within_the_minute_of_the_vendors_callers() -> None:
    """55 seconds unless set."""
    assert (credential().answer_within, credential(answer_within="5s").answer_within) == (55.0, 5.0)


def test_a_credential_hides_its_key() -> None:
    """In its repr."""
    assert "inbound-key" not in repr(credential())


@pytest.mark.parametrize("settings", [{"fields": {"nom": "Name"}}, {"apikey": "x"}])
def test_a_setting_that_would_do_nothing_is_an_error(settings: dict[str, Any]) -> None:
    """A field that is not canonical, an unknown key."""
    with pytest.raises(ValidationError):
        credential(**settings)


def test_the_vendor_exports_both_halves() -> None:
    """What the registry needs."""
    assert (VENDOR.name, VENDOR.dialect, VENDOR.sandbox, VENDOR.samples) == (
        DIALECT.name,
        VENDOR.dialect,
        "connectors.noojee.sandbox",
        (SAMPLE,),
    )
