"""The same journeys through several processes on a cluster (`make test-cluster`): where a test asks
for a server it gets two gateways behind a balancer, three processes with connectors, three brokers
and a PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gateway.clock import SystemClock
from gateway.commands.configured import configured
from gateway.metrics import Metrics
from gateway.storage import Storage, open_storage
from gateway.store.links import Links
from tests.journeys.clustered import Cluster
from tests.journeys.running import Document, Running

HEARD_WITHIN = 2.0
"""Seconds after which every process has heard of new links."""
CHUNK = 65536


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
        except OSError:
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
