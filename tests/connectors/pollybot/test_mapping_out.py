"""What is said to PollyBot of an event of the other generation or of another dialect, and how a
lead is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.pollybot import mapping
from connectors.pollybot.mapping import Plan
from connectors.pollybot.wire import Generation
from gateway.dialect import Call, RequestedUpdate
from gateway.model.changes import CLEAR, KEEP, Change, Set
from gateway.model.event import Attributes, LeadId, LeadUpdate
from gateway.model.json import JsonValue, merge_patch

Asked = Callable[[Call, bytes], RequestedUpdate]
LEAD = LeadId("crm", "42")


class MakesEvents(Protocol):
    def __call__(
        self, update: RequestedUpdate, dialect: str = ..., operation: str = ..., system: str = ...
    ) -> LeadUpdate: ...


@pytest.fixture
def foreign(event: MakesEvents) -> Callable[..., LeadUpdate]:
    """An event of another dialect."""

    def make(changes: Mapping[str, Change], attributes: Attributes | None = None) -> LeadUpdate:
        update = RequestedUpdate(LEAD, changes, attributes or Attributes())
        return event(update, "native", "postLeadUpdates", "crm")

    return make


def laid_out(event: LeadUpdate, generation: str = "gen2", **renames: str) -> Plan:
    """A plan with the default of sending unmapped attributes."""
    return mapping.plan(event, Generation(generation), renames, send_unmapped=True)


@pytest.mark.parametrize(
    ("generation", "status", "sent", "dropped"),
    [
        ("gen1", "new", "new", ()),
        ("gen1", "follow_up", "follow_up", ()),
        ("gen1", "negotiating", "qualified", ("status:negotiating",)),
        ("gen1", "unresponsive", "contacted", ("status:unresponsive",)),
        ("gen2", "new", "NEW", ()),
        ("gen2", "unresponsive", "UNRESPONSIVE", ()),
        ("gen2", "follow_up", "CONTACTED", ("status:follow_up",)),
        ("gen2", "Qualified", "QUALIFIED", ()),
    ],
)
def test_status_crosses_by_the_bridge_and_losses_are_told(
    foreign: Callable[..., LeadUpdate],
    generation: str,
    status: str,
    sent: str,
    dropped: tuple[str, ...],
) -> None:
    """Each word with the nearest of the other set."""
    plan = laid_out(foreign({"status": Set(status)}), generation)
    assert (plan.fields, plan.dropped) == ({"status": sent}, dropped)


def test_a_status_of_nobodys_set_is_left_out(foreign: Callable[..., LeadUpdate]) -> None:
    """Better nothing than a refused lead."""
    assert laid_out(foreign({"status": Set("Opportunity")})) == Plan({}, {}, False, ("status",))


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (0, "URGENT"),
        (9, "URGENT"),
        (10, "HIGH"),
        (39.5, "HIGH"),
        (40, "MEDIUM"),
        (69, "MEDIUM"),
        (70, "LOW"),
        (100, "LOW"),
        ("soon", None),
        (True, None),
    ],
)
def test_priority_goes_by_bands(value: JsonValue, word: str | None) -> None:
    """0 to 9 URGENT, 10 to 39 HIGH, 40 to 69 MEDIUM, 70 to 100 LOW."""
    assert mapping.priority_word(value) == word


def test_a_foreign_event_is_said_in_gen1(foreign: Callable[..., LeadUpdate]) -> None:
    """What has no field goes to metadata; phones in E.164; KEEP is not mentioned."""
    changes: dict[str, Change] = {
        "full_name": Set("Jane Smith"),
        "phones.primary": Set("0383218199", e164="+61383218199"),
        "phones.secondary": Set("0491570156", e164="+61491570156"),
        "email": KEEP,
        "company": Set("Example Pty"),
        "disposition": Set("Sale"),
        "callback.at": Set("2026-12-01T01:00:00Z", raw="2026/12/01 12:00"),
        "priority": Set(20),
        "score": Set(85),
        "note": CLEAR,
        "source": Set("web"),
    }
    attributes = Attributes("merge", {"StreetAddress": "Suite 8", "mx_old": None})
    assert laid_out(foreign(changes, attributes), "gen1") == Plan(
        fields={"name": "Jane Smith", "phone": "+61383218199", "source": "web"},
        bag={
            "phones_secondary": "+61491570156",
            "company": "Example Pty",
            "disposition": "Sale",
            "follow_up_date": "2026-12-01T01:00:00Z",
            "priority": 20,
            "lead_score": 85,
            "notes": None,
            "StreetAddress": "Suite 8",
            "mx_old": None,
        },
        replaces=False,
    )


def test_a_foreign_event_is_said_in_gen2(foreign: Callable[..., LeadUpdate]) -> None:
    """Company, note, tags and priority have fields; source has none in an update."""
    changes: dict[str, Change] = {
        "company": Set("Example Pty"),
        "note": Set("call back"),
        "tags": Set(["vip"]),
        "priority": Set(20),
        "source": Set("web"),
        "disposition": CLEAR,
    }
    assert laid_out(foreign(changes)) == Plan(
        fields={
            "company": "Example Pty",
            "notes": "call back",
            "tags": ["vip"],
            "priority": "HIGH",
        },
        bag={"source": "web", "disposition": None},
        replaces=False,
    )


def test_a_field_the_vendor_would_refuse_is_left_out(foreign: Callable[..., LeadUpdate]) -> None:
    """Too long, of another form, or cleared where it can't be."""
    changes: dict[str, Change] = {
        "full_name": CLEAR,
        "email": Set("nobody"),
        "phones.primary": Set("12"),
        "note": Set("x" * 2001),
        "company": Set("Example Pty"),
    }
    assert laid_out(foreign(changes)) == Plan(
        {"company": "Example Pty"}, {}, False, ("full_name", "email", "phones.primary", "note")
    )


@pytest.mark.parametrize(
    ("changes", "fields", "dropped"),
    [
        ({"first_name": Set("Jane"), "last_name": Set("Smith")}, {"name": "Jane Smith"}, ()),
        ({"first_name": Set("Jane"), "last_name": CLEAR}, {"name": "Jane"}, ()),
        ({"first_name": Set("Jane")}, {}, ("first_name",)),
        ({"first_name": CLEAR, "last_name": CLEAR}, {}, ("first_name", "last_name")),
        ({"full_name": Set("J. Smith"), "first_name": Set("Jane")}, {"name": "J. Smith"}, ()),
    ],
)
def test_two_names_are_joined_and_half_a_name_is_not_sent(
    foreign: Callable[..., LeadUpdate],
    changes: Mapping[str, Change],
    fields: Mapping[str, JsonValue],
    dropped: tuple[str, ...],
) -> None:
    """Half a name would erase the other half."""
    assert laid_out(foreign(changes)) == Plan(fields, {}, False, dropped)


def test_fields_renames_what_goes_out(foreign: Callable[..., LeadUpdate]) -> None:
    """Canonical names and attributes; a gen-2 plain field is reached by naming it."""
    made = foreign(
        {"disposition": Set("Sale"), "first_name": Set("Jane")},
        Attributes("merge", {"chat": "jane#1", "how_soon": "at once"}),
    )
    renames = {
        "disposition": "result",
        "first_name": "given",
        "chat": "discord",
        "how_soon": "urgency",
    }
    assert laid_out(made, **renames) == Plan(
        {"discord": "jane#1"}, {"result": "Sale", "given": "Jane"}, False, ("how_soon",)
    )


def test_a_canonical_field_goes_before_an_attribute_of_the_same_name(
    foreign: Callable[..., LeadUpdate],
) -> None:
    """What was understood is surer than what was not."""
    made = foreign({"disposition": Set("Sale")}, Attributes("merge", {"disposition": "old"}))
    assert laid_out(made).bag == {"disposition": "Sale"}


def test_unmapped_attributes_may_be_dropped_and_then_nothing_is_replaced(
    foreign: Callable[..., LeadUpdate],
) -> None:
    """Part of a set must not become the whole of it."""
    made = foreign({}, Attributes("replace", {"size": 44, "colour": "red"}))
    plan = mapping.plan(made, Generation.GEN2, {"size": "shoe"}, send_unmapped=False)
    assert plan == Plan({}, {"shoe": 44}, False, ("colour",))


def test_a_whole_new_set_stays_one(foreign: Callable[..., LeadUpdate]) -> None:
    """With the canonical fields that have no other place; cleared ones are just not in it."""
    made = foreign(
        {"disposition": Set("Sale"), "source": CLEAR}, Attributes("replace", {"size": 44})
    )
    assert laid_out(made) == Plan({}, {"disposition": "Sale", "size": 44}, True)


def test_gen1_to_gen2_keeps_the_phone_as_sent(asked: Asked, gen1: Call, event: MakesEvents) -> None:
    """The same dialect, the other generation."""
    update = asked(gen1, b'{"phone":"+1-555-123-9999","status":"lost","metadata":{"a":1}}')
    assert laid_out(event(update)) == Plan(
        {"phone": "+1-555-123-9999", "status": "LOST"}, {"a": 1}, False
    )


# --- merge patches, lead objects ------------------------------------------------------------

WORDS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)
NESTED = st.recursive(
    WORDS | st.integers(0, 9),
    lambda inner: st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
SETS = st.dictionaries(WORDS, NESTED, max_size=3)


@given(current=SETS, wanted=SETS)
def test_p_04_a_replacing_patch_leaves_exactly_the_wanted_set(
    current: dict[str, JsonValue], wanted: dict[str, JsonValue]
) -> None:
    """Whatever was there, RFC 7396 makes the new set of it."""
    assert merge_patch(current, mapping.replacing_patch(current, wanted)) == wanted


def test_a_lead_is_shown_with_null_for_what_is_not_known() -> None:
    """Every key of the vendor's object, in its order."""
    view: dict[str, JsonValue] = {
        "first_name": "Jane",
        "last_name": "Smith",
        "status": "unresponsive",
        "attributes": {"size": 44},
    }
    assert list(
        mapping.lead_object(Generation.GEN1, "lead_1", view, {"updatedAt": "T"}).items()
    ) == [
        ("id", "lead_1"),
        ("name", "Jane Smith"),
        ("email", None),
        ("phone", None),
        ("source", None),
        ("status", "contacted"),
        ("metadata", {"size": 44}),
        ("createdAt", None),
        ("updatedAt", "T"),
        ("workspaceId", None),
    ]


def test_a_gen2_lead_shows_plain_and_custom_fields_apart() -> None:
    """And the priority as a word."""
    view: dict[str, JsonValue] = {
        "source": "web",
        "priority": 55,
        "status": "new",
        "attributes": {"discord": "jane#1", "customFields.discord": "theirs"},
    }
    shown = mapping.lead_object(Generation.GEN2, "cl_1", view, {"chatbotId": "bot_1"})
    assert {name: value for name, value in shown.items() if value is not None} == {
        "id": "cl_1",
        "source": "web",
        "status": "NEW",
        "priority": "MEDIUM",
        "discord": "jane#1",
        "customFields": {"discord": "theirs"},
        "chatbotId": "bot_1",
    }
