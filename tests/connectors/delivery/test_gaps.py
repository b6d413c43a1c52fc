"""What the log can't give: records that are none of ours, and what it no longer has."""

from __future__ import annotations

from gateway.eventlog.port import NewRecord, Topic, partition_of
from gateway.store import dead_letters
from tests.connectors.delivery.engine import NAME, PARTITIONS, bench, passed, update
from tests.connectors.delivery.fake_vendor import ok
from tests.virtual import in_virtual_time


@in_virtual_time
async def test_an_unreadable_record_becomes_a_dead_letter() -> None:
    """And the frontier moves over it."""
    part = partition_of("a", PARTITIONS)
    async with bench(ok) as made:
        headers = (("ce_id", "e0"), ("ce_connectors", NAME))
        await made.log.append([NewRecord(Topic.UPDATES, part, "a", headers, b"[]", 1.0)])
        await made.append(update("e1"))
        async with made.running():
            await passed(2.0)
        dead = await made.dead()
        assert ({f"{part}@0": "malformed_request"}, {"e1": "applied"}) == (dead, await made.ends())
        assert made.unsettled() == 0


@in_virtual_time
async def test_a_gap_in_the_log_stops_the_connector_until_it_is_accepted() -> None:
    """The gap is one dead letter; `connectors resume` goes on with what there is."""
    part = partition_of("a", PARTITIONS)
    async with bench(ok) as made:
        async with made.running():
            await passed(0.5)
        await made.append(*(update(f"e{i}") for i in range(6)))
        await made.log.trim(Topic.UPDATES, part, 4, 1e12, 100)
        async with made.running():
            await passed(5.3)
            stopped, sent = await made.state(), len(made.vendor.calls)
            await made.wish("run")
            await passed(2.0)
        reason = f"updates/{part} holds 4..6, not 0"
        assert (("stopped", reason), 0) == (stopped, sent)
        assert ({f"{part}@0": "log_gap"}, ["e4", "e5"]) == (await made.dead(), made.vendor.received)


@in_virtual_time
async def test_a_nudge_does_not_accept_a_gap() -> None:
    """Redriving or releasing something says nothing about what the log has lost."""
    part = partition_of("a", PARTITIONS)
    async with bench(ok) as made:
        async with made.running():
            await passed(0.5)
        await made.append(*(update(f"e{i}") for i in range(6)))
        await made.log.trim(Topic.UPDATES, part, 4, 1e12, 100)
        async with made.running():
            await passed(2.0)
            await made.store.run(lambda: dead_letters.nudge(NAME))
            await passed(7.3)
            reason = f"updates/{part} holds 4..6, not 0"
            assert (("stopped", reason), []) == (await made.state(), made.vendor.calls)
