"""A credential's sliding window."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.database.port import Operation, Query, Rows, T, Urgency
from gateway.dialect import OverQuota, QuotaState
from gateway.edge.quota import PATIENCE, REST, Quota, Window, counted_together
from gateway.store import quotas
from gateway.store.port import Store
from gateway.store.quotas import GRAINS, Counted
from tests.inline_database import InlineDatabase
from tests.virtual import VirtualClock, run_virtual

UNIX = 1_700_000_000.0
"""The wall clock, when the monotonic one is at 0."""


def test_it_counts_down_and_refuses() -> None:
    """Each call tells what is left; the one too many says when the oldest leaves the window."""
    quota = Window(2, 10.0)
    assert quota.take(100.0, UNIX + 100.0) == QuotaState(2, 1, 1, UNIX + 110.0, 10.0)
    assert quota.take(104.0, UNIX + 104.0) == QuotaState(2, 0, 2, UNIX + 110.0, 10.0)
    assert quota.take(105.0, UNIX + 105.0) == OverQuota(
        QuotaState(2, 0, 2, UNIX + 110.0, 10.0), 5.0
    )


def test_a_refused_call_uses_nothing_up() -> None:
    """However often it is refused, the next window is the same."""
    quota = Window(1, 10.0)
    taken = [quota.take(now, UNIX + now) for now in (0.0, 3.0, 6.0, 9.99, 10.0)]
    assert [isinstance(state, QuotaState) for state in taken] == [True, False, False, False, True]


def test_the_window_slides() -> None:
    """A call leaves it exactly its length later, alone."""
    quota = Window(2, 10.0)
    quota.take(0.0, UNIX + 0.0)
    quota.take(6.0, UNIX + 6.0)
    assert quota.take(10.0, UNIX + 10.0) == QuotaState(2, 0, 2, UNIX + 16.0, 10.0)
    assert quota.take(15.9, UNIX + 15.9) == OverQuota(
        QuotaState(2, 0, 2, UNIX + 16.0, 10.0), 16.0 - 15.9
    )


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    """The window is measured by a clock that doesn't jump; callers read when it ends by theirs."""
    quota = Window(1, 10.0)
    quota.take(0.0, UNIX)
    back = UNIX - 10_000.0
    assert quota.take(5.0, back) == OverQuota(QuotaState(1, 0, 1, back + 5.0, 10.0), 5.0)
    assert quota.take(10.0, back) == QuotaState(1, 0, 1, back + 10.0, 10.0)


# --- counted together -----------------------------------------------------------------------


class Storing:
    """A store on a file, and quotas of several processes in it."""

    def __init__(self, folder: Path) -> None:
        """Open it; in virtual time."""
        self.database = InlineDatabase(folder / "store.db")
        self.store, self.clock = Store(self.database), VirtualClock()
        self.delay = 0.0

    async def run(
        self, operation: Callable[[], Operation[T]], urgency: Urgency = Urgency.LATER
    ) -> T:
        """What quotas ask of a store; it takes `delay` seconds."""
        await asyncio.sleep(self.delay)
        return await self.store.run(operation, urgency)

    def quota(self, name: str = "acme/polly/0/quota") -> Quota:
        """That of another process: three calls in ten seconds."""
        return counted_together(cast(Store, self), self.clock)(name, Window(3, 10.0))


def storing(test: Callable[[Storing], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """A test with a store in virtual time."""

    @wraps(test, assigned=("__name__", "__doc__", "__module__"))
    def run(tmp_path: Path) -> None:
        async def scenario() -> None:
            made = Storing(tmp_path)
            await made.store.start()
            try:
                await test(made)
            finally:
                await made.database.close()

        run_virtual(scenario())

    del run.__wrapped__  # pytest asks what the test itself takes
    return run


def left(told: QuotaState | OverQuota) -> int | None:
    """How many calls are left; None after a refusal."""
    return told.remaining if isinstance(told, QuotaState) else None


@storing
async def test_processes_count_together(made: Storing) -> None:
    """Whichever a caller meets: one window, and what it is told is true of all."""
    one, other = made.quota(), made.quota()
    first, start = await one.take(), made.clock.now()
    await asyncio.sleep(4.0)
    second, third = await other.take(), await one.take()
    fourth = await other.take()
    assert first == QuotaState(3, 2, 1, start + 10.0, 10.0)
    assert second == QuotaState(3, 1, 2, start + 10.0, 10.0)
    assert third == QuotaState(3, 0, 3, start + 10.0, 10.0)
    assert fourth == OverQuota(QuotaState(3, 0, 3, start + 10.0, 10.0), 6.0)
    await asyncio.sleep(6.0)
    assert [left(await one.take()), left(await other.take())] == [0, None]


@storing
async def test_calls_that_come_meanwhile_are_counted_at_once(made: Storing) -> None:
    """Each is told its own place, in order of coming."""
    quota = made.quota()
    made.delay = 0.1
    began = made.clock.monotonic()
    told = await asyncio.gather(*(quota.take() for _ in range(5)))
    assert [left(each) for each in told] == [2, 1, 0, None, None]
    assert made.clock.monotonic() - began <= 0.2001


@storing
async def test_the_store_is_not_asked_about_a_full_window(made: Storing) -> None:
    """However often a refused caller calls; once there is room, it is asked again."""
    quota = made.quota()
    for _ in range(3):
        await quota.take()
        await asyncio.sleep(1.0)
    full = QuotaState(3, 0, 3, made.clock.now() + 7.0, 10.0)
    assert await quota.take() == OverQuota(full, 7.0)
    made.database.failing = lambda _: True
    await asyncio.sleep(5.0)
    assert [await quota.take() for _ in range(50)] == [OverQuota(full, 2.0)] * 50
    made.database.failing = lambda _: False
    await asyncio.sleep(2.0)
    assert left(await quota.take()) == 0


@storing
async def test_a_caller_that_goes_away_is_counted_and_holds_nobody_up(made: Storing) -> None:
    """The store was asked already."""
    quota = made.quota()
    made.delay = 0.1
    gone, stays = asyncio.create_task(quota.take()), asyncio.create_task(quota.take())
    await asyncio.sleep(0.05)
    gone.cancel()
    assert left(await stays) == 1
    await asyncio.gather(gone, return_exceptions=True)


@storing
async def test_while_the_store_is_away_each_counts_what_it_sees(made: Storing) -> None:
    """What it took before included; the store is asked again a second later."""
    one, other = made.quota(), made.quota()
    assert left(await one.take()) == 2
    made.database.failing = lambda _: True
    assert [left(await one.take()) for _ in range(3)] == [1, 0, None]
    assert left(await other.take()) == 2
    made.database.failing = lambda _: False
    assert left(await other.take()) == 1
    await asyncio.sleep(REST)
    assert left(await other.take()) == 1


@storing
async def test_a_store_that_does_not_answer_is_not_waited_for(made: Storing) -> None:
    """For more than half a second, and by one call a second."""
    quota = made.quota()
    made.delay = 60.0
    began = made.clock.monotonic()
    told = [left(await quota.take()) for _ in range(3)]
    assert (told, made.clock.monotonic() - began) == ([2, 1, 0], PATIENCE)


@storing
async def test_a_fault_of_ours_reaches_the_calls(made: Storing) -> None:
    """None of them waits for ever, and the next is counted."""
    quota = made.quota()

    def broken(_: Urgency) -> bool:
        raise RuntimeError("broken")

    made.database.failing = broken
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            await quota.take()
    made.database.failing = lambda _: False
    assert left(await quota.take()) == 2


@given(
    calls=st.lists(st.tuples(st.floats(0.0, 3.0), st.integers(1, 4)), max_size=40),
    requests=st.integers(1, 6),
)
def test_no_window_holds_more_than_it_may(calls: list[tuple[float, int]], requests: int) -> None:
    """And what is refused would be one too many in a window that is a hundredth longer."""
    taken: list[float] = []
    row: list[str] = []
    now = UNIX
    for after, number in calls:
        now += after
        counted = answered(quotas.count("q", number, requests, 10.0, now), row)
        assert counted.used <= requests
        longer = [at for at in taken if at > now - 10.0 - 10.0 / GRAINS]
        assert counted.granted >= min(number, requests - len(longer))
        taken += [now] * counted.granted
        assert sum(at > now - 10.0 for at in taken) <= requests


def answered(operation: Operation[Counted], row: list[str]) -> Counted:
    """Run the operation on a table of at most one row."""
    rows: Rows = []
    try:
        statement = next(operation)
        while True:
            assert isinstance(statement, Query)
            if statement.sql.startswith("SELECT"):
                rows = [(text,) for text in row]
            else:
                row[:], rows = [statement.parameters[1]], []
            statement = operation.send(rows)
    except StopIteration as end:
        result: Counted = end.value
        return result
