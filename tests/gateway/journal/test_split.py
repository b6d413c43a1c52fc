"""A log and a store that fail one without the other: what is claimed, appended and settled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from gateway.database.port import DatabaseUnavailable, Operation, T, Urgency
from gateway.database.sqlite import SqliteDatabase
from gateway.eventlog.port import AppendUnknown, LogUnavailable, NewRecord, Topic
from gateway.eventlog.sqlite import SqliteLog
from gateway.journal.port import Entry, EntryTooLong, JournalUnavailable
from gateway.journal.split import LONGEST, SplitJournal
from gateway.store import leases, ledger
from gateway.store.claims import Attached, Fresh
from gateway.store.leases import LeaseLost
from gateway.store.settling import FrontierRow
from tests.contracts.eventlogs import new
from tests.contracts.journals import (
    CLAIM,
    SETTLEMENT,
    FixedClock,
    Kept,
    claimed,
    named,
    opened_store,
    split,
)
from tests.virtual import EPOCH

OUTCOME = new("outcome", topic=Topic.OUTCOMES)
AGAIN = replace(CLAIM, events=("e2",))


class FaultyLog(SqliteLog):
    """A log whose appends fail as the test says."""

    fault: Exception | None = None
    kept = False
    """Whether what failed is there all the same."""
    before: Callable[[], None] = staticmethod(lambda: None)
    """Called when an append was acknowledged."""
    held: asyncio.Event | None = None
    """Appends wait for it."""

    async def append(self, records: Sequence[NewRecord]) -> list[int]:
        if self.held is not None:
            await self.held.wait()
        if self.fault is not None and not self.kept:
            raise self.fault
        offsets = await super().append(records)
        if self.fault is not None:
            raise self.fault
        self.before()
        return offsets


class FaultyDatabase(SqliteDatabase):
    """A store that is away when the test says so."""

    away = False

    async def run(
        self, operation: Callable[[], Operation[T]], urgency: Urgency = Urgency.LATER
    ) -> T:
        if self.away:
            raise DatabaseUnavailable("the test says so")
        return await super().run(operation, urgency)


@dataclass
class Split(Kept):
    """A journal, and what can be made to fail of it."""

    log: FaultyLog
    database: FaultyDatabase
    told: list[str] = field(default_factory=list)
    """What the journal said of failures."""

    def another(self) -> SplitJournal:
        """Another process's, over the same log and store."""
        return SplitJournal(self.log, self.store, FixedClock())


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Split]:
    """Both whole, as yet."""
    file, database = SqliteDatabase(str(folder / "log.db")), FaultyDatabase(str(folder / "s.db"))
    log, store, told = FaultyLog(file, 2), await opened_store(database), list[str]()
    await log.start()
    journal = SplitJournal(
        log,
        store,
        FixedClock(),
        failed=lambda reason: told.append(f"failed: {reason}"),
        away=lambda reason: told.append(f"away: {reason}"),
        unclaimed=lambda: told.append("unclaimed"),
    )
    try:
        yield Split(journal, log, store, file, Attached(CLAIM.events), database, told)
    finally:
        await file.close()
        await database.close()


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Split]:
    """A journal whose parts can fail."""
    async with opened(tmp_path) as made:
        yield made


# --- accepting ----------------------------------------------------------------------------


async def test_with_the_log_down_every_call_is_busy(kept: Split) -> None:
    """Nothing is appended; the condition hears why."""
    kept.log.fault = LogUnavailable("no leader")
    for entry in (Entry([new("0")], None), claimed("1")):
        with pytest.raises(JournalUnavailable, match="no leader"):
            await kept.journal.accept(entry)
    assert (await kept.values(), kept.told) == ([], ["failed: no leader"] * 2)


async def test_a_retry_appends_what_is_not_known_to_be_in_the_log(kept: Split) -> None:
    """Under the ids of the first call, in this process and in another one."""
    asked: list[Sequence[str]] = []

    def again(ids: Sequence[str]) -> list[list[NewRecord]]:
        asked.append(ids)
        return [[new("0")]]

    kept.log.fault = LogUnavailable("down")
    with pytest.raises(JournalUnavailable):
        await kept.journal.accept(claimed("0"))
    kept.log.fault = None
    for journal in (kept.another(), kept.another()):
        standing = await journal.accept(Entry([new("1")], AGAIN, again))
        assert standing == Attached(("e1",))
    assert asked == [("e1",), ("e1",)]
    assert await kept.values() == ["0", "0"]


async def test_a_retry_appends_nothing_that_is_known_to_be_in_the_log(kept: Split) -> None:
    """By this process, which appended it; by another one, from the ledger, event by event."""
    assert await kept.journal.accept(claimed("0")) == Fresh()
    assert await kept.journal.accept(claimed("0", AGAIN)) == Attached(("e1",))
    assert await kept.values() == ["0"]
    two = replace(CLAIM, key="two", events=("e3", "e4"))
    kept.log.fault = AppendUnknown("no answer")
    with pytest.raises(JournalUnavailable):
        await kept.journal.accept(Entry([named("e3", "3"), named("e4", "4")], two))
    kept.log.fault = None
    row = ("e3", "acme", "ld", "native", "update", "", "", 0, 1, EPOCH)
    await kept.store.run(lambda: ledger.project("@ledger", "updates", [], [row], []))
    retry = Entry(
        [], replace(two, events=("e5", "e6")), lambda ids: [[named(id, id)] for id in ids]
    )
    assert await kept.another().accept(retry) == Attached(("e3", "e4"))
    assert await kept.values() == ["0", "e4"]


@pytest.mark.parametrize("there", [False, True])
async def test_after_an_unknown_append_the_retry_appends_again(kept: Split, there: bool) -> None:
    """What was there comes twice, under one id: readers drop it."""
    kept.log.fault, kept.log.kept = AppendUnknown("no answer"), there
    with pytest.raises(JournalUnavailable):
        await kept.journal.accept(claimed("0"))
    kept.log.fault = None
    assert await kept.journal.accept(claimed("0", AGAIN)) == Attached(("e1",))
    assert await kept.values() == ["0", "0"] if there else ["0"]


async def test_a_retry_waits_for_an_append_that_is_under_way(kept: Split) -> None:
    """It makes no second one, and hears of the failure of the first."""
    kept.log.held = asyncio.Event()
    first = asyncio.create_task(kept.journal.accept(claimed("0")))
    second = asyncio.create_task(kept.journal.accept(claimed("0", AGAIN)))
    await kept.store.run(leases.everything)
    kept.log.held.set()
    assert (await first, await second) == (Fresh(), Attached(("e1",)))
    assert await kept.values() == ["0"]
    kept.log.held.clear()
    kept.log.fault = LogUnavailable("down")
    other = replace(CLAIM, key="other", events=("e3",))
    tries = [asyncio.create_task(kept.journal.accept(claimed("1", other))) for _ in range(2)]
    await kept.store.run(leases.everything)
    kept.log.held.set()
    ends = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(end) for end in ends] == [JournalUnavailable, JournalUnavailable]
    assert kept.told == ["failed: down"]


async def test_with_the_store_away_only_calls_that_need_their_claim_are_busy(kept: Split) -> None:
    """The others go on, and those that would have had one are counted."""
    kept.database.away = True
    with pytest.raises(JournalUnavailable):
        await kept.journal.accept(claimed("0"))
    assert await kept.journal.accept(Entry([new("1")], None)) == Fresh()
    optional = replace(CLAIM, key="window", keyed=False)
    assert await kept.journal.accept(claimed("2", optional)._replace(optional=True)) == Fresh()
    assert await kept.values() == ["1", "2"]
    assert kept.told == [
        "away: the test says so",
        "away: the test says so",
        "unclaimed",
    ]


async def test_a_retry_is_busy_while_nobody_can_say_whether_its_events_are_there(
    kept: Split,
) -> None:
    """The claim could be read, the ledger could not."""
    kept.log.fault = AppendUnknown("no answer")
    with pytest.raises(JournalUnavailable):
        await kept.journal.accept(claimed("0"))
    kept.log.fault = None

    def away(ids: Sequence[str]) -> list[list[NewRecord]]:
        kept.database.away = True
        return [[new("0")] for _ in ids]

    with pytest.raises(JournalUnavailable):
        await kept.journal.accept(Entry([new("0")], AGAIN, away))
    assert await kept.values() == []


async def test_an_update_that_no_log_would_take_is_refused(kept: Split) -> None:
    """Whether or not the call has a claim; nothing is claimed for it."""
    for claim in (None, CLAIM):
        with pytest.raises(EntryTooLong) as refused:
            await kept.journal.accept(Entry([new("x" * (LONGEST + 1))], claim))
        assert refused.value.limit == LONGEST
    assert await kept.journal.accept(claimed("0")) == Fresh()


# --- settling -----------------------------------------------------------------------------


async def test_a_settle_with_the_log_down_changes_nothing(kept: Split) -> None:
    """And goes through when it comes again."""
    kept.log.fault = LogUnavailable("down")
    with pytest.raises(JournalUnavailable):
        await kept.journal.settle(SETTLEMENT, [OUTCOME])
    assert await kept.frontiers() == {}
    kept.log.fault = None
    await kept.journal.settle(SETTLEMENT, [OUTCOME])
    assert await kept.values(Topic.OUTCOMES) == ["outcome"]
    assert await kept.frontiers() == {0: FrontierRow(0, 5)}


async def test_a_settle_whose_append_is_unknown_moves_no_frontier(kept: Split) -> None:
    """Its records come again, under the same ids."""
    kept.log.fault, kept.log.kept = AppendUnknown("no answer"), True
    with pytest.raises(JournalUnavailable):
        await kept.journal.settle(SETTLEMENT, [OUTCOME])
    assert await kept.frontiers() == {}
    kept.log.fault = None
    await kept.journal.settle(SETTLEMENT, [OUTCOME])
    assert await kept.values(Topic.OUTCOMES) == ["outcome", "outcome"]
    assert await kept.frontiers() == {0: FrontierRow(0, 5)}


async def test_with_the_store_away_after_the_append_the_records_are_not_written_again(
    kept: Split,
) -> None:
    """However long it is away: callers have heard, and the frontier follows when it is back."""

    def leave() -> None:
        kept.database.away = True

    kept.log.before = leave
    for _ in range(3):
        with pytest.raises(JournalUnavailable):
            await kept.journal.settle(SETTLEMENT, [OUTCOME])
    assert await kept.values(Topic.OUTCOMES) == ["outcome"]
    kept.database.away = False
    assert await kept.frontiers() == {}
    await kept.journal.settle(SETTLEMENT, [OUTCOME])
    assert await kept.values(Topic.OUTCOMES) == ["outcome"]
    assert await kept.frontiers() == {0: FrontierRow(0, 5)}


async def test_with_the_store_away_from_the_start_outcomes_are_told_all_the_same(
    kept: Split,
) -> None:
    """Callers that wait for them hear them by the log."""
    kept.database.away = True
    with pytest.raises(JournalUnavailable):
        await kept.journal.settle(SETTLEMENT, [OUTCOME])
    assert await kept.values(Topic.OUTCOMES) == ["outcome"]


async def test_a_lease_that_is_lost_between_append_and_store_moves_no_frontier(
    kept: Split,
) -> None:
    """The outcome is in the log: the vendor did answer. The new owner's is the same by its id."""

    async def seize() -> None:
        await kept.store.run(lambda: leases.acquire("polly", "them", EPOCH + leases.TTL))

    taking: list[asyncio.Task[None]] = []
    kept.log.before = lambda: taking.append(asyncio.create_task(seize()))
    append = kept.log.append

    async def append_and_lose(records: Sequence[NewRecord]) -> list[int]:
        offsets = await append(records)
        await taking[0]
        return offsets

    kept.log.append = append_and_lose  # type: ignore[method-assign]  # the lease goes meanwhile
    with pytest.raises(LeaseLost):
        await kept.journal.settle(SETTLEMENT, [OUTCOME])
    assert await kept.values(Topic.OUTCOMES) == ["outcome"]
    assert await kept.frontiers() == {}


async def test_two_connectors_settle_side_by_side(tmp_path: Path) -> None:
    """What one could not settle is not mistaken for the other's."""
    async with split(tmp_path) as kept:
        await kept.store.run(lambda: leases.acquire("nexa", "us", EPOCH))
        other = replace(SETTLEMENT, consumer="nexa", lease="nexa")
        await asyncio.gather(
            kept.journal.settle(SETTLEMENT, [OUTCOME]),
            kept.journal.settle(other, [new("another", topic=Topic.OUTCOMES)]),
        )
        assert sorted(await kept.values(Topic.OUTCOMES)) == ["another", "outcome"]
