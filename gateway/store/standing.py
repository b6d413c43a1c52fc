"""Where every consumer of the log stands, for operators and gauges."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.database.port import Operation, Query
from gateway.store.settling import FrontierRow


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
    """A write that changes nothing for anybody: if it can be flushed, so can an append."""
    yield Query(
        "INSERT INTO facts (name, value) VALUES ('probe', ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (now,),
    )
