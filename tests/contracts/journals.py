"""The journals that the contract suite runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.database.sqlite import SqliteDatabase
from gateway.eventlog.port import EventLog, NewRecord, Topic
from gateway.eventlog.sqlite import SqliteLog
from gateway.journal.embedded import EmbeddedJournal
from gateway.journal.port import Entry, Journal
from gateway.journal.split import SplitJournal
from gateway.store import leases, settling
from gateway.store.claims import Attached, Claim, Fresh, Standing
from gateway.store.port import Store
from gateway.store.settling import FrontierRow, Settlement
from tests.contracts.eventlogs import new, read
from tests.virtual import EPOCH

CLAIM = Claim("acme", "key", "body", ("e1",), keyed=True)
SETTLEMENT = Settlement("polly", "polly", 1, "updates", frontiers=[FrontierRow(0, 5)])


class FixedClock:
    """It is always the same time."""

    def now(self) -> float:
        return EPOCH

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Nobody waits here."""


@dataclass
class Kept:
    """A journal, and what it writes to."""

    journal: Journal
    log: EventLog
    store: Store
    file: SqliteDatabase
    """Where the log is."""
    after_failure: Standing
    """How a claimed call stands that comes again after its append has failed."""

    async def values(self, topic: Topic = Topic.UPDATES) -> list[str]:
        """All that readers can see in partition 0."""
        end = (await self.log.extents(topic))[0].end
        return [record.value.decode() for record in await read(self.log, {0: 0}, end, topic)]

    async def frontiers(self) -> dict[int, FrontierRow]:
        """What is settled."""
        return await self.store.run(lambda: settling.frontiers("polly", "updates"))

    @contextmanager
    def full(self) -> Iterator[None]:
        """The log's disk is full."""
        connection = self.file.connection._db
        connection.execute("PRAGMA max_page_count=1")
        try:
            yield
        finally:
            connection.execute("PRAGMA max_page_count=1000000")


def claimed(value: str, claim: Claim = CLAIM) -> Entry:
    """A call of one update, with a claim; under whatever id its record says the same."""
    return Entry([new(value)], claim, lambda ids: [[new(value)] for _ in ids])


def named(event_id: str, value: str) -> NewRecord:
    """An update's record with its id."""
    return new(value, headers=(("ce_id", event_id),))


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Kept]:
    """Log and store in one file."""
    database = SqliteDatabase(str(folder / "j.db"))
    try:
        store, log = await opened_store(database), SqliteLog(database, 2)
        await log.start()
        journal = EmbeddedJournal(database, log, FixedClock())
        yield Kept(journal, log, store, database, Fresh())
    finally:
        await database.close()


@asynccontextmanager
async def split(folder: Path) -> AsyncIterator[Kept]:
    """A log and a store that know nothing of each other."""
    one, other = SqliteDatabase(str(folder / "log.db")), SqliteDatabase(str(folder / "store.db"))
    try:
        store, log = await opened_store(other), SqliteLog(one, 2)
        await log.start()
        journal = SplitJournal(log, store, FixedClock())
        yield Kept(journal, log, store, one, Attached(CLAIM.events))
    finally:
        await one.close()
        await other.close()


async def opened_store(database: SqliteDatabase) -> Store:
    """A store where the connector's lease is ours."""
    store = Store(database)
    await store.start()
    await store.run(lambda: leases.acquire("polly", "us", EPOCH))
    return store
