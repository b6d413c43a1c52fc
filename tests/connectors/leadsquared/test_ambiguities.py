"""Where LeadSquared's pages are silent, contradict each other or slip: what we do, by number.

Each number stands in the slice's README. Those of the status call (L-8, L-9) are tested with it.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connectors.leadsquared.wire import attributes
from connectors.leadsquared.wire.attributes import Attribute
from connectors.leadsquared.wire.bulk import MOST_LEADS, NOT_FOUND
from gateway.dialect import (
    Accepted,
    Busy,
    Fault,
    Invalid,
    Malformed,
    OverQuota,
    Parsed,
    QuotaState,
    StatusOf,
    Unauthenticated,
)
from gateway.model.changes import CLEAR, Set
from gateway.model.codes import Code
from gateway.model.event import LeadId
from gateway.settings.model import QuotaSettings
from tests.connectors.leadsquared.calls import (
    ACCESS,
    API,
    BODY,
    DIALECT,
    EVENT_ID,
    KEYS,
    LEAD_ID,
    SECRET,
    answered,
    asked,
    asking,
    bulk,
    caller,
    credential,
    envelope,
    leads,
    parsed,
    settled,
    single,
    told,
)


def body(*said: tuple[str, Any]) -> bytes:
    """The body of an async call."""
    return orjson.dumps([{"Attribute": name, "Value": value} for name, value in said])


def counts(answer_status: dict[str, Any]) -> tuple[int, int, str]:
    """Successes, failures and the message of a bulk answer."""
    said = answer_status["Status"]
    return said["SuccessCount"], said["FailureCount"], said["Message"]


def test_l_1_the_request_id_is_emitted_as_the_json_spells_it_and_asked_by_either() -> None:
    """`RequestID`; the prose says `RequestId`."""
    answer = answered(single(), BODY, Accepted(EVENT_ID))
    assert list(orjson.loads(answer.body)) == ["Status", "RequestID"]
    for name in ("RequestID", "RequestId", "requestid"):
        assert DIALECT.ask(asking((name, EVENT_ID)), caller()) == StatusOf(EVENT_ID)


@pytest.mark.parametrize("content_type", ["application-json", "text/plain", None])
def test_l_2_any_content_type_is_taken(content_type: str | None) -> None:
    """If the body can be read."""
    headers = {"x-api-key": API} | ({} if content_type is None else {"content-type": content_type})
    assert asked(single(headers=headers)).lead == LeadId("lsq", LEAD_ID)


def test_l_3_status_and_metrics_are_served_at_their_likeliest_paths() -> None:
    """The pages' own are lost."""
    assert [route.path for route in DIALECT.routes if route.asks] == [
        "/lead/update/status",
        "/lead/status",
        "/lead/update/metrics",
    ]


def test_l_4_a_shape_is_400_and_a_meaning_500() -> None:
    """As the vendor's own sample is: a 500 for a missing parameter."""
    unreadable = DIALECT.parse(single(), b"{}", caller())
    assert isinstance(unreadable, Malformed)
    assert DIALECT.refuse(single(), unreadable, None).status == 400
    meaningless = DIALECT.parse(single(("x", "y")), BODY, caller())
    assert isinstance(meaningless, Invalid)
    assert DIALECT.refuse(single(), meaningless, None).status == 500


def test_l_5_bodies_that_are_not_shown_are_the_common_envelope() -> None:
    """401 and 429; both types were seen, neither is proven."""
    assert told(DIALECT.refuse(bulk(), Unauthenticated(presented=False), None)) == (
        401,
        envelope("MXUnAuthorizedAccessException", "Invalid AccessKey or SecretKey"),
    )
    assert told(DIALECT.refuse(bulk(), Busy(1.0, appended=True), None)) == (
        429,
        envelope(
            "MXAPIRateLimitExceededException", "API calls exceeded the limit of 25 in 5 second(s)"
        ),
    )


def test_l_6_the_sentence_has_the_limits_own_numbers_and_bulk_may_have_others() -> None:
    """25 in 5 seconds by default, as both pages say."""
    quota = QuotaState(limit=5, remaining=0, used=5, reset_at=1.0, per=5.0)
    answer = DIALECT.refuse(bulk(), OverQuota(quota, 1.0), None)
    assert told(answer)[1]["ExceptionMessage"] == (
        "API calls exceeded the limit of 5 in 5 second(s)"
    )
    keys = credential(bulk_quota={"requests": 5, "per": "5s"})
    assert getattr(keys, DIALECT.quota_of("leadBulkUpdateV2")) == QuotaSettings(requests=5, per=5.0)
    assert getattr(keys, DIALECT.quota_of("leadUpdate")) == QuotaSettings(requests=25, per=5.0)


def test_l_7_an_async_call_is_judged_later() -> None:
    """What only the account knows is no reason to refuse the call."""
    odd = body(("mx_Nobody_Knows", "x"), ("EmailAddress", "no address"))
    assert DIALECT.patience(single(), credential()) is None
    assert isinstance(DIALECT.parse(single(), odd, caller(attributes=["Phone"])), Parsed)


@pytest.mark.parametrize(
    ("value", "wished"),
    [
        *((value, True) for value in ("true", "TRUE", " True ", "1", "yes", "Yes")),
        *((value, False) for value in ("false", "0", "no", "", "postUpdatedLead", "2", "on")),
        (None, False),
    ],
)
def test_l_10_automations_run_only_when_clearly_asked_for(value: str | None, wished: bool) -> None:
    """The page's own sample value is the parameter's name."""
    query = (("leadId", LEAD_ID),) + (() if value is None else (("postUpdatedLead", value),))
    assert asked(single(*query)).triggers.post_updated_lead is wished


@pytest.mark.parametrize("name", ["leadId", "LeadId", "LEADID", " leadid "])
def test_l_11_parameters_are_named_in_any_case(name: str) -> None:
    """The synchronous page spells this one otherwise."""
    assert asked(single((name, LEAD_ID))).lead.id == LEAD_ID


def test_l_12_keys_are_in_the_query_or_in_headers_which_win() -> None:
    """A dollar sign in them survives."""
    pair = {"x-lsq-accesskey": ACCESS, "x-lsq-secretkey": SECRET, "x-api-key": API}
    wrong = (("accessKey", "x"), ("secretKey", "y"))
    (whole, *_) = DIALECT.secrets_of(credential())
    assert DIALECT.presented(single()) == whole
    assert DIALECT.presented(single(headers=pair)._replace(query=wrong)) == whole
    query = ((name.upper(), value) for name, value in KEYS)
    assert DIALECT.presented(single()._replace(query=tuple(query))) == whole
    assert "u$r" in whole


@pytest.mark.parametrize(
    ("value", "kept"), [("x", "x"), (7, 7), (1.5, 1.5), (True, True), ("", None), (None, None)]
)
def test_l_13_values_are_scalars_and_null_and_empty_clear(value: Any, kept: Any) -> None:
    """For fields of ours and for attributes."""
    update = asked(single(), body(("mx_Plan", value), ("Notes", value)))
    assert update.attributes.patch == {"mx_Plan": kept}
    cleared = update.changes["note"] == CLEAR
    assert cleared is (kept is None)


def test_l_13_a_set_of_fields_is_kept() -> None:
    """Under its name."""
    said = Attribute("mx_Education", "", (Attribute("mx_CustomObject_1", "BSc"),))
    update = asked(single(), attributes.render_attributes([said]))
    assert update.attributes.patch == {"mx_Education": {"mx_CustomObject_1": "BSc"}}


def test_l_14_the_last_of_two_values_counts() -> None:
    """And the event says which names were repeated."""
    update = asked(single(), body(("Notes", "a"), ("mx_A", "1"), ("Notes", "b"), ("mx_A", "2")))
    assert (update.changes, update.attributes.patch) == ({"note": Set("b")}, {"mx_A": "2"})
    assert update.scope == {"repeated": ["Notes", "mx_A"]}


def test_l_15_an_unknown_attribute_costs_its_lead_where_the_names_are_known() -> None:
    """Without a list of names every one is taken."""
    some = leads(
        [("ProspectId", "1"), ("mx_Nope", "x"), ("Zzz", "y")], [("ProspectId", "2"), ("PHONE", "1")]
    )
    assert len(parsed(bulk(), some).updates) == 2
    known = {"attributes": ["Phone", "mx_City"]}
    answer = answered(bulk(), some, settled(), **known)
    assert told(answer)[1]["Details"] == {
        "SuccessfulLeads": [{"Identifier": "ProspectId", "IdentifierValue": "2"}],
        "FailedLeads": [
            {
                "Identifier": "ProspectId",
                "IdentifierValue": "1",
                "Reason": "Attribute(s) does not exist - mx_Nope, Zzz.",
            }
        ],
    }


def test_l_16_one_bare_attribute_is_a_list_of_one() -> None:
    """Any other object is malformed."""
    bare = b'{"Attribute":"Notes","Value":"x"}'
    assert asked(single(), bare).changes == {"note": Set("x")}
    assert isinstance(DIALECT.parse(single(), b'{"Notes":"x"}', caller()), Malformed)


@pytest.mark.parametrize("name", ["ProspectId", "ProspectID", "prospectid", "LeadId", "leadID"])
def test_l_17_the_own_id_is_one_in_any_spelling(name: str) -> None:
    """The answer has the call's SearchByKey as it is, or `ProspectId` where it has none."""
    some = leads([(name, "1"), ("Age", "3")])
    assert asked(bulk(), some).lead == LeadId("lsq", "1")
    sought = leads([("ProspectID", "1"), ("Age", "3")], search_by=name)
    assert asked(bulk(), sought).lead == LeadId("lsq", "1")
    for call_body, identifier in ((some, "ProspectId"), (sought, name)):
        answer = answered(bulk(), call_body, settled())
        assert told(answer)[1]["Details"]["SuccessfulLeads"] == [
            {"Identifier": identifier, "IdentifierValue": "1"}
        ]
    again = asked(single(), body((name, LEAD_ID), ("Age", "3")))
    assert again.attributes.patch == {"Age": "3"}


def test_l_17_the_own_id_may_stand_beside_the_fields() -> None:
    """The page's words allow either."""
    lead = {"ProspectId": "1", "Fields": [{"Attribute": "Age", "Value": "3"}]}
    update = asked(bulk(), orjson.dumps({"LeadPropertiesList": [lead]}))
    assert (update.lead, update.attributes.patch) == (LeadId("lsq", "1"), {"Age": "3"})


def test_l_18_the_samples_own_names_are_ordinary_attributes() -> None:
    """They may be told to be fields of ours."""
    some = leads([("ProspectId", "1"), ("mx_FirstName", "John"), ("PhoneNumber", "9876543210")])
    plain = asked(bulk(), some)
    assert (plain.changes, plain.attributes.patch) == (
        {},
        {"mx_FirstName": "John", "PhoneNumber": "9876543210"},
    )
    named = {"first_name": "mx_FirstName", "phones.primary": "PhoneNumber"}
    assert asked(bulk(), some, fields=named).names == named


def test_l_19_the_answer_has_the_calls_values() -> None:
    """The page's answers another call than its sample's."""
    some = leads([("EmailAddress", "Jane@Example.com")], search_by="EmailAddress")
    assert told(answered(bulk(), some, settled()))[1]["Details"]["SuccessfulLeads"] == [
        {"Identifier": "EmailAddress", "IdentifierValue": "Jane@Example.com"}
    ]


def test_l_20_spaces_count_in_answers_only() -> None:
    """An address is sought without those around it, and told with them."""
    some = leads([("EmailAddress", " Jane@Example.com ")], search_by="EmailAddress")
    assert asked(bulk(), some).lead == LeadId("email", "jane@example.com")
    answer = answered(bulk(), some, settled())
    assert told(answer)[1]["Details"]["SuccessfulLeads"][0]["IdentifierValue"] == (
        " Jane@Example.com "
    )


@pytest.mark.parametrize("option", [True, "True", "true", " TRUE "], ids=repr)
def test_l_21_truths_are_booleans_or_words(option: Any) -> None:
    """The prose writes them as words."""
    for said, lists in ((option, True), (not option, False), ("False", False)):
        body = leads([("ProspectId", "1")], option=said)
        answer = answered(bulk(), body, settled(Code.LEAD_NOT_FOUND))
        assert ("UnProcessedCount" in told(answer)[1]["Status"]) is lists


def test_l_22_the_message_is_an_error_only_where_no_lead_succeeded() -> None:
    """All, some, none, and all unprocessed."""
    two = [("ProspectId", "1")], [("ProspectId", "2")]
    missing = settled(Code.LEAD_NOT_FOUND)

    def said(*results: Any, option: bool = False) -> tuple[int, int, str]:
        return counts(told(answered(bulk(), leads(*two, option=option), *results))[1])

    assert said(settled(), settled()) == (2, 0, "Processed")
    assert said(settled(), missing) == (1, 1, "Processed")
    assert said(missing, missing) == (0, 2, "Error")
    assert said(missing, missing, option=True) == (0, 0, "Error")


def test_l_23_unprocessed_are_counted_only_where_asked_for() -> None:
    """Also where there are none."""
    for option, names in (
        (False, ["TotalCount", "SuccessCount", "FailureCount", "Message"]),
        (True, ["TotalCount", "SuccessCount", "FailureCount", "UnProcessedCount", "Message"]),
    ):
        answer = answered(bulk(), leads([("ProspectId", "1")], option=option), settled())
        assert list(told(answer)[1]["Status"]) == names


def test_l_24_empty_lists_are_left_out() -> None:
    """As in the page's samples."""
    one = leads([("ProspectId", "1")], option=True)
    lists = [
        list(told(answered(bulk(), one, settled(code)))[1]["Details"])
        for code in (Code.OK, Code.VALIDATION_FAILED, Code.LEAD_NOT_FOUND)
    ]
    assert lists == [["SuccessfulLeads"], ["FailedLeads"], ["UnProcessedLeads"]]


def test_l_25_too_many_leads_none_and_one_without_fields() -> None:
    """500, 400, and that lead fails."""
    most = [[("ProspectId", str(number))] for number in range(MOST_LEADS + 1)]
    assert len(parsed(bulk(), leads(*most[:-1])).updates) == 25
    refusal = DIALECT.parse(bulk(), leads(*most), caller())
    assert refusal == Invalid((Fault(Code.BATCH_TOO_LARGE, "LeadPropertiesList", 26),))
    assert isinstance(refusal, Invalid)
    assert told(DIALECT.refuse(bulk(), refusal, None)) == (
        500,
        envelope("MXInvalidInputException", "A maximum of 25 leads can be updated in one call"),
    )
    assert isinstance(DIALECT.parse(bulk(), leads(), caller()), Malformed)
    nothing = b'{"LeadPropertiesList":[{"ProspectId":"1"}]}'
    assert parsed(bulk(), nothing).updates == ()
    assert told(answered(bulk(), nothing)) == (
        200,
        {
            "Status": {"TotalCount": 1, "SuccessCount": 0, "FailureCount": 1, "Message": "Error"},
            "Details": {
                "FailedLeads": [
                    {
                        "Identifier": "ProspectId",
                        "IdentifierValue": "1",
                        "Reason": "'Fields' is mandatory for updating lead",
                    }
                ]
            },
        },
    )


def test_l_26_each_list_has_the_calls_order() -> None:
    """Whatever became of the leads between."""
    some = leads(*([("ProspectId", number)] for number in "12345"))
    missing = settled(Code.LEAD_NOT_FOUND)
    results = (settled(), missing, settled(), missing, settled())
    details = told(answered(bulk(), some, *results))[1]["Details"]
    assert [[entry["IdentifierValue"] for entry in some] for some in details.values()] == [
        ["1", "3", "5"],
        ["2", "4"],
    ]


def test_l_27_a_bulk_call_may_ask_for_automations_too() -> None:
    """Though its page does not say so."""
    some = leads([("ProspectId", "1")])
    assert asked(bulk(("postUpdatedLead", "true")), some).triggers.post_updated_lead
    assert not asked(bulk(), some).triggers.post_updated_lead


def test_l_28_a_forbidden_lead_is_told_as_a_missing_one() -> None:
    """By both APIs, so that nothing is learnt of it."""
    some = leads([("ProspectId", "1")])
    for code in (Code.LEAD_NOT_FOUND, Code.FORBIDDEN, Code.LEAD_NOT_LINKED):
        said = told(answered(bulk(), some, settled(code)))[1]
        assert said["Details"]["FailedLeads"][0]["Reason"] == NOT_FOUND
        assert told(answered(single(), BODY, settled(code))) == (
            500,
            envelope("MXInvalidInputException", NOT_FOUND),
        )
