"""LeadSquared connectors, deliveries for them, and what they send."""

from __future__ import annotations

from itertools import count
from typing import Any

import orjson

from connectors.delivery.connector import Delivery, Verdict
from connectors.leadsquared.outbound.connector import LeadSquaredConnector, connect
from connectors.leadsquared.outbound.settings import LeadSquaredSettings
from gateway.model.changes import Change, Set
from gateway.model.event import Attributes, LeadId, LeadUpdate, Origin, TriggerWishes
from gateway.transport.port import HttpReply, HttpRequest, HttpResponse
from tests.contracts.vendors import held

BASE, ASYNC = "https://api.example.com/tenant", "https://async.example.com"
KEYS = {"access_key": "u$r0123", "secret_key": "s3cret", "x_api_key": "third"}
PAIR = (("x-LSQ-AccessKey", "u$r0123"), ("x-LSQ-SecretKey", "s3cret"))
JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))
ID = LeadId("lsq", "3fe1f7a7-7d8e-4f9b-8d0f-6f3f4d1d2c3b")
EMAIL, PHONE = LeadId("email", "jane@example.com"), LeadId("phone", "+61491570006")
BULK = "/v2/LeadManagement.svc/Lead/Bulk/UpdateV2"

NOTHING = HttpResponse(200, {}, b"")
"""An answer that says nothing."""


_NUMBERS = count(1)


def connector(mode: str = "bulk", **settings: object) -> LeadSquaredConnector:
    """A connector named `lsq`."""
    given = {"base_url": BASE + "/", "async_base_url": ASYNC, "mode": mode, **KEYS, **settings}
    return connect("lsq", LeadSquaredSettings.model_validate(given), {})


def foreign(
    *ids: LeadId,
    attributes: Attributes | None = None,
    wished: bool = False,
    dialect: str = "native",
    **changes: Change | str,
) -> Delivery:
    """A delivery of another dialect's event, by default a new company; `__` in a field's name is
    its dot."""
    wanted = {
        name.replace("__", "."): Set(value) if isinstance(value, str) else value
        for name, value in (changes or {"company": "Acme"}).items()
    }
    ids = ids or (ID,)
    event = LeadUpdate(
        id=str(next(_NUMBERS)),
        time="2026-11-22T00:00:00.000Z",
        tenant="default",
        lead_key="ld_1",
        ids=ids,
        changes=wanted,
        attributes=attributes or Attributes(),
        triggers=TriggerWishes(post_updated_lead=wished),
        origin=Origin(dialect, "updates"),
    )
    mine = tuple(lead for lead in ids if lead.system == "lsq")
    return Delivery(event, mine, tuple(lead for lead in ids if lead.system != "lsq"))


def sent_by(
    made: LeadSquaredConnector, *deliveries: Delivery, reply: HttpReply = NOTHING
) -> tuple[list[HttpRequest], tuple[Verdict, ...]]:
    """What is sent for these, and the verdicts on one reply."""
    return held(made.converse(deliveries), lambda _: reply)


def body(request: HttpRequest) -> Any:
    """A body's JSON."""
    return orjson.loads(request.body)
