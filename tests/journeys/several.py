"""The same journeys through several processes on a cluster (`make test-cluster`): where a test asks
for a server it gets two gateways behind a balancer, three processes with connectors, three brokers
and a PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from gateway.clock import SystemClock
from gateway.commands.configured import configured
from gateway.database.port import Operation, Query
from gateway.eventlog.port import Record, Topic
from gateway.metrics import Metrics
from gateway.storage import Storage, open_storage
from gateway.store import settling
from gateway.store.links import Links
from gateway.store.settling import FrontierRow
from tests.journeys.clustered import READY_WITHIN, Cluster
from tests.journeys.clusters import records, until
from tests.journeys.machines import Written, delivery, lead_and_number, places
from tests.journeys.processes import LEADWIRE, Member
from tests.journeys.running import LAUNCHER, Document, Running, eventually

HEARD_WITHIN = 2.0
"""Seconds after which every process has heard of new links."""
CHUNK = 65536
ENDS_WITHIN = 120.0
"""Seconds in which some process comes to a step, though connectors of the dead must first be taken
over."""


class _Links(Links):
    """Those of the test, which waits until every process has heard of a change."""

    async def refresh(self) -> None:
        """See Links."""
        await super().refresh()
        await asyncio.sleep(HEARD_WITHIN)


@dataclass(frozen=True)
class Several:
    """What tests see of all the processes."""

    port: int
    admin_port: int
    storage: Storage
    links: Links


class Balancer:
    """Gives each connection to the next door, and passes on what is said."""

    def __init__(self, doors: Sequence[str]) -> None:
        """`serve` begins."""
        self.lead_to(doors)

    def lead_to(self, doors: Sequence[str]) -> None:
        """From now on to these."""
        self._doors = itertools.cycle([urlsplit(door).port for door in doors])

    async def serve(self, stack: AsyncExitStack, port: int) -> int:
        """Listen until the stack ends; the port."""
        server = await asyncio.start_server(self._join, "127.0.0.1", port)
        stack.callback(server.close)
        found: int = server.sockets[0].getsockname()[1]
        return found

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inward, outward = await asyncio.open_connection("127.0.0.1", next(self._doors))
        except (OSError, StopIteration):
            writer.transport.abort()
            return
        await asyncio.gather(_pass(reader, outward), _pass(inward, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def several(
    cluster: Cluster, folder: Path, told: Document, roles: Sequence[str]
) -> AsyncIterator[Running]:
    """All processes, drained at the end."""
    async with AsyncExitStack() as stack:
        deployed = cluster.deploy(folder, told, roles)
        stack.push_async_callback(deployed.close)
        await deployed.start()
        storage = await open_storage(configured(deployed.config), SystemClock(), Metrics())
        stack.push_async_callback(storage.close)
        links = _Links(storage.store)
        port = await Balancer(deployed.doors).serve(stack, told["server"]["port"])
        yield Several(port, deployed.seats[0].admin_port, storage, links)
        assert await deployed.end() == {0}


class Fleet:
    """See `Machines`: all processes, behind one door."""

    def __init__(self, cluster: Cluster, folder: Path, told: Document, balancer: Balancer) -> None:
        """Nothing runs yet; `url` is where the balancer listens."""
        self._cluster, self._folder, self._told = cluster, folder, told
        self._balancer, self.url = balancer, ""
        self._deployed = cluster.deploy(folder, told)
        self._members: list[Member] = []

    @property
    def admin(self) -> str:
        """See the port."""
        return self._deployed.admin

    async def start(self, stop_at: str | None = None) -> None:
        """See the port."""
        program = LEADWIRE if stop_at is None else (str(LAUNCHER), stop_at)
        self._deployed = self._cluster.deploy(self._folder, self._told, program=program)
        self._members = await self._deployed.launch()
        self._balancer.lead_to(self._deployed.doors)
        await until(self._ready_or_ended, READY_WITHIN)

    async def _ready_or_ended(self) -> bool:
        return bool(self._codes()) or all([await member.ready() for member in self._members])

    def _codes(self) -> list[int]:
        """Of those that have ended."""
        codes = [member.process.returncode for member in self._members]
        return [code for code in codes if code is not None]

    async def kill(self) -> None:
        """See the port."""
        await self._deployed.close()

    async def ended(self) -> int:
        """See the port."""
        await eventually(lambda: bool(self._codes()), ENDS_WITHIN)
        code = self._codes()[0]
        await self.kill()
        return code

    async def terminate(self) -> int:
        """See the port."""
        (code,) = await self._deployed.end()
        return code

    async def written(self) -> Written:
        """See the port. Done is what has an outcome in the log and is settled in the store: what
        was only told to the log is sent again. An event that was appended twice is delivered where
        it stands first."""
        opened = await open_storage(configured(self._deployed.config), SystemClock(), Metrics())
        try:
            updates = await records(opened.log, Topic.UPDATES)
            events = {str(each.header("ce_id")): each for each in reversed(updates)}
            known = {event: lead_and_number(each.value) for event, each in events.items()}
            told = {delivery(each.value) for each in await records(opened.log, Topic.OUTCOMES)}
            stands = {
                name: await opened.store.run(partial(settling.frontiers, name, Topic.UPDATES))
                for name in self._told["connectors"]
            }
            taken, letters = await opened.store.run(_kept)
        finally:
            await opened.close()
        done = {(event, name) for event, name in told if _is_settled(events[event], stands[name])}
        return Written(places(known, done | taken), letters)


def _kept() -> Operation[tuple[set[tuple[str, str]], list[str]]]:
    """What vendors have taken to answer for later, and the codes of dead letters."""
    taken = yield Query("SELECT event_id, connector FROM parked WHERE state = 'pending'")
    letters = yield Query("SELECT code FROM dead_letters")
    return {(event, name) for event, name in taken}, [code for (code,) in letters]


def _is_settled(update: Record, stands: Mapping[int, FrontierRow]) -> bool:
    row = stands[update.partition]
    above = int.from_bytes(bytes.fromhex(row.settled), "little")
    return update.offset < row.base or bool(above >> (update.offset - row.base) & 1)


@asynccontextmanager
async def fleet(cluster: Cluster, folder: Path, told: Document) -> AsyncIterator[Fleet]:
    """All processes behind one door, which stays the same."""
    async with AsyncExitStack() as stack:
        balancer = Balancer(())
        made = Fleet(cluster, folder, told, balancer)
        made.url = f"http://127.0.0.1:{await balancer.serve(stack, 0)}"
        yield made
