"""How long a call waits for its outcomes."""

from __future__ import annotations

import asyncio
from typing import cast

from gateway.edge.patience import Verdicts
from gateway.edge.waiting import Waiting
from gateway.eventlog.port import EventLog
from gateway.model.codes import Code
from gateway.model.outcome import Kind, Outcome
from gateway.store.board import Board
from gateway.store.port import Store
from tests.virtual import VirtualClock, in_virtual_time

HERE = ("e1", "noojee-au")


def waiting() -> Waiting:
    """Nobody waits; the log and the store are not asked in these tests."""
    return Waiting(cast(EventLog, None), cast(Store, None), VirtualClock())


def verdicts(waits: Waiting, board: Board, *places: tuple[str, str]) -> Verdicts:
    """A call that waits for these."""
    return Verdicts(waits, board, places, "noojee", ask=False)


def applied(event_id: str, connector: str) -> Outcome:
    """An outcome."""
    return Outcome(event_id, connector, Kind.APPLIED, Code.OK, "t", "ld")


@in_virtual_time
async def test_it_waits_for_every_outcome() -> None:
    """And tells them by event."""
    waits = waiting()
    call = verdicts(waits, Board(), HERE, ("e2", "noojee-au"))
    told = asyncio.create_task(call.within(10.0))
    await asyncio.sleep(1.0)
    waits._resolve(applied(*HERE))
    await asyncio.sleep(1.0)
    assert not told.done()
    waits._resolve(applied("e2", "noojee-au"))
    outcomes = await told
    assert outcomes is not None
    assert {event: settled.outcome.kind for event, settled in outcomes.items()} == {
        "e1": Kind.APPLIED,
        "e2": Kind.APPLIED,
    }


@in_virtual_time
async def test_no_longer_than_it_may() -> None:
    """None at the deadline, and at once where there is no time left."""
    waits, clock = waiting(), VirtualClock()
    began = clock.monotonic()
    assert await verdicts(waits, Board(), HERE).within(10.0) is None
    assert clock.monotonic() - began == 10.0
    assert await verdicts(waits, Board(), HERE).within(-1.0) is None
    assert clock.monotonic() - began == 10.0


@in_virtual_time
async def test_not_at_all_for_a_connector_that_cant() -> None:
    """Open breaker, stopped, paused: none of them can answer soon."""
    clock = VirtualClock()
    began = clock.monotonic()
    for state in ("breaker_open", "stopped", "paused"):
        board = Board()
        board.set("noojee-au", state)
        assert await verdicts(waiting(), board, HERE).within(10.0) is None
    assert clock.monotonic() == began


@in_virtual_time
async def test_a_call_counts_from_its_begin_to_its_end() -> None:
    """From before the append, so that no more can be let in than may wait; once."""
    waits = waiting()
    first, second = verdicts(waits, Board(), HERE), verdicts(waits, Board(), HERE)
    assert waits.calls == 2
    first.forget()
    first.forget()
    assert waits.calls == 1
    assert await second.within(0.0) is None
    assert (waits.calls, waits._futures) == (0, {})


@in_virtual_time
async def test_two_calls_hear_one_outcome() -> None:
    """A retry in the same process waits beside the call before it."""
    waits = waiting()
    calls = [asyncio.create_task(verdicts(waits, Board(), HERE).within(5.0)) for _ in range(2)]
    await asyncio.sleep(1.0)
    waits._resolve(applied(*HERE))
    assert [await call is not None for call in calls] == [True, True]
