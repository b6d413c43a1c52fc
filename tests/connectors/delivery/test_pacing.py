"""A connector's pace, from owner to owner."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.connector import Limit
from connectors.delivery.pacing import read, written
from connectors.delivery.throttle import GRAINS, Pace, Throttle, Used
from gateway.store import paces
from gateway.transport.port import HttpReply
from tests.connectors.delivery.engine import NAME, bench, passed, plan, update
from tests.connectors.delivery.fake_vendor import Call, Vendor, ok, says
from tests.virtual import EPOCH, in_virtual_time

TEN = Limit(10, 60.0)
LEADS = [f"lead {number}" for number in range(30)]


@dataclass
class Pausing:
    """A vendor that asks for a pause once, at its first call."""

    seconds: float

    def __call__(self, call: Call) -> HttpReply:
        self.asked = getattr(self, "asked", call.at)
        return says(429, retry_after=f"{self.seconds:g}") if call.at == self.asked else ok(call)


async def stop(*owners: tuple[object, asyncio.Task[None]]) -> None:
    """As SIGTERM does."""
    for owner, task in owners:
        await owner.stop(5.0)  # type: ignore[attr-defined]  # an Owner
        await task


@in_virtual_time
async def test_the_next_owner_obeys_the_pause_that_a_vendor_asked_for() -> None:
    """After a restart, and after another process has joined and got its share."""
    names = ("c0", "c1", "c2", "c3")
    plans = [plan(name) for name in names]
    async with bench() as made:
        made.vendors.update((name, Vendor(Pausing(60.0))) for name in names)
        first = made.owner(*plans, process="one")
        task = asyncio.create_task(first.run())
        await passed(0.1)
        await made.append(update("e0", connectors=names))
        await passed(1.0)
        await stop((first, task))
        async with made.running(*plans, process="two") as two:
            await passed(5.0)
            async with made.running(*plans, process="three") as three:
                await passed(30.0)
                held = [sum(o.worker(name) is not None for name in names) for o in (two, three)]
                await passed(60.0)
        times = {name: made.vendors[name].times for name in names}
    assert held == [2, 2]
    waits = {name: [later - at[0] for later in at[1:]] for name, at in times.items()}
    assert {name: len(each) for name, each in waits.items()} == dict.fromkeys(names, 1)
    assert all(60.0 <= wait <= 63.0 for (wait,) in waits.values())


@in_virtual_time
async def test_no_restart_gives_a_vendor_more_than_its_limit() -> None:
    """However often, in any window."""
    async with bench(ok) as made:
        limited = plan(limits=(TEN,), concurrency=2)
        await made.append(*(update(f"e {lead}", lead) for lead in LEADS))
        for seconds in (3.0, 20.0, 1.0, 50.0, 61.0, 10.0):
            owner = made.owner(limited)
            task = asyncio.create_task(owner.run())
            await passed(seconds)
            await stop((owner, task))
        times = made.vendor.times
    assert len(times) == 30
    assert max(sum(at <= other < at + 60.0 for other in times) for at in times) == 10


@in_virtual_time
async def test_after_a_crash_the_pace_is_that_of_seconds_before() -> None:
    """It is written whenever the lease is renewed."""
    async with bench(ok) as made:
        limited = plan(limits=(TEN,), concurrency=2)
        owner = made.owner(limited, process="one")
        task = asyncio.create_task(owner.run())
        await passed(0.1)
        await made.append(*(update(f"e {lead}", lead) for lead in LEADS[:6]))
        await passed(4.0)
        made.database.failing = lambda _: True
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        made.database.failing = lambda _: False
        await made.append(*(update(f"f {lead}", lead) for lead in LEADS[:6]))
        async with made.running(limited, process="two"):
            await passed(30.0)
            within = len(made.vendor.times)
            await passed(60.0)
        assert (within, len(made.vendor.times)) == (10, 12)


@in_virtual_time
async def test_a_connector_without_limits_or_pauses_writes_nothing() -> None:
    """There is nothing to hand on."""
    async with bench(ok) as made:
        async with made.running():
            await made.append(update("e0"), update("e1", "b"))
            await passed(10.0)
        assert await made.store.run(lambda: paces.kept(NAME)) is None


@in_virtual_time
@pytest.mark.parametrize("jump", [-5000.0, 5000.0])
async def test_a_wall_clock_that_was_set_makes_a_pause_no_longer(jump: float) -> None:
    """Set forward it may make it shorter: the vendor then says so again."""
    async with bench() as made:
        made.vendors[NAME] = Vendor(Pausing(60.0))
        first = made.owner(process="one")
        task = asyncio.create_task(first.run())
        await made.append(update("e0"))
        await passed(1.0)
        await stop((first, task))
        made.clock.jump(jump)
        async with made.running(process="two"):
            await passed(90.0)
        waits = [later - made.vendor.times[0] for later in made.vendor.times[1:]]
    assert len(waits) == 1
    assert (60.0 if jump < 0 else 0.0) <= waits[0] <= 63.0


# --- what is written ------------------------------------------------------------------------


def test_what_is_written_is_read() -> None:
    """And is the same text for ever: another version may have written it."""
    pace = Pace(2.5, (Used(Limit(25, 5.0), ((0.05, 3), (5.0, 1))),))
    text = f"[{EPOCH},2.5,[[25,5.0,[[0.05,3],[5.0,1]]]]]"
    assert (written(pace, EPOCH), read(text)) == (text, (EPOCH, pace))


def test_a_limit_that_was_changed_begins_anew() -> None:
    """What the others gave out stays counted."""
    throttle = Throttle([Limit(1, 5.0), Limit(2, 60.0)])
    throttle.done(throttle.take(100.0), 100.0)
    other = Throttle([Limit(1, 6.0), Limit(2, 60.0)])
    other.resume(throttle.pace(101.0), 201.0)
    assert other.left(201.0) == [(Limit(1, 6.0), 1), (Limit(2, 60.0), 1)]


@given(
    answered=st.lists(st.floats(0.0, 70.0), max_size=200).map(sorted),
    under_way=st.integers(0, 3),
    after=st.floats(0.0, 59.9),
)
def test_a_pace_never_says_less_than_was_given_out(
    answered: list[float], under_way: int, after: float
) -> None:
    """At no later time, and a hundredth of the window later no more; its text is small."""
    limit, now = Limit(1000, 60.0), 1070.0
    throttle = Throttle([limit])
    for at in answered:
        throttle.done(throttle.take(1000.0 + at), 1000.0 + at)
    for _ in range(under_way):
        throttle.take(now)
    next_one = Throttle([limit])
    pace = throttle.pace(now)
    next_one.resume(pace, now)
    exact = sum(1000.0 + at + 60.0 > now + after for at in answered) + under_way
    rounded = sum(1000.0 + at + 60.6 > now + after for at in answered) + under_way
    ((_, left),) = next_one.left(now + after)
    assert exact <= 1000 - left <= rounded
    assert all(len(each.frees) <= GRAINS + 1 for each in pace.used)
