"""Dialnexa's fields and ours: what another dialect's event becomes, in each style of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given

from connectors.dialnexa import wire
from connectors.dialnexa.mapping import rendering
from connectors.dialnexa.mapping.rendering import Plan
from connectors.dialnexa.mapping.showing import note_of, variables_of
from connectors.dialnexa.mapping.tables import Style
from gateway.model.changes import CLEAR, KEEP, Change, Set
from gateway.model.event import Attributes
from gateway.model.json import JsonObject
from tests.connectors.dialnexa.calls import NUMBER, foreign, own
from tests.gateway.model import strategies

PARTS = {"phoneNumber": "9876543210", "countryCode": "+91"}


def laid_out(
    changes: Mapping[str, Change],
    attributes: Attributes | None = None,
    style: str = "camel",
    renames: Mapping[str, str] | None = None,
    *,
    send_unmapped: bool = True,
) -> Plan:
    """A plan for another dialect's event."""
    event = foreign(changes, attributes).event
    return rendering.plan(event, Style(style), renames or {}, send_unmapped=send_unmapped)


@pytest.mark.parametrize(
    ("style", "fields", "patch", "holders"),
    [
        ("camel", {"name": "Priya", **PARTS}, {"note": "Six", "email": "p@example.com"}, ["notes"]),
        (
            "snake",
            {"name": "Priya", "phone_number": NUMBER, "notes": "Six"},
            {"email": "p@example.com"},
            ["metadata"],
        ),
        (
            "both",
            {"name": "Priya", **PARTS, "phone_number": NUMBER},
            {"note": "Six", "email": "p@example.com"},
            ["metadata", "notes"],
        ),
    ],
)
def test_each_style_names_the_fields_in_its_way(
    style: str, fields: JsonObject, patch: JsonObject, holders: list[str]
) -> None:
    """The note is a variable where `notes` holds the variables."""
    changes: dict[str, Change] = {
        "full_name": Set("Priya"),
        "phones.primary": Set("098765 43210", NUMBER),
        "note": Set("Six"),
        "email": Set("p@example.com"),
    }
    plan = laid_out(changes, style=style)
    assert (plan.fields, plan.patch, list(plan.holders)) == (fields, patch, holders)
    assert (plan.phone, plan.dropped, plan.replaces) == (NUMBER, (), False)


def test_a_field_without_a_place_is_a_variable() -> None:
    """Under our name with `_` for dots, or the configured one; a list of words is joined."""
    changes: dict[str, Change] = {
        "disposition": Set("Sale"),
        "callback.at": Set("2026-11-22T10:00:00Z"),
        "phones.secondary": Set("0491570156", "+61491570156"),
        "tags": Set(["vip", "warm"]),
        "do_not_call": Set(True),
        "score": Set(4.5),
    }
    plan = laid_out(changes, renames={"disposition": "outcome", "do_not_call": "dnc"})
    assert plan.patch == {
        "outcome": "Sale",
        "callback_at": "2026-11-22T10:00:00Z",
        "phones_secondary": "+61491570156",
        "tags": "vip, warm",
        "dnc": True,
        "score": 4.5,
    }


@pytest.mark.parametrize(
    ("changes", "dropped"),
    [
        ({"status": Set("new")}, "status"),
        ({"owner_id": Set("7")}, "owner_id"),
        ({"do_not_call": Set(True)}, "do_not_call"),
        ({"do_not_call": CLEAR}, "do_not_call"),
        ({"phones.primary": Set("12")}, "phones.primary"),
        ({"phones.primary": CLEAR}, "phones.primary"),
        ({"full_name": Set(7)}, "full_name"),
        ({"disposition": Set(None)}, "disposition"),
        ({"tags": Set([1, {}])}, "tags"),
        ({"first_name": Set("Priya")}, "first_name"),
        ({"first_name": Set("Priya"), "last_name": KEEP}, "first_name last_name"),
    ],
)
def test_what_can_not_be_said_is_left_out_and_named(
    changes: dict[str, Change], dropped: str
) -> None:
    """Nothing of it is sent."""
    plan = laid_out(changes)
    assert (plan.fields, plan.patch, plan.says) == ({}, {}, False)
    assert list(plan.dropped) == dropped.split()


def test_given_and_family_name_are_joined_and_a_whole_name_goes_first() -> None:
    """Half a name would erase the other half."""
    halves: dict[str, Change] = {"first_name": Set("Priya"), "last_name": Set("Sharma")}
    assert laid_out(halves).fields == {"name": "Priya Sharma"}
    assert laid_out({**halves, "full_name": Set("P. S.")}).fields == {"name": "P. S."}
    assert laid_out(halves, renames={"first_name": "first"}).patch == {
        "first": "Priya",
        "last_name": "Sharma",
    }


def test_a_cleared_field_is_null_empty_or_gone() -> None:
    """Null notes would mean no variables at all."""
    cleared: dict[str, Change] = {"full_name": CLEAR, "note": CLEAR, "disposition": CLEAR}
    plan = laid_out(cleared, style="snake")
    assert (plan.fields, plan.patch) == ({"name": None, "notes": ""}, {"disposition": None})
    kept: dict[str, Change] = {"full_name": KEEP, "disposition": KEEP}
    assert laid_out(kept) == Plan({}, {}, False, ("notes",))


def test_attributes_keep_their_names_and_only_scalars_go() -> None:
    """A canonical field's variable goes before an attribute of that name."""
    patch = {"product": "x", "Address": {"a": 1}, "gone": None, "disposition": "theirs"}
    attributes = Attributes("merge", patch)
    plan = laid_out({"disposition": Set("Sale")}, attributes, renames={"product": "loan"})
    assert plan.patch == {"disposition": "Sale", "loan": "x", "gone": None}
    assert plan.dropped == ("Address",)


def test_unmapped_attributes_can_be_left_out() -> None:
    """And are named; then a whole new set is none."""
    attributes = Attributes("replace", {"product": "x", "size": 4})
    plan = laid_out({}, attributes, renames={"product": "loan"}, send_unmapped=False)
    assert (plan.patch, plan.dropped, plan.replaces) == ({"loan": "x"}, ("size",), False)


@pytest.mark.parametrize(
    ("number", "fields"),
    [
        (NUMBER, PARTS),
        ("+15555550100", {"phoneNumber": "5555550100", "countryCode": "+1"}),
        ("+390612345678", {"phoneNumber": "+390612345678"}),
        ("+9991234567", {"phoneNumber": "+9991234567"}),
    ],
)
def test_a_number_is_sent_in_parts_that_make_it_again(number: str, fields: JsonObject) -> None:
    """One that would lose a 0, or whose code nobody has, is sent whole."""
    assert rendering.phone_fields(number, Style.CAMEL) == fields
    phone = wire.phone_of(fields)
    assert phone is not None
    assert phone.e164 == number


def merged(held: JsonObject, patch: JsonObject, *, replaces: bool = False) -> Any:
    """The whole new set of three at most."""
    plan = Plan({}, patch, replaces, ("notes",))
    return rendering.variables(plan, {"metadata": held}, 3)


def test_variables_are_merged_into_what_is_there() -> None:
    """What is taken away makes room first."""
    held = {"a": 1, "b": 2, "c": 3}
    assert merged(held, {"d": 4, "a": None}) == ({"b": 2, "c": 3, "d": 4}, ())
    assert merged(held, {"d": 4, "a": 5}) == ({"a": 5, "b": 2, "c": 3}, ("d",))
    assert merged(held, {"d": None}, replaces=True) == ({"d": None}, ())


@pytest.mark.parametrize(
    ("lead", "held", "note"),
    [
        ({"metadata": {"a": 1}, "notes": {"a": 1}}, {"a": 1}, None),
        ({"metadata": {"a": 1}, "notes": {"b": 1}}, {"a": 1}, {"b": 1}),
        ({"metadata": {"a": 1}, "notes": "text"}, {"a": 1}, "text"),
        ({"notes": {"a": 1}}, {"a": 1}, None),
        ({"metadata": None, "notes": ""}, {}, None),
        ({}, {}, None),
    ],
)
def test_variables_and_note_are_told_apart_in_any_shape(
    lead: JsonObject, held: JsonObject, note: object
) -> None:
    """By the schema block, by the example, by both."""
    assert (variables_of(lead), note_of(lead)) == (held, note)


BEFORE: JsonObject = {"name": "P", "phone_number": NUMBER, "metadata": {"a": "1"}, "notes": "old"}


@pytest.mark.parametrize(
    ("fields", "number", "after", "ignored"),
    [
        ({"name": "Q"}, None, {**BEFORE, "name": "Q"}, ""),
        ({"name": "Q"}, None, BEFORE, "name"),
        ({"name": " Q "}, None, {**BEFORE, "name": "Q"}, ""),
        ({"name": "P"}, None, BEFORE, ""),
        ({"name": "Q"}, None, {"id": "x"}, ""),
        (PARTS, "+15555550100", BEFORE, "phoneNumber"),
        ({"phone_number": "x"}, "+15555550100", BEFORE, "phone_number"),
        (PARTS, NUMBER, BEFORE, ""),
        ({"metadata": {"a": 2}}, None, BEFORE, "metadata"),
        ({"notes": {"a": 2}}, None, BEFORE, "notes"),
        ({"notes": {"a": 1}}, None, BEFORE, ""),
        ({"notes": {}}, None, {**BEFORE, "metadata": {}}, ""),
        ({"notes": "new"}, None, BEFORE, "notes"),
        ({"notes": ""}, None, {**BEFORE, "notes": {"a": "1"}}, ""),
        ({"metadata": {"a": 1}, "notes": {"a": 1}}, None, BEFORE, ""),
        ({"metadata": {"a": "1"}, "notes": {"b": 1}}, None, BEFORE, "notes"),
        ({"name": "Q", "notes": "new"}, None, {**BEFORE, "name": "Q"}, "notes"),
    ],
)
def test_a_field_is_ignored_that_stayed_as_it_was(
    fields: JsonObject, number: str | None, after: JsonObject, ignored: str
) -> None:
    """Not one that the vendor wrote in its own way, nor one that it does not show."""
    assert rendering.ignored(fields, number, BEFORE, after) == ignored


@given(update=strategies.updates)
def test_any_event_can_be_laid_out(update: Any) -> None:
    """And what is sent breaks no rule of the vendor's."""
    for style in Style:
        plan = rendering.plan(update, style, {}, send_unmapped=True)
        held, _ = rendering.variables(plan, {}, wire.MOST_VARIABLES)
        fields = {**plan.fields, **dict.fromkeys(plan.holders, held)}
        assert wire.violations(wire.DialnexaUpdate("x", fields)) == []


def test_an_update_of_this_api_is_given_back_as_it_came() -> None:
    """Whatever the configured style."""
    body = {"name": None, **PARTS, "notes": {"a": 1}}
    for style in Style:
        plan = rendering.plan(own(body).event, style, {"a": "b"}, send_unmapped=False)
        assert plan == Plan(
            {"name": None, **PARTS}, {"a": 1}, True, ("notes",), NUMBER, given_back=True
        )
