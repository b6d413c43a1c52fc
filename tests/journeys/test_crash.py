"""A process that is killed loses nothing it answered for, keeps every lead's order, and repeats
no more than what was under way."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from random import Random

import aiohttp
import orjson
import pytest

from gateway.eventlog.port import Topic
from tests.journeys.running import (
    BUSY,
    OK,
    Backends,
    Caller,
    Child,
    Document,
    backends,
    document,
    eventually,
    everywhere,
    free_port,
    noojee_lead,
    repeated_only_newest,
    spawn,
)

CONCURRENCY = 4
LEADS = [f"lead-{number}" for number in range(12)]


class Load:
    """Callers that each send one lead's numbered updates, and call again what got no answer."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.answered: dict[str, list[int]] = {lead: [] for lead in LEADS}
        self._stopping = asyncio.Event()

    async def run(self, most: int) -> None:
        """At most so many updates a lead, fewer if stopped before."""
        await asyncio.gather(*(self._lead(lead, most) for lead in LEADS))

    def stop(self) -> None:
        """Begin no further update."""
        self._stopping.set()

    async def _lead(self, lead: str, most: int) -> None:
        for number in range(1, most + 1):
            if self._stopping.is_set():
                return
            await self._repeat(lead, number)
            self.answered[lead].append(number)

    async def _repeat(self, lead: str, number: int) -> None:
        while True:
            if await self._call(lead, number):
                return
            await asyncio.sleep(0.05)

    async def _call(self, lead: str, number: int) -> bool:
        try:
            told = await self._caller.noojee(lead, {"njDisposition": str(number)})
        except (aiohttp.ClientError, TimeoutError):
            return False
        if (told.status, told.body) == (400, BUSY):
            return False
        assert (told.status, told.body) == (200, OK)
        return True


@asynccontextmanager
async def vendor() -> AsyncIterator[Backends]:
    """A Noojee server with the leads."""
    async with backends() as served:
        for lead in LEADS:
            served.host.seed("noojee", noojee_lead(lead))
        yield served


def settings(folder: Path, vendors: Backends) -> Document:
    """One connector with few requests at once."""
    told = document(folder, vendors.url)
    told["connectors"]["noojee-au"]["concurrency"] = CONCURRENCY
    return told


def received(vendors: Backends) -> dict[str, list[int]]:
    """What the vendor got of each lead, in order."""
    return {
        lead: [int(n) for n in vendors.received("noojee", "njDisposition", lead)] for lead in LEADS
    }


Place = tuple[str, int]
"""A lead and the number of an update of it."""


def places(got: dict[str, list[int]]) -> Counter[Place]:
    """How often the vendor got each update."""
    return Counter((lead, number) for lead, numbers in got.items() for number in numbers)


def repeats(got: dict[str, list[int]]) -> Counter[Place]:
    """How often the vendor got each update beside the first time."""
    return Counter({place: times - 1 for place, times in places(got).items() if times > 1})


def settled(folder: Path) -> set[Place]:
    """Updates whose outcome is in the file of a server that doesn't run."""
    with closing(sqlite3.connect(f"file:{folder / 'leadwire.db'}?mode=ro", uri=True)) as db:
        kept = db.execute("SELECT topic, headers, value FROM log_records").fetchall()
    events, outcomes = dict[str, Place](), set[str]()
    for topic, headers, value in kept:
        data = orjson.loads(value)
        if topic == Topic.UPDATES:
            number = int(data["changes"]["disposition"]["value"])
            events[dict(orjson.loads(headers))["ce_id"]] = data["lead"]["ids"][0]["id"], number
        elif topic == Topic.OUTCOMES:
            outcomes.add(data["event_id"])
    return {events[event] for event in outcomes}


@pytest.mark.timeout(150)
async def test_twenty_kills_under_load(tmp_path: Path) -> None:
    """SIGKILL at random moments: what was answered was delivered, in order; what is repeated was
    sent and not settled at a kill, and is repeated at most once for each such kill."""
    random, kills, port = Random(20), 20, free_port()
    in_flight: Counter[Place] = Counter()
    async with vendor() as vendors, Caller(f"http://127.0.0.1:{port}", timeout=20) as caller:
        load = Load(caller)
        child = await spawn(tmp_path, settings(tmp_path, vendors), port=port)
        calling = asyncio.create_task(load.run(most=100_000))
        try:
            for _ in range(kills):
                await asyncio.sleep(random.uniform(0.05, 0.4))
                await child.kill()
                durable = await asyncio.to_thread(settled, tmp_path)
                in_flight.update(places(received(vendors)).keys() - durable)
                child = await spawn(tmp_path, settings(tmp_path, vendors), port=port)
            load.stop()
            await calling
            code = await child.terminate()
        finally:
            calling.cancel()
            await child.kill()
        got = received(vendors)
    assert code == 0
    assert sum(map(len, load.answered.values())) > kills
    assert [lead for lead in LEADS if not repeated_only_newest(got[lead])] == []
    assert {lead: sorted(set(got[lead])) for lead in LEADS} == load.answered
    assert repeats(got) - in_flight == Counter()


STEPS = (
    "before_append",
    "after_append",
    "before_send",
    "after_send",
    "before_settle",
    "after_settle",
    "before_answer",
)


@pytest.mark.timeout(150)
async def test_a_process_that_ends_at_every_step(tmp_path: Path) -> None:
    """One after the other, under load: callers that call again get their one update each, in
    order, and of each lead at most the newest update is repeated each time."""
    port, ended = free_port(), []
    async with vendor() as vendors, Caller(f"http://127.0.0.1:{port}", timeout=20) as caller:
        load = Load(caller)
        told = settings(tmp_path, vendors)
        calling = asyncio.create_task(load.run(most=100_000))
        child: Child | None = None
        try:
            for step in STEPS:
                child = await spawn(tmp_path, told, port=port, stop_at=f"{step}:17")
                ended.append(await asyncio.wait_for(child.process.wait(), 30))
            child = await spawn(tmp_path, told, port=port)
            load.stop()
            await calling
            ended.append(await child.terminate())
        finally:
            calling.cancel()
            if child is not None:
                await child.kill()
        got = received(vendors)
    assert ended == [*[137] * len(STEPS), 0]
    assert [lead for lead in LEADS if not repeated_only_newest(got[lead])] == []
    assert {lead: sorted(set(got[lead])) for lead in LEADS} == load.answered
    assert max(repeats({lead: got[lead]}).total() for lead in LEADS) <= len(STEPS)


async def test_accepted_calls_without_a_waiting_caller_survive(tmp_path: Path) -> None:
    """`answer: accepted`: each 2xx heard before the kill is delivered after it, to both vendors,
    though the vendors were away."""
    port, away = free_port(), free_port()
    told = everywhere(document(tmp_path, f"http://127.0.0.1:{away}"))
    told["tenants"]["default"]["credentials"][0]["answer"] = "accepted"
    told["connectors"]["polly"]["on_unlinked"] = "skip"
    child = await spawn(tmp_path, told, port=port)
    try:
        async with Caller(child.url) as caller:
            for number in range(1, 21):
                for lead in LEADS:
                    answer = await caller.noojee(lead, {"njDisposition": str(number)})
                    assert (answer.status, answer.body) == (200, OK)
        await child.kill()
        async with backends(port=away) as vendors:
            for lead in LEADS:
                vendors.host.seed("noojee", noojee_lead(lead))
            child = await spawn(tmp_path, told, port=port)
            whole = {lead: list(range(1, 21)) for lead in LEADS}
            await eventually(lambda: len(vendors.host.calls("noojee")) >= 20 * len(LEADS), 30)
            assert await child.terminate() == 0
            assert received(vendors) == whole
    finally:
        await child.kill()
