"""PollyBot's fields as canonical ones, and back to the very same API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.pollybot import mapping
from connectors.pollybot.mapping import Plan
from connectors.pollybot.wire import Generation, PollyBotUpdate
from gateway.dialect import Call, Caller, RequestedUpdate
from gateway.model.changes import CLEAR, Set
from gateway.model.event import Attributes, LeadId, LeadUpdate, TriggerWishes
from gateway.model.json import JsonValue

Asked = Callable[[Call, bytes], RequestedUpdate]
LEAD = LeadId("crm", "42")


class MakesEvents(Protocol):
    def __call__(
        self, update: RequestedUpdate, dialect: str = ..., operation: str = ..., system: str = ...
    ) -> LeadUpdate: ...


def laid_out(event: LeadUpdate, generation: str = "gen2", **renames: str) -> Plan:
    """A plan with the default of sending unmapped attributes."""
    return mapping.plan(event, Generation(generation), renames, send_unmapped=True)


# --- in -------------------------------------------------------------------------------------


def test_the_complete_sample_becomes_changes_and_attributes(
    asked: Asked, gen1: Call, capture: Callable[[str], bytes]
) -> None:
    """The page's "Complete field update", whole."""
    assert asked(gen1, capture("example_complete")) == RequestedUpdate(
        lead=LeadId("polly", "lead_1234567890abcdef"),
        changes={
            "full_name": Set("John Smith"),
            "phones.primary": Set("+1-555-456-7890", e164="+15554567890"),
            "status": Set("qualified"),
            "source": Set("webinar"),
        },
        attributes=Attributes(
            "merge",
            {
                "company": "New Tech Corp",
                "job_title": "Senior Manager",
                "budget": "$50k-100k",
                "timeline": "Q2 2024",
                "interests": ["enterprise_solution", "support_package"],
            },
        ),
        triggers=TriggerWishes(post_updated_lead=False, disposition_actions=True),
        names={
            "full_name": "name",
            "phones.primary": "phone",
            "status": "status",
            "source": "source",
        },
        scope={},
    )


def test_gen2_fields_become_canonical_with_their_raw_words(asked: Asked, gen2: Call) -> None:
    """Every gen-2 field at once; customFields is the whole new set."""
    body = {
        "company": "Example Pty",
        "status": "NEGOTIATING",
        "priority": "HIGH",
        "notes": "call back",
        "tags": ["vip"],
        "discord": "jane#1",
        "customFields": {"size": 44, "urgency": "theirs", "customFields.x": 1},
        "urgency": "low",
    }
    assert asked(gen2, orjson.dumps(body)) == RequestedUpdate(
        lead=LeadId("polly", "cl_1"),
        changes={
            "company": Set("Example Pty"),
            "status": Set("negotiating", raw="NEGOTIATING"),
            "priority": Set(10, raw="HIGH"),
            "note": Set("call back"),
            "tags": Set(["vip"]),
        },
        attributes=Attributes(
            "replace",
            {
                "discord": "jane#1",
                "size": 44,
                "customFields.urgency": "theirs",
                "customFields.customFields.x": 1,
                "urgency": "low",
            },
        ),
        names={
            "company": "company",
            "status": "status",
            "priority": "priority",
            "note": "notes",
            "tags": "tags",
        },
        scope={"chatbot_id": "bot_1"},
    )


def test_p_01_the_chatbot_goes_to_scope_and_not_into_the_lead_key(
    asked: Asked, gen1: Call, gen2: Call
) -> None:
    """A lead's id has no key scope in either generation."""
    body = b'{"name":"Jane"}'
    assert asked(gen2, body).lead == LeadId("polly", "cl_1", ())
    assert asked(gen2, body).scope == {"chatbot_id": "bot_1"}
    assert asked(gen1, body).scope == {}


def test_p_02_status_is_read_in_any_letters(asked: Asked, gen1: Call, gen2: Call) -> None:
    """The canonical word is in lower case; what was received is kept."""
    assert asked(gen1, b'{"status":"FOLLOW_UP"}').changes == {
        "status": Set("follow_up", raw="FOLLOW_UP")
    }
    assert asked(gen2, b'{"status":"contacted"}').changes == {"status": Set("contacted")}


def test_p_05_null_clears_a_field_and_absent_says_nothing(asked: Asked, gen1: Call) -> None:
    """Three different things."""
    assert asked(gen1, b'{"phone":null}').changes == {"phones.primary": CLEAR}
    assert asked(gen1, b"{}").changes == {}


@pytest.mark.parametrize("call", ["gen1", "gen2"])
def test_p_07_what_the_vendor_never_changes_is_ignored_silently(
    asked: Asked, call: str, request: pytest.FixtureRequest
) -> None:
    """Ids and times in the body."""
    body = b'{"id":"x","createdAt":"y","updatedAt":"y","workspaceId":"z","name":"Jane"}'
    update = asked(request.getfixturevalue(call), body)
    assert (update.changes, update.scope.get("ignored")) == ({"full_name": Set("Jane")}, None)


def test_p_10_unknown_fields_are_kept_aside(asked: Asked, gen1: Call) -> None:
    """They change nothing, and can be given back to a PollyBot that knows them."""
    update = asked(gen1, b'{"shoe_size":44,"status":"new"}')
    assert update.changes == {"status": Set("new")}
    assert update.attributes == Attributes()
    assert update.scope == {"ignored": {"shoe_size": 44}}


def test_p_14_hints_in_metadata_stay_attributes(asked: Asked, gen1: Call) -> None:
    """Free-form keys are nobody's canonical fields."""
    metadata = {"notes": "n", "follow_up_date": "2024-01-25", "priority": "high"}
    update = asked(gen1, orjson.dumps({"metadata": metadata}))
    assert (update.changes, update.attributes) == ({}, Attributes("merge", metadata))


def test_null_for_the_bag_is_a_new_empty_set(asked: Asked, gen1: Call, gen2: Call) -> None:
    """Clearing all of it."""
    assert asked(gen1, b'{"metadata":null}').attributes == Attributes("replace", {})
    assert asked(gen2, b'{"customFields":null}').attributes == Attributes("replace", {})


# --- back to the same API -------------------------------------------------------------------

WORDS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)
BAG = st.dictionaries(
    st.one_of(WORDS, st.sampled_from(["urgency", "customFields.x", "customFields.urgency"])),
    WORDS | st.none() | st.integers(0, 9) | st.lists(WORDS, max_size=2),
    max_size=3,
)
PERSON: dict[str, st.SearchStrategy[JsonValue]] = {
    "name": WORDS,
    "email": st.just("jane@example.com"),
    "phone": st.sampled_from([None, "+1-555-123-9999", "0491 570 156"]),
}
GEN1 = st.fixed_dictionaries(
    {},
    optional={
        **PERSON,
        "source": WORDS | st.none(),
        "status": st.sampled_from(["new", "follow_up", None]),
        "metadata": st.none() | BAG.filter(bool),
        "unheard_of": WORDS,
    },
)
GEN2 = st.fixed_dictionaries(
    {},
    optional={
        **PERSON,
        "status": st.sampled_from(["NEW", "UNRESPONSIVE", None]),
        "priority": st.sampled_from(["LOW", "URGENT", None]),
        "company": WORDS | st.none(),
        "notes": WORDS,
        "tags": st.lists(WORDS, max_size=2),
        "discord": WORDS | st.none(),
        "urgency": st.sampled_from(["low", None]),
        "customFields": BAG,
        "unheard_of": WORDS,
    },
)


def given_back(
    generation: Generation, fields: dict[str, JsonValue], caller: Caller, event: MakesEvents
) -> dict[str, JsonValue]:
    """The fields a connector of the same API would send."""
    record = PollyBotUpdate(generation, "lead_1", fields, "bot_1")
    update = mapping.requested(record, caller)
    made = event(update, operation=mapping.OPERATIONS[generation])
    plan = mapping.plan(made, generation, {"status": "never_used"}, send_unmapped=False)
    assert (plan.dropped, plan.given_back) == ((), True)
    bag = {mapping.BAGS[generation]: plan.bag} if plan.has_bag else {}
    return {**plan.fields, **bag}


@given(fields=GEN1)
def test_gen1_gets_back_exactly_what_was_received(
    fields: dict[str, JsonValue], caller: Caller, event: MakesEvents
) -> None:
    """Names, raw values, nulls, unknown fields and the metadata patch."""
    expected = {**fields, "metadata": fields["metadata"] or {}} if "metadata" in fields else fields
    assert given_back(Generation.GEN1, fields, caller, event) == expected


@given(fields=GEN2)
def test_gen2_gets_back_exactly_what_was_received(
    fields: dict[str, JsonValue], caller: Caller, event: MakesEvents
) -> None:
    """A custom field named as a plain one is told apart from it."""
    assert given_back(Generation.GEN2, fields, caller, event) == fields


def test_enumerated_words_leave_in_the_documented_letters(
    asked: Asked, gen2: Call, event: MakesEvents
) -> None:
    """Taken in any letters, never sent so."""
    update = asked(gen2, b'{"status":"contacted","priority":"low"}')
    plan = laid_out(event(update, operation="updateChatbotLead"))
    assert plan.fields == {"status": "CONTACTED", "priority": "LOW"}
