"""A log on a cluster that fails: short deadlines, callers that come again, clients that go deaf."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.clock import SystemClock
from gateway.eventlog.kafka import KafkaLog
from gateway.eventlog.port import AppendUnknown, LogUnavailable, Topic
from tests.contracts.eventlogs import new
from tests.kafka_mock import MockCluster

DEADLINE = 1.5


def create(cluster: MockCluster) -> None:
    """The topics."""
    cluster.create_all({f"lw.{topic}": 2 for topic in Topic})


@asynccontextmanager
async def connected(*clusters: MockCluster) -> AsyncIterator[KafkaLog]:
    """A log with short deadlines; each cluster is in its URL."""
    url = f"kafka://{','.join(cluster.servers for cluster in clusters)}"
    log = KafkaLog(url, "lw", SystemClock(), DEADLINE, stall=1.0)
    await log.start()
    try:
        yield log
    finally:
        await log.close()


async def appended(log: KafkaLog, value: str, part: int = 0) -> list[int]:
    """Append as a caller does who is told to come again."""
    async with asyncio.timeout(15):
        while True:
            try:
                return await log.append([new(value, part)])
            except AppendUnknown:
                raise
            except LogUnavailable:
                await asyncio.sleep(0.05)


async def deafen(client: Any) -> None:
    """As when aiokafka asks for news on a connection that is gone, on uvloop."""

    async def die() -> None:
        raise RuntimeError("unable to perform operation on a transport; the handler is closed")

    client._sync_task.cancel()
    client._sync_task = asyncio.create_task(die())
    await asyncio.wait((client._sync_task,))
