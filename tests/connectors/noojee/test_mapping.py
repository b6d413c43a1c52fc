"""A call's body to canonical changes, and the tables between the words."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.noojee import SAMPLE, wire
from connectors.noojee.mapping.tables import (
    CELLS,
    REFUSALS,
    instant_of,
    local_of,
    reply_for,
    zone_of,
)
from gateway.model.changes import CLEAR, KEEP, Set
from gateway.model.codes import Code
from gateway.model.event import Attributes
from gateway.model.json import JsonObject, JsonValue
from tests.connectors.noojee.calls import asked

# --- a call to canonical ------------------------------------------------------------------


def test_the_samples_fields_have_canonical_names() -> None:
    """Set, keep, and a number that is read in the caller's country."""
    fields = wire.read_fields(SAMPLE.body)
    assert asked(fields).changes == {
        "full_name": Set("Jane Smith"),
        "address.line1": Set("Suite 8/10 Hoddle St"),
        "address.city": Set("Abbotsford"),
        "address.region": Set("Vic"),
        "address.postal_code": Set("3064"),
        "phones.primary": Set("0383218199", "+61383218199"),
        "phones.secondary": KEEP,
        "disposition": Set("Sale"),
    }


def test_further_fields_of_a_template_have_canonical_names() -> None:
    """In any case."""
    said = {"FIRSTNAME": "J", "LastName": "S", "email": "j@example.com", "Company": "C",
            "Country": "AU", "Phone": "1"}  # fmt: skip
    assert asked(said).changes == {
        "first_name": Set("J"),
        "last_name": Set("S"),
        "email": Set("j@example.com"),
        "company": Set("C"),
        "address.country": Set("AU"),
        "phones.primary": Set("1"),
    }


def test_every_key_with_phone_or_mobile_is_a_phone() -> None:
    """The first is primary, the second secondary, the rest keep their names."""
    said = {"HomePHONE": "0383218199", "mobile": "+61491570006", "WorkPhone": "x", "Phone 4": ""}
    update = asked(said)
    assert update.changes == {
        "phones.primary": Set("0383218199", "+61383218199"),
        "phones.secondary": Set("+61491570006", "+61491570006"),
        "phones.workphone": Set("x"),
        "phones.phone 4": CLEAR,
    }
    assert update.names == {
        "phones.primary": "HomePHONE",
        "phones.secondary": "mobile",
        "phones.workphone": "WorkPhone",
        "phones.phone 4": "Phone 4",
    }


def test_configured_phone_fields_are_the_only_ones_and_keep_their_roles() -> None:
    """`SecondPhone` alone is still the second; a consent is no phone."""
    said = {"SecondPhone": "0491570006", "MobileConsent": "yes"}
    update = asked(said, phone_fields=["FirstPhone", "SecondPhone", "Third"])
    assert update.changes == {"phones.secondary": Set("0491570006", "+61491570006")}
    assert update.attributes == Attributes("merge", {"MobileConsent": "yes"})


def test_a_credentials_fields_name_the_templates_own_words() -> None:
    """And the default name of that field is then an attribute."""
    said = {"Phone": "1", "Comments": "hi", "Kunde": "Jane", "Name": "other"}
    update = asked(said, fields={"note": "Comments", "full_name": "Kunde"})
    assert update.changes == {
        "phones.primary": Set("1"),
        "note": Set("hi"),
        "full_name": Set("Jane"),
    }
    assert update.attributes.patch == {"Name": "other"}


def test_a_named_phone_leaves_the_other_roles_to_the_rest() -> None:
    """`fields` may name one phone and let the others be guessed."""
    update = asked({"Phone": "1", "Main": "2"}, fields={"phones.primary": "Main"})
    assert update.changes == {"phones.secondary": Set("1"), "phones.primary": Set("2")}


def test_of_two_names_for_one_field_the_first_counts() -> None:
    """The other stays under its own name."""
    update = asked(
        {"Phone": "1", "Name": "A", "NAME": "B", "njDisposition": "C", "njDispositon": "D"}
    )
    assert (update.changes["full_name"], update.changes["disposition"]) == (Set("A"), Set("C"))
    assert update.attributes.patch == {"NAME": "B", "njDispositon": "D"}


def test_an_empty_value_clears_and_a_number_keeps_its_form() -> None:
    """A JSON number becomes text, and remembers that it was one."""
    update = asked({"Phone": 383218199, "City": "", "Email": None, "PostCode": 3064})
    assert update.changes == {
        "phones.primary": Set("383218199", "+61383218199", 383218199),
        "address.city": CLEAR,
        "email": CLEAR,
        "address.postal_code": Set("3064", raw=3064),
    }


def test_n_16_unknown_fields_are_attributes_under_their_own_names() -> None:
    """Nested ones too; a sentinel there says nothing and stays out."""
    said: JsonObject = {
        "Phone": "1",
        "LoanAmount": 250000,
        "Extra": {"a": [1]},
        "Old": "<No Change>",
    }
    assert asked(said).attributes == Attributes(
        "merge", {"LoanAmount": 250000, "Extra": {"a": [1]}}
    )


@pytest.mark.parametrize("said", ["", None, "<no change>"])
def test_n_05_an_empty_disposition_asks_for_nothing(said: JsonValue) -> None:
    """As the sentinel does."""
    assert asked({"Phone": "1", "njDisposition": said}).changes["disposition"] == KEEP


def test_n_05_an_absent_disposition_is_not_mentioned() -> None:
    """The connector says `<No Change>`, which fails for an undialled lead as the page says."""
    assert "disposition" not in asked({"Phone": "1"}).changes


def test_n_06_silence_about_the_callback_keeps_or_resets_it() -> None:
    """By the credential's setting; keeping is the default."""
    assert "callback.at" not in asked({"Phone": "1"}).changes
    reset = asked({"Phone": "1"}, callback_absent_semantics="reset")
    assert reset.changes["callback.at"] == CLEAR


def test_n_07_a_callback_is_read_in_the_tenants_zone_and_kept_as_received() -> None:
    """Melbourne is at +11 in December."""
    update = asked({"Phone": "1", "njCallBackDate": "2026/12/01 09:30"})
    assert update.changes["callback.at"] == Set("2026-11-30T22:30:00Z", raw="2026/12/01 09:30")


def test_n_07_contact_hours_that_name_a_zone_go_before_the_tenants() -> None:
    """Perth is at +8."""
    said = {"Phone": "1", "njCallBackDate": "2026/12/01 09:30", "njTimezone": "Australia/Perth"}
    assert asked(said).changes["callback.at"] == Set("2026-12-01T01:30:00Z", raw="2026/12/01 09:30")


@pytest.mark.parametrize(
    "said",
    [
        {"njCallbackDate": "2026/12/01 09:30"},
        {"NJCALLBACKDATE": "2026/12/01 09:30"},
        {"njCallbackDate": "2026/12/01", "njCallbackTime": "09:30"},
        {"njCallbackTime": "09:30", "njCallBackDate": "2026/12/01"},
    ],
)
def test_n_08_older_spellings_of_the_callback_are_read(said: JsonObject) -> None:
    """Any case, and the date and time apart."""
    assert asked({"Phone": "1", **said}).changes["callback.at"] == Set(
        "2026-11-30T22:30:00Z", raw="2026/12/01 09:30"
    )


def test_n_09_the_pages_own_slip_in_a_name_is_read() -> None:
    """`njDispositon`, in the page's prose."""
    assert asked({"Phone": "1", "njDispositon": "Sale"}).changes["disposition"] == Set("Sale")


@pytest.mark.parametrize(
    ("said", "expected"),
    [(0, Set(0)), (100, Set(100)), ("7", Set(7, raw="7")), (" 10 ", Set(10, raw=" 10 "))],
)
def test_n_15_a_priority_is_a_number_from_0_to_100(said: JsonValue, expected: Set) -> None:
    """Or its text."""
    assert asked({"Phone": "1", "njPriority": said}).changes["priority"] == expected


@pytest.mark.parametrize("said", [-1, 101, "102", "high", 1.5, True, "", None, [1], "²"])
def test_n_15_any_other_priority_is_left_aside(said: JsonValue) -> None:
    """It stays in the record under its name, and the call succeeds."""
    update = asked({"Phone": "1", "njPriority": said})
    assert "priority" not in update.changes
    assert update.attributes.patch == {"njPriority": said}


@pytest.mark.parametrize(
    "name", ["njTimezone", "njTimeZone", "njContactHours", "njContactHoursName"]
)
def test_n_18_contact_hours_are_read_by_each_likely_name(name: str) -> None:
    """The page does not name the field."""
    update = asked({"Phone": "1", name: "Business"})
    assert update.changes["contact_hours"] == Set("Business")
    assert update.names["contact_hours"] == name


def test_automations_are_by_disposition_only() -> None:
    """This vendor has no flag for them."""
    wishes = asked().triggers
    assert (wishes.post_updated_lead, wishes.disposition_actions) == (False, True)


# --- texts and tables ---------------------------------------------------------------------


@given(st.datetimes(timezones=st.just(ZoneInfo("UTC"))))
def test_a_callback_to_the_minute_survives_both_ways(moment: object) -> None:
    """In a zone without a change of the clocks."""
    local = str(moment)[:16].replace("-", "/")
    instant = instant_of(local, ZoneInfo("UTC"))
    assert local_of(instant, ZoneInfo("UTC")) == local


@pytest.mark.parametrize(
    "text",
    ["2026/12/01", "2026-12-01 09:30", "2026/13/01 09:30", "2026/12/01 24:30", "01/12/2026 09:30",
     "2026/12/01 09:30:00", "0001/01/01 00:00", "soon"],
)  # fmt: skip
def test_a_date_in_another_form_is_none(text: str) -> None:
    """`yyyy/MM/dd HH:mm` and nothing else; nor a moment before all calendars."""
    assert instant_of(text, ZoneInfo("Australia/Melbourne")) is None


@pytest.mark.parametrize("hours", [None, "Business", "Nowhere/Land", "Australia/", "../etc/x"])
def test_hours_that_name_no_zone_leave_the_tenants(hours: str | None) -> None:
    """Names of hours are the customer's own words."""
    assert zone_of(hours, "Australia/Melbourne") == ZoneInfo("Australia/Melbourne")


@pytest.mark.parametrize("code", list(Code))
def test_every_canonical_code_has_an_answer(code: Code) -> None:
    """A documented row, or bad data with our word; nobody is told OK for want of a better word."""
    told = reply_for(code)
    if code in CELLS and code is not Code.OK:
        assert told == wire.REPLIES[CELLS[code]]
    elif code is Code.FORBIDDEN:
        assert told == wire.Reply(-1, "FORBIDDEN", 403)
    else:
        assert told == wire.Reply(103, f"EXCEPTION: {code}", 400)


def test_every_documented_refusal_has_a_canonical_code_and_back() -> None:
    """0, 103 and 109 are not said of a lead."""
    assert set(REFUSALS) == set(wire.REPLIES) - {0, 103, 109}
    assert {CELLS[code] for code in REFUSALS.values()} == set(REFUSALS)
