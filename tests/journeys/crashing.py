"""A server with all four vendors behind it that is killed while callers go on calling, and what
was under way at each kill."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import orjson

from gateway.eventlog.port import Topic
from tests.journeys.everyone import (
    CONNECTORS,
    Speaker,
    everything,
    ids_of,
    is_settled,
    seed,
)
from tests.journeys.ordering import is_ordered, numbered, numbers_of_all, told
from tests.journeys.running import (
    Backends,
    Caller,
    Child,
    Document,
    backends,
    eventually,
    free_port,
    link,
    server,
    spawn,
)

LEADS = [f"lead{number}" for number in range(12)]


class Place(NamedTuple):
    """An update at a vendor."""

    connector: str
    lead: str
    number: int


class Load:
    """Callers that each send one lead's numbered updates, and call again what got no answer."""

    def __init__(self, caller: Caller) -> None:
        self._speaker = Speaker(caller)
        self.answered: dict[str, list[int]] = {lead: [] for lead in LEADS}
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Until it is stopped."""
        await asyncio.gather(*(self._lead(lead) for lead in LEADS))

    @property
    def total(self) -> int:
        """Updates that were answered."""
        return sum(map(len, self.answered.values()))

    def beyond(self, total: int) -> bool:
        """Whether more were."""
        return self.total > total

    def stop(self) -> None:
        """Begin no further update."""
        self._stopping.set()

    async def _lead(self, lead: str) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            while await told(self._speaker.noojee(lead, numbered(number))) is None:  # noqa: ASYNC110 - as a client does
                await asyncio.sleep(0.05)
            self.answered[lead].append(number)


def received(vendors: Backends) -> dict[str, dict[str, list[int]]]:
    """The updates of each lead that each vendor received, in order."""
    return {name: numbers_of_all(vendors.host, name) for name in CONNECTORS}


def places(got: Mapping[str, Mapping[str, list[int]]]) -> Counter[Place]:
    """How often each update was received."""
    return Counter(
        Place(connector, lead, number)
        for connector, leads in got.items()
        for lead, numbers in leads.items()
        for number in numbers
    )


def repeats(got: Mapping[str, Mapping[str, list[int]]]) -> Counter[Place]:
    """How often each update was received again."""
    return Counter({place: times - 1 for place, times in places(got).items() if times > 1})


class Written(NamedTuple):
    """What the file of a server that doesn't run holds."""

    done: set[Place]
    """Updates with an outcome, and those that their vendor is known to have taken."""
    letters: list[str]
    """Codes of dead letters."""


def written(folder: Path) -> Written:
    """Read it."""
    with closing(sqlite3.connect(f"file:{folder / 'leadwire.db'}?mode=ro", uri=True)) as db:
        kept = db.execute("SELECT topic, headers, value FROM log_records").fetchall()
        taken = db.execute(
            "SELECT event_id, connector FROM parked WHERE state = 'pending'"
        ).fetchall()
        letters = [code for (code,) in db.execute("SELECT code FROM dead_letters")]
    events, outcomes = dict[str, tuple[str, int]](), set[tuple[str, str]](taken)
    for topic, headers, value in kept:
        data = orjson.loads(value)
        if topic == Topic.UPDATES:
            number = int(data["changes"]["full_name"]["value"].rpartition(" ")[2])
            lead = data["lead"]["ids"][0]["id"].removeprefix("noojee-")
            events[dict(orjson.loads(headers))["ce_id"]] = lead, number
        elif topic == Topic.OUTCOMES:
            outcomes.add((data["event_id"], data["connector"]))
    return Written({Place(name, *events[event]) for event, name in outcomes}, letters)


def settings(folder: Path, url: str, mode: str) -> Document:
    """LeadSquared, where it queues updates, answers Noojee's callers: then they come no faster
    than it works."""
    whole = everything(folder, url, mode)
    if mode == "async":
        whole["routes"][0]["authority"]["noojee"] = "lsq"
    return whole


class Crash:
    """Vendors, a load, and a server that is started again and again."""

    def __init__(self, folder: Path, mode: str) -> None:
        """`mode` is LeadSquared's."""
        self._folder, self._mode, self._port = folder, mode, free_port()
        self._admin = free_port()
        self.in_flight: Counter[Place] = Counter()
        """How often an update was sent and not known to be taken when the server ended."""
        self.vendors: Backends
        self.load: Load
        self._child: Child | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Crash]:
        """The leads are linked and callers call; no server runs yet."""
        url = f"http://127.0.0.1:{self._port}"
        async with backends() as self.vendors, Caller(url, timeout=20) as caller:
            for lead in LEADS:
                seed(self.vendors.host, lead)
            self._told = settings(self._folder, self.vendors.url, self._mode)
            async with server(self._folder, self._told) as running:
                await link(running, *map(ids_of, LEADS))
            self.load = Load(caller)
            self._told["admin"]["port"] = self._admin
            self._calling = asyncio.create_task(self.load.run())
            try:
                yield self
            finally:
                self._calling.cancel()
                if self._child is not None:
                    await self._child.kill()

    async def start(self, stop_at: str | None = None) -> None:
        """Start the server."""
        self._child = await spawn(self._folder, self._told, port=self._port, stop_at=stop_at)

    async def ended(self, *, kill: bool) -> int | None:
        """Kill the server, or wait until it ends; and see what was under way."""
        assert self._child is not None
        if kill:
            await self._child.kill()
        code = await asyncio.wait_for(self._child.process.wait(), 30)
        durable = await asyncio.to_thread(written, self._folder)
        self.in_flight.update(places(received(self.vendors)).keys() - durable.done)
        return code

    async def finish(self) -> int:
        """Stop the callers, wait until everything is settled, and end the server."""
        assert self._child is not None
        self.load.stop()
        await self._calling
        async with Caller(f"http://127.0.0.1:{self._admin}") as operator, asyncio.timeout(90):
            while True:
                told = await operator.call("GET", "/admin/v1/connectors", b"")
                if is_settled(orjson.loads(told.body)):
                    return await self._child.terminate()
                await asyncio.sleep(0.1)

    def faults(self) -> dict[str, object]:
        """What is not as it should be: order, what was answered and did not arrive, dead letters,
        and repeats of what was not under way at a kill."""
        found: dict[str, object] = {}
        got = received(self.vendors)
        for connector, leads in got.items():
            for lead in LEADS:
                sequence = leads.get(lead, [])
                if not is_ordered(sequence):
                    found[f"{connector}/{lead} order"] = sequence
                if sorted(set(sequence)) != self.load.answered[lead]:
                    found[f"{connector}/{lead}"] = sequence, self.load.answered[lead]
        letters = written(self._folder).letters
        again = repeats(got) - self.in_flight
        return (
            found | ({"letters": letters} if letters else {}) | ({"again": again} if again else {})
        )


async def kills(folder: Path, mode: str, number: int, seed: int) -> Crash:
    """SIGKILL at random moments under load, half of them after something was answered."""
    random = Random(seed)
    async with Crash(folder, mode).running() as crash:
        await crash.start()
        for kill in range(number):
            before = crash.load.total
            await asyncio.sleep(random.uniform(0.05, 0.4))
            if kill % 2:
                await eventually(partial(crash.load.beyond, before), 60.0)
            await crash.ended(kill=True)
            await crash.start()
        assert await crash.finish() == 0
    return crash
