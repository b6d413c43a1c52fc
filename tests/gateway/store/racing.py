"""Two processes on one PostgreSQL, whose steps are taken in an order that the test gives."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from gateway.database.port import Rows, Statement
from gateway.database.postgres import PostgresDatabase
from gateway.store.port import Store
from tests.postgres_server import PostgresServer

_BLOCKED = "SELECT COUNT(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'"


def orders(first: int, second: int) -> Iterator[str]:
    """Every order of so many steps of `a` and so many of `b`."""
    count = first + second
    for places in itertools.combinations(range(count), first):
        yield "".join("a" if place in places else "b" for place in range(count))


class Stepped(PostgresDatabase):
    """A process that takes a step, which is a statement or a commit, when it is let."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.release()

    def hold(self) -> None:
        """Close the gate."""
        self._free, self._gate = False, asyncio.Semaphore(0)
        self._arrived = self._passed = 0

    def release(self) -> None:
        """Leave the gate open."""
        self._free, self._gate = True, asyncio.Semaphore(0)
        self._arrived = self._passed = 0
        self.backend = 0

    @property
    def at_gate(self) -> bool:
        """Whether it waits to be let."""
        return self._arrived > self._passed

    def let(self) -> None:
        """Let it take one step."""
        self._passed += 1
        self._gate.release()

    async def _turn(self, connection: asyncpg.Connection) -> None:
        self.backend = connection.get_server_pid()
        if not self._free:
            self._arrived += 1
            await self._gate.acquire()

    async def _execute(self, connection: asyncpg.Connection, statement: Statement) -> Rows:
        await self._turn(connection)
        return await super()._execute(connection, statement)

    async def _commit(self, connection: asyncpg.Connection) -> None:
        await self._turn(connection)
        await super()._commit(connection)


class Race:
    """Two processes, each with its store, and somebody who watches the server."""

    def __init__(self, first: Stepped, second: Stepped, watcher: asyncpg.Connection) -> None:
        self.first, self.second = Store(first), Store(second)
        self._racers = {"a": first, "b": second}
        self._watcher = watcher

    async def run(
        self,
        order: str,
        first: Callable[[Store], Awaitable[Any]],
        second: Callable[[Store], Awaitable[Any]],
    ) -> list[Any]:
        """Run both in this order, as far as neither waits for the other's lock; then let them go
        on. What each returned or raised."""
        for racer in self._racers.values():
            racer.hold()
        tasks = {
            "a": asyncio.ensure_future(first(self.first)),
            "b": asyncio.ensure_future(second(self.second)),
        }
        for name in order:
            await self._step(self._racers[name], tasks[name])
        for racer in self._racers.values():
            if racer.at_gate:
                racer.let()
            racer._free = True
        return await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _step(self, racer: Stepped, task: asyncio.Future[Any]) -> None:
        await self._settled(racer, task)
        if racer.at_gate:
            racer.let()
            await self._settled(racer, task)

    async def _settled(self, racer: Stepped, task: asyncio.Future[Any]) -> None:
        """Wait until it is at the gate, done, or behind a lock."""
        while not racer.at_gate and not task.done():
            if await self._watcher.fetchval(_BLOCKED, racer.backend):
                return


@asynccontextmanager
async def race(server: PostgresServer) -> AsyncIterator[Race]:
    """Two processes on a new store."""
    async with server.database() as url, server.administrator() as watcher:
        first, second = Stepped(url), Stepped(url)
        await asyncio.gather(first.start(), second.start())
        found = Race(first, second, watcher)
        await found.first.start()
        try:
            yield found
        finally:
            await asyncio.gather(first.close(), second.close())
