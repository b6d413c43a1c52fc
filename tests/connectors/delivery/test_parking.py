"""Leads that fail while others pass: tried, parked, condemned, held, redriven."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from connectors.delivery import lanes, loading
from connectors.delivery.judgement import Policy
from gateway.model.changes import CLEAR, KEEP, Set
from gateway.model.outcome import Result
from gateway.store import connectors, dead_letters
from tests.connectors.delivery.engine import NAME, Bench, bench, follower, passed, plan, update
from tests.connectors.delivery.fake_vendor import Answer, TestConnector, ok, says
from tests.virtual import in_virtual_time

BAD = "bad"
POLICY = Policy(attempts=5, first=1.0, longest=300.0)


def bad_until(when: float, status: int = 500) -> Answer:
    """A vendor that can't take one lead's updates until then."""
    return lambda call: says(status) if BAD in call.leads and call.at < when else ok(call)


def times(made: Bench, lead: str = BAD) -> list[float]:
    """When this lead's updates were received."""
    return [call.at for call in made.vendor.calls if lead in call.leads]


async def others(made: Bench, seconds: int) -> None:
    """Another lead's updates come, one a second, for so long."""
    for _ in range(seconds):
        await made.append(update(f"o{made.clock.monotonic():07.2f}", "other"))
        await asyncio.sleep(1.0)


async def bads(made: Bench) -> dict[str, str]:
    """How the other leads' updates are left out, the bad one's ended."""
    return {name: end for name, end in (await made.ends()).items() if not name.startswith("o")}


@in_virtual_time
async def test_a_poisoned_lead_is_tried_quickly_then_parked_then_condemned() -> None:
    """Its later updates wait behind it, then go on; everybody else is served at once."""
    async with bench(lambda call: says(500) if "e0" in call.events else ok(call)) as made:
        async with made.running(plan(policy=POLICY)):
            await others(made, 2)
            await made.append(update("e0", BAD), update("e1", BAD), update("e2", BAD))
            await others(made, 8)
            parked = made.parked()
            await others(made, 30)
        # One try tells nothing; then each is charged: 1 s, 2 s, and 4 and 8 s from the store.
        assert times(made) == [2.0, 3.01, 4.02, 6.03, 10.04, 18.05, 18.06, 18.07]
        assert parked == [("e0", "retry"), ("e1", "waiting"), ("e2", "waiting")]
        ends = {"e0": "dead_lettered attempts_spent", "e1": "applied", "e2": "applied"}
        assert (ends, {"e0": "attempts_spent"}) == (await bads(made), await made.dead())
        [outcome] = [one for one in await made.outcomes() if one.event_id == "e0"]
        tries = [(one.number, one.result) for one in outcome.attempts]
        assert [(number, Result.UNAVAILABLE) for number in range(6)] == tries
        assert {1.0} == {
            round(b - a, 2)
            for a, b in zip(times(made, "other"), times(made, "other")[1:], strict=False)
        }
        assert (made.parked(), made.unsettled()) == ([], 0)


@in_virtual_time
async def test_counted_attempts_survive_a_restart() -> None:
    """Of what was parked."""
    async with bench(lambda call: says(500) if "e0" in call.events else ok(call)) as made:
        async with made.running(plan(policy=POLICY)):
            await others(made, 1)
            await made.append(update("e0", BAD))
            await others(made, 8)
        async with made.running(plan(policy=POLICY)):
            await others(made, 40)
        [outcome] = [one for one in await made.outcomes() if one.event_id == "e0"]
        assert [one.number for one in outcome.attempts] == [0, 1, 2, 3, 0, 4, 5]


@in_virtual_time
async def test_an_update_that_grew_too_old_is_condemned() -> None:
    """Only time in which the vendor was able and willing counts: not the pause in between."""
    async with bench(lambda call: says(500) if "e0" in call.events else ok(call)) as made:
        aged = replace(POLICY, attempts=99, longest=4.0, max_age=60.0)
        async with made.running(plan(policy=aged)):
            await others(made, 1)
            await made.append(update("e0", BAD))
            await others(made, 20)
            await made.wish("paused")
            await passed(600.0)
            await made.wish("run")
            await others(made, 80)
        [outcome] = [one for one in await made.outcomes() if one.event_id == "e0"]
        assert outcome.code == "expired"
        last = times(made)[-1]
        assert 661.0 <= last <= 668.0


@in_virtual_time
async def test_time_under_the_breaker_costs_a_parked_lead_nothing() -> None:
    """A probe is no attempt either, whoever it is."""
    async with bench(bad_until(1e9)) as made:
        async with made.running(plan(policy=replace(POLICY, max_age=500.0))):
            await others(made, 1)
            await made.append(update("e0", BAD))
            await others(made, 8)
            made.vendor.answer = lambda _: says(503)
            await made.append(update("x", "other"))
            await passed(900.0)
            probes = len(times(made))
            made.vendor.answer = ok
            await passed(120.0)
        assert probes > 6
        assert await bads(made) == {"e0": "applied", "x": "applied"}
        [outcome] = [one for one in await made.outcomes() if one.event_id == "e0"]
        # The first 503 came while the other was still served; then the vendor was down.
        assert [one.number for one in outcome.attempts] == [0, 1, 2, 3, 4, 0, 5]


@in_virtual_time
async def test_a_lead_is_first_tried_again_after_the_settle_that_parked_it() -> None:
    """However long that takes; what came for it meanwhile stays behind."""
    async with bench(bad_until(6.5)) as made:
        async with made.running(plan(policy=POLICY)):
            await others(made, 1)
            await made.append(update("e0", BAD), update("e1", BAD))
            await passed(3.5)
            await others(made, 1)
            made.database.failing = lambda urgency: urgency == 0
            await passed(6.0)
            made.database.failing = lambda _: False
            await made.append(update("e2", BAD))
            await passed(10.0)
        mine = [event for call in made.vendor.calls if BAD in call.leads for event in call.events]
        assert list(dict.fromkeys(mine)) == ["e0", "e1", "e2"]
        assert sorted(mine) == mine


@in_virtual_time
async def test_a_deep_lane_spills_and_keeps_its_order() -> None:
    """Also over a restart in the middle."""
    async with bench(ok) as made:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lanes, "DEPTH", 10)
            patch.setattr(loading, "BATCH", 7)
            events = [update(f"e{i:03}") for i in range(60)]
            await made.append(*events)
            async with made.running():
                await passed(0.205)
            async with made.running():
                await passed(0.2)
                await made.append(update("e060"))
                await passed(5.0)
        sent = [f"e{i:03}" for i in range(61)]
        assert sent == list(dict.fromkeys(made.vendor.received))
        assert sorted(made.vendor.received) == made.vendor.received
        assert len(made.vendor.received) <= 62
        assert (made.parked(), made.unsettled()) == ([], 0)


@in_virtual_time
async def test_after_a_dead_letter_the_lead_is_held_until_released() -> None:
    """Where so configured; others go on, and what comes later waits behind."""
    async with bench(lambda call: says(409) if "e0" in call.events else ok(call)) as made:
        async with made.running(plan(hold=True)):
            await made.append(update("e0", BAD), update("e1", BAD), update("e2", "b"))
            await passed(2.0)
            await made.append(update("e3", BAD))
            await passed(60.0)
            seen = [dict(await bads(made)), made.parked()]
            await made.store.run(lambda: dead_letters.release(NAME, BAD))
            await passed(2.0)
        condemned, held = {"e0": "dead_lettered conflict", "e2": "applied"}, [("e0", "held")]
        assert [condemned, [*held, ("e1", "waiting"), ("e3", "waiting")]] == seen
        assert (condemned | {"e1": "applied", "e3": "applied"}, []) == (
            await bads(made),
            made.parked(),
        )


@in_virtual_time
async def test_a_lead_held_with_nothing_behind_it_goes_on_after_its_release() -> None:
    """What comes after the release is not kept back."""
    async with bench(lambda call: says(409) if "e0" in call.events else ok(call)) as made:
        async with made.running(plan(hold=True)):
            await made.append(update("e0", BAD))
            await passed(2.0)
            await made.store.run(lambda: dead_letters.release(NAME, BAD))
            await passed(2.0)
            await made.append(update("e1", BAD))
            await passed(2.0)
        assert await bads(made) == {"e0": "dead_lettered conflict", "e1": "applied"}


@in_virtual_time
async def test_a_redrive_goes_before_what_is_parked() -> None:
    """In log order, as another round."""
    conflict = bad_until(1e9)
    async with bench(lambda call: says(409) if "e0" in call.events else conflict(call)) as made:
        async with made.running(plan(policy=POLICY)):
            await others(made, 1)
            await made.append(update("e0", BAD), update("e1", BAD), update("e2", BAD))
            await others(made, 10)
            parked = made.parked()
            made.vendor.answer = ok
            redriven = await made.redrive("e0")
            mark = len(made.vendor.received)
            await passed(60.0)
        assert parked == [("e1", "retry"), ("e2", "waiting")]
        assert (len(redriven.sent), redriven.refused) == (1, ())
        assert made.vendor.received[mark:] == ["e0", "e1", "e2"]
        rounds = [(one.round, one.kind) for one in await made.outcomes() if one.event_id == "e0"]
        assert rounds == [(1, "dead_lettered"), (2, "applied")]


@in_virtual_time
async def test_a_redrive_goes_before_what_waits_at_the_gate() -> None:
    """Also while the breaker is open and the lead's next update has its turn."""
    async with bench(lambda _: says(409)) as made:
        async with made.running(plan(concurrency=1)):
            await made.append(update("e0", BAD))
            await passed(1.0)
            made.vendor.answer = lambda _: says(503)
            await made.append(update("e1", BAD))
            await passed(100.0)
            await made.redrive("e0")
            await passed(2.0)
            mark = len(made.vendor.received)
            made.vendor.answer = ok
            await passed(120.0)
        assert made.vendor.received[mark:] == ["e0", "e1"]


@in_virtual_time
async def test_a_redrive_is_refused_when_a_later_update_was_applied() -> None:
    """Unless it is forced."""
    async with bench(
        lambda call: says(409) if call.at < 1 and "e0" in call.events else ok(call)
    ) as made:
        async with made.running():
            await made.append(update("e0"), update("e1"))
            await passed(2.0)
            refused = await made.redrive("e0")
            await passed(2.0)
            sent = list(made.vendor.received)
            forced = await made.redrive("e0", force=True)
            await passed(2.0)
        assert (refused.sent, len(refused.refused)) == ((), 1)
        assert (sent, len(forced.sent), made.vendor.received) == (
            ["e0", "e1"],
            1,
            ["e0", "e1", "e0"],
        )


@in_virtual_time
async def test_a_redriven_update_has_no_caller_that_waits() -> None:
    """Rejected then, it is a dead letter again."""
    async with bench(lambda call: says(409) if call.at < 1 else says(422)) as made:
        async with made.running():
            await made.append(update("e0", authority=NAME, replyto="0"))
            await passed(2.0)
            await made.redrive("e0")
            await passed(2.0)
        rows = made.database.rows("SELECT round, code, state FROM dead_letters ORDER BY round")
        assert rows == [(1, "conflict", "redriven"), (2, "validation_failed", "open")]


@in_virtual_time
async def test_a_damaged_parked_row_becomes_a_dead_letter() -> None:
    """And those behind it go on."""
    async with bench(lambda call: says(409) if "e0" in call.events else ok(call)) as made:
        async with made.running(plan(hold=True)):
            await made.append(update("e0", BAD), update("e1", BAD), update("e2", BAD))
            await passed(2.0)
        made.database.rows("UPDATE parked SET value = '[' WHERE event_id = 'e1'")
        async with made.running(plan(hold=True)):
            await made.store.run(lambda: dead_letters.release(NAME, BAD))
            await passed(3.0)
        assert await bads(made) == {"e0": "dead_lettered conflict", "e2": "applied"}
        assert sorted((await made.dead()).values()) == ["conflict", "malformed_request"]
        assert made.parked() == []


@in_virtual_time
async def test_an_authority_that_is_parked_does_not_wait_for_itself() -> None:
    """Its own updates behind the parked one are waiting, not awaiting."""
    async with bench(ok) as made:
        made.vendors["boss"] = type(made.vendor)(bad_until(8.0))
        async with made.running(plan("boss", policy=POLICY), plan()):
            events = [follower(f"e{i}", BAD) for i in range(3)]
            keep = [update(f"o{i}", "other", connectors=("boss",)) for i in range(30)]
            await made.append(keep[0])
            await passed(1.0)
            await made.append(*events)
            for one in keep[1:]:
                await made.append(one)
                await passed(1.0)
        assert made.vendor.received == ["e0", "e1", "e2"]
        assert made.parked() == []


@in_virtual_time
async def test_what_is_known_of_a_lead_follows_what_was_applied() -> None:
    """Kept in memory and read back from the store alike: set, cleared, kept."""
    connector = TestConnector(reads=("note", "score"))
    changes = [
        {"note": Set("x"), "score": Set(3)},
        {"note": KEEP},
        {"score": CLEAR},
        {"email": Set("jane@example.com")},
    ]
    async with bench(ok) as made:
        await made.append(*(update(f"e{i}", changes=each) for i, each in enumerate(changes)))
        async with made.running(plan(connector=connector)):
            await passed(1.0)
        await made.append(update("e4"))
        async with made.running(plan(connector=connector)):
            await passed(1.0)
        expected = [
            {},
            {"note": "x", "score": 3},
            {"note": "x", "score": 3},
            {"note": "x"},
            {"note": "x"},
        ]
        assert expected == connector.known


@in_virtual_time
async def test_seek_moves_a_running_connector_back() -> None:
    """It begins again from there, with what is parked in its place."""
    async with bench(ok) as made:
        async with made.running():
            await made.append(update("e0"), update("e1"))
            await passed(1.0)
            bases = dict.fromkeys(range(4), 0)
            await made.store.run(lambda: connectors.seek(NAME, "updates", bases))
            await passed(10.0)
            await made.append(update("e2"))
            await passed(2.0)
        assert made.vendor.received == ["e0", "e1", "e0", "e1", "e2"]
