"""Reading the log for one connector: what is its own, what is passed by, where it stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.delivery import reader as module
from connectors.delivery.reader import Reader
from gateway.eventlog.port import Extent, NewRecord, OffsetOutOfRange, Topic, partition_of
from gateway.store.settling import FrontierRow
from tests.connectors.delivery.engine import NAME, PARTITIONS, Bench, bench, update
from tests.virtual import in_virtual_time

PART = partition_of("a", PARTITIONS)


def reader(made: Bench, *rows: FrontierRow, repeats: bool = False) -> Reader:
    """A reader of some partitions; of all, from their beginning, if none is given."""
    made.log.repeats = repeats
    given = rows or tuple(FrontierRow(part, 0) for part in range(PARTITIONS))
    return Reader(made.log, NAME, {row.part: row for row in given})


@in_virtual_time
async def test_what_is_addressed_to_others_is_passed_by_and_settled() -> None:
    """Only a connector's own updates come up, and the frontier moves over the others."""
    async with bench() as made:
        await made.append(
            update("e0", connectors=("other",)),
            update("e1"),
            update("e2", connectors=()),
            update("e3", connectors=("other", NAME)),
        )
        read = reader(made)
        found = await read.read(0.0)
        seen = [(queued.event, queued.part, queued.pos, queued.stored) for queued in found]
        expected = [
            (update("e1"), PART, 1, False),
            (update("e3", connectors=("other", NAME)), PART, 3, False),
        ]
        assert (expected, [FrontierRow(PART, 1, "02")]) == (seen, read.rows())


@in_virtual_time
async def test_what_was_settled_above_the_frontier_is_not_read_again() -> None:
    """After a restart only the gaps are filled."""
    async with bench() as made:
        await made.append(*(update(f"e{i}") for i in range(5)))
        read = reader(made, FrontierRow(PART, 1, "05"))
        assert [queued.event.id for queued in await read.read(0.0)] == ["e2", "e4"]
        read.settle(PART, 2)
        assert ([FrontierRow(PART, 4, "")], 1) == (read.rows(), await read.backlog())


@in_virtual_time
async def test_rows_are_told_once_per_move() -> None:
    """And nothing is written while nothing moves."""
    async with bench() as made:
        await made.append(update("e0"), update("e1"))
        read = reader(made)
        await read.read(0.0)
        seen = [read.dirty, read.rows()]
        read.settle(PART, 1)
        seen += [read.dirty, read.rows(), read.dirty, read.rows()]
        assert [False, [], True, [FrontierRow(PART, 0, "02")], False, []] == seen


@in_virtual_time
async def test_a_record_that_is_not_an_update_is_set_aside() -> None:
    """It is not settled before its dead letter is."""
    async with bench() as made:
        headers = (("ce_id", "e0"), ("ce_connectors", NAME))
        await made.log.append([NewRecord(Topic.UPDATES, PART, "a", headers, b"{}", 1.0)])
        await made.append(update("e1"))
        read = reader(made)
        found = [queued.event.id for queued in await read.read(0.0)]
        aside = [(record.partition, record.offset) for record in read.unreadable]
        assert (found, aside, read.dirty) == (["e1"], [(PART, 0)], False)


@pytest.mark.parametrize(
    ("repeats", "expected"), [(True, ["e0", "e1"]), (False, ["e0", "e1", "e0"])]
)
def test_a_repeated_append_is_dropped_where_the_log_may_repeat(
    repeats: bool, expected: list[str]
) -> None:
    """By its event id."""

    @in_virtual_time
    async def scenario() -> None:
        async with bench() as made:
            await made.append(update("e0"), update("e1"), update("e0"))
            read = reader(made, repeats=repeats)
            assert expected == [queued.event.id for queued in await read.read(0.0)]

    scenario()


@in_virtual_time
async def test_only_so_many_event_ids_are_remembered() -> None:
    """The oldest is forgotten first."""
    async with bench() as made:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "REMEMBERED", 2)
            await made.append(*(update(name) for name in ("e0", "e1", "e2", "e0", "e2")))
            read = reader(made, repeats=True)
            found = [queued.event.id for queued in await read.read(0.0)]
        assert found == ["e0", "e1", "e2", "e0"]


@in_virtual_time
async def test_a_gap_is_said_and_skipped_on_demand() -> None:
    """What the log no longer has stops the reading, until the gap is accepted."""
    async with bench() as made:
        await made.append(*(update(f"e{i}") for i in range(6)))
        await made.log.trim(Topic.UPDATES, PART, 4, 1e12, 100)
        read = reader(made, FrontierRow(PART, 1))
        with pytest.raises(OffsetOutOfRange) as raised:
            await read.read(0.0)
        where = (raised.value.partition, raised.value.offset, raised.value.extent.start)
        await read.skip_gap()
        found = [queued.event.id for queued in await read.read(0.0)]
        expected = ((PART, 1, 4), [FrontierRow(PART, 4)], ["e4", "e5"])
        assert expected == (where, read.rows(), found)


@in_virtual_time
async def test_a_full_partition_is_not_read_until_its_frontier_moves() -> None:
    """The others are."""
    async with bench() as made:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("connectors.delivery.frontier.WINDOW", 3)
            await made.append(*(update(f"e{i}") for i in range(3)))
            other = next(name for name in "bcdefg" if partition_of(name, PARTITIONS) != PART)
            read = reader(made)
            seen = [[queued.event.id for queued in await read.read(0.0)]]
            await made.append(update("e3"), update("e4", other))
            seen.append([queued.event.id for queued in await read.read(0.0)])
            read.settle(PART, 0)
            seen.append([queued.event.id for queued in await read.read(0.0)])
        assert seen == [["e0", "e1", "e2"], ["e4"], ["e3"]]


@in_virtual_time
async def test_a_long_backlog_in_one_partition_keeps_no_other_waiting() -> None:
    """The next fetch begins after the partition that filled this one."""
    async with bench() as made:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "FETCH", 2)
            other = next(name for name in "bcdefg" if partition_of(name, PARTITIONS) != PART)
            await made.append(*(update(f"e{i}") for i in range(4)), update("e4", other))
            read = reader(
                made, FrontierRow(PART, 0), FrontierRow(partition_of(other, PARTITIONS), 0)
            )
            seen = [[queued.event.id for queued in await read.read(0.0)] for _ in range(2)]
        assert seen == [["e0", "e1"], ["e4", "e2"]]


@in_virtual_time
async def test_it_says_whether_everything_up_to_a_place_was_read() -> None:
    """Of the partitions that it reads."""
    async with bench() as made:
        await made.append(*(update(f"e{i}") for i in range(3)))
        read = reader(made, FrontierRow(PART, 1))
        elsewhere = (PART + 1) % PARTITIONS
        places: list[dict[int, int]] = [{}, {PART: 0}, {PART: 2}, {elsewhere: 9}]
        before = [read.is_past(each) for each in places]
        await read.read(0.0)
        after = [read.is_past(each) for each in places]
        assert (before, after) == ([True, True, False, True], [True] * 4)


@in_virtual_time
async def test_an_update_waits_for_its_authority_unless_the_connector_is_it() -> None:
    """As its resting state says."""
    after = replace(update("e0"), followers="after_authority")
    async with bench() as made:
        await made.append(
            replace(after, authority="boss"),
            replace(after, id="e1", authority=NAME),
            replace(after, id="e2", authority=None),
            replace(after, id="e3", authority="boss", followers="at_once"),
        )
        found = await reader(made).read(0.0)
        seen = [(queued.event.id, queued.resting) for queued in found]
        assert seen == [("e0", "awaiting"), ("e1", "waiting"), ("e2", "waiting"), ("e3", "waiting")]


@in_virtual_time
async def test_an_update_that_came_twice_is_known_after_a_restart() -> None:
    """Its first record was settled by the owner before: the ids before the frontier are read
    first. Elsewhere, where nothing comes twice, nothing is read but what is new."""
    async with bench() as made:
        await made.append(update("e0"), update("e1"), update("e0"), update("e2"))
        read = reader(made, FrontierRow(PART, 2), repeats=True)
        assert [queued.event.id for queued in await read.read(0.0)] == ["e2"]
        assert [FrontierRow(PART, 3, "")] == read.rows()
        plain = reader(made, FrontierRow(PART, 2))
        assert [queued.event.id for queued in await plain.read(0.0)] == ["e0", "e2"]


@in_virtual_time
async def test_what_is_read_to_know_it_again_may_have_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at what the log holds and the reading: that is no gap."""
    async with bench() as made:
        await made.append(*(update(f"e{i}") for i in range(4)))
        read = reader(made, FrontierRow(PART, 2), repeats=True)
        extents = await made.log.extents(Topic.UPDATES)
        await made.log.trim(Topic.UPDATES, PART, 1, made.clock.now() + 1.0, 9)

        async def before(_: Topic) -> dict[int, Extent]:
            return extents

        monkeypatch.setattr(made.log, "extents", before)
        assert await read.read(0.0) == []
        assert [queued.event.id for queued in await read.read(0.0)] == ["e2", "e3"]
