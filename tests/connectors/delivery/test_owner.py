"""Who runs a connector: leases, beginnings, shards, draining, and starting again."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

import pytest

from connectors.delivery.owner import Owner
from gateway.clock import rfc3339
from gateway.eventlog.port import partition_of
from gateway.metrics import Metrics
from gateway.store import dead_letters, leases
from gateway.transport.port import HttpReply
from tests.connectors.delivery.engine import NAME, PARTITIONS, Bench, bench, passed, plan, update
from tests.connectors.delivery.fake_vendor import Call, TestConnector, ok, says
from tests.virtual import EPOCH, in_virtual_time


async def drained(made: Bench, owner: Owner, within: float = 10.0) -> float:
    """Stop an owner; how long that took."""
    began = made.clock.monotonic()
    await owner.stop(within)
    return round(made.clock.monotonic() - began, 2)


@pytest.mark.parametrize(
    ("start", "expected"),
    [("beginning", ["e0", "e1", "e2"]), ("end", ["e2"]), (rfc3339(EPOCH + 50.0), ["e1", "e2"])],
)
def test_a_connector_seen_for_the_first_time_begins_where_it_was_told(
    start: str, expected: list[str]
) -> None:
    """And only then: its stored frontier counts afterwards."""

    @in_virtual_time
    async def scenario() -> None:
        async with bench(ok) as made:
            await made.append(update("e0"))
            await passed(100.0)
            await made.append(update("e1"))
            async with made.running(plan(start=start)):
                await passed(1.0)
            await made.append(update("e2"))
            async with made.running(plan(start="end")):
                await passed(20.0)
            assert expected == made.vendor.received

    scenario()


@in_virtual_time
async def test_a_second_process_waits_for_the_lease() -> None:
    """Until it is given back after a drain, or runs out after a crash."""
    async with bench(ok) as made:
        one = made.owner(process="one")
        running = asyncio.create_task(one.run())
        await passed(1.0)
        async with made.running(process="two") as two:
            await passed(30.0)
            seen = [two.worker(NAME) is None]
            await drained(made, one)
            await running
            await passed(5.0)
            seen.append(two.worker(NAME) is None)
        assert seen == [True, False]


@in_virtual_time
async def test_who_gave_a_connector_up_tells_nothing_of_it_any_more() -> None:
    """Its gauges go; only that it has no lease is said, so that two processes never disagree."""
    async with bench(ok) as made:
        owner = made.owner()
        running = asyncio.create_task(owner.run())
        await passed(2.0)
        told = [_gauges(made.metrics)]
        await drained(made, owner)
        await running
        told.append(_gauges(made.metrics))
    assert told == [
        {
            "leadwire_backlog": 0.0,
            "leadwire_breaker_open": 0.0,
            "leadwire_connector_state": 1.0,
            "leadwire_lanes": 0.0,
            "leadwire_lease_held": 1.0,
            "leadwire_oldest_parked_seconds": 0.0,
            "leadwire_oldest_unsettled_seconds": 0.0,
            "leadwire_parked_leads": 0.0,
            "leadwire_pending_deliveries": 0.0,
        },
        {"leadwire_lease_held": 0.0},
    ]


def _gauges(metrics: Metrics) -> dict[str, float]:
    """Those of the connector, of its states the highest."""
    found: dict[str, float] = {}
    for family in metrics.collect():
        for sample in family.samples if family.type == "gauge" else ():
            if sample.labels.get("connector") == NAME:
                found[family.name] = max(sample.value, found.get(family.name, 0.0))
    return dict(sorted(found.items()))


@in_virtual_time
async def test_after_a_crash_the_lease_runs_out_and_what_was_under_way_is_sent_again() -> None:
    """Nothing else is."""
    async with bench(ok) as made:
        await made.append(*(update(f"e{i}", "ab"[i % 2]) for i in range(6)))
        owner = made.owner(process="one")
        task = asyncio.create_task(owner.run())
        await passed(0.015)
        made.database.failing = lambda _: True
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        made.database.failing = lambda _: False
        before = Counter(made.vendor.received)
        await made.boot()
        async with made.running(process="two"):
            await passed(30.0)
        repeated = Counter(made.vendor.received) - Counter(f"e{i}" for i in range(6))
        assert (sum(before.values()), repeated) == (4, {"e2": 1, "e3": 1})
        again = made.vendor.calls[4].at
        assert 15.0 <= again <= 19.0


@in_virtual_time
async def test_draining_ends_what_is_under_way_and_settles_it() -> None:
    """Nothing new is sent, the lease is free at once, and shutdown is no outcome."""
    async with bench(ok) as made:
        made.vendor.latency = 2.0
        await made.append(*(update(f"e{i}", "ab"[i % 2]) for i in range(6)))
        owner = made.owner()
        running = asyncio.create_task(owner.run())
        await passed(1.0)
        took = await drained(made, owner)
        await running
        assert (await made.ends(), len(made.vendor.calls)) == (
            {"e0": "applied", "e1": "applied"},
            2,
        )
        assert 1.0 <= took <= 1.1
        free = made.database.rows("SELECT until FROM leases WHERE name = ?", NAME)
        assert (free, made.unsettled()) == ([(0.0,)], 4)


@in_virtual_time
async def test_draining_waits_no_longer_than_it_was_told() -> None:
    """What hangs is left for the next owner."""
    async with bench(ok) as made:
        made.vendor.latency = 500.0
        await made.append(update("e0"))
        owner = made.owner()
        running = asyncio.create_task(owner.run())
        await passed(1.0)
        took = await drained(made, owner, within=3.0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert (await made.ends(), made.unsettled()) == ({}, 1)
        assert 3.0 <= took <= 3.1


@in_virtual_time
async def test_a_drain_does_not_wait_for_those_that_wait() -> None:
    """At the gate of a dead vendor, or for their next try."""
    async with bench(lambda _: says(503)) as made:
        await made.append(*(update(f"e{i}", f"lead {i}") for i in range(8)))
        owner = made.owner()
        running = asyncio.create_task(owner.run())
        await passed(30.0)
        took = await drained(made, owner)
        await running
        assert (took, await made.ends()) == (0.02, {})


@in_virtual_time
async def test_an_owner_that_lost_its_lease_settles_nothing() -> None:
    """The other's epoch is another; what the first had under way is sent again."""
    async with bench(ok) as made:
        made.vendor.latency = 5.0
        await made.append(update("e0"))
        async with made.running(process="one"):
            await passed(1.0)
            await made.store.run(leases.release_all)
            now = made.clock.now()
            await made.store.run(lambda: leases.acquire(NAME, "two", now))
            await passed(10.0)
            seen = [await made.ends(), len(made.vendor.calls)]
            await passed(20.0)
        assert seen == [{}, 1]
        assert await made.ends() == {"e0": "applied"}


@in_virtual_time
async def test_nothing_is_sent_while_the_lease_can_not_be_renewed() -> None:
    """The store is away for longer than a lease."""
    async with bench(ok) as made:
        async with made.running():
            await passed(1.0)
            made.database.failing = lambda urgency: urgency == 1
            await passed(13.5)
            made.database.failing = lambda _: False
            await made.append(update("e0"))
            made.database.failing = lambda urgency: urgency == 1
            await passed(30.0)
            sent = len(made.vendor.calls)
            made.database.failing = lambda _: False
            await passed(60.0)
        assert (sent, await made.ends()) == (0, {"e0": "applied"})


@in_virtual_time
async def test_shards_share_the_work_and_their_parked_leads() -> None:
    """Each runs its own partitions, also of what is parked when it starts."""
    leads = {
        part: next(n for n in map(str, range(99)) if partition_of(n, PARTITIONS) == part)
        for part in range(4)
    }

    def conflicts(call: Call) -> HttpReply:
        return says(409) if "e" in call.events[0] else ok(call)

    async with bench(conflicts) as made:
        plans = [
            plan(shard=shard, shards=2, hold=True, connector=TestConnector()) for shard in (0, 1)
        ]
        async with made.running(*plans) as owner:
            names = [owner.worker(each.lease) is not None for each in plans]
            await passed(1.0)
            names = [owner.worker(each.lease) is not None for each in plans]
            for part, lead in leads.items():
                await made.append(update(f"e{part}", lead), update(f"f{part}", lead))
            await passed(2.0)
        held = made.parked()
        async with made.running(*plans):
            await passed(1.0)
            for lead in leads.values():
                await made.store.run(partial(dead_letters.release, NAME, lead))
            await passed(3.0)
        assert names == [True, True]
        assert len(held) == 8
        expected = Counter([f"e{part}" for part in leads] + [f"f{part}" for part in leads])
        assert expected == Counter(made.vendor.received)
        assert (made.parked(), made.unsettled()) == ([], 0)


@in_virtual_time
async def test_a_worker_that_breaks_is_started_again_and_stops_nobody_else() -> None:
    """From the stored frontier, after a pause."""
    async with bench(ok) as made:
        broken = plan("broken", system="x")
        made.vendors["broken"] = type(made.vendor)(ok)
        made.vendors["broken"].send = None  # type: ignore[assignment,method-assign]  # can't be called
        ports = made.ports()
        failing = {"left": 2}

        def client(given: object) -> object:
            if given is broken and failing["left"]:
                failing["left"] -= 1
                raise RuntimeError("no client")
            made.vendors.pop("broken", None)
            return made.vendors.setdefault(getattr(given, "name", ""), type(made.vendor)(ok))

        owner = Owner([broken, plan()], type(ports)(**{**vars(ports), "client": client}))
        task = asyncio.create_task(owner.run())
        await made.append(update("e0", connectors=(NAME, "broken")))
        await passed(10.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        ended = {(one.connector, one.kind) for one in await made.outcomes()}
        assert ({(NAME, "applied"), ("broken", "applied")}, 0) == (ended, failing["left"])


@in_virtual_time
async def test_a_store_that_was_away_for_long_makes_nobody_deliver_again() -> None:
    """What was sent meanwhile and could not be settled is settled from memory, though the lease
    ran out: nobody else had it."""
    async with bench(ok) as made:
        made.vendor.latency = 5.0
        async with made.running():
            await made.append(update("e0", "a"), update("e1", "b"), update("e2", "a"))
            await passed(2.0)
            made.database.failing = lambda _: True
            await passed(60.0)
            made.database.failing = lambda _: False
            await passed(60.0)
        assert sorted(made.vendor.received) == ["e0", "e1", "e2"]
        assert await made.ends() == dict.fromkeys(["e0", "e1", "e2"], "applied")
