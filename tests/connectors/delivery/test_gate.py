"""The gate: who waits for what, in which order, and what time counts as impeded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

import pytest

from connectors.delivery.breaker import Breaker, Permit
from connectors.delivery.connector import Limit
from connectors.delivery.gate import Gate, Ticket
from connectors.delivery.throttle import Throttle
from tests.virtual import VirtualClock, in_virtual_time

SEND = Ticket(Permit.SEND, Permit.SEND)
PROBE = Ticket(Permit.PROBE, Permit.SEND)
SETTINGS_PROBE = Ticket(Permit.SEND, Permit.PROBE)


def gate(*limits: Limit, heard: Callable[[float], None] = lambda _: None) -> Gate:
    """A gate with a lease for long; its breaker opens at two failures, for 5 s, then 10 s."""
    made = Gate(VirtualClock(), Breaker(2, 5.0, 60.0), Throttle(limits), heard)
    made.leased(1e6)
    return made


def now() -> float:
    """Virtual seconds."""
    return round(asyncio.get_running_loop().time(), 3)


async def enter(made: Gate, name: str, log: list[tuple[str, float, Ticket]]) -> None:
    """Enter, and write down when."""
    ticket = await made.enter()
    log.append((name, now(), ticket))


@in_virtual_time
async def test_an_open_gate_lets_everybody_in_at_once() -> None:
    """Without limits nobody waits."""
    made = gate()
    assert [await made.enter() for _ in range(3)] == [SEND, SEND, SEND]


@in_virtual_time
async def test_those_who_wait_probe_in_the_order_in_which_they_came() -> None:
    """So each probe is another's; a failed one doubles the wait."""
    made = gate()
    made.failed(SEND)
    made.failed(SEND)
    log: list[tuple[str, float, Ticket]] = []
    async with asyncio.TaskGroup() as tasks:
        for name in ("a", "b", "c"):
            tasks.create_task(enter(made, name, log))
        await asyncio.sleep(6.0)
        made.failed(PROBE)
        tasks.create_task(enter(made, "a again", log))
        await asyncio.sleep(11.0)
        made.failed(PROBE)
        await asyncio.sleep(25.0)
        made.answered()
    expected = [("a", 5.0, PROBE), ("b", 16.0, PROBE), ("c", 37.0, PROBE), ("a again", 42.0, SEND)]
    assert expected == log


@in_virtual_time
async def test_a_probe_is_given_back_only_by_its_holder() -> None:
    """What was under way when the breaker opened, and ends without a word, frees no second one."""
    made = gate()
    made.failed(SEND)
    made.failed(SEND)
    await asyncio.sleep(5.0)
    assert await made.enter() == PROBE
    made.abandoned(SEND)
    waits = [made.wait()]
    made.abandoned(PROBE)
    waits.append(made.wait())
    assert [inf, 0.0] == waits


@in_virtual_time
async def test_wrong_settings_stop_all_but_one_try_a_minute() -> None:
    """A probe that fails otherwise waits its minute too; a proper answer opens again."""
    made = gate()
    seen: list[tuple[str, float]] = []
    made.misfit(SEND, "the key is wrong")
    seen.append((made.reason, made.wait()))
    await asyncio.sleep(60.0)
    ticket = await made.enter()
    assert ticket == SETTINGS_PROBE
    made.failed(ticket)
    seen.append((made.reason, made.wait()))
    await asyncio.sleep(60.0)
    made.misfit(await made.enter(), "still wrong")
    seen.append((made.reason, made.wait()))
    made.answered()
    seen.append((made.reason, made.wait()))
    expected = [
        ("the key is wrong", 60.0),
        ("the key is wrong", 60.0),
        ("still wrong", 60.0),
        ("", 0.0),
    ]
    assert expected == seen


@in_virtual_time
async def test_an_operator_can_resume_a_stopped_connector() -> None:
    """At once, whatever the minute says."""
    made = gate()
    made.misfit(SEND, "the key is wrong")
    log: list[tuple[str, float, Ticket]] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(enter(made, "a", log))
        await asyncio.sleep(3.0)
        made.resume()
    assert log == [("a", 3.0, SEND)]


@in_virtual_time
async def test_nothing_is_sent_in_the_last_seconds_of_a_lease() -> None:
    """Neither an attempt nor a further request of one that is under way."""
    made = gate()
    made.leased(10.0)
    await asyncio.sleep(7.5)
    assert made.wait() == inf
    waiting = asyncio.create_task(made.slot())
    await asyncio.sleep(1.0)
    assert not waiting.done()
    made.leased(now() + 15.0)
    made.done(await waiting)
    assert (now(), made.wait()) == (8.5, 0.0)


@in_virtual_time
async def test_shut_for_two_reasons_it_opens_when_both_are_gone() -> None:
    """Paused by an operator while the store does not take outcomes."""
    made = gate()
    made.shut("paused")
    made.shut("settling")
    seen = [made.wait()]
    made.reopen("paused")
    seen.append(made.wait())
    made.reopen("settling")
    seen.append(made.wait())
    assert [inf, inf, 0.0] == seen


@in_virtual_time
async def test_a_vendors_pause_is_kept_to_the_second() -> None:
    """And waiting for it is measured."""
    heard: list[float] = []
    made = gate(heard=heard.append)
    made.slow_down(12.5)
    made.done(await made.slot())
    assert (now(), heard) == (12.5, [12.5])


@in_virtual_time
async def test_limits_hold_over_attempts_and_their_requests() -> None:
    """Two a second, each counted from its answer on."""
    made = gate(Limit(2, 1.0))
    times = []
    for _ in range(5):
        await made.enter()
        slot = await made.slot()
        times.append(now())
        await asyncio.sleep(0.1)
        made.done(slot)
    assert times == [0.0, 0.1, 1.1, 1.2, 2.2]


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (lambda made: made.shut("paused"), lambda made: made.reopen("paused"), 20.0),
        (lambda made: made.misfit(SEND, ""), lambda made: made.resume(), 20.0),
        (lambda made: (made.failed(SEND), made.failed(SEND)), lambda made: made.answered(), 20.0),
        (lambda made: made.slow_down(4.0), lambda _: None, 4.0),
        (lambda made: made.slow_down(40.0), lambda _: None, 30.0),
        (lambda _: None, lambda _: None, 0.0),
    ],
    ids=["paused", "stopped", "breaker", "throttled", "throttled for long", "free"],
)
def test_impeded_is_the_time_in_which_nothing_could_be_sent(
    begin: Callable[[Gate], object], end: Callable[[Gate], object], expected: float
) -> None:
    """To the second, also where nobody looked when it ended."""

    @in_virtual_time
    async def scenario() -> None:
        made = gate()
        await asyncio.sleep(100.0)
        begin(made)
        await asyncio.sleep(20.0)
        end(made)
        await asyncio.sleep(10.0)
        assert expected == made.impeded()

    scenario()
