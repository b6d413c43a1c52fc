"""Condemned deliveries: listed, sent again, given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.database.port import Operation, Query
from gateway.store import fields, parked
from gateway.store.settling import ParkedRow, park

_COLUMNS = (
    "id, connector, lead, tenant, event_id, round, code, time, part, pos, state, outcome,"
    " headers, value"
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One, as kept."""

    id: str
    connector: str
    lead: str
    tenant: str
    event_id: str
    round: int
    code: str
    time: float
    part: int
    pos: int
    state: str
    """`open`, `redriven` or `discarded`."""
    outcome: str
    headers: str
    value: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which ones; every condition given must hold."""

    ids: tuple[str, ...] = ()
    connector: str | None = None
    code: str | None = None
    since: float | None = None
    lead: str | None = None
    state: str | None = "open"


def find(wanted: Filter, most: int = 1000) -> Operation[list[DeadLetter]]:
    """Those that match, in log order of each lead."""
    terms = ["1 = 1"]
    values: list[str | float] = []
    for column, value in (
        ("connector", wanted.connector),
        ("code", wanted.code),
        ("lead", wanted.lead),
        ("state", wanted.state),
    ):
        if value is not None:
            terms.append(f"{column} = ?")
            values.append(value)
    if wanted.since is not None:
        terms.append("time >= ?")
        values.append(wanted.since)
    if wanted.ids:
        terms.append(f"id IN ({','.join('?' * len(wanted.ids))})")
        values += wanted.ids
    rows = yield Query(
        f"SELECT {_COLUMNS} FROM dead_letters WHERE {' AND '.join(terms)}"
        " ORDER BY connector, lead, pos LIMIT ?",
        (*values, most),
    )
    return [DeadLetter(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Redriven:
    """What a redrive did, or would do."""

    sent: tuple[str, ...]
    refused: tuple[str, ...]
    """A later update of the same lead was applied there since, or the vendor has it."""
    held: tuple[str, ...] = ()


def redrive(
    wanted: Filter, now: float, *, force: bool = False, dry_run: bool = False
) -> Operation[Redriven]:
    """Put open dead letters back before the lead's other waiting updates, in log order."""
    sent, refused = [], []
    for letter in (yield from find(replace(wanted, state="open"), 10_000)):
        applied = yield from fields.newest_applied(letter.tenant, letter.lead, letter.connector)
        pending = yield from parked.newest_pending(letter.connector, letter.lead)
        if max(applied, pending) > letter.pos and not force:
            refused.append(letter.id)
            continue
        sent.append(letter.id)
        if not dry_run:
            yield from _put_back(letter, now)
    return Redriven(tuple(sent), tuple(refused))


def _put_back(letter: DeadLetter, now: float) -> Operation[None]:
    row = ParkedRow(
        letter.lead,
        letter.pos,
        letter.part,
        letter.event_id,
        letter.round + 1,
        "retry",
        now,
        "{}",
        letter.headers,
        letter.value,
        now,
    )
    yield from park(letter.connector, [row])
    yield Query("UPDATE dead_letters SET state = 'redriven' WHERE id = ?", (letter.id,))
    yield from nudge(letter.connector)


def discard(ids: Sequence[str]) -> Operation[int]:
    """Give up on open ones; how many."""
    if not ids:
        return 0
    rows = yield Query(
        f"SELECT id FROM dead_letters WHERE state = 'open' AND id IN ({','.join('?' * len(ids))})",
        tuple(ids),
    )
    for (letter,) in rows:
        yield Query("UPDATE dead_letters SET state = 'discarded' WHERE id = ?", (letter,))
    return len(rows)


def release(connector: str, lead: str) -> Operation[int]:
    """End a hold: the lead's later updates go on; how many dead letters held it."""
    rows = yield Query(
        "SELECT pos FROM parked WHERE connector = ? AND lead = ? AND state = 'held'",
        (connector, lead),
    )
    yield Query(
        "DELETE FROM parked WHERE connector = ? AND lead = ? AND state = 'held'",
        (connector, lead),
    )
    yield from nudge(connector)
    return len(rows)


def nudge(connector: str) -> Operation[None]:
    """Make a running connector look at its parked updates again."""
    yield Query("UPDATE connectors SET wishes = wishes + 1 WHERE name = ?", (connector,))


def expire(before: float, most: int) -> Operation[int]:
    """Forget up to `most` that are older than `before` (unix seconds); how many."""
    rows = yield Query("SELECT id FROM dead_letters WHERE time < ? LIMIT ?", (before, most))
    for (letter,) in rows:
        yield Query("DELETE FROM dead_letters WHERE id = ?", (letter,))
    return len(rows)
