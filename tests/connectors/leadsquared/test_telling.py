"""A canonical event as a lead webhook tells it: the lead before and after, as texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import orjson
import pytest
from hypothesis import given

from connectors.delivery.connector import Delivery
from connectors.leadsquared import VENDOR
from connectors.leadsquared.mapping.telling import READS, failed, lead_update
from connectors.vendor import Payload
from gateway.model.changes import CLEAR, KEEP, Change, Set
from gateway.model.event import Attributes, LeadId, LeadUpdate, Origin, TriggerWishes
from gateway.model.json import JsonValue
from gateway.settings.model import TenantSettings
from tests.gateway.model import strategies

MELBOURNE = TenantSettings(region="AU", timezone="Australia/Melbourne")
LEAD = LeadId("hook", "7ba60ab0-7054-4856-8590-1b5a9f904ad1")


def event(changes: Mapping[str, Change], dialect: str = "noojee", **patch: JsonValue) -> LeadUpdate:
    """An update of a lead by one dialect."""
    return LeadUpdate(
        "0192d000-0000-7000-8000-000000000001",
        "2026-01-01T00:00:00.000Z",
        "default",
        "ld_1",
        (LEAD,),
        changes,
        Attributes("merge", patch),
        TriggerWishes(),
        Origin(dialect, "op", "theirs", None, {}, {}),
    )


def told(update: LeadUpdate, known: Mapping[str, JsonValue], **fields: str) -> Payload:
    """What a receiver is told of an update of a lead of which this much is known."""
    return lead_update(Delivery(update, (LEAD,), (), dict(known)), MELBOURNE, fields)


def test_the_vendor_lends_it_by_its_own_name() -> None:
    """As JSON, with the values before and its own word for a failure."""
    (shape,) = VENDOR.payloads
    assert (shape.name, shape.render, shape.refusal) == ("leadsquared", lead_update, failed)
    assert (shape.content_type, shape.reads) == ("application/json", READS)


def test_before_and_after_hold_the_same_names() -> None:
    """Texts or null; what is left as it is, is not told; what has no name is told as left out."""
    changes: dict[str, Change] = {
        "full_name": Set("Jane Smith"),
        "phones.primary": Set("0491 570 006", "+61491570006"),
        "do_not_call": Set(value=True),
        "email": CLEAR,
        "phones.secondary": KEEP,
        "disposition": Set("Sale"),
    }
    known = {"full_name": "Ada Smith", "email": "ada@example.com", "phones.primary": "0491 570 156"}
    assert told(event(changes, plan="pro"), known) == Payload(
        {
            "Before": {
                "ProspectID": LEAD.id,
                "FirstName": "Ada",
                "LastName": "Smith",
                "Phone": "+61491570156",
                "DoNotCall": None,
                "EmailAddress": "ada@example.com",
                "plan": None,
            },
            "After": {
                "ProspectID": LEAD.id,
                "FirstName": "Jane",
                "LastName": "Smith",
                "Phone": "+61491570006",
                "DoNotCall": "1",
                "EmailAddress": None,
                "plan": "pro",
            },
        },
        ("disposition",),
    )


def test_a_leadsquared_call_is_told_in_its_own_names() -> None:
    """As it came, as text; `fields` names what the tables don't."""
    update = event({"score": Set(12), "note": CLEAR}, "leadsquared", mx_Plan=7)
    update = replace(update, origin=replace(update.origin, names={"note": "Notes"}))
    own = {"ProspectID": LEAD.id}
    assert told(update, {"score": 3}) == Payload(
        {
            "Before": {**own, "Score": "3", "Notes": None, "mx_Plan": None},
            "After": {**own, "Score": "12", "Notes": None, "mx_Plan": "7"},
        }
    )
    sale = told(event({"disposition": Set("Sale")}), {}, disposition="mx_Call_Disposition")
    assert sale.body["After"] == {**own, "mx_Call_Disposition": "Sale"}


def test_a_lead_without_an_id_at_the_receiver_has_none() -> None:
    """Another system's id would be taken for one."""
    payload = lead_update(Delivery(event({"score": Set(1)}), (), (LEAD,)), MELBOURNE, {})
    assert payload.body == {
        "Before": {"ProspectID": None, "Score": None},
        "After": {"ProspectID": None, "Score": "1"},
    }


@given(strategies.updates)
def test_any_event_can_be_told(update: LeadUpdate) -> None:
    """Both halves have the same names, and no value is anything but a text or null."""
    body = told(update, dict.fromkeys(update.changes, "x")).body
    before, after = body["Before"], body["After"]
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert set(after) <= set(before)
    assert {type(value) for value in (*before.values(), *after.values())} <= {str, type(None)}
    assert orjson.loads(orjson.dumps(body)) == body


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"Status":"Success","StatusReason":""}', None),
        (b'{"Status":"Error","StatusReason":"no such lead"}', "no such lead"),
        (b'{"Status":"error"}', "the receiver says Error"),
        (b'{"Status":"Error","StatusReason":7}', "the receiver says Error"),
        (b"[]", None),
        (b"", None),
        (b"OK", None),
    ],
)
def test_a_receiver_may_fail_with_200(body: bytes, reason: str | None) -> None:
    """By the vendor's convention."""
    assert failed(body) == reason
