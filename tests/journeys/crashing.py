"""leadwire with all four vendors behind it, killed while callers go on calling, and what was under
way at each kill."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random

import orjson

from tests.journeys.deployments import CLUSTERED
from tests.journeys.everyone import (
    CONNECTORS,
    Speaker,
    everything,
    ids_of,
    is_settled,
    seed,
)
from tests.journeys.machines import Machines, Place, machines
from tests.journeys.ordering import is_ordered, numbered, numbers_of_all, told
from tests.journeys.running import Backends, Caller, Document, backends, eventually, link, server

LEADS = [f"lead{number}" for number in range(12)]


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


def settings(folder: Path, url: str, mode: str) -> Document:
    """LeadSquared, where it queues updates, answers Noojee's callers: then they come no faster
    than it works."""
    whole = everything(folder, url, mode)
    if mode == "async":
        whole["routes"][0]["authority"]["noojee"] = "lsq"
    return whole


class Crash:
    """Vendors, a load, and leadwire, which is started again and again."""

    def __init__(self, folder: Path, mode: str) -> None:
        """`mode` is LeadSquared's."""
        self._folder, self._mode = folder, mode
        self.in_flight: Counter[Place] = Counter()
        """How often an update was sent and not known to be taken when leadwire ended."""
        self.letters: list[str] = []
        """Codes of the dead letters at the end."""
        self.vendors: Backends
        self.load: Load
        self.machines: Machines

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Crash]:
        """The leads are linked and callers call; leadwire doesn't run yet."""
        async with backends() as self.vendors:
            for lead in LEADS:
                seed(self.vendors.host, lead)
            told = settings(self._folder, self.vendors.url, self._mode)
            async with server(self._folder, told) as running:
                await link(running, *map(ids_of, LEADS))
            async with (
                machines(self._folder, told) as self.machines,
                Caller(self.machines.url, timeout=20) as caller,
            ):
                self.load = Load(caller)
                self._calling = asyncio.create_task(self.load.run())
                try:
                    yield self
                finally:
                    self._calling.cancel()

    async def start(self, stop_at: str | None = None) -> None:
        """Start leadwire."""
        await self.machines.start(stop_at)

    async def ended(self, *, kill: bool) -> int | None:
        """Kill leadwire, or wait until something of it ends; and see what was under way."""
        code = None
        if kill:
            await self.machines.kill()
        else:
            code = await self.machines.ended()
        durable = await self.machines.written()
        self.in_flight.update(places(received(self.vendors)).keys() - durable.done)
        return code

    async def finish(self) -> int:
        """Stop the callers, wait until everything is settled, and end leadwire."""
        self.load.stop()
        await self._calling
        async with Caller(self.machines.admin) as operator, asyncio.timeout(90):
            while True:
                told = await operator.call("GET", "/admin/v1/connectors", b"")
                if is_settled(orjson.loads(told.body)):
                    break
                await asyncio.sleep(0.1)
        code = await self.machines.terminate()
        self.letters = (await self.machines.written()).letters
        return code

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
        if self.letters:
            found["letters"] = self.letters
        if again := repeats(got) - self.in_flight:
            found["again"] = again
        return found


async def kills(folder: Path, mode: str, number: int, seed: int) -> Crash:
    """SIGKILL at random moments under load, half of them after something was answered. On a cluster
    all are: nothing is under way before the leases of the dead have run out."""
    random = Random(seed)
    async with Crash(folder, mode).running() as crash:
        await crash.start()
        for kill in range(number):
            before = crash.load.total
            await asyncio.sleep(random.uniform(0.05, 0.4))
            if kill % 2 or CLUSTERED:
                await eventually(partial(crash.load.beyond, before), 60.0)
            await crash.ended(kill=True)
            await crash.start()
        assert await crash.finish() == 0
    return crash
