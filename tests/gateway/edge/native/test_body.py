"""The native body: what can be said in it, and what is wrong with what can't."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.dialect import Malformed, Parsed, RequestedUpdate
from gateway.model.changes import CLEAR, KEEP, Change, Set
from gateway.model.event import Attributes, LeadId, TriggerWishes
from tests.gateway.edge.native.calls import (
    CRM,
    LEAD,
    SALE,
    asked,
    caller,
    parse,
    spelt,
    updates,
    wrong,
)
from tests.gateway.model.strategies import values

slow = settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])


def test_a_whole_update() -> None:
    """A bare value sets, null clears; attributes are a merge patch of the caller's own names."""
    body = {
        "lead": {"ids": [{"system": "crm", "id": " 42 ", "scope": {"site": "3"}}]},
        "changes": {"disposition": "Sale", "email": None},
        "attributes": {"plan": "pro"},
        "post_updated_lead": True,
    }
    assert asked(body) == RequestedUpdate(
        LeadId("crm", "42", (("site", "3"),)),
        {"disposition": Set("Sale"), "email": CLEAR},
        Attributes("merge", {"plan": "pro"}),
        TriggerWishes(post_updated_lead=True),
    )


def test_little_is_enough() -> None:
    """A lead, and nothing that changes: whoever delivers it says so."""
    assert asked({"lead": LEAD}) == RequestedUpdate(CRM, {})


def test_further_ids_are_ids_of_the_event() -> None:
    """The first is the lead's; an address is in lower case, a number in E.164, no id is twice."""
    ids = [
        {"system": "crm", "id": "42"},
        {"system": "email", "id": "Jane@Example.com"},
        {"system": "phone", "id": "0491 570 156"},
        {"system": "crm", "id": "42"},
    ]
    update = asked({"lead": {"ids": ids}})
    assert (update.lead, update.others) == (
        CRM,
        (LeadId("email", "jane@example.com"), LeadId("phone", "+61491570156")),
    )


def test_an_id_without_a_system_is_of_the_credentials() -> None:
    """Where the credential has one; else it must be said."""
    body = {"lead": {"ids": [{"id": "42"}]}}
    assert asked(body, system="crm").lead == CRM
    assert wrong(body) == [("/lead/ids/0/system", "lead_id_missing", "is required")]


@pytest.mark.parametrize(
    ("field", "value", "change"),
    [
        ("disposition", {"op": "set", "value": "Sale"}, Set("Sale")),
        ("disposition", {"op": "clear"}, CLEAR),
        ("disposition", {"op": "keep"}, KEEP),
        ("disposition", {"op": "set", "value": "Sale", "raw": "SALE"}, Set("Sale", raw="SALE")),
        ("phones.primary", "0491 570 156", Set("0491 570 156", "+61491570156")),
        ("phones.primary", "1001", Set("1001")),
        ("phones.work", "+1-555-0100", Set("+1-555-0100")),
        (
            "phones.primary",
            {"op": "set", "value": "1001", "e164": "+61491570156"},
            Set("1001", "+61491570156"),
        ),
        ("callback.at", "2026-01-31T08:00:00Z", Set("2026-01-31T08:00:00Z")),
        (
            "callback.at",
            "2026-01-31T19:00:00+11:00",
            Set("2026-01-31T08:00:00Z", raw="2026-01-31T19:00:00+11:00"),
        ),
        ("callback.at", "2026-01-31T19:00", Set("2026-01-31T08:00:00Z", raw="2026-01-31T19:00")),
        ("status", "follow_up", Set("follow_up")),
        ("priority", 0, Set(0)),
        ("score", 1.5, Set(1.5)),
        ("do_not_call", True, Set(True)),
        ("tags", ["vip"], Set(["vip"])),
        ("tags", [], Set([])),
    ],
)
def test_what_a_field_may_be_set_to(field: str, value: object, change: Change) -> None:
    """National numbers are read as the tenant dials, dates without a zone by its clock."""
    assert asked({"lead": LEAD, "changes": {field: value}}).changes == {field: change}


@pytest.mark.parametrize(
    ("given_attributes", "attributes"),
    [
        ({"a": None}, Attributes("merge", {"a": None})),
        ({"mode": "replace", "patch": {"a": 1}}, Attributes("replace", {"a": 1})),
        ({"mode": "merge", "patch": {}}, Attributes("merge", {})),
        ({"mode": "dark"}, Attributes("merge", {"mode": "dark"})),
    ],
)
def test_attributes(given_attributes: dict[str, Any], attributes: Attributes) -> None:
    """Exactly `mode` and `patch` is the explicit form, anything else the patch itself."""
    assert asked({"lead": LEAD, "attributes": given_attributes}).attributes == attributes


MEMBER = "is no member here; the nearest is "
STAGES = "new, contacted, qualified, negotiating, converted, lost, follow_up, unresponsive"
FIELD = "; what has none goes under attributes"
WRONG: tuple[tuple[object, list[tuple[str, str, str]]], ...] = (
    (17, [("", "validation_failed", "should be an object")]),
    ([], [("", "batch_too_large", "should hold 1 to 100 updates")]),
    ([SALE] * 101, [("", "batch_too_large", "should hold 1 to 100 updates")]),
    ([SALE, 17], [("/1", "validation_failed", "should be an object")]),
    ({}, [("/lead", "lead_id_missing", "is required")]),
    ({"lead": "42"}, [("/lead", "validation_failed", "should be an object")]),
    ({"lead": {}}, [("/lead/ids", "lead_id_missing", "should be an array of 1 to 20 ids")]),
    ({"lead": {"ids": []}},
     [("/lead/ids", "lead_id_missing", "should be an array of 1 to 20 ids")]),
    ({"lead": {"ids": ["42"]}}, [("/lead/ids/0", "validation_failed", "should be an object")]),
    ({"lead": {"ids": [{"system": "crm", "id": 42}]}},
     [("/lead/ids/0/id", "validation_failed", "should be a text")]),
    ({"lead": {"ids": [{"system": "crm", "id": " "}]}},
     [("/lead/ids/0/id", "lead_id_missing", "should hold something")]),
    ({"lead": {"ids": [{"system": "crm", "id": "4\x002"}]}},
     [("/lead/ids/0/id", "validation_failed", "should hold no control characters")]),
    ({"lead": {"ids": [{"system": "crm", "id": "4" * 513}]}},
     [("/lead/ids/0/id", "validation_failed", "should have at most 512 letters")]),
    ({"lead": {"ids": [{"system": "phone", "id": "12"}]}},
     [("/lead/ids/0/id", "phone_invalid",
       "can't be read as a phone number of AU; write it in E.164")]),
    ({"lead": {"ids": [{"system": "crm", "id": "42", "scope": {"site": 3}}]}},
     [("/lead/ids/0/scope/site", "validation_failed", "should be a text")]),
    ({"lead": {"ids": [{"system": "crm", "id": "42", "scope": []}]}},
     [("/lead/ids/0/scope", "validation_failed", "should be an object of at most 20 texts")]),
    ({"lead": {"ids": [{"system": "crm", "id": "42", "scop": {}}]}},
     [("/lead/ids/0/scop", "unknown_attribute", MEMBER + "scope")]),
    ({"lead": {**LEAD, "key": "ld_1"}}, [("/lead/key", "unknown_attribute", MEMBER + "ids")]),
    ({**SALE, "chanegs": {}}, [("/chanegs", "unknown_attribute", MEMBER + "changes")]),
    ({**SALE, "post_updated_lead": "true"},
     [("/post_updated_lead", "validation_failed", "should be true or false")]),
    ({"lead": LEAD, "changes": []}, [("/changes", "validation_failed", "should be an object")]),
    ({"lead": LEAD, "changes": {"emial": "a@example.com"}},
     [("/changes/emial", "unknown_attribute",
       "is no canonical field; the nearest is email" + FIELD)]),
    ({"lead": LEAD, "changes": {"a/b~c": 1}},
     [("/changes/a~1b~0c", "unknown_attribute",
       "is no canonical field; the nearest is address.city" + FIELD)]),
    ({"lead": LEAD, "changes": {"email": ""}},
     [("/changes/email", "validation_failed", "should hold something; null clears the field")]),
    ({"lead": LEAD, "changes": {"note": 17}},
     [("/changes/note", "validation_failed", "should be a text")]),
    ({"lead": LEAD, "changes": {"note": {"value": "x"}}},
     [("/changes/note/op", "validation_failed", "should be set, clear or keep")]),
    ({"lead": LEAD, "changes": {"note": {"op": ["set"]}}},
     [("/changes/note/op", "validation_failed", "should be set, clear or keep")]),
    ({"lead": LEAD, "changes": {"note": {"op": "set"}}},
     [("/changes/note/value", "validation_failed", "should be a text")]),
    ({"lead": LEAD, "changes": {"note": {"op": "clear", "value": 1}}},
     [("/changes/note/value", "unknown_attribute", MEMBER + "op")]),
    ({"lead": LEAD, "changes": {"note": {"op": "set", "value": "x", "e164": "+61491570156"}}},
     [("/changes/note/e164", "unknown_attribute", MEMBER + "value")]),
    ({"lead": LEAD, "changes": {"phones.primary": {"op": "set", "value": "1", "e164": "1"}}},
     [("/changes/phones.primary/e164", "phone_invalid", "should be + and 7 to 15 digits")]),
    ({"lead": LEAD, "changes": {"phones.primary": 61491570156}},
     [("/changes/phones.primary", "phone_invalid", "should be a text")]),
    ({"lead": LEAD, "changes": {"phones.primary": "none"}},
     [("/changes/phones.primary", "phone_invalid", "should hold a phone number")]),
    ({"lead": LEAD, "changes": {"phones.": "1"}},
     [("/changes/phones.", "unknown_attribute",
       "is no canonical field; the nearest is phones.primary" + FIELD)]),
    ({"lead": LEAD, "changes": {"status": "Qualified"}},
     [("/changes/status", "validation_failed",
       f"should be one of {STAGES}; the nearest is qualified")]),
    ({"lead": LEAD, "changes": {"callback.at": "tomorrow"}},
     [("/changes/callback.at", "callback_invalid", "should be a date and time (RFC 3339)")]),
    ({"lead": LEAD, "changes": {"callback.at": "0001-01-01T00:00:00+14:00"}},
     [("/changes/callback.at", "callback_invalid", "should be a date and time (RFC 3339)")]),
    ({"lead": LEAD, "changes": {"priority": True}},
     [("/changes/priority", "validation_failed", "should be a whole number from 0 to 100")]),
    ({"lead": LEAD, "changes": {"score": "1"}},
     [("/changes/score", "validation_failed", "should be a number")]),
    ({"lead": LEAD, "changes": {"do_not_call": 1}},
     [("/changes/do_not_call", "validation_failed", "should be true or false")]),
    ({"lead": LEAD, "changes": {"tags": "vip"}},
     [("/changes/tags", "validation_failed", "should be an array of texts")]),
    ({"lead": LEAD, "attributes": None},
     [("/attributes", "validation_failed", "should be an object")]),
    ({"lead": LEAD, "attributes": {"mode": "replce", "patch": {}}},
     [("/attributes/mode", "validation_failed", "should be merge or replace")]),
    ({"lead": LEAD, "attributes": {"mode": "merge", "patch": []}},
     [("/attributes/patch", "validation_failed", "should be an object")]),
)  # fmt: skip
"""A body, and everything that is wrong with it."""


@pytest.mark.parametrize(("body", "faults"), WRONG, ids=map(str, range(len(WRONG))))
def test_what_is_wrong_is_told_by_its_place(
    body: object, faults: list[tuple[str, str, str]]
) -> None:
    """A JSON Pointer, a code, a sentence; no value of the call."""
    assert wrong(body) == faults


def test_every_fault_is_told_up_to_twenty() -> None:
    """In the order of the body; a body of a million faults costs no more."""
    both = {"lead": LEAD, "changes": {"note": 1}, "attributes": 2}
    assert [place for place, _, _ in wrong(both)] == ["/changes/note", "/attributes"]
    assert [place for place, _, _ in wrong([both, both])][2] == "/1/changes/note"
    many = {"lead": LEAD, "changes": {f"x{n}": n for n in range(100_000)}}
    assert len(wrong(many)) == 20


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a":NaN}', b'{"a":"\\ud800"}', b"\xff", b"[" * 100_000],
    ids=["nothing", "half", "no number", "half a surrogate", "no UTF-8", "bottomless"],
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    """However it is not."""
    assert parse(body) == Malformed("the body is not JSON")


def test_a_bottomless_body_is_malformed() -> None:
    """A reader goes deeper than a writer; what can't be written must not be taken."""
    deep = b'{"lead":' + orjson.dumps(LEAD) + b',"attributes":' + b'{"a":' * 70 + b"1" + b"}" * 71
    assert parse(deep) == Malformed("the body is nested too deep")


@slow
@given(updates)
def test_what_is_written_is_read(update: RequestedUpdate) -> None:
    """Every update that can be said, and nothing else of it."""
    ids = tuple(dict.fromkeys((update.lead, *update.others)))
    assert asked(orjson.dumps(spelt(update), default=dict)) == replace(update, others=ids[1:])


@slow
@given(values | st.dictionaries(st.sampled_from(["lead", "changes", "attributes"]), values))
def test_anything_is_taken_or_refused(body: Any) -> None:
    """Nothing that is posted makes it raise."""
    for each in (body, {**SALE, "changes": body}, {**SALE, "lead": body}):
        refusal = parse(each)
        assert isinstance(refusal, Parsed) or refusal
    assert caller().region == "AU"
