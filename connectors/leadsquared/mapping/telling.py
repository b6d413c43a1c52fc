"""A canonical event as a LeadSquared webhook tells of a changed lead: the lead before and after.

`{"Before":{…},"After":{…}}`, flat, by schema name; every value is a text or null (the shape as
receivers in the field have seen it; page "Webhooks" describes the transport). Of the lead before,
what this connector had last told of the same fields is known; the rest is null. LeadSquared asks
its receivers to answer `{"Status":"Success",…}` and, on failure, 200 with `"Status":"Error"`
(page "Webhook Best Practices"): such an answer is a failure to be written down, not to be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import orjson

from connectors.delivery.connector import Delivery
from connectors.leadsquared.mapping.rendering import Plan, Writing, plan, writing
from connectors.leadsquared.mapping.tables import FIELDS
from connectors.vendor import Payload, PayloadShape
from gateway.model.changes import Change, Set
from gateway.model.event import Attributes
from gateway.model.json import JsonValue
from gateway.phones import e164
from gateway.settings.model import TenantSettings

LEAD = "ProspectID"
READS = frozenset({*FIELDS, "full_name"})
"""Canonical fields of which the value before is told."""


def lead_update(delivery: Delivery, habits: TenantSettings, fields: Mapping[str, str]) -> Payload:
    """What a receiver of lead updates is told: the attributes that the update gives a value or
    empties, after and before, beside the lead's id."""
    event, how = delivery.event, _writing(tuple(fields.items()))
    planned = plan(event, how)
    after = _values(planned)
    earlier = {
        name: _before(name, delivery.known[name], habits.region)
        for name in event.changes
        if name in delivery.known
    }
    former = replace(event, changes=earlier, attributes=Attributes())
    before = {**dict.fromkeys(after), **_values(plan(former, how))}
    named = {LEAD: delivery.ids[0].id if delivery.ids else None}
    body = {"Before": {**named, **before}, "After": {**named, **after}}
    return Payload(body, planned.dropped)


@lru_cache(maxsize=64)
def _writing(fields: tuple[tuple[str, str], ...]) -> Writing:
    return writing(dict(fields), send_unmapped=True)


def _before(name: str, value: JsonValue, region: str) -> Change:
    number = e164(value, region) if name.startswith("phones.") and isinstance(value, str) else None
    return Set(value, number)


def _values(planned: Plan) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {}
    for attribute in planned.fields:
        told[attribute.name] = _text(attribute.value)
        for inner in attribute.fields or ():
            told[inner.name] = _text(inner.value)
    return told


def _text(value: JsonValue) -> str | None:
    """As the vendor writes it: an emptied field is null, a truth is 1 or 0."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return None if value is None or value == "" else str(value)


def failed(body: bytes) -> str | None:
    """Why a receiver that answered 2xx failed all the same; None where it did not."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict) or str(told.get("Status", "")).lower() != "error":
        return None
    reason = told.get("StatusReason")
    return reason if isinstance(reason, str) and reason else "the receiver says Error"


LEAD_UPDATE = PayloadShape("leadsquared", lead_update, reads=READS, refusal=failed)
