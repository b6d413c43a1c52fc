"""Several processes share the connectors."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial

import pytest

from connectors.delivery.owner import Owner
from connectors.delivery.plan import Plan
from connectors.delivery.roster import UNWANTED, counted, free, gone, share
from gateway.store import leases
from gateway.store.leases import TTL, LeaseRow
from tests.connectors.delivery.engine import Bench, bench, passed, plan, update
from tests.connectors.delivery.fake_vendor import ok
from tests.virtual import in_virtual_time

NAMES = ("c0", "c1", "c2", "c3")
PLANS = tuple(plan(name) for name in NAMES)


def held(owner: Owner, plans: tuple[Plan, ...] = PLANS) -> int:
    """How many an owner runs."""
    return sum(owner.worker(each.lease) is not None for each in plans)


@pytest.mark.parametrize(
    ("connectors", "others", "expected"), [(4, 0, 4), (4, 1, 2), (5, 1, 3), (4, 2, 2), (1, 3, 1)]
)
def test_a_share_is_even(connectors: int, others: int, expected: int) -> None:
    """Rounded up, so that the shares of all are never too few."""
    assert share(connectors, {str(number) for number in range(others)}) == expected


def test_only_processes_that_live_count() -> None:
    """And only what they hold of what is shared."""
    held = [
        LeaseRow("@connectors/a", "a", 20.0),
        LeaseRow("@connectors/b", "b", 20.0),
        LeaseRow("c0", "a", 20.0),
        LeaseRow("c1", "gone", 20.0),
        LeaseRow("@ledger", "a", 20.0),
    ]
    rows = [*held, LeaseRow("@connectors/gone", "gone", 10.0), LeaseRow("c2", "a", 9.0)]
    assert counted(NAMES, held) == Counter({"a": 1, "b": 0})
    assert (gone(held, held), gone(rows, held)) == ([], ["gone"])
    assert free(NAMES, held, "b") == {"c2", "c3"}
    assert free(NAMES, held, "a") == {"c0", "c2", "c3"}


@in_virtual_time
async def test_one_process_runs_them_all() -> None:
    """At once."""
    async with bench(ok) as made, made.running(*PLANS) as one:
        await passed(0.1)
        assert held(one) == 4


@in_virtual_time
async def test_a_process_that_joins_gets_its_share_and_gives_it_back() -> None:
    """Each time nothing is lost or sent twice, and nothing moves that need not."""
    async with bench(ok) as made:
        async with made.running(*PLANS, process="one") as one:
            await passed(5.0)
            two = made.owner(*PLANS, process="two")
            task = asyncio.create_task(two.run())
            await passed(15.0)
            shared = held(one), held(two)
            await made.append(*(update(f"e{n}", f"lead {n}", connectors=NAMES) for n in range(8)))
            await passed(15.0)
            still = held(one), held(two)
            await two.stop(5.0)
            await task
            await passed(5.0)
            left = held(one), held(two)
        received = {name: sorted(made.vendors[name].received) for name in NAMES}
        assert (shared, still, left) == ((2, 2), (2, 2), (4, 0))
        assert received == {name: [f"e{n}" for n in range(8)] for name in NAMES}


@in_virtual_time
async def test_three_processes_differ_by_one_at_most() -> None:
    """Also where that leaves two with more than one of them must have."""
    async with bench(ok) as made, AsyncExitStack() as stack:
        owners = []
        for process in ("one", "two", "three"):
            owners.append(await stack.enter_async_context(made.running(*PLANS, process=process)))
            await passed(20.0)
        await passed(20.0)
        assert sorted(map(held, owners)) == [1, 1, 2]


@in_virtual_time
async def test_a_process_that_dies_is_replaced_within_the_time_of_its_leases() -> None:
    """By the others, each up to its share; what was under way is sent again."""
    async with bench(ok) as made, made.running(*PLANS, process="one") as one:
        await passed(5.0)
        await _die(made)
        await passed(TTL + 3.0)
        assert held(one) == 4


async def _die(made: Bench) -> None:
    """Another process takes its share, and is killed: nothing is given back."""
    two = made.owner(*PLANS, process="two")
    task = asyncio.create_task(two.run())
    await passed(15.0)
    assert held(two) == 2
    made.database.failing = lambda _: True
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    made.database.failing = lambda _: False


@in_virtual_time
async def test_what_only_one_process_knows_is_run_by_it() -> None:
    """While a new configuration is rolled out: it is kept, whatever the shares are."""
    known = PLANS[:1]
    async with bench(ok) as made, made.running(*known, process="old"):
        await passed(5.0)
        async with made.running(*PLANS, process="new") as new:
            await passed(30.0)
            seen = {each.lease for each in PLANS if new.worker(each.lease) is not None}
            await passed(60.0)
            then = {each.lease for each in PLANS if new.worker(each.lease) is not None}
    assert seen >= set(NAMES[1:])
    assert then == seen


@in_virtual_time
async def test_what_a_process_leaves_under_a_clock_that_was_ahead_is_taken() -> None:
    """Its leases run out in hours by the clock, and nobody renews them."""
    async with bench(ok) as made:
        ahead = made.clock.now() + 18_000
        for each in PLANS:
            await made.store.run(partial(leases.acquire, each.lease, "gone", ahead))
        async with made.running(*PLANS) as one:
            await passed(TTL)
            assert held(one) == 0
            await passed(UNWANTED + 5.0)
            assert held(one) == 4
