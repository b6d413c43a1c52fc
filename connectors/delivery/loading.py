"""Brings a lane's next updates back from the store."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from connectors.delivery.judgement import LONGEST_ASK
from connectors.delivery.plan import Plan, Ports
from connectors.delivery.queued import Queued
from gateway.database.port import Operation, Query
from gateway.eventlog.port import Topic, partition_of
from gateway.store import parked
from gateway.store.settling import ParkedRow

BATCH = 50
"""Updates of a lane loaded at once."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the store had of a lane."""

    ready: list[Queued]
    """To be tried in this order."""
    left: int
    """How many more rows the lane has."""
    due: float
    """Unix seconds before which the first one left must not be tried; inf: until something
    changes; 0: whenever the lane gets there."""
    unreadable: ParkedRow | None = None
    """The lane's first row, if it is damaged: nothing is loaded before it is gone."""


def reach(connector: str) -> Operation[dict[int, int]]:
    """The highest place of a parked update in each partition. A log that is read again from below
    it may bring updates that come first."""
    rows = yield Query(
        "SELECT part, MAX(pos) FROM parked WHERE connector = ? GROUP BY part", (connector,)
    )
    return dict(rows)


def load(connector: str, lead: str, now: float, longest: float) -> Operation[Loaded]:
    """The lane's first updates that may be tried now; `now` is unix seconds. A due time that is
    further off than the longest pause (of a retry: `longest`) was written before the clock was
    set back: it has come."""
    rows = yield from parked.oldest(connector, lead, BATCH)
    counted = yield Query(
        "SELECT COUNT(*) FROM parked WHERE connector = ? AND lead = ?", (connector, lead)
    )
    awaiting = [row.event_id for row in rows if row.state == "awaiting"]
    verdicts = yield from parked.verdicts(awaiting)
    ready: list[Queued] = []
    due = 0.0
    for row in rows:
        due = _due(row, verdicts, now, longest)
        if due > now:
            break
        try:
            queued = Queued.of_row(row)
        except (TypeError, ValueError):
            if not ready:
                return Loaded([], counted[0][0], 0.0, row)
            break
        queued.refused = row.state == "awaiting" and not verdicts[row.event_id]
        ready.append(queued)
        if row.state == "pending":
            break  # most often it goes back: those behind it are left where they are
    return Loaded(ready, counted[0][0] - len(ready), 0.0 if ready else due)


def _due(row: ParkedRow, verdicts: dict[str, bool], now: float, longest: float) -> float:
    if row.state == "held" or (row.state == "awaiting" and row.event_id not in verdicts):
        return inf
    if row.state not in {"retry", "pending"}:
        return 0.0
    most = LONGEST_ASK if row.state == "pending" else longest
    return row.due if row.due <= now + most else now


async def blocked_leads(plan: Plan, ports: Ports) -> dict[str, int]:
    """The leads of this shard that have something in the store, and how much. Raises
    DatabaseUnavailable."""
    blocked = await ports.store.run(lambda: parked.blocked(plan.name))
    if plan.shards == 1:
        return blocked
    partitions = ports.log.partitions(Topic.UPDATES)
    return {
        lead: count
        for lead, count in blocked.items()
        if partition_of(lead, partitions) % plan.shards == plan.shard
    }
