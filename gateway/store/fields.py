"""Last applied values of a lead's fields, per connector."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from gateway.database.port import Operation, Query
from gateway.model.json import JsonObject

APPLIED = "@applied"
"""Pseudo field of an applied update that set no field: keeps its log position."""


def known(tenant: str, lead: str, connector: str, fields: Sequence[str]) -> Operation[JsonObject]:
    """The last applied change of each field at one connector, in the event's form."""
    if not fields:
        return {}
    places = ",".join("?" * len(fields))
    rows = yield Query(
        "SELECT field, value FROM lead_fields"
        f" WHERE tenant = ? AND lead = ? AND connector = ? AND field IN ({places})",
        (tenant, lead, connector, *fields),
    )
    return {field: orjson.loads(value) for field, value in rows}


def view(tenant: str, lead: str) -> Operation[JsonObject]:
    """The newest applied change of each field over all connectors, in the event's form."""
    rows = yield Query(
        "SELECT field, value FROM lead_fields WHERE tenant = ? AND lead = ? ORDER BY pos",
        (tenant, lead),
    )
    return {field: orjson.loads(value) for field, value in rows if field != APPLIED}


def newest_applied(tenant: str, lead: str, connector: str) -> Operation[int]:
    """Log position of the newest update applied at a connector; -1 for none."""
    rows = yield Query(
        "SELECT MAX(pos) FROM lead_fields WHERE tenant = ? AND lead = ? AND connector = ?",
        (tenant, lead, connector),
    )
    return -1 if rows[0][0] is None else int(rows[0][0])
