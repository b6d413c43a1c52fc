"""A canonical event as a Noojee URL action tells of a lead: a flat object of text.

A disposition's URL action fills in `${field}` from the call and the lead (wiki page "URL Action");
these are the names that receivers in the field get. Everything is a string, and what is not known
is an empty one, so that no receiver misses a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import orjson

from connectors.delivery.connector import Delivery
from connectors.noojee import wire
from connectors.noojee.mapping.rendering import Place, Writing, body_of, writing
from connectors.noojee.mapping.tables import SYSTEM_NAMES
from connectors.vendor import Payload
from gateway.model.json import JsonValue
from gateway.settings.model import TenantSettings

LEAD = "njExternalLeadId"
NAMES = (
    "njLeadId",
    LEAD,
    SYSTEM_NAMES["disposition"],
    "njAction",
    "njCallDate",
    "njCallDuration",
    "njCampaignName",
    "njAllocationName",
    "njDialAttempts",
    "njDialedNumber",
    "njUniqueCallId",
)
"""Always there. Of the call itself, which leadwire did not make, nothing is known."""


def disposition_action(
    delivery: Delivery, habits: TenantSettings, fields: Mapping[str, str]
) -> Payload:
    """What a receiver of URL actions is told: NAMES, and whatever the update gives a value, under
    the template's names."""
    how = _writing(tuple(fields.items()))
    body = body_of(delivery.event, {}, how, Place(habits.region, habits.timezone))
    told = dict.fromkeys(NAMES, "")
    told |= {
        name: _text(value) for name, value in body.fields.items() if not wire.is_no_change(value)
    }
    told[LEAD] = _lead(delivery)
    return Payload(told, tuple(body.dropped))


@lru_cache(maxsize=64)
def _writing(fields: tuple[tuple[str, str], ...]) -> Writing:
    return writing(dict(fields), unmapped="send")


def _lead(delivery: Delivery) -> str:
    """The lead's id at Noojee: one of the connector's `system`, or the one that a Noojee caller
    named. Another system's id would be taken for one."""
    event = delivery.event
    if delivery.ids:
        return delivery.ids[0].id
    return event.ids[0].id if event.origin.dialect == "noojee" and event.ids else ""


def _text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value, default=dict).decode()
