"""A call of Dialnexa's API as a canonical update."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from connectors.dialnexa import wire
from connectors.dialnexa.mapping.tables import CANONICAL
from connectors.dialnexa.wire import DialnexaUpdate
from gateway.dialect import Caller, RequestedUpdate
from gateway.model.changes import CLEAR, Change, Set
from gateway.model.event import Attributes, LeadId
from gateway.model.json import JsonObject, JsonValue


def requested(record: DialnexaUpdate, caller: Caller) -> RequestedUpdate:
    """A record that breaks no rule as a canonical update.

    `scope` keeps what only a connector of this dialect can give back: the country code as sent,
    `notes` as the holder of the variables, unknown fields. What no call changes is left out.
    """
    fields = record.fields
    changes: dict[str, Change] = {}
    names: dict[str, str] = {}
    scope: dict[str, JsonValue] = {}
    if "name" in fields:
        names["full_name"] = "name"
        changes["full_name"] = CLEAR if fields["name"] is None else Set(fields["name"])
    phone = wire.phone_of(fields)
    if phone is not None:
        names["phones.primary"] = phone.field
        raw = None if phone.value == phone.e164 else phone.value
        changes["phones.primary"] = Set(phone.e164, phone.e164, raw)
    if (phone is None or phone.field == "phoneNumber") and "countryCode" in fields:
        scope["country_code"] = fields["countryCode"]
    holder = wire.holder_of(fields)
    if "notes" in fields and holder != "notes":
        names["note"] = "notes"
        changes["note"] = _note(fields["notes"])
    if holder == "notes":
        scope["variables"] = holder
    ignored = {name: value for name, value in fields.items() if name not in _KNOWN}
    if ignored:
        scope["ignored"] = ignored
    lead = LeadId(caller.system, record.lead_id)
    return RequestedUpdate(lead, changes, _attributes(fields, holder), names=names, scope=scope)


_KNOWN = wire.READ_ONLY | CANONICAL.keys() | {"countryCode", "metadata"}


def _note(value: JsonValue) -> Change:
    if value is None:
        return CLEAR
    return Set(value) if isinstance(value, str) else Set(orjson.dumps(value).decode(), raw=value)


def _attributes(fields: JsonObject, holder: str | None) -> Attributes:
    if holder is None:
        return Attributes()
    held = fields[holder]
    return Attributes("replace", held if isinstance(held, Mapping) else {})
