"""A wall clock that is set back or forward by hours: nothing is lost, repeated, out of order or
held up for longer than the longest pause of its retry policy."""

from __future__ import annotations

import pytest

from connectors.delivery.connector import Limit
from connectors.delivery.judgement import Policy
from gateway.model.event import LeadUpdate
from gateway.store import leases
from tests.connectors.delivery.engine import NAME, Bench, bench, passed, plan, update
from tests.connectors.delivery.fake_vendor import Answer, ok, says
from tests.virtual import in_virtual_time

BAD = "bad"
HOURS = 3 * 3600.0
POLICY = Policy(attempts=99, first=8.0, longest=60.0)


def bad_until(when: float) -> Answer:
    """A vendor that can't take one lead's updates until then."""
    return lambda call: says(500) if BAD in call.leads and call.at < when else ok(call)


async def parked(made: Bench) -> None:
    """Let a lead fail until it is parked, with a later update behind it."""
    await made.append(update("e0", BAD), update("e1", BAD))
    for number in range(60):
        await made.append(update(f"o{number:02}", "other"))
        await passed(1.0)
    assert made.parked() == [("e0", "retry"), ("e1", "waiting")]


def times(made: Bench, after: float) -> list[float]:
    """When the bad lead was tried from then on."""
    return [call.at for call in made.vendor.calls if BAD in call.leads and call.at >= after]


@pytest.mark.parametrize("jump", [-HOURS, HOURS])
@pytest.mark.parametrize("restart", [False, True])
def test_a_parked_update_is_tried_within_its_longest_pause(jump: float, restart: bool) -> None:
    """Its stored due time is the old clock's word: where it is further off than any pause, as
    after a clock was set back, or has passed, as after one was set forward, it has come."""

    @in_virtual_time
    async def scenario() -> None:
        async with bench(bad_until(61.0)) as made:
            async with made.running(plan(policy=POLICY)):
                await parked(made)
                made.clock.jump(jump)
                if not restart:
                    await passed(2 * POLICY.longest)
            if restart:
                await made.boot()
                async with made.running(plan(policy=POLICY), process="two"):
                    # As at each start with the embedded file, which one process has to itself.
                    await made.store.run(leases.release_all)
                    await passed(2 * POLICY.longest)
            first = times(made, 61.0)[0]
            assert first - 61.0 <= POLICY.longest
            received = [e for e in made.vendor.received if e in {"e0", "e1"}]
            assert (received[-2:], sorted(received)[-1]) == (["e0", "e1"], "e1")
            assert made.parked() == []

    scenario()


@pytest.mark.parametrize("jump", [-HOURS, HOURS])
def test_what_is_under_way_is_settled_once(jump: float) -> None:
    """The lease goes on: nothing is sent again."""

    @in_virtual_time
    async def scenario() -> None:
        async with bench(ok) as made:
            made.vendor.latency = 5.0
            async with made.running():
                await made.append(*(update(f"e{n}", "ab"[n % 2]) for n in range(6)))
                await passed(7.0)
                made.clock.jump(jump)
                await passed(60.0)
            assert sorted(made.vendor.received) == [f"e{n}" for n in range(6)]
            assert set((await made.ends()).values()) == {"applied"}

    scenario()


@pytest.mark.parametrize("jump", [-HOURS, HOURS])
def test_a_vendors_limits_are_kept(jump: float) -> None:
    """They are measured by the clock that doesn't jump."""

    @in_virtual_time
    async def scenario() -> None:
        async with bench(ok) as made:
            limited = plan(limits=(Limit(2, 10.0),))
            async with made.running(limited):
                await made.append(*(each(n) for n in range(6)))
                await passed(5.0)
                made.clock.jump(jump)
                await passed(60.0)
            at = [call.at for call in made.vendor.calls]
            assert [later - at[n] >= 10.0 for n, later in enumerate(at[2:])] == [True] * 4
            assert at[-1] < 30.0

    scenario()


def each(number: int) -> LeadUpdate:
    """A lead's only update."""
    return update(f"e{number}", f"lead {number}")


@in_virtual_time
async def test_a_redriven_update_goes_though_the_clock_was_set_back() -> None:
    """Its row was written by the clock as it was."""
    async with bench(lambda call: says(400) if call.at < 5.0 else ok(call)) as made:
        async with made.running(plan(policy=POLICY)):
            await made.append(update("e0"))
            await passed(6.0)
            made.clock.jump(-HOURS)
            await made.redrive("e0")
            await passed(POLICY.longest + 5.0)
        assert (await made.ends())["e0"] == "applied"


@in_virtual_time
async def test_reports_go_on_after_a_clock_was_set_back() -> None:
    """Each few seconds, and no age is below nothing."""
    async with bench(ok) as made:
        async with made.running():
            await passed(10.0)
            made.clock.jump(-HOURS)
            await passed(10.0)
            said = made.database.rows("SELECT time FROM connectors WHERE name = ?", NAME)
        assert said[0][0] <= made.clock.now()  # type: ignore[operator]  # rows are Any in SQL
