"""A canonical event as a URL action tells it: every name there, every value a text."""

from __future__ import annotations

from hypothesis import given

from connectors.delivery.connector import Delivery
from connectors.noojee import VENDOR
from connectors.noojee.mapping.telling import NAMES, disposition_action
from connectors.vendor import Payload
from gateway.model.changes import CLEAR, KEEP, Set
from gateway.model.event import LeadId, LeadUpdate
from gateway.model.json import JsonObject
from gateway.settings.model import TenantSettings
from tests.connectors.noojee.calls import LEAD, as_event, asked, event
from tests.gateway.model import strategies

MELBOURNE = TenantSettings(region="AU", timezone="Australia/Melbourne")
EMPTY = dict.fromkeys(
    (
        "njLeadId",
        "njExternalLeadId",
        "njDisposition",
        "njAction",
        "njCallDate",
        "njCallDuration",
        "njCampaignName",
        "njAllocationName",
        "njDialAttempts",
        "njDialedNumber",
        "njUniqueCallId",
    ),
    "",
)


def told(update: LeadUpdate, ids: tuple[LeadId, ...] = (), **fields: str) -> Payload:
    """What a receiver is told; `ids` are those of the webhook's own system."""
    return disposition_action(Delivery(update, ids), MELBOURNE, fields)


def test_the_vendor_lends_it_by_its_own_name() -> None:
    """As JSON that reads nothing of before."""
    (shape,) = VENDOR.payloads
    assert (shape.name, shape.render) == ("noojee", disposition_action)
    assert (shape.content_type, shape.reads) == ("application/json", frozenset())


def test_a_noojee_call_is_told_in_its_own_names() -> None:
    """Numbers become text; what is left as it is, is left out; the id is the caller's."""
    said: JsonObject = {
        "FirstPhone": "0383218199",
        "SecondPhone": "<No Change>",
        "njDisposition": "Sale",
        "njCallBackDate": "2026/12/01 09:30",
        "PostCode": 3064,
        "Loan": {"a": [None]},
    }
    assert told(as_event(asked(said))) == Payload(
        {
            **EMPTY,
            "njExternalLeadId": "9856",
            "njDisposition": "Sale",
            "FirstPhone": "0383218199",
            "njCallBackDate": "2026/12/01 09:30",
            "PostCode": "3064",
            "Loan": '{"a":[null]}',
        }
    )


def test_another_dialects_event_is_told_in_the_templates_names() -> None:
    """Canonical values, a local call-back date, attributes under their own names or `fields`."""
    update = event(
        {
            "full_name": Set("Jane Smith"),
            "phones.primary": Set("0383218199", "+61383218199"),
            "email": CLEAR,
            "city": KEEP,
            "callback.at": Set("2026-11-30T22:30:00Z"),
            "priority": Set(5),
            "status": Set("qualified"),
        },
        {"plan": "pro", "deep": {"a": 1}},
    )
    assert told(update, full_name="Who", plan="Plan") == Payload(
        {
            **EMPTY,
            "Who": "Jane Smith",
            "FirstPhone": "+61383218199",
            "Email": "",
            "njCallBackDate": "2026/12/01 09:30",
            "njPriority": "5",
            "Plan": "pro",
        },
        ("status", "deep"),
    )


def test_the_id_is_of_the_webhooks_system_or_unknown() -> None:
    """Another system's id is not taken for one."""
    update = event({"disposition": Set("Sale")}, ids=(LeadId("polly", "lead_1"),))
    assert told(update).body["njExternalLeadId"] == ""
    assert told(update, (LEAD,)).body["njExternalLeadId"] == "9856"


@given(strategies.updates)
def test_every_value_is_a_text_and_every_name_is_there(update: LeadUpdate) -> None:
    """Of any event."""
    body = told(update).body
    assert body.keys() >= set(NAMES)
    assert {type(value) for value in body.values()} == {str}
