"""What every journal promises: log and store change together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gateway.database.sqlite import SqliteDatabase
from gateway.eventlog.port import EventLog, Extent, Topic
from gateway.eventlog.sqlite import SqliteLog
from gateway.journal.embedded import EmbeddedJournal
from gateway.journal.port import Entry, Journal, JournalUnavailable
from gateway.store import claims, leases, settling
from gateway.store.claims import Attached, Claim, Fresh, Reused
from gateway.store.leases import LeaseLost
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
    database: SqliteDatabase

    async def values(self, topic: Topic = Topic.UPDATES) -> list[str]:
        """All that readers can see in partition 0."""
        end = (await self.log.extents(topic))[0].end
        return [record.value.decode() for record in await read(self.log, {0: 0}, end, topic)]

    async def frontiers(self) -> dict[int, FrontierRow]:
        """What is settled."""
        return await self.store.run(lambda: settling.frontiers("polly", "updates"))


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """An embedded journal."""
    database = SqliteDatabase(str(tmp_path / "j.db"))
    store, log = Store(database), SqliteLog(database, 2)
    await store.start()
    await log.start()
    await store.run(lambda: leases.acquire("polly", "us", EPOCH))
    yield Kept(EmbeddedJournal(database, log, FixedClock()), log, store, database)
    await database.close()


async def test_an_accepted_call_is_in_the_log(kept: Kept) -> None:
    """All its events, visible at once."""
    entry = Entry([new("0"), new("1"), new("x", 1)], None)
    assert await kept.journal.accept(entry) == Fresh()
    assert await kept.values() == ["0", "1"]
    assert (await kept.log.extents(Topic.UPDATES))[1] == Extent(0, 1)


async def test_a_repeated_call_attaches_and_appends_nothing(kept: Kept) -> None:
    """Nor does a key that comes with another body."""
    assert await kept.journal.accept(Entry([new("0")], CLAIM)) == Fresh()
    again = Entry([new("1")], replace(CLAIM, events=("e2",)))
    assert await kept.journal.accept(again) == Attached(("e1",))
    assert await kept.journal.accept(Entry([new("2")], replace(CLAIM, digest="x"))) == Reused()
    assert await kept.values() == ["0"]


async def test_repeats_that_come_at_once_are_one(kept: Kept) -> None:
    """Among others, each with its own standing, in order."""
    entries = [
        Entry([new("0")], CLAIM),
        Entry([new("1")], None),
        Entry([new("2")], replace(CLAIM, events=("e2",))),
        Entry([new("3")], replace(CLAIM, key="other")),
    ]
    standings = await asyncio.gather(*(kept.journal.accept(entry) for entry in entries))
    assert standings == [Fresh(), Fresh(), Attached(("e1",)), Fresh()]
    assert await kept.values() == ["0", "1", "3"]


async def test_more_calls_than_one_flush_takes_keep_their_order(kept: Kept) -> None:
    """All are durable."""
    entries = [Entry([new(str(n))], None) for n in range(1500)]
    standings = await asyncio.gather(*(kept.journal.accept(entry) for entry in entries))
    assert standings == [Fresh()] * 1500
    assert await kept.values() == [str(n) for n in range(1500)]


async def test_a_call_that_cannot_be_written_fails_alone(kept: Kept) -> None:
    """Its neighbours in the flush are accepted, and so is what comes after."""
    entries = [Entry([new(str(n))], None) for n in range(9)]
    entries[4] = Entry([new("bad", headers=(("traceparent", "\ud800"),))], CLAIM)
    results = await asyncio.gather(
        *(kept.journal.accept(entry) for entry in entries), return_exceptions=True
    )
    assert [isinstance(result, Exception) for result in results] == [n == 4 for n in range(9)]
    assert await kept.journal.accept(Entry([new("after")], CLAIM)) == Fresh()
    assert await kept.values() == ["0", "1", "2", "3", "5", "6", "7", "8", "after"]


async def test_a_call_is_accepted_with_its_claim_or_not_at_all(kept: Kept) -> None:
    """With the disk full neither is there; the repeat is a first call."""
    connection = kept.database.connection._db
    connection.execute("PRAGMA max_page_count=1")
    entry = Entry([new("x" * 100_000)], CLAIM)
    with pytest.raises(JournalUnavailable):
        await kept.journal.accept(entry)
    connection.execute("PRAGMA max_page_count=1000000")
    assert await kept.store.run(lambda: claims._known([CLAIM], EPOCH)) == {}
    assert await kept.values() == []
    assert await kept.journal.accept(entry) == Fresh()
    assert await kept.values() == ["x" * 100_000]


async def test_a_call_whose_caller_left_is_accepted_all_the_same(kept: Kept) -> None:
    """And can be read."""
    leaving = asyncio.create_task(kept.journal.accept(Entry([new("0")], CLAIM)))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    again = replace(CLAIM, events=("e2",))
    assert await kept.journal.accept(Entry([new("1")], again)) == Attached(("e1",))
    assert await kept.values() == ["0"]


async def test_a_settle_writes_outcomes_and_frontier(kept: Kept) -> None:
    """Both visible at once."""
    await kept.journal.settle(SETTLEMENT, [new("outcome", topic=Topic.OUTCOMES)])
    assert await kept.values(Topic.OUTCOMES) == ["outcome"]
    assert await kept.frontiers() == {0: FrontierRow(0, 5)}


async def test_a_settle_of_an_old_epoch_writes_nothing(kept: Kept) -> None:
    """Neither here nor there, and other appends go on without a gap."""
    late = replace(SETTLEMENT, epoch=7)
    with pytest.raises(LeaseLost):
        await kept.journal.settle(late, [new("late", topic=Topic.OUTCOMES)])
    assert (await kept.values(Topic.OUTCOMES), await kept.frontiers()) == ([], {})
    await kept.journal.settle(SETTLEMENT, [new("ours", topic=Topic.OUTCOMES)])
    assert await kept.values(Topic.OUTCOMES) == ["ours"]


async def test_a_settle_that_fails_can_come_again(kept: Kept) -> None:
    """Nothing of the first was kept."""
    connection = kept.database.connection._db
    connection.execute("PRAGMA max_page_count=1")
    records = [new("x" * 100_000, topic=Topic.OUTCOMES)]
    with pytest.raises(JournalUnavailable):
        await kept.journal.settle(SETTLEMENT, records)
    connection.execute("PRAGMA max_page_count=1000000")
    assert (await kept.values(Topic.OUTCOMES), await kept.frontiers()) == ([], {})
    await kept.journal.settle(SETTLEMENT, records)
    assert await kept.values(Topic.OUTCOMES) == ["x" * 100_000]
    assert await kept.frontiers() == {0: FrontierRow(0, 5)}


async def test_a_settle_that_nobody_waits_for_can_be_read(kept: Kept) -> None:
    """A worker that is stopped leaves nothing durable and hidden."""
    record = new("outcome", topic=Topic.OUTCOMES)
    leaving = asyncio.create_task(kept.journal.settle(SETTLEMENT, [record]))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert [r.value for r in await read(kept.log, {0: 0}, 1, Topic.OUTCOMES)] == [b"outcome"]
