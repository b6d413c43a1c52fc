"""Claims whose calls were answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.database.port import DatabaseUnavailable, Operation, T, Urgency
from gateway.dialect import Answer
from gateway.edge.claiming import Claiming
from gateway.edge.reply import Reply
from gateway.store import claims
from gateway.store.claims import Answered, Attached, Claim, Fresh, Standing
from gateway.store.port import Store
from tests.databases import KINDS, opened
from tests.journeys.running import eventually

ANSWER = Answer(200, b"{}", (("X-Leadwire-Event-Id", "e1"),))


class Flaky(Store):
    """A store that is away for its first writes."""

    away = 0

    async def run(
        self, operation: Callable[[], Operation[T]], urgency: Urgency = Urgency.LATER
    ) -> T:
        if self.away:
            self.away -= 1
            raise DatabaseUnavailable("away")
        return await super().run(operation, urgency)


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Flaky]:
    """A store, on every database."""
    async with opened(request, tmp_path) as database:
        store = Flaky(database)
        await store.start()
        yield store


def claim(*events: str, keyed: bool = False, renew: Sequence[str] = ()) -> Claim:
    """The same call, with the ids made for it this time."""
    return Claim("t", "call:1", "digest", events, keyed=keyed, renew=tuple(renew))


async def stand(store: Store, *claimed: Claim) -> list[Standing]:
    """How each stands."""
    return await store.run(lambda: claims.stand(claimed, SystemClock().now()))


async def written(claiming: Claiming) -> None:
    """Let it write what it has, as beside a server."""
    running = asyncio.create_task(claiming.run())
    await eventually(lambda: not claiming.forgotten("t", "call:1"))
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_an_answered_call_is_forgotten(store: Flaky) -> None:
    """The next identical one is new; before that it would have attached."""
    claiming = Claiming(store, SystemClock())
    assert await stand(store, claim("e1")) == [Fresh()]
    assert await stand(store, claim("e2")) == [Attached(("e1",))]
    claiming.answered(Reply(ANSWER, ("e1",), claim("e1")))
    await written(claiming)
    assert await stand(store, claim("e3")) == [Fresh()]


async def test_it_is_forgotten_before_that_is_written(store: Flaky) -> None:
    """A call that comes in between takes the row over, and the late write leaves it alone."""
    claiming = Claiming(store, SystemClock())
    await stand(store, claim("e1"))
    claiming.answered(Reply(ANSWER, ("e1",), claim("e1")))
    renew = claiming.forgotten("t", "call:1")
    assert await stand(store, claim("e2", renew=renew)) == [Fresh()]
    await claiming.finish()
    assert await stand(store, claim("e3")) == [Attached(("e2",))]


async def test_only_the_answered_events_are_forgotten(store: Flaky) -> None:
    """A second answer to an old call must not make a retry of the one after it a new update."""
    claiming = Claiming(store, SystemClock())
    await stand(store, claim("e1"))
    claiming.answered(Reply(ANSWER, ("e1",), claim("e1")))
    await stand(store, claim("e2", renew=claiming.forgotten("t", "call:1")))
    claiming.answered(Reply(ANSWER, ("e1",), claim("e1")))
    renew = claiming.forgotten("t", "call:1")
    assert await stand(store, claim("e3", renew=renew)) == [Attached(("e2",))]


async def test_a_keyed_call_keeps_its_answer(store: Flaky) -> None:
    """Its bytes and headers, for a day."""
    claiming = Claiming(store, SystemClock())
    await stand(store, claim("e1", keyed=True))
    claiming.answered(Reply(ANSWER, ("e1",), claim("e1", keyed=True)))
    assert claiming.forgotten("t", "call:1") == ()
    await claiming.finish()
    assert await stand(store, claim("e2", keyed=True)) == [Answered(("e1",), ANSWER)]


async def test_a_window_keeps_the_answer_of_a_call_without_a_key(store: Flaky) -> None:
    """`dedupe_window`."""
    claiming = Claiming(store, SystemClock())
    await stand(store, claim("e1"))
    claiming.answered(Reply(ANSWER, ("e1",), claim("e1"), dedupe_window=60.0))
    await claiming.finish()
    assert await stand(store, claim("e2")) == [Answered(("e1",), ANSWER)]


async def test_an_answer_that_is_not_final_claims_nothing(store: Flaky) -> None:
    """Busy: the row stays for the retry."""
    claiming = Claiming(store, SystemClock())
    await stand(store, claim("e1"))
    claiming.answered(Reply(ANSWER, ("e1",)))
    await claiming.finish()
    assert await stand(store, claim("e2")) == [Attached(("e1",))]


async def test_what_could_not_be_written_is_written_later(store: Flaky) -> None:
    """And counts as forgotten meanwhile."""
    claiming = Claiming(store, SystemClock())
    await stand(store, claim("e1"))
    store.away = 1
    claiming.answered(Reply(ANSWER, ("e1",), claim("e1")))
    assert claiming.forgotten("t", "call:1") == ("e1",)
    await written(claiming)
    assert await stand(store, claim("e2")) == [Fresh()]
