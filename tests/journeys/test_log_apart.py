"""The log on Kafka, the store in a file: one process, every promise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
import pytest

from connectors.sandbox.faults import Fault
from gateway.database.port import Operation, Query, Rows
from gateway.eventlog.port import Topic
from tests.journeys.clusters import beside, cluster, on_kafka, records, until
from tests.journeys.deployments import alone
from tests.journeys.running import (
    BUSY,
    OK,
    Backends,
    Caller,
    Running,
    backends,
    document,
    eventually,
    noojee_lead,
    repeated_only_newest,
    server,
    spawn,
    url_of,
)
from tests.kafka_mock import MockCluster
from tests.ports import free_port

pytestmark = alone("its log is on Kafka and its store in a file of its own")


@pytest.fixture(scope="module")
def kafka() -> Iterator[MockCluster]:
    """A cluster for all journeys; each has its own topics' ends to begin at."""
    with cluster() as running:
        yield running


@dataclass
class Apart:
    """A server on the cluster, its vendors and a caller."""

    server: Running
    vendors: Backends
    caller: Caller

    async def triggers(self) -> list[str]:
        """The kind of each trigger, oldest first in each partition."""
        found = await records(self.server.storage.log, Topic.TRIGGERS)
        return [(record.header("ce_type") or "").split(".")[-2] for record in found]

    async def ask(self, sql: str, *values: object) -> Rows:
        """What the store has."""

        def operation() -> Operation[Rows]:
            return (yield Query(sql, values))

        return await self.server.storage.store.run(operation)


@asynccontextmanager
async def apart(folder: Path, kafka: MockCluster) -> AsyncIterator[Apart]:
    """All roles in this process."""
    async with backends() as vendors:
        told = on_kafka(document(folder, vendors.url), kafka, beside(folder))
        async with server(folder, told) as running, Caller(url_of(running)) as caller:
            yield Apart(running, vendors, caller)


@pytest.fixture
async def a(tmp_path: Path, kafka: MockCluster) -> AsyncIterator[Apart]:
    """As above."""
    async with apart(tmp_path, kafka) as running:
        yield running


async def test_an_update_on_its_whole_way(a: Apart) -> None:
    """Call in, vendor, answer, trigger, ledger: as with one file."""
    a.vendors.host.seed("noojee", noojee_lead("1"))
    before = await a.triggers()
    told = await a.caller.noojee("1", {"njDisposition": "Sale"})
    assert (told.status, told.body) == (200, OK)
    assert told.headers["X-Leadwire-Outcome"] == "noojee-au=applied"
    assert a.vendors.received("noojee", "njDisposition", "1") == ["Sale"]
    assert await a.triggers() == [*before, "dispositionAction"]
    (event,) = told.events
    await until(lambda: a.ask("SELECT kind FROM deliveries WHERE event_id = ?", event))
    rows = await a.ask("SELECT connector, kind FROM deliveries WHERE event_id = ?", event)
    assert rows == [("noojee-au", "applied")]


async def test_a_retry_attaches(a: Apart) -> None:
    """The vendor is slow, the caller's connection breaks, the same call comes again: one
    update."""
    a.vendors.host.seed("noojee", noojee_lead("2"))
    a.vendors.host.add_fault("noojee", Fault(delay=1.0))
    async with Caller(url_of(a.server), timeout=0.4) as impatient:
        with pytest.raises(TimeoutError):
            await impatient.noojee("2", {"njDisposition": "Sale"})
    told = await a.caller.noojee("2", {"njDisposition": "Sale"})
    assert (told.status, told.body) == (200, OK)
    assert a.vendors.received("noojee", "njDisposition", "2") == ["Sale"]


async def test_a_key_is_answered_once(a: Apart) -> None:
    """The same key and body: the same answer and event; another body is refused."""
    a.vendors.host.seed("noojee", noojee_lead("3"))
    key = {"Idempotency-Key": "order-3"}
    first = await a.caller.noojee("3", {"njDisposition": "Sale"}, key)
    await until(lambda: a.ask("SELECT 1 FROM claims WHERE answer IS NOT NULL"))
    again = await a.caller.noojee("3", {"njDisposition": "Sale"}, key)
    assert (again.status, again.body, again.events) == (200, OK, first.events)
    other = await a.caller.noojee("3", {"njDisposition": "Lost"}, key)
    assert (other.status, other.events) == (400, [])
    assert a.vendors.received("noojee", "njDisposition", "3") == ["Sale"]


async def test_while_no_partition_has_a_leader_callers_hear_busy(
    a: Apart, kafka: MockCluster
) -> None:
    """The process is not ready; afterwards the retry of the same call is taken, once."""
    a.vendors.host.seed("noojee", noojee_lead("4"))
    topics = [f"leadwire.{topic}" for topic in Topic]
    for topic in topics:
        for part in range(4):
            kafka.lead(topic, part, None)
    admin = Caller(f"http://127.0.0.1:{a.server.admin_port}")
    try:
        told = await a.caller.noojee("4", {"njDisposition": "Sale"})
        assert (told.status, told.body, told.events) == (400, BUSY, [])
        assert (await admin.call("GET", "/readyz", b"")).status == 503
    finally:
        for topic in topics:
            for part in range(4):
                kafka.lead(topic, part, 1)

    async def taken() -> bool:
        return (await a.caller.noojee("4", {"njDisposition": "Sale"})).body == OK

    async def ready() -> bool:
        return (await admin.call("GET", "/readyz", b"")).status == 200

    async with admin:
        await until(taken)
        await until(ready)
    assert a.vendors.received("noojee", "njDisposition", "4") == ["Sale"]


STEPS = [
    f"{when}_{what}"
    for what in ("append", "log", "send", "settle", "tell")
    for when in ("before", "after")
]


@pytest.mark.timeout(200)
async def test_a_process_that_ends_at_every_step(tmp_path: Path, kafka: MockCluster) -> None:
    """One after the other, also between log and store: nothing is lost, a caller that calls again
    gets its one update, and what comes again at the vendor is the newest that was sent."""
    port, answered, ended = free_port(), list[int](), list[int | None]()
    async with backends() as vendors, Caller(f"http://127.0.0.1:{port}", 20.0) as caller:
        vendors.host.seed("noojee", noojee_lead("5"))
        told = on_kafka(document(tmp_path, vendors.url), kafka, beside(tmp_path))
        calling = asyncio.create_task(_call_on(caller, answered))
        try:
            for step in STEPS:
                child = await spawn(tmp_path, told, port=port, stop_at=f"{step}:4")
                ended.append(await asyncio.wait_for(child.process.wait(), 30))
            child = await spawn(tmp_path, told, port=port)
            count = len(answered)
            await eventually(lambda: len(answered) > count + 3)
            ended.append(await child.terminate())
        finally:
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)
            await child.kill()
        names = vendors.received("noojee", "Name", "5")
    numbers = [int(str(name).rpartition(" ")[2]) for name in names]
    assert ended == [*[137] * len(STEPS), 0]
    assert sorted(set(numbers) & set(answered)) == answered
    assert repeated_only_newest(numbers)


async def _call_on(caller: Caller, answered: list[int]) -> None:
    """One numbered update after the other, each again until it is answered."""
    number = 0
    while True:
        try:
            told = await caller.noojee("5", {"njDisposition": "Sale", "Name": f"Update {number}"})
        except (aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(0.05)
            continue
        if (told.status, told.body) == (200, OK):
            answered.append(number)
            number += 1
        else:
            assert (told.status, told.body) == (400, BUSY)
            await asyncio.sleep(0.05)


@pytest.mark.usefixtures("a")
async def test_a_second_process_is_refused_the_store(tmp_path: Path) -> None:
    """One process only: the file is locked."""
    told = orjson.loads((tmp_path / "leadwire.yaml").read_bytes())
    child = await spawn(tmp_path, told, port=free_port())
    assert await child.process.wait() == 1
    assert "in use by another process" in child.errors.read_text()


async def test_a_store_of_another_log_is_refused(tmp_path: Path, kafka: MockCluster) -> None:
    """Where connectors stand in one log would pass updates by in another."""
    told = document(tmp_path, "http://127.0.0.1:9")
    async with server(tmp_path, told):
        pass
    moved = on_kafka(told, kafka, told["store"]["url"])
    child = await spawn(tmp_path, moved, port=free_port())
    assert await child.process.wait() == 1
    assert child.errors.read_text() == (
        "leadwire: the store was used with another log than kafka leadwire: where connectors stand"
        " in that one says nothing of this one, and updates would be passed by; begin with a new"
        " store\n"
    )
