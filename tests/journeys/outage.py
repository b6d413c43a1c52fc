"""A steady flow of updates to four vendors, of which one goes away now and then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock
from tests.journeys.everyone import (
    CONNECTORS,
    Everyone,
    arrived_with,
    everything,
    ids_of,
    is_settled,
    seed,
    served,
)
from tests.journeys.ordering import is_ordered, number_of, numbered, numbers_of_all
from tests.journeys.running import OK, Backends, backends, eventually, link
from tests.ports import free_port

EVERY = 0.04
"""Seconds between calls."""


def p99(seconds: Sequence[float]) -> float:
    """The time that one in a hundred is above."""
    return sorted(seconds)[(len(seconds) * 99 - 1) // 100]


class Vendor:
    """A vendor's backend on a server of its own, which can be closed and keeps its state."""

    def __init__(self) -> None:
        """`open` serves it."""
        self._port, self._stack = free_port(), AsyncExitStack()
        self.backends: Backends
        self._host: Any = None

    async def open(self) -> None:
        """Serve it."""
        self.backends = await self._stack.enter_async_context(backends(self._port, self._host))
        self._host = self.backends.host

    async def close(self) -> None:
        """Be away."""
        await self._stack.aclose()
        self._stack = AsyncExitStack()


class Outage:
    """All vendors, and a gateway that sends everything to each."""

    def __init__(self, folder: Path, leads: int, mode: str) -> None:
        """`mode` is LeadSquared's; `running` starts everything."""
        self._folder, self._mode, self._clock = folder, mode, SystemClock()
        self._leads = [str(number) for number in range(leads)]
        self._vendors = {name: Vendor() for name in CONNECTORS}
        self._sent: list[float] = []
        self.everyone: Everyone

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Outage]:
        """The leads are linked; callers don't wait; three tries, were any counted."""
        async with AsyncExitStack() as stack:
            for vendor in self._vendors.values():
                await vendor.open()
                stack.push_async_callback(vendor.close)
                for lead in self._leads:
                    seed(vendor.backends.host, lead)
            urls = {CONNECTORS[name]: one.backends.url for name, one in self._vendors.items()}
            told = everything(self._folder, urls, self._mode)
            told["tenants"]["default"]["credentials"][0]["answer"] = "accepted"
            for connector in told["connectors"].values():
                connector["retry"]["attempts"] = 3
            any_host = self._vendors["polly"].backends
            self.everyone = await stack.enter_async_context(served(self._folder, told, any_host))
            await link(self.everyone.server, *map(ids_of, self._leads))
            yield self

    async def phase(self, seconds: float, dead: str | None = None) -> Mapping[str, float]:
        """Updates for so long while a vendor is away; the time from a call to its receipt by each
        of the others, which nine of ten stay below. Where LeadSquared queues updates it decides
        itself when it gets a lead's next one, so it is left out."""
        if dead is not None:
            await self._vendors[dead].close()
        first, end = len(self._sent), self._clock.monotonic() + seconds
        while self._clock.monotonic() < end:
            await self._update()
            await asyncio.sleep(EVERY)
        alive = [name for name in CONNECTORS if name != dead]
        if self._mode == "async" and "lsq" in alive:
            alive.remove("lsq")
        whole = len(self._sent)
        await eventually(lambda: all(len(self._received(name)) >= whole for name in alive))
        if dead is not None:
            await self._vendors[dead].open()
        found = {}
        for name in alive:
            at = self._received(name)
            took = sorted(at[number] - self._sent[number] for number in range(first, whole))
            found[name] = took[len(took) * 9 // 10]
        return found

    async def _update(self) -> None:
        number = len(self._sent)
        self._sent.append(self._clock.now())
        lead = self._leads[number % len(self._leads)]
        told = await self.everyone.speaker.noojee(lead, numbered(number))
        assert (told.status, told.body) == (200, OK)

    def _received(self, name: str) -> dict[int, float]:
        """When each update was received first."""
        found: dict[int, float] = {}
        for at, _, body in arrived_with(self._vendors[name].backends.host, name):
            found.setdefault(number_of(body, name), at)
        return found

    async def caught_up(self, within: float) -> None:
        """Wait until every vendor has had every update."""
        await self.everyone.when("/connectors", is_settled, within)

    def faults(self) -> dict[str, Any]:
        """Leads of which a vendor got an update after a later one, or not each."""
        found: dict[str, Any] = {}
        step = len(self._leads)
        for name in CONNECTORS:
            got = numbers_of_all(self._vendors[name].backends.host, name)
            for place, lead in enumerate(self._leads):
                sequence = got.get(lead, [])
                whole = list(range(place, len(self._sent), step))
                if not is_ordered(sequence) or sorted(set(sequence)) != whole:
                    found[f"{name}/{lead}"] = sequence
        return found
