"""Which ids are one lead.

A linked set has the key of its first-linked id, which never changes; an id that is linked to
nothing has a computed key and no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from gateway.database.port import InsertMany, Operation, Query
from gateway.model.event import LeadId, Scope, lead_key

_ESCAPED = str.maketrans({char: f"%{ord(char):02X}" for char in "%;= \t\r\n"})


def scope_text(scope: Scope) -> str:
    """`key=value;key=value`, as stored and as written in import files. A `%`, `;`, `=` or space
    inside a key or value is written as in a URL."""
    return ";".join(
        f"{name.translate(_ESCAPED)}={value.translate(_ESCAPED)}" for name, value in scope
    )


def scope_from_text(text: str) -> Scope:
    """Read `key=value;key=value`; raises ValueError."""
    pairs = []
    for part in filter(None, (piece.strip(" \t\r\n") for piece in text.split(";"))):
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise ValueError(f"a scope is key=value;key=value, not {text!r}")
        pairs.append((unquote(name.strip(" \t\r\n")), unquote(value.strip(" \t\r\n"))))
    return tuple(sorted(pairs))


def link_version() -> Operation[int]:
    """A number that moves with every change of links; 0 while nothing was ever linked."""
    rows = yield Query("SELECT value FROM facts WHERE name = 'links'")
    return int(rows[0][0]) if rows else 0


def resolve(tenant: str, lead: LeadId) -> Operation[str]:
    """The key of a lead: by exact scope, then by empty scope, else computed."""
    for scope in dict.fromkeys((scope_text(lead.scope), "")):
        rows = yield Query(
            "SELECT lead FROM lead_links WHERE tenant = ? AND system = ? AND scope = ? AND id = ?",
            (tenant, lead.system, scope, lead.id),
        )
        if rows:
            return str(rows[0][0])
    return lead_key(tenant, lead)


def ids_of(tenant: str, lead: str) -> Operation[list[LeadId]]:
    """Every linked id of a lead, first-linked first."""
    rows = yield Query(
        "SELECT system, id, scope FROM lead_links WHERE tenant = ? AND lead = ? ORDER BY place",
        (tenant, lead),
    )
    return [LeadId(system, id, scope_from_text(scope)) for system, id, scope in rows]


def scopes_of(tenant: str, lead: LeadId) -> Operation[list[str]]:
    """The scopes under which an id is linked, as text; for whoever left the scope out."""
    rows = yield Query(
        "SELECT scope FROM lead_links WHERE tenant = ? AND system = ? AND id = ? ORDER BY place",
        (tenant, lead.system, lead.id),
    )
    return [str(row[0]) for row in rows]


def link(tenant: str, sets: Sequence[Sequence[LeadId]]) -> Operation[list[str]]:
    """Link each set of ids to one lead; the key of each set, in order. All or nothing.

    Sets that share an id become one; the key is that of the id linked first of all.
    """
    rows = yield Query("SELECT COALESCE(MAX(place), 0) FROM lead_links")
    place = int(rows[0][0])
    keys = []
    for ids in sets:
        key, place = yield from _link_one(tenant, ids, place)
        keys.append(key)
    yield Query(
        "INSERT INTO facts (name, value) VALUES ('links', 1)"
        " ON CONFLICT (name) DO UPDATE SET value = facts.value + 1"
    )
    return keys


def _link_one(tenant: str, ids: Sequence[LeadId], place: int) -> Operation[tuple[str, int]]:
    known: list[tuple[int, str]] = []
    for lead in ids:
        rows = yield Query(
            "SELECT MIN(every.place), every.lead FROM lead_links AS one JOIN lead_links AS every"
            " ON every.tenant = one.tenant AND every.lead = one.lead"
            " WHERE one.tenant = ? AND one.system = ? AND one.scope = ? AND one.id = ?"
            " GROUP BY every.lead",
            (tenant, lead.system, scope_text(lead.scope), lead.id),
        )
        known += [(row[0], row[1]) for row in rows]
    key = min(known)[1] if known else lead_key(tenant, ids[0])
    for other in {lead for _, lead in known} - {key}:
        yield Query(
            "UPDATE lead_links SET lead = ? WHERE tenant = ? AND lead = ?", (key, tenant, other)
        )
    rows = [
        (tenant, lead.system, scope_text(lead.scope), lead.id, key, place + number)
        for number, lead in enumerate(ids, 1)
    ]
    yield InsertMany(
        "INSERT INTO lead_links (tenant, system, scope, id, lead, place)",
        rows,
        "ON CONFLICT DO NOTHING",
    )
    return key, place + len(ids)
