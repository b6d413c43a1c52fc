"""One bad thing stops only itself: a dead vendor its connector, a failing lead its lane."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from connectors.sandbox.faults import Fault
from gateway.database.port import Operation, Query, Rows
from gateway.serving import Server
from tests.journeys.outage import Outage, p99
from tests.journeys.running import (
    OK,
    Backends,
    Caller,
    Document,
    backends,
    document,
    eventually,
    noojee_lead,
    server,
    url_of,
)


@pytest.mark.timeout(110)
@pytest.mark.parametrize("leads", [1, 20])
async def test_a_dead_vendor_holds_nobody_else_up(tmp_path: Path, leads: int) -> None:
    """Its outages cost the other vendor's updates nothing, of one lead or many; then its own
    backlog arrives whole and in order, and nothing became a dead letter."""
    async with Outage(tmp_path, leads).running() as outage:
        alive, dead = [], []
        for _ in range(3):
            alive.append(p99(await outage.phase(1.5, dead=False)))
            dead.append(p99(await outage.phase(3.0, dead=True)))
        await outage.caught_up(40)
        assert outage.in_order()
        assert await rows(outage.server, "SELECT COUNT(*) FROM dead_letters") == [(0,)]
    # The best of three tells what the software costs; the others, what else the machine did.
    assert min(dead) <= 1.3 * min(alive) + 0.010


async def rows(running: Server, sql: str) -> Rows:
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


async def condemned(running: Server) -> list[str]:
    """The codes of the dead letters, once there are any."""
    async with asyncio.timeout(20):
        while True:
            found = await rows(running, "SELECT code FROM dead_letters")
            if found:
                return [code for (code,) in found]
            await asyncio.sleep(0.05)
