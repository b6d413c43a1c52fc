"""The queryable record: updates, and every verdict on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.database.port import InsertMany, Operation, Query, Row
from gateway.model.ids import first_id_at
from gateway.store.settling import FrontierRow


def project(
    consumer: str,
    topic: str,
    frontiers: Sequence[FrontierRow],
    updates: Sequence[Row],
    deliveries: Sequence[Row],
) -> Operation[None]:
    """Write rows of `updates` and `deliveries`, and how far the topic was read. A record read
    twice changes nothing: the first verdict of a round stands."""
    yield InsertMany(
        "INSERT INTO updates (event_id, tenant, lead, dialect, operation, connectors, authority,"
        " part, pos, time)",
        updates,
        "ON CONFLICT DO NOTHING",
    )
    yield InsertMany(
        "INSERT INTO deliveries (event_id, connector, round, kind, code, time, outcome)",
        deliveries,
        "ON CONFLICT DO NOTHING",
    )
    yield InsertMany(
        "INSERT INTO frontiers (consumer, topic, part, base, settled)",
        [(consumer, topic, f.part, f.base, f.settled) for f in frontiers],
        "ON CONFLICT (consumer, topic, part) DO UPDATE SET base = excluded.base,"
        " settled = excluded.settled",
    )


_UPDATE = "event_id, tenant, lead, dialect, operation, connectors, authority, part, pos, time"


def update(event_id: str) -> Operation[Row | None]:
    """One update: (event_id, tenant, lead, dialect, operation, connectors, authority, part, pos,
    time)."""
    rows = yield Query(f"SELECT {_UPDATE} FROM updates WHERE event_id = ?", (event_id,))
    return rows[0] if rows else None


def seen(events: Sequence[str]) -> Operation[set[str]]:
    """Which of these updates came by in the log."""
    found: set[str] = set()
    for start in range(0, len(events), 500):
        some = events[start : start + 500]
        places = ",".join("?" * len(some))
        rows = yield Query(
            f"SELECT event_id FROM updates WHERE event_id IN ({places})", tuple(some)
        )
        found.update(event for (event,) in rows)
    return found


def deliveries(event_id: str) -> Operation[list[Row]]:
    """The verdicts on an update: (connector, round, outcome JSON), oldest round first."""
    return (
        yield Query(
            "SELECT connector, round, outcome FROM deliveries WHERE event_id = ?"
            " ORDER BY connector, round",
            (event_id,),
        )
    )


def verdict(event_id: str, connector: str) -> Operation[str | None]:
    """The newest outcome of an event at a connector, as JSON."""
    rows = yield Query(
        "SELECT outcome FROM deliveries WHERE event_id = ? AND connector = ?"
        " ORDER BY round DESC LIMIT 1",
        (event_id, connector),
    )
    return rows[0][0] if rows else None


def endings(event_id: str) -> Operation[list[Row]]:
    """How an event, or an action, ended at each connector: (connector, kind, outcome JSON), the
    newest last."""
    return (
        yield Query(
            "SELECT connector, kind, outcome FROM deliveries WHERE event_id = ?"
            " ORDER BY time, round",
            (event_id,),
        )
    )


def of_lead(tenant: str, lead: str, most: int) -> Operation[list[Row]]:
    """A lead's newest updates, in the order they were accepted; rows as of `update`."""
    rows = yield Query(
        f"SELECT {_UPDATE} FROM updates WHERE tenant = ? AND lead = ?"
        " ORDER BY time DESC, event_id DESC LIMIT ?",
        (tenant, lead, most),
    )
    place = 8  # a lead has one partition, in which positions only grow, whatever clocks say
    return sorted(rows, key=lambda row: int(row[place]))


class Tally(NamedTuple):
    """Updates that somebody answers for, counted."""

    pending: int = 0
    """Without their authority's verdict."""
    oldest: float | None = None
    """When the oldest of those was accepted, unix seconds."""
    settled: int = 0
    """With one of late."""

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        times = [time for time in (self.oldest, other.oldest) if time is not None]
        return Tally(
            self.pending + other.pending,
            min(times, default=None),
            self.settled + other.settled,
        )


def tally(
    tenant: str, dialect: str, since: float, below: str, most: int
) -> Operation[tuple[Tally, str | None]]:
    """Count among the newest `most` updates with ids under `below` those of a tenant and a
    dialect; `settled` are those with a verdict since a time. And the lowest id looked at, None
    where there are no more."""
    rows = yield Query(
        "SELECT u.event_id, u.time, d.time, u.tenant, u.dialect, u.authority FROM"
        " (SELECT event_id, tenant, dialect, authority, time FROM updates WHERE event_id < ?"
        " ORDER BY event_id DESC LIMIT ?) AS u LEFT JOIN deliveries AS d"
        " ON d.event_id = u.event_id AND d.connector = u.authority AND d.round = 1"
        " ORDER BY u.event_id",
        (below, most),
    )
    return _counted(rows, tenant, dialect, since), rows[0][0] if len(rows) == most else None


def _counted(rows: Sequence[Row], tenant: str, dialect: str, since: float) -> Tally:
    ours = [
        (time, settled)
        for _, time, settled, whose, spoken, authority in rows
        if authority and whose == tenant and spoken == dialect
    ]
    waiting = [time for time, settled in ours if settled is None]
    late = [settled for _, settled in ours if settled is not None and settled >= since]
    return Tally(len(waiting), min(waiting, default=None), len(late))


def unsettled(leads: Sequence[tuple[str, str]]) -> Operation[int]:
    """How many updates of these (tenant, lead) have a connector without a verdict."""
    count = 0
    for tenant, lead in leads:
        rows = yield Query(
            "SELECT u.event_id, u.connectors, (SELECT COUNT(DISTINCT d.connector)"
            " FROM deliveries AS d WHERE d.event_id = u.event_id)"
            " FROM updates AS u WHERE u.tenant = ? AND u.lead = ?",
            (tenant, lead),
        )
        count += sum(len(list(filter(None, names.split(",")))) > done for _, names, done in rows)
    return count


def expire(before: float, most: int) -> Operation[int]:
    """Forget up to `most` rows of each table that are older than `before` (unix seconds); the
    most that were forgotten of one. Event ids are UUIDv7, so the oldest are the lowest; those of
    actions are not, and go with what they were for."""
    bound = first_id_at(before)
    counts = []
    for table in ("deliveries", "updates", "verdicts"):
        rows = yield Query(
            f"SELECT event_id FROM {table} WHERE event_id < ? AND time < ?"
            " ORDER BY event_id LIMIT ?",
            (bound, before, most),
        )
        counts.append(len(rows))
        if rows:
            yield Query(
                f"DELETE FROM {table} WHERE event_id <= ? AND time < ?", (rows[-1][0], before)
            )
    return max(counts)
