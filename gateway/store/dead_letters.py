"""Condemned deliveries: listed, sent again, given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.database.port import DeleteMany, Operation, Query
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
    found = yield from find(replace(wanted, state="open"), 10_000)
    late: set[str] = set()
    for (tenant, connector), letters in _by_connector(found).items():
        if not force:
            late |= yield from _overtaken(tenant, connector, letters)
        if not dry_run:
            yield from _put_back(connector, [d for d in letters if d.id not in late], now)
    sent = tuple(letter.id for letter in found if letter.id not in late)
    return Redriven(sent, tuple(letter.id for letter in found if letter.id in late))


def _by_connector(letters: Sequence[DeadLetter]) -> dict[tuple[str, str], list[DeadLetter]]:
    """By tenant and connector, each in log order of its leads."""
    found: dict[tuple[str, str], list[DeadLetter]] = {}
    for letter in letters:
        found.setdefault((letter.tenant, letter.connector), []).append(letter)
    return found


def _overtaken(tenant: str, connector: str, letters: Sequence[DeadLetter]) -> Operation[set[str]]:
    """Those with a later update of the same lead that was applied, or that the vendor has."""
    leads = list(dict.fromkeys(letter.lead for letter in letters))
    applied = yield from fields.newest_applied(tenant, connector, leads)
    pending = yield from parked.newest_pending(connector, leads)
    newest = {lead: max(applied.get(lead, -1), pending.get(lead, -1)) for lead in leads}
    return {letter.id for letter in letters if newest[letter.lead] > letter.pos}


def _put_back(connector: str, letters: Sequence[DeadLetter], now: float) -> Operation[None]:
    yield from park(connector, [_waiting(letter, now) for letter in letters])
    yield from _mark([letter.id for letter in letters], "redriven")
    if letters:
        yield from nudge(connector)


def _mark(ids: Sequence[str], state: str) -> Operation[None]:
    for marks, values in listed(ids):
        yield Query(f"UPDATE dead_letters SET state = ? WHERE id IN ({marks})", (state, *values))


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
    yield DeleteMany("dead_letters", ("id",), rows)
    return len(rows)
