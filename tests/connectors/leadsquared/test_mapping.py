"""A lead's attributes to canonical changes, and who a lead is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from connectors.leadsquared.mapping import reading, tables
from connectors.leadsquared.mapping.reading import Named, named
from connectors.leadsquared.wire.attributes import Attribute
from connectors.leadsquared.wire.bulk import BulkLead
from gateway.dialect import Caller, RequestedUpdate
from gateway.model.changes import CLEAR, Change, Set
from gateway.model.event import Attributes, LeadId, LeadUpdate, TriggerWishes
from gateway.model.json import JsonValue
from gateway.settings.model import CredentialSettings

LEAD = LeadId("lsq", "7ba60ab0-7054-4856-8590-1b5a9f904ad1")
CUSTOM = {
    "disposition": "mx_Call_Disposition",
    "callback.at": "mx_Call_Back",
    "priority": "mx_Priority",
    "tags": "mx_Tags",
    "contact_hours": "mx_Hours",
}
CALLER = Caller(
    "default", "lsq", "AU", "UTC", CredentialSettings(dialect="leadsquared", system="lsq")
)
MakesEvents = Callable[..., LeadUpdate]


def asked(*attributes: Attribute, how: reading.Reading | None = None) -> RequestedUpdate:
    """What these attributes of LEAD ask."""
    how = how or reading.reading(CUSTOM)
    return reading.requested(LEAD, attributes, how, CALLER, wished=False, scope={})


def requested(changes: dict[str, Change], **patch: object) -> RequestedUpdate:
    """An update of another dialect."""
    return RequestedUpdate(LEAD, changes, Attributes("merge", patch))  # type: ignore[arg-type]  # tests give JSON values only


# --- in -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "ours", "change"),
    [
        ("FirstName", "Jane", "first_name", Set("Jane")),
        ("EmailAddress", "jane@example.com", "email", Set("jane@example.com")),
        ("Phone", "0491 570 006", "phones.primary", Set("0491 570 006", "+61491570006")),
        ("Phone", 491570006, "phones.primary", Set("491570006", "+61491570006", 491570006)),
        ("Mobile", "x", "phones.secondary", Set("x")),
        ("mx_City", "London", "address.city", Set("London")),
        ("MX_CITY", "London", "address.city", Set("London")),
        ("Company", True, "company", Set("true", raw=True)),
        ("ProspectStage", "Follow Up", "status", Set("follow_up", raw="Follow Up")),
        ("DoNotCall", "1", "do_not_call", Set(True, raw="1")),
        ("DoNotCall", "0", "do_not_call", Set(False, raw="0")),
        ("DoNotCall", False, "do_not_call", Set(False)),
        ("Score", "12", "score", Set(12, raw="12")),
        ("Score", 12.5, "score", Set(12.5)),
        ("mx_Call_Disposition", "Sale", "disposition", Set("Sale")),
        (
            "mx_Call_Back",
            "2026-01-05 22:30:00",
            "callback.at",
            Set("2026-01-05T22:30:00Z", raw="2026-01-05 22:30:00"),
        ),
        ("mx_Priority", "40", "priority", Set(40, raw="40")),
        ("mx_Tags", "vip; solar", "tags", Set(["vip", "solar"], raw="vip; solar")),
        ("Notes", "", "note", CLEAR),
        ("Notes", None, "note", CLEAR),
    ],
)
def test_a_known_attribute_is_its_canonical_field(
    name: str, value: str | int | float | None, ours: str, change: Change
) -> None:
    """With the name and the value as received."""
    assert asked(Attribute(name, value)) == RequestedUpdate(
        LEAD, {ours: change}, Attributes(), TriggerWishes(), {ours: name}, {}
    )


@pytest.mark.parametrize(
    ("attribute", "kept"),
    [
        (Attribute("mx_Plan", "gold"), "gold"),
        (Attribute("Age", 33), 33),
        (Attribute("mx_Plan", ""), None),
        (Attribute("mx_Plan", None), None),
        (Attribute("ProspectStage", "Opportunity"), "Opportunity"),
        (Attribute("DoNotCall", "maybe"), "maybe"),
        (Attribute("Score", "high"), "high"),
        (Attribute("Score", "1e999"), "1e999"),
        (Attribute("mx_Call_Back", "tomorrow"), "tomorrow"),
        (Attribute("mx_Call_Back", "2026-02-30 10:00:00"), "2026-02-30 10:00:00"),
        (Attribute("mx_Priority", "101"), "101"),
        (Attribute("mx_Tags", 7), 7),
        (
            Attribute("Phone", "", (Attribute("mx_CustomObject_1", "x"),)),
            {"mx_CustomObject_1": "x"},
        ),
    ],
)
def test_what_no_field_can_hold_stays_an_attribute(attribute: Attribute, kept: JsonValue) -> None:
    """Unknown names, and values that can't be read as their field."""
    update = asked(attribute)
    assert (update.changes, update.attributes) == ({}, Attributes("merge", {attribute.name: kept}))


def test_two_names_of_one_field_are_both_kept() -> None:
    """The second under its own name."""
    update = asked(Attribute("Phone", "1"), Attribute("phone", "2"))
    assert update.changes == {"phones.primary": Set("1")}
    assert update.attributes.patch == {"phone": "2"}


def test_an_account_names_its_own_fields_and_stages() -> None:
    """By the credential's settings."""
    how = reading.reading({"first_name": "mx_FirstName"}, {"converted": "Customer"})
    update = asked(
        Attribute("mx_FirstName", "John"), Attribute("ProspectStage", "customer"), how=how
    )
    assert update.changes == {
        "first_name": Set("John"),
        "status": Set("converted", raw="customer"),
    }


# --- who a lead is --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("search_by", "value", "lead"),
    [
        ("ProspectId", " 7ba6 ", LeadId("lsq", "7ba6")),
        ("prospectid", "7ba6", LeadId("lsq", "7ba6")),
        ("LeadId", "7ba6", LeadId("lsq", "7ba6")),
        ("EmailAddress", " Jane@Example.com ", LeadId("email", "jane@example.com")),
        ("Phone", "0491 570 006", LeadId("phone", "+61491570006")),
        ("Phone", "12", LeadId("phone", "12")),
        ("mx_Account_No", "A-7", LeadId("lsq:mx_Account_No", "A-7")),
    ],
)
def test_a_unique_field_names_a_lead(search_by: str, value: str, lead: LeadId) -> None:
    """In the id space that the field is."""
    assert tables.lead_of(search_by, value, CALLER) == lead


def test_an_id_names_the_field_to_seek_it_by() -> None:
    """The other way; ids of other accounts name none."""
    assert [
        tables.search_of(LeadId(system, "x"), "lsq")
        for system in ("lsq", "email", "phone", "lsq:mx_Account_No", "noojee", "crm:mx_No")
    ] == ["ProspectId", "EmailAddress", "Phone", "mx_Account_No", None, None]


@pytest.mark.parametrize(
    ("lead", "search_by", "found"),
    [
        (
            BulkLead((Attribute("EmailAddress", "a @b.example"), Attribute("Age", "3"))),
            "emailaddress",
            Named("emailaddress", "a @b.example", (Attribute("Age", "3"),)),
        ),
        (
            BulkLead((Attribute("ProspectID", "7ba6"), Attribute("Age", "3"))),
            None,
            Named("ProspectId", "7ba6", (Attribute("Age", "3"),)),
        ),
        (
            BulkLead((Attribute("Age", "3"),), "7ba6"),
            "ProspectId",
            Named("ProspectId", "7ba6", (Attribute("Age", "3"),)),
        ),
        (BulkLead((Attribute("mx_No", 7),)), "mx_No", Named("mx_No", "7", ())),
        (
            BulkLead((Attribute("Age", "3"),)),
            "EmailAddress",
            Named("EmailAddress", "", (Attribute("Age", "3"),)),
        ),
        (BulkLead((Attribute("Phone", " "),)), "Phone", Named("Phone", "", ())),
        (BulkLead((Attribute("mx_No", True),)), "mx_No", Named("mx_No", "", ())),
        (BulkLead(()), None, Named("ProspectId", "", ())),
    ],
)
def test_the_attribute_that_names_a_lead_is_taken_out(
    lead: BulkLead, search_by: str | None, found: Named
) -> None:
    """It is no change."""
    assert named(lead, search_by) == found


def test_a_wish_is_kept_beside_the_changes() -> None:
    """`postUpdatedLead`, as the call read it."""
    update = reading.requested(
        LEAD, [Attribute("Age", 3)], reading.reading(), CALLER, wished=True, scope={"a": "b"}
    )
    assert update == replace(
        asked(Attribute("Age", 3)),
        triggers=TriggerWishes(post_updated_lead=True),
        scope={"a": "b"},
    )
