"""A process that is killed loses nothing it answered for, keeps every lead's order at every
vendor, and repeats no more than what was under way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.crashing import LEADS, Crash, kills, received, settings
from tests.journeys.deployments import CLUSTERED
from tests.journeys.everyone import CONNECTORS, Speaker, ids_of, seed
from tests.journeys.machines import machines
from tests.journeys.ordering import numbered
from tests.journeys.running import OK, Caller, backends, eventually, link, server
from tests.ports import free_port

KILLS = 3 if CLUSTERED else 6
"""Several processes take longer to come back."""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("mode", ["bulk", "async"])
async def test_kills_under_load(tmp_path: Path, mode: str) -> None:
    """What was answered was delivered, in order; what is repeated was sent and not settled at a
    kill, and is repeated at most once for each such kill. What a vendor has taken to answer for
    later is asked about and not sent again."""
    crash = await kills(tmp_path, mode, KILLS, seed=20)
    assert crash.faults() == {}


STEPS = (
    "before_append",
    "after_append",
    "before_send",
    "after_send",
    "before_settle",
    "after_settle",
    "before_answer",
)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("mode", ["bulk", "async"])
async def test_a_process_that_ends_at_every_step(tmp_path: Path, mode: str) -> None:
    """One after the other, under load: callers that call again get their one update each."""
    async with Crash(tmp_path, mode).running() as crash:
        ended = []
        for step in STEPS:
            await crash.start(f"{step}:17")
            ended.append(await crash.ended(kill=False))
        await crash.start()
        ended.append(await crash.finish())
    assert ended == [*[137] * len(STEPS), 0]
    assert crash.faults() == {}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("mode", "each"), [("bulk", 20), ("async", 3)])
async def test_accepted_calls_without_a_waiting_caller_survive(
    tmp_path: Path, mode: str, each: int
) -> None:
    """`answer: accepted`: each 2xx heard before the kill is delivered after it, to all vendors,
    though the vendors were away."""
    away = free_port()
    told = settings(tmp_path, f"http://127.0.0.1:{away}", mode)
    told["tenants"]["default"]["credentials"][0]["answer"] = "accepted"
    async with server(tmp_path, told) as running:
        await link(running, *map(ids_of, LEADS))
    numbers = list(range(1, each + 1))
    whole = {name: dict.fromkeys(LEADS, numbers) for name in CONNECTORS}
    async with machines(tmp_path, told) as made, Caller(made.url) as caller:
        await made.start()
        for number in range(1, each + 1):
            for lead in LEADS:
                answer = await Speaker(caller).noojee(lead, numbered(number))
                assert (answer.status, answer.body) == (200, OK)
        await made.kill()
        async with backends(port=away) as vendors:
            for lead in LEADS:
                seed(vendors.host, lead)
            await made.start()
            await eventually(lambda: received(vendors) == whole, 60)
            assert await made.terminate() == 0
            assert received(vendors) == whole
