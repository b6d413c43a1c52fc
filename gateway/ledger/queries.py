"""What became of an update, and what happened to a lead."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import orjson

from gateway.eventlog.port import Record
from gateway.model.codec import read_outcome
from gateway.model.outcome import Outcome
from gateway.store import ledger, parked
from gateway.store.ledger import Tally
from gateway.store.port import Store
from gateway.store.settling import ParkedRow


@dataclass(frozen=True, slots=True)
class UpdateRecord:
    """An accepted update."""

    event_id: str
    tenant: str
    lead: str
    dialect: str
    operation: str
    connectors: tuple[str, ...]
    authority: str | None
    part: int
    pos: int
    time: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One connector's side of an update."""

    connector: str
    outcomes: tuple[Outcome, ...]
    """One per round, oldest first."""
    parked: ParkedRow | None
    """Where it waits in the store, if it does."""

    @property
    def waiting(self) -> bool:
        """Whether it is yet to be sent again. A held lead's dead letter has its verdict, and stays
        parked only to hold back the others."""
        return self.parked is not None and self.parked.state != "held"

    @property
    def state(self) -> str:
        """`pending` (on its way), `waiting`, or the kind of the newest verdict."""
        if self.waiting:
            return "waiting"
        return self.outcomes[-1].kind if self.outcomes else "pending"

    @property
    def attempts(self) -> int:
        """Counted tries, of every round."""
        counted = sum(
            max((each.number for each in outcome.attempts), default=0) for outcome in self.outcomes
        )
        progress = orjson.loads(self.parked.progress) if self.waiting and self.parked else None
        return counted + (int(progress[0]) if progress else 0)


@dataclass(frozen=True, slots=True)
class Story:
    """An update with all that became of it."""

    update: UpdateRecord
    deliveries: tuple[DeliveryRecord, ...]


async def outcome_of(store: Store, event_id: str, connector: str) -> Outcome | None:
    """The newest outcome of an event at a connector. Raises DatabaseUnavailable."""
    text = await store.run(lambda: ledger.verdict(event_id, connector))
    return None if text is None else read_text(text)


async def story(store: Store, event_id: str) -> Story | None:
    """An update and its deliveries; None for an id the ledger hasn't seen. Raises
    DatabaseUnavailable."""
    row = await store.run(lambda: ledger.update(event_id))
    if row is None:
        return None
    update = _update(row)
    rows = await store.run(lambda: ledger.deliveries(event_id))
    waiting = dict(await store.run(lambda: parked.of_event(event_id)))
    names = dict.fromkeys((*update.connectors, *(r[0] for r in rows), *waiting))
    deliveries = tuple(
        DeliveryRecord(
            name,
            tuple(read_text(text) for who, _, text in rows if who == name),
            waiting.get(name),
        )
        for name in names
    )
    return Story(update, deliveries)


async def timeline(store: Store, tenant: str, lead: str, most: int = 50) -> list[Story]:
    """A lead's newest updates with their deliveries, oldest of them first. Raises
    DatabaseUnavailable."""
    rows = await store.run(lambda: ledger.of_lead(tenant, lead, most))
    stories = [await story(store, row[0]) for row in rows]
    return [told for told in stories if told is not None]


CHUNK = 500
MOST_COUNTED = 50_000


async def tally(store: Store, tenant: str, dialect: str, since: float) -> Tally:
    """What authorities did with a tenant's updates of a dialect, `settled` since a time (unix
    seconds). Looks at the newest 50,000 updates of all tenants, a chunk at a time. Raises
    DatabaseUnavailable."""
    total, below = Tally(), "~"
    for _ in range(MOST_COUNTED // CHUNK):
        count = partial(ledger.tally, tenant, dialect, since, below, CHUNK)
        found, lowest = await store.run(count)
        total = total.plus(found)
        if lowest is None:
            break
        below = lowest
    return total


async def unsettled(store: Store, tenant: str, lead: str) -> int:
    """How many of a lead's updates have a connector without a verdict. Raises
    DatabaseUnavailable."""
    return await store.run(lambda: ledger.unsettled([(tenant, lead)]))


def _update(row: tuple[object, ...]) -> UpdateRecord:
    event_id, tenant, lead, dialect, operation, names, authority, part, pos, time = row
    connectors = tuple(filter(None, str(names).split(",")))
    return UpdateRecord(
        str(event_id),
        str(tenant),
        str(lead),
        str(dialect),
        str(operation),
        connectors,
        str(authority) or None,
        int(str(part)),
        int(str(pos)),
        float(str(time)),
    )


def outcome_text(record: Record) -> str:
    """An outcome's record as the ledger keeps it: a JSON list of headers and data."""
    return f"[{orjson.dumps(record.headers).decode()},{record.value.decode()}]"


def read_text(text: str) -> Outcome:
    """The inverse of `outcome_text`."""
    headers, data = orjson.loads(text)
    return read_outcome(tuple((name, told) for name, told in headers), orjson.dumps(data))
