"""A canonical event to a lead's attributes: the caller's own, and those of others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.leadsquared.mapping import reading, rendering, tables
from connectors.leadsquared.mapping.rendering import Plan, plan, writing
from connectors.leadsquared.wire.attributes import Attribute
from connectors.leadsquared.wire.bulk import BulkLead
from gateway.dialect import Caller, RequestedUpdate
from gateway.model.changes import CLEAR, KEEP, Change, Set
from gateway.model.event import Attributes, LeadId, LeadUpdate
from gateway.settings.model import CredentialSettings
from tests.gateway.model import strategies

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


# --- out, to a caller of the same dialect ---------------------------------------------------


@given(
    said=st.lists(
        st.tuples(
            st.sampled_from([*tables.FIELDS.values(), *CUSTOM.values(), "mx_Plan", "Age", "phone"]),
            strategies.text
            | st.integers(-(2**53), 2**53)
            | st.booleans()
            | st.sampled_from(["1", "0", "12", "New", "2026-01-05 22:30:00", "+61491570006"]),
        ).map(lambda parts: Attribute(*parts)),
        unique_by=lambda each: each.name,
        max_size=8,
    )
)
def test_what_came_in_goes_out_as_it_was(event: MakesEvents, said: list[Attribute]) -> None:
    """Names and raw values, whatever they are."""
    planned = plan(event(asked(*said)), writing())
    assert sorted(planned.fields, key=lambda each: each.name) == sorted(
        said, key=lambda each: each.name
    )
    assert (planned.dropped, planned.given_back) == ((), True)


def test_a_set_of_fields_goes_out_as_it_was(event: MakesEvents) -> None:
    """With its value empty, as the vendor documents."""
    inner = (Attribute("mx_CustomObject_1", "x"), Attribute("mx_CustomObject_2", ""))
    said = Attribute("mx_Education", "", inner)
    assert plan(event(asked(said)), writing()) == Plan((said,), (), given_back=True)


def test_a_cleared_field_goes_out_empty(event: MakesEvents) -> None:
    """Null came in as the same wish."""
    planned = plan(event(asked(Attribute("Notes", None), Attribute("mx_A", None))), writing())
    assert planned.fields == (Attribute("Notes", ""), Attribute("mx_A", ""))


# --- out, to others -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "change", "sent"),
    [
        ("first_name", Set("Jane"), ("FirstName", "Jane")),
        ("phones.primary", Set("0491 570 006", "+61491570006"), ("Phone", "+61491570006")),
        ("phones.primary", Set("1234"), ("Phone", "1234")),
        ("do_not_call", Set(True), ("DoNotCall", "1")),
        ("do_not_call", Set(False), ("DoNotCall", "0")),
        ("status", Set("follow_up", raw="FU"), ("ProspectStage", "Follow Up")),
        ("score", Set(12.5), ("Score", "12.5")),
        ("note", CLEAR, ("Notes", "")),
        ("disposition", Set("Sale"), ("mx_Call_Disposition", "Sale")),
        (
            "callback.at",
            Set("2026-01-06T09:30:00+11:00"),
            ("mx_Call_Back", "2026-01-05 22:30:00"),
        ),
        ("tags", Set(["vip", "solar"]), ("mx_Tags", "vip;solar")),
    ],
)
def test_a_canonical_field_goes_out_under_its_schema_name(
    event: MakesEvents, ours: str, change: Change, sent: tuple[str, str]
) -> None:
    """In the vendor's form."""
    planned = plan(event(requested({ours: change}), dialect="noojee"), writing(CUSTOM))
    assert planned == Plan((Attribute(*sent),))


@pytest.mark.parametrize(
    ("ours", "change"),
    [
        ("disposition", Set("Sale")),
        ("callback.at", Set("2026-01-06T09:30:00Z")),
        ("phones.work", Set("1234")),
        ("status", Set("Opportunity")),
        ("note", Set({"a": 1})),
        ("tags", CLEAR),
    ],
)
def test_what_has_no_name_or_form_is_dropped(event: MakesEvents, ours: str, change: Change) -> None:
    """And listed."""
    planned = plan(event(requested({ours: change}), dialect="noojee"), writing())
    assert planned == Plan((), (ours,))


@pytest.mark.parametrize("value", ["tomorrow", 17, "9999-12-31T23:59:59-23:59"])
def test_what_is_no_time_is_dropped(event: MakesEvents, value: str | int) -> None:
    """Even under a name."""
    planned = plan(event(requested({"callback.at": Set(value)}), "noojee"), writing(CUSTOM))
    assert planned == Plan((), ("callback.at",))


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        (Set("Jane van Smith"), (("FirstName", "Jane"), ("LastName", "van Smith"))),
        (Set("Jane"), (("FirstName", "Jane"), ("LastName", ""))),
        (CLEAR, (("FirstName", ""), ("LastName", ""))),
        (KEEP, ()),
    ],
)
def test_a_whole_name_is_split(
    event: MakesEvents, change: Change, sent: tuple[tuple[str, str], ...]
) -> None:
    """At its first space, so that nothing of the lead's former name stays."""
    planned = plan(event(requested({"full_name": change}), dialect="pollybot"), writing())
    assert planned == Plan(tuple(Attribute(*each) for each in sent))


def test_a_half_of_a_name_said_apart_wins_over_the_split(event: MakesEvents) -> None:
    """It says more."""
    changes: dict[str, Change] = {"full_name": Set("Jane Smith"), "last_name": Set("Jones")}
    planned = plan(event(requested(changes), dialect="pollybot"), writing())
    assert planned.fields == (Attribute("FirstName", "Jane"), Attribute("LastName", "Jones"))


def test_a_whole_name_with_a_field_of_its_own_is_not_split(event: MakesEvents) -> None:
    """Where the connector names one."""
    planned = plan(
        event(requested({"full_name": Set("Jane Smith")}), dialect="pollybot"),
        writing({"full_name": "mx_Full_Name"}),
    )
    assert planned.fields == (Attribute("mx_Full_Name", "Jane Smith"),)


def test_other_dialects_attributes_are_dropped_unless_they_have_a_name(
    event: MakesEvents,
) -> None:
    """One unknown name would cost the whole lead."""
    update = event(requested({}, plan="gold", size=3, gone=None, deep={"a": 1}), "pollybot")
    assert plan(update, writing({"size": "mx_Size", "deep": "mx_Deep"})) == Plan(
        (Attribute("mx_Size", "3"),), ("plan", "gone", "deep")
    )
    assert plan(update, writing(send_unmapped=True)) == Plan(
        (Attribute("plan", "gold"), Attribute("size", "3"), Attribute("gone", "")), ("deep",)
    )


def test_no_attribute_takes_the_place_of_a_field_or_of_the_lead(event: MakesEvents) -> None:
    """They are dropped."""
    update = requested({"note": Set("x")}, Notes="y", ProspectID="z")
    assert plan(event(update, dialect="pollybot"), writing(send_unmapped=True)) == Plan(
        (Attribute("Notes", "x"),), ("Notes", "ProspectID")
    )


def test_phones_may_be_written_with_the_vendors_dash(event: MakesEvents) -> None:
    """As its pages show them."""
    update = requested({"phones.primary": Set("0491 570 006", "+61491570006")})
    planned = plan(event(update, "noojee"), writing(phone_format="dashed"))
    assert planned.fields == (Attribute("Phone", "+61-491570006"),)


def test_a_bulk_entry_begins_with_what_names_the_lead() -> None:
    """A change of that very field can't be said beside it."""
    planned = Plan((Attribute("EmailAddress", "new@example.com"), Attribute("Age", "3")))
    assert rendering.bulk_lead(planned, "EmailAddress", "old@example.com") == BulkLead(
        (Attribute("EmailAddress", "old@example.com"), Attribute("Age", "3"))
    )
    assert rendering.clashes(planned, "EmailAddress") == ("EmailAddress",)
    assert rendering.clashes(planned, "ProspectId") == ()
