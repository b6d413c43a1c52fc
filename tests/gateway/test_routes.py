"""Routes: who gets an update, whose outcome answers, and what a condition may see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway import routes as module
from gateway.model.changes import CLEAR, Set
from gateway.model.event import Attributes, LeadId, LeadUpdate, Origin, TriggerWishes
from gateway.routes import Considered, Decision, Routes, context
from gateway.settings.model import RouteSettings

UPDATE = LeadUpdate(
    id="01890000-0000-7000-8000-000000000001",
    time="2026-01-31T08:00:00.000Z",
    tenant="default",
    lead_key="ld_1",
    ids=(LeadId("crm", "42", (("allocation_id", "38"),)),),
    changes={
        "disposition": Set("Sale"),
        "phones.primary": Set("0491570006", "+61491570006"),
        "email": CLEAR,
    },
    attributes=Attributes(patch={"Street": "Hoddle St", "Rooms": 3}),
    triggers=TriggerWishes(post_updated_lead=True),
    origin=Origin("noojee", "updateLeadFast", "crm", None, {"allocation_id": "38"}, {"email": "E"}),
)


def route(name: str, *connectors: str, **settings: object) -> RouteSettings:
    """A route as the file gives it."""
    return RouteSettings.model_validate({"name": name, "connectors": connectors, **settings})


def decide(*routes: RouteSettings, update: LeadUpdate = UPDATE) -> Decision:
    """The decision on an update, with one tenant."""
    return Routes(routes, ["default"]).decide(update)


def test_connectors_of_all_matching_routes_are_joined_in_order_without_repeats() -> None:
    """A route that does not match adds nothing."""
    actual = decide(
        route("a", "one", "two", when="has(changes.disposition)"),
        route("b", "three", when="has(changes.status)"),
        route("c", "two", "four"),
    )
    assert actual == Decision(("one", "two", "four"), None, "at_once", ("a", "c"))


def test_the_first_match_with_an_authority_for_the_dialect_decides() -> None:
    """Authority and followers come from the same route; `default` is for any other dialect."""
    actual = decide(
        route("a", "one", authority={"pollybot": "one"}),
        route(
            "b",
            "two",
            authority={"noojee": "two", "default": "three"},
            followers="after_authority",
        ),
        route("c", "three", authority={"noojee": "three"}),
    )
    assert actual == Decision(("one", "two", "three"), "two", "after_authority", ("a", "b", "c"))
    by_default = decide(route("a", "one", "two", authority={"pollybot": "two", "default": "one"}))
    assert by_default.authority == "one"


def test_without_an_authority_the_first_match_says_how_followers_send() -> None:
    """The caller is then answered when the event is safe."""
    actual = decide(
        route("a", "one", followers="after_authority"),
        route("b", "two"),
    )
    assert actual == Decision(("one", "two"), None, "after_authority", ("a", "b"))


def test_an_update_that_no_route_wants_has_no_connectors() -> None:
    """Unrouted is a decision, not an error; so is a tenant that is not configured."""
    unrouted = Decision((), None, "at_once", ())
    assert decide() == unrouted
    assert decide(route("a", "one", when="tenant == 'other'")) == unrouted
    assert decide(route("a", "one"), update=replace(UPDATE, tenant="other")) == unrouted


def test_a_route_with_a_tenant_is_that_tenants_only() -> None:
    """One without is everybody's."""
    routes = Routes(
        [route("a", "one", tenant="red"), route("b", "two", tenant="blue"), route("c", "all")],
        ["red", "blue"],
    )
    assert routes.decide(replace(UPDATE, tenant="red")).connectors == ("one", "all")
    assert routes.decide(replace(UPDATE, tenant="blue")).connectors == ("two", "all")


def test_a_tenant_without_conditions_never_has_its_event_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`true` costs nothing: one decision per dialect, made once."""

    def looked(_update: object) -> dict[str, object]:
        raise AssertionError("the event was looked at")

    monkeypatch.setattr(module, "context", looked)
    routes = Routes([route("a", "one", when=" true ", authority={"noojee": "one"})], ["default"])
    first = routes.decide(UPDATE)
    assert first == Decision(("one",), "one", "at_once", ("a",))
    assert routes.decide(UPDATE) is first
    other = replace(UPDATE, origin=replace(UPDATE.origin, dialect="pollybot"))
    assert routes.decide(other).authority is None


def test_the_context_is_the_event_as_conditions_see_it() -> None:
    """The names that conditions rely on."""
    assert context(UPDATE) == {
        "tenant": "default",
        "dialect": "noojee",
        "lead": [{"system": "crm", "id": "42", "scope": {"allocation_id": "38"}}],
        "changes": {
            "disposition": {"op": "set", "value": "Sale"},
            "phones.primary": {"op": "set", "value": "0491570006", "e164": "+61491570006"},
            "email": {"op": "clear"},
        },
        "attributes": {"Street": "Hoddle St", "Rooms": 3},
        "triggers": {"post_updated_lead": True, "disposition_actions": True},
        "origin": {
            "dialect": "noojee",
            "operation": "updateLeadFast",
            "system": "crm",
            "batch": None,
            "scope": {"allocation_id": "38"},
            "names": {"email": "E"},
        },
    }


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("changes.disposition.value == 'Sale'", True),
        ("changes['phones.primary'].e164.startsWith('+61')", True),
        ("'email' in changes && changes.email.op == 'clear'", True),
        ("has(changes.status) && changes.status.value == 'lost'", False),
        ("lead.exists(id, id.system == 'crm' && id.scope.allocation_id == '38')", True),
        ("attributes.Rooms > 2 && triggers.post_updated_lead", True),
        ("origin.operation == 'updateLeadFast' && dialect in ['noojee']", True),
        ("type(attributes.Rooms) == string", False),
    ],
)
def test_conditions_see_every_part_of_the_event(condition: str, holds: bool) -> None:
    """CEL as its language definition has it."""
    assert decide(route("a", "one", when=condition)).matched == (("a",) if holds else ())


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (
            "changes.status.value == 'lost'",
            "it reads the key 'status', which this event has not; ask has(…) first",
        ),
        (
            "changes[lead[0].id].op == 'set'",
            "it reads a key, which this event has not; ask has(…) first",
        ),
        (
            "changes.disposition.value > 1",
            "it compares or joins values of types that don't go together",
        ),
        (
            "int(changes.disposition.value) > 1",
            "it could not be evaluated (RuntimeError)",
        ),
        ("attributes.Rooms / 0 == 1", "it could not be evaluated (ZeroDivisionError)"),
        ("changes.disposition.value", "its value is neither true nor false"),
    ],
)
def test_a_condition_that_can_not_be_evaluated_is_no_match_and_told_once(
    condition: str, reason: str
) -> None:
    """The reason never holds a value of the event."""
    told: list[tuple[str, str]] = []
    routes = Routes(
        [route("a", "one", when=condition), route("b", "two")],
        ["default"],
        lambda name, message: told.append((name, message)),
    )
    assert routes.decide(UPDATE).matched == ("b",)
    assert routes.decide(UPDATE).matched == ("b",)
    assert told == [("a", reason)]


def test_a_value_that_cel_has_no_room_for_spoils_only_conditions_about_it() -> None:
    """Half of a surrogate pair among the attributes; the other routes go on."""
    told: list[tuple[str, str]] = []
    routes = Routes(
        [
            route("a", "one", when="has(attributes.Rooms)"),
            route("b", "two", when="dialect == 'noojee'"),
        ],
        ["default"],
        lambda name, message: told.append((name, message)),
    )
    update = replace(UPDATE, attributes=Attributes(patch={"Rooms": "\ud800"}))
    assert routes.decide(update).matched == ("b",)
    assert told == [("a", "it could not be evaluated (ValueError)")]


def test_each_route_says_why_it_does_not_match() -> None:
    """False, or what it could not read; a route of another tenant is nobody's business."""
    told = Routes(
        [
            route("all", "one"),
            route("sold", "two", when="changes.disposition.value == 'Sale'"),
            route("lost", "two", when="changes.disposition.value == 'Lost'"),
            route("calls", "two", when="changes.note.value == 'x'"),
            route("count", "two", when="size(lead)"),
            route("theirs", "two", tenant="other"),
        ],
        ["default", "other"],
    ).consider(UPDATE)
    unread = "it reads the key 'note', which this event has not; ask has(…) first"
    assert [each.why_not for each in told] == [
        "",
        "",
        "it is false",
        unread,
        "its value is neither true nor false",
    ]
    assert told[2] == Considered(
        "lost", "changes.disposition.value == 'Lost'", ("two",), "it is false"
    )


def test_considering_a_route_tells_nobody() -> None:
    """What can't be evaluated is told of when it matters."""

    def told(route: str, reason: str) -> None:
        raise AssertionError((route, reason))

    Routes([route("a", "one", when="changes.note.value == 'x'")], ["default"], told).consider(
        UPDATE
    )
