"""What every journal promises: log and store change together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.eventlog.port import Extent, Topic
from gateway.journal.port import Entry, JournalUnavailable
from gateway.store import claims
from gateway.store.claims import Attached, Fresh, Reused
from gateway.store.leases import LeaseLost
from gateway.store.settling import FrontierRow
from tests.contracts.eventlogs import new, read
from tests.contracts.journals import CLAIM, SETTLEMENT, Kept, claimed, embedded, split
from tests.virtual import EPOCH


@pytest.fixture(params=[embedded, split])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    """Every journal."""
    async with request.param(tmp_path) as opened:
        yield opened


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
    assert sorted(await kept.values()) == ["0", "1", "3"]


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
    assert await kept.journal.accept(claimed("after")) == kept.after_failure
    assert await kept.values() == ["0", "1", "2", "3", "5", "6", "7", "8", "after"]


async def test_a_call_that_failed_is_accepted_when_it_comes_again(kept: Kept) -> None:
    """Nothing of the first try was appended."""
    entry = claimed("x" * 100_000)
    with kept.full(), pytest.raises(JournalUnavailable):
        await kept.journal.accept(entry)
    assert await kept.values() == []
    assert await kept.journal.accept(entry) == kept.after_failure
    assert await kept.values() == ["x" * 100_000]


async def test_in_one_file_a_call_is_accepted_with_its_claim_or_not_at_all(tmp_path: Path) -> None:
    """With the disk full neither is there."""
    async with embedded(tmp_path) as kept:
        with kept.full(), pytest.raises(JournalUnavailable):
            await kept.journal.accept(claimed("x" * 100_000))
        assert await kept.store.run(lambda: claims._known([CLAIM], EPOCH)) == {}


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
    records = [new("x" * 100_000, topic=Topic.OUTCOMES)]
    with kept.full(), pytest.raises(JournalUnavailable):
        await kept.journal.settle(SETTLEMENT, records)
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
