"""Settling: one transaction that makes outcomes durable and moves the frontier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.database.port import DeleteMany, InsertMany, Operation, Query
from gateway.store import leases
from gateway.store.fields import kept


class FrontierRow(NamedTuple):
    """Where a consumer stands in one partition."""

    part: int
    base: int
    """Offset below which all is settled."""
    settled: str = ""
    """Bitmap, as hexadecimal, of what is settled from `base` on."""


class ParkedRow(NamedTuple):
    """An update that waits in the store."""

    lead: str
    pos: int
    part: int
    event_id: str
    round: int
    state: str
    """`waiting` behind another, `retry` at `due`, `awaiting` its authority, `held`, `pending`."""
    due: float
    progress: str
    """JSON: attempts and ages so far."""
    headers: str
    value: str
    time: float


class FieldRow(NamedTuple):
    """The value an applied update gave a field."""

    tenant: str
    lead: str
    field: str
    value: str
    """JSON of the change."""
    pos: int


class DeadLetterRow(NamedTuple):
    """A condemned delivery."""

    id: str
    lead: str
    tenant: str
    event_id: str
    round: int
    code: str
    time: float
    part: int
    pos: int
    outcome: str
    headers: str
    value: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """Everything one settle changes in the store."""

    consumer: str
    lease: str
    epoch: int
    topic: str
    frontiers: Sequence[FrontierRow] = ()
    park: Sequence[ParkedRow] = ()
    unpark: Sequence[tuple[str, int]] = ()
    """(lead, pos) of rows that are no longer parked."""
    fields: Sequence[FieldRow] = ()
    verdicts: Sequence[tuple[str, bool, float]] = ()
    """(event id, applied, time) of authorities that others wait for."""
    dead_letters: Sequence[DeadLetterRow] = field(default_factory=tuple)


def settle(settlement: Settlement) -> Operation[None]:
    """Write it. Raises LeaseLost."""
    yield from leases.check(settlement.lease, settlement.epoch)
    consumer = settlement.consumer
    yield InsertMany(
        "INSERT INTO frontiers (consumer, topic, part, base, settled)",
        [(consumer, settlement.topic, *row) for row in settlement.frontiers],
        "ON CONFLICT (consumer, topic, part) DO UPDATE SET base = excluded.base,"
        " settled = excluded.settled",
    )
    gone = [(consumer, *place) for place in settlement.unpark]
    yield DeleteMany("parked", ("connector", "lead", "pos"), gone)
    yield from park(consumer, settlement.park)
    yield InsertMany(
        "INSERT INTO lead_fields (connector, tenant, lead, field, value, pos)",
        [(consumer, *row) for row in _newest(settlement.fields)],
        "ON CONFLICT (tenant, lead, connector, field) DO UPDATE SET value = excluded.value,"
        " pos = excluded.pos WHERE lead_fields.pos <= excluded.pos",
    )
    yield InsertMany(
        "INSERT INTO verdicts (event_id, applied, time)",
        list({event: (event, int(yes), time) for event, yes, time in settlement.verdicts}.values()),
        "ON CONFLICT (event_id) DO UPDATE SET applied = excluded.applied",
    )
    yield InsertMany(
        "INSERT INTO dead_letters (connector, state, id, lead, tenant, event_id, round, code, time,"
        " part, pos, outcome, headers, value)",
        [(consumer, "open", *row) for row in settlement.dead_letters],
        "ON CONFLICT (id) DO NOTHING",
    )


def _newest(fields: Iterable[FieldRow]) -> Iterable[FieldRow]:
    """Of each field the row furthest on in the log: an insert may meet a row once."""
    newest: dict[tuple[str, str, str], FieldRow] = {}
    for row in fields:
        field = kept(row.field)
        place = (row.tenant, row.lead, field)
        known = newest.get(place)
        if known is None or known.pos <= row.pos:
            newest[place] = row if field is row.field else row._replace(field=field)
    return newest.values()


def park(connector: str, rows: Sequence[ParkedRow]) -> Operation[None]:
    """Keep updates for later; a row that is there already takes the new state."""
    yield InsertMany(
        "INSERT INTO parked (connector, lead, pos, part, event_id, round, state, due, progress,"
        " headers, value, time)",
        [(connector, *row) for row in {(row.lead, row.pos): row for row in rows}.values()],
        "ON CONFLICT (connector, lead, pos) DO UPDATE SET round = excluded.round,"
        " state = excluded.state, due = excluded.due, progress = excluded.progress",
    )


def frontiers(consumer: str, topic: str) -> Operation[dict[int, FrontierRow]]:
    """Where a consumer stands, by partition; empty for one never seen."""
    rows = yield Query(
        "SELECT part, base, settled FROM frontiers WHERE consumer = ? AND topic = ?",
        (consumer, topic),
    )
    return {part: FrontierRow(part, base, settled) for part, base, settled in rows}


def begin(consumer: str, topic: str, bases: Mapping[int, int]) -> Operation[None]:
    """Write down where a consumer begins, in the partitions where it was never seen."""
    yield InsertMany(
        "INSERT INTO frontiers (consumer, topic, part, base, settled)",
        [(consumer, topic, part, base, "") for part, base in bases.items()],
        "ON CONFLICT (consumer, topic, part) DO NOTHING",
    )


def lowest(topic: str) -> Operation[dict[int, int]]:
    """Per partition the lowest frontier of all consumers: retention never passes it."""
    rows = yield Query(
        "SELECT part, MIN(base) FROM frontiers WHERE topic = ? GROUP BY part", (topic,)
    )
    return dict(rows)
