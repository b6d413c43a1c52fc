"""A Kafka cluster for journeys, with the topics made, and configurations that use it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.eventlog.port import EventLog, Record, Topic
from tests.journeys.running import Document
from tests.kafka_mock import MockCluster

PARTITIONS = 4


@contextmanager
def cluster() -> Iterator[MockCluster]:
    """One broker that has every topic."""
    with MockCluster() as running:
        for topic in Topic:
            running.create(f"leadwire.{topic}", PARTITIONS)
        yield running


def on_kafka(told: Document, running: MockCluster, store: str) -> Document:
    """The configuration with its log on this cluster and its store at this URL."""
    return {**told, "log": {"url": f"kafka://{running.servers}"}, "store": {"url": store}}


def beside(folder: Path) -> str:
    """A store in a file of its own."""
    return f"sqlite:{folder / 'store.db'}"


async def records(log: EventLog, topic: Topic) -> list[Record]:
    """All records of a topic, oldest first in each partition."""
    found: list[Record] = []
    for part, extent in (await log.extents(topic)).items():
        place = extent.start
        while place < extent.end:
            for record in await log.fetch(topic, {part: place}, 500, 1.0):
                found.append(record)
                place = record.offset + 1
    return found


async def until(true: Callable[[], Awaitable[object]], within: float = 30.0) -> None:
    """Ask until it is so; raises TimeoutError."""
    async with asyncio.timeout(within):
        while not await true():  # noqa: ASYNC110 - other processes and sockets set no event
            await asyncio.sleep(0.05)
