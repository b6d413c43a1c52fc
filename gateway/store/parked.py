"""Updates that wait in the store for their next try, and the lead's later ones behind them."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.database.port import Operation, Query, Row
from gateway.store.lists import listed
from gateway.store.settling import ParkedRow

_COLUMNS = "lead, pos, part, event_id, round, state, due, progress, headers, value, time"


def blocked(connector: str) -> Operation[dict[str, int]]:
    """Every lead with parked updates, and how many."""
    rows = yield Query(
        "SELECT lead, COUNT(*) FROM parked WHERE connector = ? GROUP BY lead", (connector,)
    )
    return dict(rows)


def oldest(connector: str, lead: str, most: int) -> Operation[list[ParkedRow]]:
    """A lead's first parked updates, in log order."""
    rows = yield Query(
        f"SELECT {_COLUMNS} FROM parked WHERE connector = ? AND lead = ? ORDER BY pos LIMIT ?",
        (connector, lead, most),
    )
    return [ParkedRow(*row) for row in rows]


def decided(connector: str) -> Operation[list[str]]:
    """Leads with an update whose authority has decided."""
    rows = yield Query(
        "SELECT DISTINCT p.lead FROM parked AS p JOIN verdicts AS v ON v.event_id = p.event_id"
        " WHERE p.connector = ? AND p.state = 'awaiting'",
        (connector,),
    )
    return [lead for (lead,) in rows]


def verdicts(events: Sequence[str]) -> Operation[dict[str, bool]]:
    """How authorities decided on these events, where they have."""
    if not events:
        return {}
    places = ",".join("?" * len(events))
    rows = yield Query(
        f"SELECT event_id, applied FROM verdicts WHERE event_id IN ({places})", tuple(events)
    )
    return {event: bool(applied) for event, applied in rows}


def summary(connector: str, most: int) -> Operation[list[Row]]:
    """The longest-blocked leads: (lead, first event, state, due, progress, parked since,
    count)."""
    return (
        yield Query(
            "SELECT p.lead, p.event_id, p.state, p.due, p.progress, p.time, b.n FROM parked AS p"
            " JOIN (SELECT lead, MIN(pos) AS pos, COUNT(*) AS n FROM parked WHERE connector = ?"
            " GROUP BY lead) AS b ON b.lead = p.lead AND b.pos = p.pos"
            " WHERE p.connector = ? ORDER BY p.time LIMIT ?",
            (connector, connector, most),
        )
    )


def standing(connector: str) -> Operation[tuple[float | None, int]]:
    """When the oldest parked update was accepted (unix seconds), and how many the vendor has
    taken without saying yet what became of them."""
    rows = yield Query(
        "SELECT MIN(time), SUM(CASE WHEN state = 'pending' THEN 1 ELSE 0 END) FROM parked"
        " WHERE connector = ?",
        (connector,),
    )
    oldest, pending = rows[0]
    return None if oldest is None else float(oldest), int(pending or 0)


def newest_pending(connector: str, leads: Sequence[str]) -> Operation[dict[str, int]]:
    """By lead the log position of the newest update that the vendor has and has not decided on,
    where there is one."""
    found: dict[str, int] = {}
    for marks, values in listed(leads):
        rows = yield Query(
            "SELECT lead, MAX(pos) FROM parked WHERE connector = ? AND state = 'pending'"
            f" AND lead IN ({marks}) GROUP BY lead",
            (connector, *values),
        )
        found |= dict(rows)
    return found


def of_event(event_id: str) -> Operation[list[tuple[str, ParkedRow]]]:
    """Where an event is parked: (connector, row)."""
    rows = yield Query(
        f"SELECT connector, {_COLUMNS} FROM parked WHERE event_id = ? ORDER BY connector",
        (event_id,),
    )
    return [(row[0], ParkedRow(*row[1:])) for row in rows]
