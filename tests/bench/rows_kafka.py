"""The rows with the log on Kafka. The floor is for librdkafka's mock cluster, which runs in the
load's process, so that the broker costs the measured core nothing; Apache Kafka's figures stand
beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from gateway.eventlog.port import Topic
from tests.bench.inside import Child, Kept, leadwire
from tests.bench.outside import Backend, Load, leadsquared_call
from tests.bench.prefill import prefill_kafka
from tests.bench.rows import CALLS, CONNECTIONS, DELIVERIES, LEADS, MEASURED, folder, isolated
from tests.kafka import artifacts
from tests.kafka.apache import ApacheKafka
from tests.kafka_mock import MockCluster
from tests.ports import free_port
from tests.postgres_server import PostgresServer

PARTITIONS = 24
TOPICS = {f"leadwire.{topic}": PARTITIONS for topic in Topic}
WARMING, TURNS, EACH = 3_000, 8, 60
"""Calls before any counts, turns, and calls of each caller in one."""
EASY = 400.0
"""Events a second that two connectors, a broker and a database can do on two cores."""
JVM = 20.0
"""Seconds after which a new broker has compiled most of what it runs."""
EVEN = 100_000
"""Deliveries at the start and at the end of a backlog whose rates are compared."""


@contextmanager
def mock() -> Iterator[str]:
    """A mock cluster's URL."""
    with MockCluster() as cluster:
        cluster.create_all(TOPICS)
        yield f"kafka://{cluster.servers}"


@contextmanager
def apache(place: Path) -> Iterator[str]:
    """The URL of one node of Apache Kafka."""
    home = place / "kafka"
    home.mkdir()
    with ApacheKafka(home) as cluster:
        cluster.create_all(TOPICS)
        yield f"kafka://{cluster.servers}"


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def _accepted(place: Path, log: str) -> float:
    child = await leadwire(
        place, {"crm": free_port()}, "gateway", Kept(log, f"sqlite:{place}/store.db")
    )
    try:
        load = Load(leadsquared_call(LEADS))
        await load.saturate(child.port, CONNECTIONS, 2_000)
        rate = await load.saturate(child.port, CONNECTIONS, CALLS)
    finally:
        await child.stop()
    if load.refused:
        raise RuntimeError(f"{load.refused} calls were refused")
    return rate


async def accepted() -> dict[str, float]:
    """Calls answered once the brokers have the update (acks=all), gateway role alone."""
    with folder() as place, mock() as log:
        return {"calls/s": await _accepted(place, log)}


async def accepted_apache() -> dict[str, float]:
    """The same on Apache Kafka, whose broker shares the load's core."""
    if artifacts.lacking() is not None:
        return {}
    with folder() as place, apache(place) as log:
        return {"Apache Kafka calls/s": await _accepted(place, log)}


# --- several processes ----------------------------------------------------------------------


class _Gateways:
    """One or more gateway processes, and what their calls have cost."""

    def __init__(self, child: Child, callers: int) -> None:
        self._child, self._callers = child, callers
        self._load = Load(leadsquared_call(LEADS))
        self._calls, self._spent = 0, 0.0

    @property
    def cost(self) -> float:
        """Microseconds of a core for a call."""
        return 1e6 * self._spent / self._calls

    async def warm(self) -> None:
        """Calls that don't count."""
        await self._load.saturate(self._child.port, self._callers, WARMING)

    async def take(self) -> None:
        """Calls that count: as many by each caller, for each has a connection of its own."""
        calls = EACH * self._callers
        before = self._child.cpu
        await self._load.saturate(self._child.port, self._callers, calls)
        self._spent += self._child.cpu - before
        self._calls += calls


@asynccontextmanager
async def _gateways(
    server: PostgresServer, options: tuple[str, ...], callers: int
) -> AsyncIterator[_Gateways]:
    async with server.database() as store:
        with folder() as place, mock() as log:
            backend = {"crm": free_port()}
            child = await leadwire(place, backend, "gateway", Kept(log, store), options)
            try:
                gateways = _Gateways(child, callers)
                await gateways.warm()
                yield gateways
            finally:
                await child.stop()


async def workers() -> dict[str, float]:
    """Time of a core for an accepted call: two gateway processes, each with as many callers, by
    one. Beside it, two that share the callers of one: each appends half as much at a time. They
    have turns of some seconds, for the machine drifts."""
    two = ("--workers", "2")
    with postgres() as server:
        async with (
            _gateways(server, (), CONNECTIONS) as alone,
            _gateways(server, two, 2 * CONNECTIONS) as grown,
            _gateways(server, two, CONNECTIONS) as shared,
        ):
            for _ in range(TURNS):
                for each in (alone, grown, shared):
                    await each.take()
    return {
        "one us": alone.cost,
        "two us": grown.cost,
        "ratio": grown.cost / alone.cost,
        "two of as many callers us": shared.cost,
    }


# --- deliveries -----------------------------------------------------------------------------


@asynccontextmanager
async def _draining(place: Path, log: str, store: str, count: int) -> AsyncIterator[_Drain]:
    await prefill_kafka(log, count, LEADS, ("crm",))
    backend = Backend()
    server, port = await backend.serve()
    child = await leadwire(place, {"crm": port}, "connectors", Kept(log, store))
    try:
        yield _Drain(child, backend)
    finally:
        await child.stop()
        server.close()


class _Drain:
    """A connector at work on a backlog."""

    def __init__(self, child: Child, backend: Backend) -> None:
        self.child, self.backend = child, backend

    async def rate(self, first: int, last: int, within: float) -> float:
        """Deliveries a second from the one to the other."""
        await self.backend.had(first, within)
        began = self.backend.last
        await self.backend.had(last, within)
        return (last - first) / (self.backend.last - began)


async def deliveries() -> dict[str, float]:
    """One connector on Apache Kafka and PostgreSQL: 50,000 updates of 5,000 leads."""
    if artifacts.lacking() is not None:
        return {}
    with folder() as place, apache(place) as log, postgres() as server:
        async with server.database() as store, _draining(place, log, store, DELIVERIES) as drain:
            return {"deliveries/s": await drain.rate(1, DELIVERIES, 180)}


async def isolation() -> dict[str, float]:
    """As embedded, at `EASY`, all roles on Apache Kafka and PostgreSQL."""
    if artifacts.lacking() is not None:
        return {}
    calm, storm = [await _isolated(dead=dead) for dead in (False, True)]
    return {"p99 ms without": calm, "p99 ms with": storm, "ratio": storm / calm}


async def _isolated(*, dead: bool) -> float:
    with folder() as place, apache(place) as log, postgres() as server:
        async with server.database() as store:
            return await isolated(EASY, dead=dead, kept=Kept(log, store), warming=JVM)


async def backlog(count: int = 1_000_000) -> dict[str, float]:
    """Working off so many updates from Apache Kafka, with PostgreSQL: the rate at the start and at
    the end, and resident MB less those while working off 1,000."""
    if artifacts.lacking() is not None:
        return {}
    with folder() as place, apache(place) as log, postgres() as server:
        async with server.database() as store, _draining(place, log, store, count) as drain:
            start = await drain.rate(EVEN // 10, EVEN, 300)
            await drain.backend.had(max(MEASURED, count // 2), 900)
            large = drain.child.memory
            end = await drain.rate(count - EVEN, count - EVEN // 10, 900)
    with folder() as place, apache(place) as log, postgres() as server:
        async with server.database() as store, _draining(place, log, store, 1_000) as drain:
            await drain.backend.had(1_000, 120)
            await asyncio.sleep(1.0)
            small = drain.child.memory
    return {
        "start/s": start,
        "end/s": end,
        "end by start": end / start,
        "1,000 MB": small,
        "1,000,000 MB": large,
        "difference MB": large - small,
    }
