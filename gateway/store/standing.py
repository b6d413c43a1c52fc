"""Where every consumer of the log stands, for operators and gauges."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.database.port import Operation, Query
from gateway.store.settling import FrontierRow

PROBE_BYTES = 16 << 10
"""Bytes of a probe: a few calls' updates."""


@dataclass(frozen=True, slots=True)
class ParkedCount:
    """What a connector has parked."""

    leads: int
    updates: int
    oldest: float
    """When the oldest of them was accepted, unix seconds."""


def places(topic: str) -> Operation[dict[str, dict[int, FrontierRow]]]:
    """The frontiers of every connector ever seen, by name and partition; the ledger and its
    like, whose names begin with `@`, are no connectors."""
    rows = yield Query(
        "SELECT consumer, part, base, settled FROM frontiers"
        " WHERE topic = ? AND consumer NOT LIKE '@%' ORDER BY consumer, part",
        (topic,),
    )
    found: dict[str, dict[int, FrontierRow]] = {}
    for consumer, part, base, settled in rows:
        found.setdefault(consumer, {})[part] = FrontierRow(part, base, settled)
    return found


def parked() -> Operation[dict[str, ParkedCount]]:
    """What each connector has parked."""
    rows = yield Query(
        "SELECT connector, COUNT(DISTINCT lead), COUNT(*), MIN(time) FROM parked GROUP BY connector"
    )
    return {connector: ParkedCount(*counts) for connector, *counts in rows}


def held(now: float) -> Operation[set[str]]:
    """Names of the leases that some process holds."""
    rows = yield Query("SELECT name FROM leases WHERE until > ?", (now,))
    return {name for (name,) in rows}


def probe(now: int) -> Operation[None]:
    """A write as large as an append, of a claim that is nobody's and has run out: if there is
    room for it and it can be flushed, so it is for an append. The one before goes after it has
    come, so that it needs new room each time."""
    name = f"probe {now}"
    yield Query(
        "INSERT INTO claims (tenant, claim, digest, events, answer, expires)"
        " VALUES ('', ?, ?, '[]', NULL, 0) ON CONFLICT (tenant, claim) DO UPDATE"
        " SET digest = excluded.digest",
        (name, "p" * PROBE_BYTES),
    )
    yield Query("DELETE FROM claims WHERE tenant = '' AND claim <> ?", (name,))
