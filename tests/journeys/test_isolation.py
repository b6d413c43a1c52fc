"""One bad thing stops only itself: a dead vendor its connector, a failing lead its lane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import orjson
import pytest

from connectors.sandbox.faults import Fault
from gateway.database.port import Operation, Query, Rows
from tests.journeys.everyone import (
    CONNECTORS,
    Everyone,
    everything,
    id_at,
    ids_of,
    is_settled,
    seed,
    served,
)
from tests.journeys.ordering import is_ordered, kept, numbered, numbers_of_all
from tests.journeys.outage import Outage
from tests.journeys.running import (
    OK,
    Backends,
    Caller,
    Document,
    Running,
    backends,
    document,
    eventually,
    link,
    noojee_lead,
    server,
    url_of,
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("mode", "leads", "away"), [("bulk", 1, "polly"), ("bulk", 20, "lsq"), ("async", 60, "nexa")]
)
async def test_a_dead_vendor_holds_nobody_else_up(
    tmp_path: Path, mode: str, leads: int, away: str
) -> None:
    """Its outages cost the other vendors' updates nothing, of one lead or many; then its own
    backlog arrives whole and in order, and nothing became a dead letter."""
    alive: dict[str, list[float]] = {}
    dead: dict[str, list[float]] = {}
    async with Outage(tmp_path, leads, mode).running() as outage:
        for _ in range(3):
            for name, took in (await outage.phase(1.5)).items():
                alive.setdefault(name, []).append(took)
            for name, took in (await outage.phase(2.5, away)).items():
                dead.setdefault(name, []).append(took)
        await outage.caught_up(90)
        assert outage.faults() == {}
        assert await rows(outage.everyone.server, "SELECT COUNT(*) FROM dead_letters") == [(0,)]
    # The best of each tells what the software costs; the others, what else the machine did. Of
    # fifty calls the 99th percentile is the worst one: `make bench` has it, of thousands.
    held_up = {name for name in dead if min(dead[name]) > 1.3 * min(alive[name]) + 0.020}
    assert held_up == set()


async def rows(running: Running, sql: str) -> Rows:
    """What a question to the store gives."""

    def operation() -> Operation[Rows]:
        return (yield Query(sql))

    return await running.storage.store.run(operation)


async def test_a_failing_lead_waits_alone_and_its_attempts_survive_a_restart(
    tmp_path: Path,
) -> None:
    """While others pass it is tried six times, over a restart, and becomes a dead letter; then
    its next update goes."""
    async with backends() as vendors:
        for lead in ("poisoned", "fine"):
            vendors.host.seed("noojee", noojee_lead(lead))
        vendors.host.add_fault("noojee", Fault(status=500, lead="poisoned"))
        told = patient(document(tmp_path, vendors.url))
        async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
            for number in ("1", "2"):
                answer = await caller.noojee("poisoned", {"njDisposition": number})
                assert (answer.status, answer.body) == (200, OK)
            with traffic(caller):
                await eventually(lambda: tries(vendors) >= 4)
        before = tries(vendors)
        async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
            with traffic(caller):
                assert await condemned(running) == ["attempts_spent"]
            vendors.host.clear_faults("noojee")
            await eventually(lambda: vendors.host.calls("noojee", "poisoned")[-1]["status"] == 200)
            (letter,) = await rows(running, "SELECT outcome FROM dead_letters")
        got = vendors.received("noojee", "njDisposition", "poisoned")
    counted = [attempt["number"] for attempt in orjson.loads(letter[0])["attempts"]]
    assert [number for number in counted if number] == [1, 2, 3, 4, 5, 6]
    assert got == sorted(got)
    # Beside the six, the first try of each process is not counted: it had no other to compare.
    assert 4 <= before < got.count("1") <= 8 + counted.count(0)
    assert set(got) == {"1", "2"}


POISONED = {"bulk": ("noojee-au", "polly", "nexa"), "async": tuple(CONNECTORS)}
"""A fault of one lead can't hit a bulk call about several."""
FINE = [f"fine{number}" for number in range(10)]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("mode", ["bulk", "async"])
async def test_a_lead_that_fails_at_every_vendor_waits_alone(tmp_path: Path, mode: str) -> None:
    """The others' updates pass, its own become dead letters when its tries are spent, at each
    vendor by itself; and its next update goes."""
    async with backends() as vendors:
        host, poisoned = vendors.host, POISONED[mode]
        for lead in ("poisoned", *FINE):
            seed(host, lead)
        for name in poisoned:
            fault = Fault(status=500, lead=id_at(name, "poisoned"))
            host.add_fault(CONNECTORS[name], fault)
        told = everything(tmp_path, vendors.url, mode)
        told["tenants"]["default"]["credentials"][0]["answer"] = "accepted"
        for connector in told["connectors"].values():
            connector["retry"] = {"first": "50ms", "attempts": 4, "max": "100ms"}
            connector["breaker"] = {"failures": 50}
        async with served(tmp_path, told, vendors) as e:
            await link(e.server, *map(ids_of, ("poisoned", *FINE)))
            await e.speaker.noojee("poisoned", numbered(1))
            async with passing(e, FINE):
                await e.when(
                    "/dead-letters", lambda told: len(told["dead_letters"]) == len(poisoned)
                )
            for vendor in CONNECTORS.values():
                host.clear_faults(vendor)
            await e.speaker.noojee("poisoned", numbered(2))
            await e.when("/connectors", is_settled)
            _, letters = await e.ask("GET", "/dead-letters?state=all")
            shown = {name: kept(host, name, "poisoned") for name in CONNECTORS}
            got = {name: numbers_of_all(host, name) for name in CONNECTORS}
    codes = {(one["connector"], one["code"]) for one in letters["dead_letters"]}
    assert codes == {(name, "attempts_spent") for name in poisoned}
    assert shown == dict.fromkeys(CONNECTORS, 2)
    assert all(is_ordered(numbers) for leads in got.values() for numbers in leads.values())


@asynccontextmanager
async def passing(e: Everyone, leads: Sequence[str]) -> AsyncIterator[None]:
    """Other leads' updates, one after the other, again and again."""

    async def keep_on() -> None:
        for number in count(1):
            for lead in leads:
                answer = await e.speaker.noojee(lead, numbered(number))
                assert (answer.status, answer.body) == (200, OK)
                await asyncio.sleep(0.03)

    task = asyncio.create_task(keep_on())
    try:
        yield
    finally:
        task.cancel()


def patient(told: Document) -> Document:
    """Callers don't wait; six tries with time for others between them."""
    told["tenants"]["default"]["credentials"][0]["answer"] = "accepted"
    told["connectors"]["noojee-au"]["retry"] = {"first": "150ms", "attempts": 6, "max": "400ms"}
    told["connectors"]["noojee-au"]["breaker"] = {"failures": 50}
    return told


def tries(vendors: Backends) -> int:
    """Calls about the failing lead."""
    return len(vendors.host.calls("noojee", "poisoned"))


@contextmanager
def traffic(caller: Caller) -> Iterator[None]:
    """Another lead's updates, again and again."""

    async def keep_on() -> None:
        while True:
            answer = await caller.noojee("fine", {"njDisposition": "Sale"})
            assert (answer.status, answer.body) == (200, OK)
            await asyncio.sleep(0.03)

    task = asyncio.create_task(keep_on())
    try:
        yield
    finally:
        task.cancel()


async def condemned(running: Running) -> list[str]:
    """The codes of the dead letters, once there are any."""
    async with asyncio.timeout(20):
        while True:
            found = await rows(running, "SELECT code FROM dead_letters")
            if found:
                return [code for (code,) in found]
            await asyncio.sleep(0.05)
