"""Several processes that share a log on Kafka and a store on PostgreSQL: callers come in by any,
connectors run in any, and any may die."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from connectors.sandbox.faults import Fault
from gateway.store.leases import TTL
from tests.journeys.clusters import beside, cluster, on_kafka, until
from tests.journeys.processes import Crew, Member, crew
from tests.journeys.running import (
    BUSY,
    OK,
    Backends,
    Caller,
    Document,
    backends,
    document,
    eventually,
    noojee_lead,
    repeated_only_newest,
)
from tests.kafka_mock import MockCluster
from tests.ports import free_port
from tests.postgres_server import PostgresServer

LEADS = [str(number) for number in range(8)]
CONNECTORS = {"noojee-au", "polly"}


@pytest.fixture
def kafka() -> Iterator[MockCluster]:
    """A cluster of the test's own."""
    with cluster() as running:
        yield running


@dataclass
class House:
    """Vendors, and processes to be started."""

    crew: Crew
    vendors: Backends

    def numbers(self, lead: str) -> list[int]:
        """Which of a lead's updates Noojee received, in order."""
        names = self.vendors.received("noojee", "Name", lead)
        return [int(str(name).rpartition(" ")[2]) for name in names]


@pytest.fixture
async def house(
    tmp_path: Path, kafka: MockCluster, postgres_server: PostgresServer
) -> AsyncIterator[House]:
    """Nothing runs yet."""
    async with backends() as vendors, postgres_server.database() as url:
        for lead in LEADS:
            vendors.host.seed("noojee", noojee_lead(lead))
        told = on_kafka(document(tmp_path, vendors.url), kafka, url)
        # Long enough to be seen on a machine that is busy.
        told["server"] = {**told["server"], "drain_after": "2s"}
        async with crew(tmp_path, told) as started:
            yield House(started, vendors)


async def update(callers: list[Caller], lead: str, number: int) -> None:
    """A lead's update by one gateway or the other, made again until it is answered."""
    for attempt in range(40):
        caller = callers[(number + attempt) % len(callers)]
        try:
            told = await caller.noojee(lead, {"njDisposition": "Sale", "Name": f"Update {number}"})
        except (aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(0.1)
            continue
        if (told.status, told.body) == (200, OK):
            return
        assert (told.status, told.body) == (400, BUSY)
        await asyncio.sleep(0.1)
    raise AssertionError(f"update {number} of lead {lead} was never answered")


async def shares(*members: Member) -> list[int]:
    """How many connectors each process runs."""
    return [len(await member.held()) for member in members]


@pytest.mark.timeout(150)
async def test_calls_by_two_gateways_are_answered_by_connectors_elsewhere(house: House) -> None:
    """Each outcome comes back to the process that asked; the connectors are shared out."""
    start = house.crew.start
    one, other, *doors = await asyncio.gather(
        *(
            start("connectors,ledger"),
            start("connectors,ledger"),
            start("gateway"),
            start("gateway"),
        )
    )

    async def shared() -> bool:
        return await shares(one, other) == [1, 1]

    await until(shared)
    assert await one.held() | await other.held() == CONNECTORS
    for member, word in zip(doors, ("Sale", "Lost"), strict=True):
        async with Caller(f"http://127.0.0.1:{member.port}") as caller:
            told = await caller.noojee("1", {"njDisposition": word})
            assert (told.status, told.body) == (200, OK)
            assert told.headers["X-Leadwire-Outcome"] == "noojee-au=applied"
    assert house.vendors.received("noojee", "njDisposition", "1") == ["Sale", "Lost"]


@pytest.mark.timeout(150)
async def test_a_connectors_process_that_is_killed_is_replaced(house: House) -> None:
    """Within the time of its leases; nothing is lost, nothing older comes after what is newer."""
    roles = ["gateway", "gateway", "connectors,ledger", "connectors,ledger"]
    members = await asyncio.gather(*(house.crew.start(role) for role in roles))
    doors, workers = members[:2], members[2:]
    house.vendors.host.add_fault("noojee", Fault(delay=0.05))

    async def shared() -> bool:
        return await shares(*workers) == [1, 1]

    await until(shared)
    (busy,) = [member for member in workers if "noojee-au" in await member.held()]
    (left,) = [member for member in workers if member is not busy]
    loop = asyncio.get_running_loop()
    callers = [Caller(f"http://127.0.0.1:{member.port}") for member in doors]
    try:

        async def lead(name: str) -> None:
            for number in range(12):
                await update(callers, name, number)

        flowing = asyncio.gather(*(lead(name) for name in LEADS))
        await eventually(lambda: len(house.vendors.host.calls("noojee")) > 3 * len(LEADS))
        await busy.kill()
        killed = loop.time()

        async def replaced() -> bool:
            return await left.held() == CONNECTORS

        await until(replaced)
        assert loop.time() - killed < TTL + 5.0
        await flowing
    finally:
        await asyncio.gather(*(caller.close() for caller in callers))
    for name in LEADS:
        assert sorted(set(house.numbers(name))) == list(range(12))
        assert repeated_only_newest(house.numbers(name))


@pytest.mark.timeout(150)
async def test_workers_share_a_port_and_are_started_again(house: House) -> None:
    """One that dies is replaced, SIGTERM ends all of them, and each has its admin listener."""
    start = house.crew.start
    _, parent = await asyncio.gather(
        *(start("connectors,ledger"), start("gateway", "--workers", "2"))
    )
    second = Member(parent.process, parent.port, parent.admin_port + 1)
    await until(second.ready)
    async with Caller(f"http://127.0.0.1:{parent.port}") as caller:
        for number in range(4):
            await update([caller], "1", number)
    children = _children(parent.process.pid)
    assert len(children) == 2
    _kill(children[0])

    async def replaced() -> bool:
        now = _children(parent.process.pid)
        return len(now) == 2 and children[0] not in now

    await until(replaced)
    await until(parent.ready)
    await until(second.ready)
    async with Caller(f"http://127.0.0.1:{parent.port}") as caller:
        await update([caller], "1", 4)
    await second.admin.close()
    assert await parent.terminate() == 0
    assert house.numbers("1") == list(range(5))


async def test_a_worker_ends_when_its_parent_is_killed(house: House) -> None:
    """It drains: nobody else would ever end it."""
    parent = await house.crew.start("gateway", "--workers", "1")
    (child,) = _children(parent.process.pid)
    await parent.kill()
    await eventually(lambda: not Path(f"/proc/{child}").exists())


async def test_a_process_says_that_it_is_not_ready_before_it_refuses_anybody(
    house: House,
) -> None:
    """So a load balancer sends its calls elsewhere, and a rolling restart refuses none."""
    start = house.crew.start
    _, door = await asyncio.gather(*(start("connectors,ledger"), start("gateway")))
    async with Caller(f"http://127.0.0.1:{door.port}") as caller:
        await update([caller], "1", 0)
        ending = asyncio.create_task(door.terminate())

        async def unready() -> bool:
            return await door.status("/readyz") == 503

        await until(unready)
        told = await caller.noojee("1", {"njDisposition": "Sale", "Name": "Update 1"})
        assert (told.status, told.body) == (200, OK)
        assert await ending == 0
    assert house.numbers("1") == [0, 1]


@pytest.mark.parametrize("apart", [False, True])
async def test_workers_need_what_several_processes_can_share(
    tmp_path: Path, kafka: MockCluster, apart: bool
) -> None:
    """Exit 2, with the reason, and nothing was opened."""
    told: Document = document(tmp_path, "http://127.0.0.1:9")
    if apart:
        told = on_kafka(told, kafka, beside(tmp_path))
    async with crew(tmp_path, told) as started:
        parent = await started.launch("gateway", "--workers", "2", port=free_port())
        assert await parent.process.wait() == 2
    assert (tmp_path / "stderr").read_text() == (
        "leadwire: --workers needs a log and a store that several processes can share: log.url"
        " kafka://… and store.url postgresql://…\n"
    )
    assert _files(tmp_path) == ["leadwire.yaml", "stderr"]


def _children(parent: int) -> list[int]:
    """Processes that a process has started, oldest first (proc(5), `children`)."""
    told = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in told.split()]


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
