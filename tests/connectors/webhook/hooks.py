"""Connectors and deliveries that the slice's tests are made from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connectors.delivery.connector import Connector, Delivery, Verdict
from connectors.registry import VENDORS
from connectors.webhook.outbound import WebhookSettings
from gateway.model.changes import CLEAR, KEEP, Set
from gateway.model.event import Attributes, LeadId, LeadUpdate, Origin, TriggerWishes
from gateway.settings.model import TenantSettings
from gateway.transport.port import HttpReply, HttpRequest

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""Of the standard's own example."""
OTHER = "whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSB0ZXN0cw=="
URL = "https://hooks.example.com/leads?from=leadwire"
NOW = 1_795_348_800.75
VENDOR = next(vendor for vendor in VENDORS if vendor.name == "webhook")
TENANTS = {"default": TenantSettings(region="AU", timezone="Australia/Melbourne")}

EVENT = LeadUpdate(
    id="0193503c-79a0-7000-8000-000000000001",
    time="2026-11-22T00:00:00.000Z",
    tenant="default",
    lead_key="ld_1",
    ids=(LeadId("noojee-au", "9856", (("allocation_id", "38"),)),),
    changes={
        "full_name": Set("Jane Smith"),
        "phones.primary": Set("0383218199", "+61383218199"),
        "phones.secondary": KEEP,
        "email": CLEAR,
        "disposition": Set("Sale"),
    },
    attributes=Attributes("merge", {"Loan": {"a": None}}),
    triggers=TriggerWishes(post_updated_lead=True),
    origin=Origin("noojee", "updateLeadFast", "noojee-au", None, {"allocation_id": "38"}, {}),
    connectors=("noojee-au", "hook"),
    authority="noojee-au",
    followers="after_authority",
    replyto="3",
)


def settings(**given: Any) -> WebhookSettings:
    """The settings of a connector."""
    return WebhookSettings.model_validate({"url": URL, "secret": SECRET, **given})


def connector(**given: Any) -> Connector:
    """A connector with every vendor's payloads at hand."""
    return VENDOR.connect("hook", settings(**given), TENANTS)


def delivery(now: float = NOW, **changed: Any) -> Delivery:
    """EVENT, changed, at its try at `now`."""
    event = replace(EVENT, **changed)
    return Delivery(event, (), event.ids, {}, now)


def posted(given: Delivery, **own: Any) -> HttpRequest:
    """What a connector sends first."""
    return next(connector(**own).converse([given]))


def verdict_on(reply: HttpReply, given: Delivery | None = None, **own: Any) -> Verdict:
    """What a connector makes of a reply."""
    conversation = connector(**own).converse([given or delivery()])
    next(conversation)
    try:
        conversation.send(reply)
    except StopIteration as end:
        (verdict,) = end.value
        return verdict  # type: ignore[no-any-return]  # a generator's value is Any here
    raise AssertionError("it asks for more")
