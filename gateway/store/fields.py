"""Last applied values of a lead's fields, per connector."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import orjson

from gateway.database.port import Operation, Query
from gateway.model.json import JsonObject
from gateway.store.lists import listed

APPLIED = "@applied"
"""Pseudo field of an applied update that set no field: keeps its log position."""


LONGEST = 256
"""Letters of a name that is kept as it is; what an index takes is a few thousand bytes."""


def kept(field: str) -> str:
    """A field's name as it is kept: callers name attributes as they like, at any length."""
    if len(field) <= LONGEST:
        return field
    digest = blake2b(field.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{field[:LONGEST]}…{digest}"


def known(tenant: str, lead: str, connector: str, fields: Sequence[str]) -> Operation[JsonObject]:
    """The last applied change of each field at one connector, in the event's form."""
    if not fields:
        return {}
    names = {kept(field): field for field in fields}
    places = ",".join("?" * len(names))
    rows = yield Query(
        "SELECT field, value FROM lead_fields"
        f" WHERE tenant = ? AND lead = ? AND connector = ? AND field IN ({places})",
        (tenant, lead, connector, *names),
    )
    return {names[name]: orjson.loads(value) for name, value in rows}


def held(tenant: str, lead: str, connector: str) -> Operation[JsonObject]:
    """The last applied value of every field of a lead at one connector; one that was cleared is
    null."""
    rows = yield Query(
        "SELECT field, value FROM lead_fields WHERE tenant = ? AND lead = ? AND connector = ?",
        (tenant, lead, connector),
    )
    changes = {name: orjson.loads(value) for name, value in rows if name != APPLIED}
    return {name: change.get("value") for name, change in changes.items()}


def view(tenant: str, lead: str) -> Operation[JsonObject]:
    """The newest applied change of each field over all connectors, in the event's form."""
    rows = yield Query(
        "SELECT field, value FROM lead_fields WHERE tenant = ? AND lead = ? ORDER BY pos",
        (tenant, lead),
    )
    return {field: orjson.loads(value) for field, value in rows if field != APPLIED}


def newest_applied(tenant: str, connector: str, leads: Sequence[str]) -> Operation[dict[str, int]]:
    """By lead the log position of the newest update applied at a connector, where there is
    one."""
    found: dict[str, int] = {}
    for marks, values in listed(leads):
        rows = yield Query(
            "SELECT lead, MAX(pos) FROM lead_fields"
            f" WHERE tenant = ? AND connector = ? AND lead IN ({marks}) GROUP BY lead",
            (tenant, connector, *values),
        )
        found |= dict(rows)
    return found
