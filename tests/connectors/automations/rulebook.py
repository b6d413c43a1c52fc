"""Files of rules, and facts to ask them about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from connectors.automations.deciding import Deciding, Seen
from connectors.automations.facts import Fact
from connectors.automations.loading import Endpoints, Loaded, read
from connectors.registry import VENDORS
from connectors.webhook.outbound import WebhookSettings
from gateway.eventlog.port import Record, Topic
from gateway.model.changes import Set
from gateway.model.event import Attributes, LeadId, LeadUpdate, Origin, TriggerWishes
from gateway.store.automations import Memory

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
HOOK = {"url": "https://hooks.example.com/leads", "secret": SECRET}
ENDPOINTS = Endpoints(
    WebhookSettings,
    "webhook",
    frozenset(shape.name for vendor in VENDORS for shape in vendor.payloads),
)
NOTHING = Memory(frozenset(), {}, {})


def book(text: str | dict[str, Any]) -> Loaded:
    """A file of rules; JSON is YAML."""
    given = text if isinstance(text, str) else orjson.dumps(text).decode()
    return read("rules.yaml", given, Path(), ENDPOINTS, {})


def rule(name: str = "a", on: str = "dispositionAction", **own: Any) -> dict[str, Any]:
    """A rule that writes a line."""
    return {"name": name, "on": on, "do": [{"log": "said"}], **own}


def rules(*some: dict[str, Any], **own: Any) -> Deciding:
    """What decides by these."""
    return Deciding(book({"rules": list(some), **own}).rules)


def fact(
    number: int = 1,
    kind: str = "dispositionAction",
    disposition: str | None = "Sale",
    *,
    lead: str = "42",
    tenant: str = "default",
    hops: int = 0,
    before: dict[str, Any] | None = None,
) -> Fact:
    """A trigger's fact."""
    changes = {} if disposition is None else {"disposition": Set(disposition)}
    update = LeadUpdate(
        f"00000000-0000-7000-8000-{number:012x}",
        "2026-01-01T00:00:00.000Z",
        tenant,
        f"ld_{lead}",
        (LeadId("crm", lead),),
        changes,
        Attributes(patch={"plan": "pro"}),
        TriggerWishes(True),
        Origin("native", "postLeadUpdates", hops=hops),
    )
    return Fact(f"t{number}", kind, "crm", update.time, update, before or {}, {})


def seen(*facts: Fact) -> list[Seen]:
    """As they come from the log."""
    return [
        Seen(one, Record(Topic.TRIGGERS, 0, place, one.lead, (), b"", 100.0))
        for place, one in enumerate(facts)
    ]


def results(deciding: Deciding, *facts: Fact, memory: Memory = NOTHING, now: float = 0.0) -> Any:
    """Rule and result of each verdict."""
    decided = deciding.decide(seen(*facts), memory, now)
    return [(verdict.rule, verdict.result) for verdict in decided.verdicts]
