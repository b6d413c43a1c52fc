"""What automations remember: facts that were seen, with what came of them; rests and counts of
rules; and the texts that decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from gateway.database.port import DeleteMany, InsertMany, Operation, Query
from gateway.store import dead_letters, leases
from gateway.store.lists import listed
from gateway.store.settling import FrontierRow, ParkedRow, park


class FactRow(NamedTuple):
    """A fact that rules were asked about."""

    id: str
    kind: str
    event_id: str
    tenant: str
    lead: str
    connector: str
    version: str
    """Of the rules that were asked."""
    matched: str
    """JSON: rules that matched, each with what became of it."""
    fact: str
    """JSON: the fact, so that it can be asked about again."""
    time: float


class Rest(NamedTuple):
    """Until when (unix seconds) a rule does not fire again for a lead."""

    rule: str
    tenant: str
    lead: str
    until: float


class Count(NamedTuple):
    """How many in a row a lead had of a rule's dispositions."""

    rule: str
    tenant: str
    lead: str
    dispositions: int


@dataclass(frozen=True, slots=True)
class Fired:
    """What one look at the log came to; all of it is written, or nothing."""

    consumer: str
    epoch: int
    """Of the consumer's lease."""
    topic: str
    frontiers: Sequence[FrontierRow]
    facts: Sequence[FactRow]
    rests: Sequence[Rest]
    counts: Sequence[Count]
    actions: Sequence[tuple[str, ParkedRow]]
    """Whose, and the row."""


def fire(fired: Fired) -> Operation[None]:
    """Write it. Raises LeaseLost."""
    yield from leases.check(fired.consumer, fired.epoch)
    yield InsertMany(
        "INSERT INTO facts_seen (id, kind, event_id, tenant, lead, connector, version, matched,"
        " fact, time)",
        list(fired.facts),
        "ON CONFLICT (id) DO NOTHING",
    )
    yield InsertMany(
        "INSERT INTO rule_rests (rule, tenant, lead, until)",
        list({row[:3]: row for row in fired.rests}.values()),
        "ON CONFLICT (rule, tenant, lead) DO UPDATE SET until = excluded.until",
    )
    yield InsertMany(
        "INSERT INTO rule_counts (rule, tenant, lead, count)",
        list({row[:3]: row for row in fired.counts}.values()),
        "ON CONFLICT (rule, tenant, lead) DO UPDATE SET count = excluded.count",
    )
    by_consumer: dict[str, list[ParkedRow]] = {}
    for name, row in fired.actions:
        by_consumer.setdefault(name, []).append(row)
    for name, rows in by_consumer.items():
        yield from park(name, rows)
        yield from dead_letters.nudge(name)
    yield InsertMany(
        "INSERT INTO frontiers (consumer, topic, part, base, settled)",
        [(fired.consumer, fired.topic, *row) for row in fired.frontiers],
        "ON CONFLICT (consumer, topic, part) DO UPDATE SET base = excluded.base,"
        " settled = excluded.settled",
    )


class Memory(NamedTuple):
    """What is known beforehand about some facts."""

    seen: frozenset[str]
    """Ids that fired already."""
    rests: dict[tuple[str, str, str], float]
    """Rule, tenant and lead -> until when it rests."""
    counts: dict[tuple[str, str, str], int]


def recall(ids: Sequence[str], leads: Sequence[str], *, remembers: bool) -> Operation[Memory]:
    """Look it up; rests and counts only where some rule `remembers`."""
    seen: set[str] = set()
    for marks, values in listed(ids):
        rows = yield Query(f"SELECT id FROM facts_seen WHERE id IN ({marks})", tuple(values))
        seen.update(id for (id,) in rows)
    rests: dict[tuple[str, str, str], float] = {}
    counts: dict[tuple[str, str, str], int] = {}
    for marks, values in listed(leads) if remembers else ():
        rows = yield Query(
            f"SELECT rule, tenant, lead, until FROM rule_rests WHERE lead IN ({marks})",
            tuple(values),
        )
        rests |= {(rule, tenant, lead): until for rule, tenant, lead, until in rows}
        rows = yield Query(
            f"SELECT rule, tenant, lead, count FROM rule_counts WHERE lead IN ({marks})",
            tuple(values),
        )
        counts |= {(rule, tenant, lead): count for rule, tenant, lead, count in rows}
    return Memory(frozenset(seen), rests, counts)


def keep_text(version: str, text: str, now: float) -> Operation[None]:
    """Remember the text of rules that decide from now on."""
    yield InsertMany(
        "INSERT INTO rule_texts (version, text, time)",
        [(version, text, now)],
        "ON CONFLICT (version) DO NOTHING",
    )


def text_of(version: str) -> Operation[str | None]:
    """The text of a version; None where it is gone."""
    rows = yield Query("SELECT text FROM rule_texts WHERE version = ?", (version,))
    return rows[0][0] if rows else None


def of_event(event_id: str) -> Operation[list[FactRow]]:
    """The facts of an event, oldest first."""
    rows = yield Query(
        "SELECT id, kind, event_id, tenant, lead, connector, version, matched, fact, time"
        " FROM facts_seen WHERE event_id = ? ORDER BY time, id",
        (event_id,),
    )
    return [FactRow(*row) for row in rows]


def forget(before: float, now: float, most: int) -> Operation[int]:
    """Let go of up to `most` facts older than `before` (unix seconds), and of rests that are over;
    how many."""
    rows = yield Query("SELECT id, matched FROM facts_seen WHERE time < ? LIMIT ?", (before, most))
    yield DeleteMany("facts_seen", ("id",), [(id,) for id, _ in rows])
    actions = [(id,) for _, matched in rows for one in orjson.loads(matched) for id in one[3]]
    yield DeleteMany("deliveries", ("event_id",), actions)
    rests = yield Query(
        "SELECT rule, tenant, lead FROM rule_rests WHERE until < ? LIMIT ?", (now, most)
    )
    yield DeleteMany("rule_rests", ("rule", "tenant", "lead"), rests)
    return len(rows) + len(rests)
