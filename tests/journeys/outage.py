"""A steady flow of updates to two vendors, one of which goes away now and then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock
from gateway.model.event import LeadId
from gateway.serving import Server
from tests.journeys.running import (
    OK,
    Backends,
    Caller,
    backends,
    document,
    eventually,
    everywhere,
    free_port,
    link,
    noojee_lead,
    server,
    url_of,
)

EVERY = 0.02
"""Seconds between calls."""


def p99(seconds: Sequence[float]) -> float:
    """The time that one in a hundred is above."""
    return sorted(seconds)[(len(seconds) * 99 - 1) // 100]


class Outage:
    """Noojee, always there, and PollyBot, on a server of its own that can be closed."""

    def __init__(self, folder: Path, leads: int) -> None:
        """`running` starts everything."""
        self._folder, self._leads, self._port = folder, leads, free_port()
        self._clock = SystemClock()
        self._sent: list[float] = []
        self.server: Server
        self._noojee: Backends
        self._host: Backends
        self._serving = AsyncExitStack()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Outage]:
        """Both vendors with the leads, and a gateway that sends everything to both."""
        async with AsyncExitStack() as stack:
            self._noojee = await stack.enter_async_context(backends())
            self._host = await self._serving.enter_async_context(backends(self._port))
            stack.push_async_callback(self._close)
            for number in range(self._leads):
                self._noojee.host.seed("noojee", noojee_lead(str(number)))
                self._host.host.seed("pollybot", {"id": f"lead_{number}"})
            told = everywhere(document(self._folder, self._noojee.url, self._host.url))
            told["tenants"]["default"]["credentials"][0]["answer"] = "accepted"
            told["connectors"]["polly"]["retry"]["attempts"] = 3
            self.server = await stack.enter_async_context(server(self._folder, told))
            ids = [self._ids(number) for number in range(self._leads)]
            await link(self.server, *ids)
            self._caller = await stack.enter_async_context(Caller(url_of(self.server)))
            yield self

    @staticmethod
    def _ids(number: int) -> tuple[LeadId, ...]:
        scope = (("allocation_id", "38"),)
        return LeadId("noojee-au", str(number), scope), LeadId("polly", f"lead_{number}")

    async def _close(self) -> None:
        await self._serving.aclose()
        self._serving = AsyncExitStack()

    async def phase(self, seconds: float, *, dead: bool) -> list[float]:
        """Updates for so long; from each call to its receipt by Noojee."""
        if dead:
            await self._close()
        first, end = len(self._sent), self._clock.monotonic() + seconds
        while self._clock.monotonic() < end:
            await self._update()
            await asyncio.sleep(EVERY)
        await eventually(lambda: len(self._at_noojee()) >= len(self._sent))
        if dead:
            again = backends(self._port, self._host.host)
            await self._serving.enter_async_context(again)
        received = self._at_noojee()
        return [received[n] - self._sent[n] for n in range(first, len(self._sent))]

    async def _update(self) -> None:
        number = len(self._sent)
        self._sent.append(self._clock.now())
        lead = str(number % self._leads)
        told = await self._caller.noojee(lead, {"Name": f"Name {number:06}"})
        assert (told.status, told.body) == (200, OK)

    def _at_noojee(self) -> dict[int, float]:
        """When each update was received first."""
        found: dict[int, float] = {}
        call: Any
        for call in self._noojee.host.calls("noojee"):
            found.setdefault(int(call["body"]["Name"].removeprefix("Name ")), call["at"])
        return found

    def _at_polly(self, number: int) -> list[int]:
        names = self._host.received("pollybot", "name", f"lead_{number}")
        return [int(name.removeprefix("Name ")) for name in names]

    async def caught_up(self, within: float) -> None:
        """Wait until the vendor that was away has had every update."""
        whole = len(self._sent)
        await eventually(
            lambda: sum(len(set(self._at_polly(n))) for n in range(self._leads)) >= whole, within
        )

    def in_order(self) -> bool:
        """Whether it never got an update of a lead after a later one, and each."""
        wanted = range(len(self._sent))
        got = {number: self._at_polly(number) for number in range(self._leads)}
        return all(numbers == sorted(numbers) for numbers in got.values()) and all(
            sorted(set(got[n])) == [sent for sent in wanted if sent % self._leads == n] for n in got
        )
