"""LeadSquared's client: many leads in one call, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import orjson
import pytest

from connectors.delivery.connector import (
    Applied,
    Delivery,
    Limit,
    NothingToSend,
    NotLinked,
    Refused,
    Throttled,
    Unavailable,
)
from connectors.leadsquared.wire import answers, bulk
from connectors.leadsquared.wire.bulk import NOT_FOUND, BulkAnswer, Entry
from gateway.dialect import RequestedUpdate
from gateway.model.changes import CLEAR, Set
from gateway.model.codes import Code
from gateway.model.event import Attributes, LeadId, LeadUpdate, TriggerWishes
from gateway.transport.port import HttpRequest, HttpResponse
from tests.connectors.leadsquared.sending import (
    BASE,
    BULK,
    EMAIL,
    ID,
    JSON,
    PAIR,
    PHONE,
    body,
    connector,
    foreign,
    sent_by,
)


def listed(
    successful: Sequence[str] = (),
    failed: Sequence[tuple[str, str | None]] = (),
    missing: Sequence[str] = (),
) -> HttpResponse:
    """A 200 of a bulk call that names leads by their ids."""
    answer = BulkAnswer(
        tuple(Entry("ProspectId", value) for value in successful),
        tuple(Entry("ProspectId", value, reason) for value, reason in failed),
        tuple(Entry("ProspectId", value, NOT_FOUND) for value in missing),
    )
    return HttpResponse(200, {}, bulk.render_answer(answer))


def test_bulk_sends_leads_by_their_id_in_one_call() -> None:
    """Keys in headers, missing leads told apart, and the flag only where it was asked for."""
    other = replace(ID, id="5d0d4f1e-0000-4000-8000-000000000002")
    first = foreign(ID, company="Acme", email=CLEAR)
    second = foreign(other, phones__primary=Set("0491 570 006", "+61491570006"))
    sent, verdicts = sent_by(connector(), first, second, reply=listed([ID.id, other.id]))
    assert sent == [
        HttpRequest(
            "POST",
            BASE + BULK,
            (*PAIR, *JSON),
            orjson.dumps(
                {
                    "SearchByKey": "ProspectId",
                    "Options": {"PushNonExistentLeadsToUnProcessedList": True},
                    "LeadPropertiesList": [
                        {
                            "Fields": [
                                {"Attribute": "ProspectId", "Value": ID.id},
                                {"Attribute": "Company", "Value": "Acme"},
                                {"Attribute": "EmailAddress", "Value": ""},
                            ]
                        },
                        {
                            "Fields": [
                                {"Attribute": "ProspectId", "Value": other.id},
                                {"Attribute": "Phone", "Value": "+61491570006"},
                            ]
                        },
                    ],
                }
            ),
            30.0,
        )
    ]
    assert verdicts == (Applied(None, (), 200), Applied(None, (), 200))


def test_each_lead_is_sought_in_the_three_lists() -> None:
    """Whatever the answer's message counts; what it does not name is unknown."""
    ids = [replace(ID, id=f"5d0d4f1e-0000-4000-8000-00000000000{n}") for n in range(7)]
    names = [lead.id for lead in ids]
    reply = listed(
        [names[0].upper()],
        [
            (names[1], "Attribute(s) does not exist - mx_Shoe."),
            (names[2], "Duplicate entry 'x' for key 'UQ_Prospect_Base_EmailAddress'"),
            (names[4], "API calls exceeded the limit of 5 in 5 second(s)"),
            (names[5], "Deadlock found, please try again"),
        ],
        [names[3]],
    )
    _, verdicts = sent_by(connector(), *(foreign(lead) for lead in ids), reply=reply)
    unknown = Unavailable("the answer does not name this lead", 200, answer_unknown=True)
    assert verdicts == (
        Applied(None, (), 200),
        Refused(
            Code.UNKNOWN_ATTRIBUTE,
            "Attribute(s) does not exist - mx_Shoe.",
            200,
            {"field": "mx_Shoe"},
        ),
        Refused(
            Code.DUPLICATE_EMAIL,
            "Duplicate entry 'x' for key 'UQ_Prospect_Base_EmailAddress'",
            200,
        ),
        Refused(Code.LEAD_NOT_FOUND, NOT_FOUND, 200),
        Throttled(None, "API calls exceeded the limit of 5 in 5 second(s)", 200),
        Unavailable("Deadlock found, please try again", 200, code=Code.TIMEOUT),
        unknown,
    )


def test_a_200_can_be_a_total_failure() -> None:
    """All in the failed list, with and without a reason."""
    reply = listed(failed=[(ID.id, None)])
    _, verdicts = sent_by(connector(), foreign(ID), reply=reply)
    assert verdicts == (Refused(Code.VALIDATION_FAILED, "", 200),)


def test_leads_of_one_value_share_the_answers_about_it() -> None:
    """Two leads of ours may be one of the vendor's."""
    reply = listed([ID.id], [(ID.id, "Bad value")])
    _, verdicts = sent_by(connector(), foreign(ID), foreign(ID), reply=reply)
    assert verdicts == (
        Refused(Code.VALIDATION_FAILED, "Bad value", 200),
        Applied(None, (), 200),
    )


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (500, answers.render_failure(answers.Failure("MXInvalidInputException", "no"))),
        (200, answers.render_failure(answers.Failure("MXInvalidInputException", "no"))),
        (502, b"<html>"),
        (200, b"[]"),
        (429, b""),
    ],
)
def test_a_call_that_fails_as_a_whole_gives_all_the_same_verdict(status: int, said: bytes) -> None:
    """The very same, so that the engine halves the batch before it charges anybody."""
    reply = HttpResponse(status, {}, said)
    _, verdicts = sent_by(connector(), foreign(ID), foreign(ID), foreign(ID), reply=reply)
    assert len(verdicts) == 3
    assert {id(verdict) for verdict in verdicts} == {id(verdicts[0])}


@pytest.mark.parametrize(
    ("search_by", "ids", "sought"),
    [
        ("ProspectId", (EMAIL, PHONE, ID), ("ProspectId", ID.id)),
        ("ProspectID", (EMAIL, ID), ("ProspectId", ID.id)),
        ("EmailAddress", (ID, EMAIL), ("EmailAddress", "jane@example.com")),
        ("emailaddress", (ID, EMAIL), ("EmailAddress", "jane@example.com")),
        ("EmailAddress", (PHONE, ID), ("ProspectId", ID.id)),
        ("ProspectId", (PHONE, EMAIL), ("EmailAddress", "jane@example.com")),
        ("ProspectId", (PHONE,), ("Phone", "+61491570006")),
        ("mx_Code", (ID, LeadId("lsq:mx_Code", "7")), ("mx_Code", "7")),
        ("ProspectId", (LeadId("lsq:mx_Code", "7"),), ("mx_Code", "7")),
    ],
)
def test_a_lead_is_sought_by_what_is_known_of_it(
    search_by: str, ids: tuple[LeadId, ...], sought: tuple[str, str]
) -> None:
    """First by the configured field, then by its own id, its e-mail address, its phone."""
    sent, _ = sent_by(connector(search_by=search_by), foreign(*ids))
    said = body(sent[0])
    assert (said["SearchByKey"], said["LeadPropertiesList"][0]["Fields"][0]) == (
        sought[0],
        {"Attribute": sought[0], "Value": sought[1]},
    )


def test_phones_are_written_and_sought_in_the_accounts_form() -> None:
    """A dash after the country's code, as in the vendor's samples."""
    made = connector(phone_format="dashed")
    sent, _ = sent_by(made, foreign(PHONE, phones__secondary=Set("x", "+61491570156")))
    fields = body(sent[0])["LeadPropertiesList"][0]["Fields"]
    assert [one["Value"] for one in fields] == ["+61-491570006", "+61-491570156"]


@pytest.mark.parametrize("mode", ["bulk", "async", "sync"])
def test_a_lead_that_nobody_linked_is_not_sent(mode: str) -> None:
    """Not even by the new values of the update."""
    delivery = foreign(LeadId("nexa", "9"), email="jane@example.com")
    assert sent_by(connector(mode), delivery) == ([], (NotLinked(),))


@pytest.mark.parametrize("mode", ["async", "sync"])
def test_a_lead_without_its_own_id_goes_by_a_bulk_call_of_one(mode: str) -> None:
    """The other two APIs know leads by their id only."""
    sent, verdicts = sent_by(connector(mode), foreign(EMAIL), reply=HttpResponse(502, {}, b""))
    assert [request.url for request in sent] == [BASE + BULK]
    assert verdicts == (Unavailable("status 502", 502),)


def test_what_can_not_be_said_is_left_out_and_listed() -> None:
    """Another dialect's names, and a new value of the very field that the lead is sought by."""
    delivery = foreign(
        EMAIL,
        attributes=Attributes("merge", {"njPriority": 3}),
        email="new@example.com",
        disposition="Sale",
        company="Acme",
    )
    sent, verdicts = sent_by(connector(), delivery, reply=listed(["jane@example.com"]))
    assert body(sent[0])["LeadPropertiesList"] == [
        {
            "Fields": [
                {"Attribute": "EmailAddress", "Value": "jane@example.com"},
                {"Attribute": "Company", "Value": "Acme"},
            ]
        }
    ]
    assert verdicts == (Applied(None, ("disposition", "njPriority", "email"), 200),)


def test_names_are_given_by_fields() -> None:
    """Of canonical fields and of other dialects' attributes."""
    delivery = foreign(disposition="Sale", attributes=Attributes("merge", {"njPriority": 3}))
    made = connector(fields={"disposition": "mx_Call", "njPriority": "mx_Priority"})
    sent, verdicts = sent_by(made, delivery, reply=listed([ID.id]))
    assert body(sent[0])["LeadPropertiesList"][0]["Fields"][1:] == [
        {"Attribute": "mx_Call", "Value": "Sale"},
        {"Attribute": "mx_Priority", "Value": "3"},
    ]
    assert verdicts == (Applied(None, (), 200),)


@pytest.mark.parametrize("mode", ["bulk", "async", "sync"])
def test_an_update_of_which_nothing_can_be_said_is_not_sent(mode: str) -> None:
    """In any mode."""
    expected = NothingToSend(("disposition",))
    assert sent_by(connector(mode), foreign(disposition="Sale")) == ([], (expected,))
    email = foreign(EMAIL, email="jane@example.com")
    assert sent_by(connector(mode), email) == ([], (NothingToSend(()),))


def test_a_lead_without_anything_to_send_stops_no_other() -> None:
    """Nor one that is not linked, where they share a conversation after all."""
    deliveries = foreign(disposition="Sale"), foreign(ID), foreign(LeadId("nexa", "9"))
    sent, verdicts = sent_by(connector(), *deliveries, reply=listed([ID.id]))
    assert len(body(sent[0])["LeadPropertiesList"]) == 1
    assert verdicts == (NothingToSend(("disposition",)), Applied(None, (), 200), NotLinked())


def test_what_came_by_this_dialect_is_given_back_as_it_came(
    event: Callable[..., LeadUpdate],
) -> None:
    """Names, raw values, and the value by which the caller sought the lead."""
    update = RequestedUpdate(
        PHONE,
        {"first_name": Set("Jane"), "do_not_call": Set(True, raw="Yes")},
        Attributes("merge", {"Age": 33, "mx_Sets": {"a": "b"}}),
        TriggerWishes(post_updated_lead=True),
        {"first_name": "firstname", "do_not_call": "DoNotCall"},
        {"search_by": "Phone", "identifier": "+61-491570006"},
    )
    made = event(update, operation="leadBulkUpdateV2")
    sent, _ = sent_by(connector(), Delivery(made, (), (PHONE,)))
    assert sent[0].url == f"{BASE}{BULK}?postUpdatedLead=true"
    assert body(sent[0])["LeadPropertiesList"][0]["Fields"] == [
        {"Attribute": "Phone", "Value": "+61-491570006"},
        {"Attribute": "firstname", "Value": "Jane"},
        {"Attribute": "DoNotCall", "Value": "Yes"},
        {"Attribute": "Age", "Value": 33},
        {"Attribute": "mx_Sets", "Value": "", "Fields": [{"Attribute": "a", "Value": "b"}]},
    ]


FORWARDING = [
    ("same_dialect", "leadsquared", True, True),
    ("same_dialect", "leadsquared", False, False),
    ("same_dialect", "native", True, False),
    ("always", "native", True, True),
    ("always", "native", False, False),
    ("never", "leadsquared", True, False),
]


@pytest.mark.parametrize("mode", ["bulk", "async", "sync"])
@pytest.mark.parametrize(("how", "dialect", "wished", "expected"), FORWARDING)
def test_post_updated_lead_is_passed_on_as_configured(
    mode: str, how: str, dialect: str, wished: bool, expected: bool
) -> None:
    """By default so that the automations of its own callers run."""
    made = connector(mode, forward_post_updated_lead=how)
    sent, _ = sent_by(made, foreign(dialect=dialect, wished=wished))
    assert ("postUpdatedLead=true" in sent[0].url) is expected
    assert ("postUpdatedLead" in sent[0].url) is expected


def test_only_leads_of_one_kind_share_a_call() -> None:
    """Sought by one field, with one flag; what is not sent by a bulk call goes alone."""
    made = connector(forward_post_updated_lead="always")
    pending = foreign()._replace(pending="a ticket")
    alone = [foreign(LeadId("nexa", "9")), foreign(disposition="Sale"), pending]
    keys = [
        made.batch_key(each)
        for each in (foreign(), foreign(ID, EMAIL), foreign(EMAIL), foreign(wished=True))
    ]
    assert (keys[0] == keys[1], len(set(keys))) == (True, 3)
    assert {made.batch_key(each) for each in alone}.isdisjoint(keys)
    assert (made.batch_size, made.most_in_flight, made.limits) == (25, 1, (Limit(5, 5.0),))
