"""Condemned deliveries: listed, sent again, given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.database.port import Operation, Query
from gateway.store import fields, parked
from gateway.store.lists import listed
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
    letters = yield from find(replace(wanted, state="open"), 10_000)
    late = set() if force else (yield from _overtaken(letters))
    sent = [letter for letter in letters if letter.id not in late]
    if not dry_run:
        yield from _put_back(sent, now)
    refused = (letter.id for letter in letters if letter.id in late)
    return Redriven(tuple(letter.id for letter in sent), tuple(refused))


def _overtaken(letters: Sequence[DeadLetter]) -> Operation[set[str]]:
    """Those with a later update of the same lead that was applied there, or that the vendor has."""
    applied = yield from fields.newest_applied([(d.tenant, d.lead, d.connector) for d in letters])
    pending = yield from parked.newest_pending([(d.connector, d.lead) for d in letters])
    return {
        letter.id
        for letter in letters
        if letter.pos
        < max(
            applied.get((letter.tenant, letter.lead, letter.connector), -1),
            pending.get((letter.connector, letter.lead), -1),
        )
    }


def _put_back(letters: Sequence[DeadLetter], now: float) -> Operation[None]:
    waiting: dict[str, list[ParkedRow]] = {}
    for letter in letters:
        waiting.setdefault(letter.connector, []).append(_waiting(letter, now))
    for connector, rows in waiting.items():
        yield from park(connector, rows)
        yield from nudge(connector)
    yield from _mark([letter.id for letter in letters], "redriven")


def _mark(ids: Sequence[str], state: str) -> Operation[None]:
    for listing, values in listed("(?)", [(id,) for id in ids]):
        yield Query(f"UPDATE dead_letters SET state = ? WHERE id IN ({listing})", (state, *values))


def _waiting(letter: DeadLetter, now: float) -> ParkedRow:
    return ParkedRow(
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


def discard(ids: Sequence[str]) -> Operation[int]:
    """Give up on open ones; how many."""
    if not ids:
        return 0
    rows = yield Query(
        f"SELECT id FROM dead_letters WHERE state = 'open' AND id IN ({','.join('?' * len(ids))})",
        tuple(ids),
    )
    yield from _mark([id for (id,) in rows], "discarded")
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
    for listing, values in listed("(?)", rows):
        yield Query(f"DELETE FROM dead_letters WHERE id IN ({listing})", values)
    return len(rows)
