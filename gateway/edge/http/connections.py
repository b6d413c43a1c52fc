"""The connections of a listener: how many there may be, and how long one may keep us waiting.

The parser bounds a line, a header and their number. The rest is bounded here: a request's head
that trickles in, a call that never ends, an answer that nobody reads, an idle connection, and the
number of them. One sweep looks at all of them once a second, so a call pays for an attribute, not
for a timer.
"""

from __future__ import annotations

import asyncio
from math import inf

from gateway import lines
from gateway.clock import Clock
from gateway.edge.http.bounds import FULL, PARTING, Bounds
from gateway.edge.http.connection import Connection, Serve
from gateway.metrics import Metrics

SWEEP = 1.0
"""Seconds between looks at the connections, at most."""
TOLD_EVERY = 60.0
"""Seconds between lines that say that connections were turned away."""


class Connections:
    """Those that are open."""

    def __init__(self, bounds: Bounds, clock: Clock, metrics: Metrics) -> None:
        """`run` does the sweeping."""
        self.bounds, self.clock, self._metrics = bounds, clock, metrics
        self.draining = False
        """Whether a connection is asked to end after its next answer."""
        self._open: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._away, self._told = 0, -inf

    def __len__(self) -> int:
        """How many there are."""
        return len(self._open)

    def accept(self, serve: Serve, loop: asyncio.AbstractEventLoop) -> asyncio.Protocol:
        """The protocol of a new connection, whose requests `serve` answers."""
        if len(self._open) < self.bounds.connections:
            return Connection(self, serve, loop)
        self._away += 1
        self.count(FULL)
        return TurnedAway()

    def opened(self, connection: Connection, task: asyncio.Task[None]) -> None:
        """It is there from now on; `task` serves it."""
        connection.since = self.clock.monotonic()
        self._open.add(connection)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._metrics.connections().set(len(self._open))

    def closed(self, connection: Connection) -> None:
        """It is gone."""
        self._open.discard(connection)
        self._metrics.connections().set(len(self._open))

    def count(self, reason: str) -> None:
        """A connection ends because of a bound."""
        self._metrics.connections_closed(reason).inc()

    async def close(self, within: float) -> None:
        """Let what is being served end, for so many seconds, and close all."""
        self.draining = True
        for connection in list(self._open):
            connection.end()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)
        late = list(self._tasks)
        for connection in list(self._open):
            connection.abort()
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def run(self) -> None:
        """Sweep for ever."""
        told = self.bounds
        shortest = min(told.head_within, told.call_within, told.answer_within)
        while True:
            await self.clock.sleep(min(SWEEP, shortest / 4))
            self.sweep(self.clock.monotonic())

    def sweep(self, now: float) -> None:
        """Close those that are over a bound at `now`, monotonic seconds."""
        for connection in list(self._open):
            connection.look(now)
        if self._away and now - self._told >= TOLD_EVERY:
            lines.warning("connections.full", most=self.bounds.connections, turned_away=self._away)
            self._away, self._told = 0, now


class TurnedAway(asyncio.Protocol):
    """A connection beyond the bound."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say so, and close."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - the loop's promise
        transport.write(PARTING[FULL])
        transport.close()
