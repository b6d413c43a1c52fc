"""How many calls of a credential are under way at once."""

from __future__ import annotations

import asyncio

from gateway.edge.turns import Turns


async def test_turns_are_given_in_the_order_asked_for() -> None:
    """Two at once; the others wait for one to be given back, first come first served."""
    turns, had = Turns(2), []

    async def call(number: int) -> None:
        assert await turns.take(60.0)
        had.append(number)

    calls = [asyncio.create_task(call(number)) for number in range(4)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert had == [0, 1]
    turns.give_back()
    await calls[2]
    assert had == [0, 1, 2]
    turns.give_back()
    await calls[3]
    assert had == [0, 1, 2, 3]


async def test_who_waits_too_long_gets_none() -> None:
    """And loses none for the others."""
    turns = Turns(1)
    assert await turns.take(0.01)
    assert not await turns.take(0.01)
    turns.give_back()
    assert await turns.take(0.01)
    assert not await turns.take(0.01)


async def test_a_call_that_is_cancelled_gives_its_turn_on() -> None:
    """Whether the turn had come already or not."""
    turns = Turns(1)
    assert await turns.take(1.0)
    first, second = (asyncio.create_task(turns.take(60.0)) for _ in range(2))
    await asyncio.sleep(0)
    turns.give_back()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert first.cancelled()
    assert await second
    third = asyncio.create_task(turns.take(60.0))
    await asyncio.sleep(0)
    third.cancel()
    await asyncio.gather(third, return_exceptions=True)
    turns.give_back()
    assert await turns.take(0.01)
