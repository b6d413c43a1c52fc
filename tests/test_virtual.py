"""Virtual time keeps its promises."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time

import pytest

from gateway.clock import Clock
from tests.virtual import (
    EPOCH,
    Deadlock,
    OutOfRealTime,
    VirtualClock,
    in_virtual_time,
    run_virtual,
)


def test_a_year_passes_at_once() -> None:
    """Sleeping moves the virtual clock, not the real one."""
    year = 365 * 86_400.0

    async def scenario() -> tuple[float, float]:
        clock: Clock = VirtualClock()
        await clock.sleep(year)
        return clock.monotonic(), clock.now()

    began = time.monotonic()
    assert run_virtual(scenario()) == (year, EPOCH + year)
    assert time.monotonic() - began < 5


@in_virtual_time
async def test_timers_fire_in_the_order_of_their_times() -> None:
    """Whoever waits shorter goes first, each at its exact time."""
    clock = VirtualClock(base=1000)
    seen: list[tuple[str, float]] = []

    async def wait(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        seen.append((name, clock.now()))

    asyncio.get_running_loop().call_later(2.5, lambda: seen.append(("call", clock.now())))
    await asyncio.gather(wait("late", 60), wait("early", 1), wait("middle", 5))
    assert seen == [("early", 1001), ("call", 1002.5), ("middle", 1005), ("late", 1060)]


@in_virtual_time
async def test_timeouts_end_a_wait_at_their_time() -> None:
    """`asyncio.timeout` works in virtual time."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(55):
            await asyncio.Event().wait()
    assert asyncio.get_running_loop().time() == 55


def test_a_wait_that_nothing_can_end_is_a_deadlock() -> None:
    """The error names the task and the line it waits at."""

    async def scenario() -> None:
        await asyncio.sleep(3)
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match=r"at 3 s (.|\n)*: .*scenario:\d+ > Event\.wait:\d+"):
        run_virtual(scenario())


def test_time_that_goes_on_without_end_is_stopped() -> None:
    """A ticking task can't hide that the main one waits for nothing."""

    async def tick() -> None:
        for _ in itertools.count():
            await asyncio.sleep(1)

    async def scenario() -> None:
        ticking = asyncio.create_task(tick(), name="ticking")
        await asyncio.Event().wait()
        ticking.cancel()

    with pytest.raises(OutOfRealTime, match=r"still going (.|\n)*ticking: .*tick:\d+ > sleep:"):
        run_virtual(scenario(), limit_seconds_of_real_time=0.05)


def test_tasks_left_behind_are_cancelled() -> None:
    """The loop ends with its main coroutine."""
    ended: list[str] = []

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def scenario() -> asyncio.Task[None]:
        task = asyncio.create_task(linger())
        await asyncio.sleep(1)
        return task

    task = run_virtual(scenario())
    assert (task.cancelled(), ended) == (True, ["cancelled"])


def test_an_exception_that_nobody_caught_fails_the_run() -> None:
    """A callback's error is not only logged."""

    def fail() -> None:
        raise ValueError("in a callback")

    async def scenario() -> None:
        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(1)

    with pytest.raises(AssertionError, match=r"nobody caught: .*ValueError\('in a callback'\)"):
        run_virtual(scenario())


def test_the_coroutines_own_exception_comes_out() -> None:
    """What the scenario raises is what its test sees."""

    async def scenario() -> None:
        await asyncio.sleep(1)
        raise KeyError("lead")

    with pytest.raises(KeyError, match="lead"):
        run_virtual(scenario())


@in_virtual_time
async def test_sockets_are_served_where_no_timer_waits() -> None:
    """With a socket open the loop waits for it instead of calling it a deadlock."""
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    loop = asyncio.get_running_loop()
    with left, right:
        reading = asyncio.create_task(loop.sock_recv(right, 10))
        await loop.sock_sendall(left, b"lead")
        assert await reading == b"lead"
