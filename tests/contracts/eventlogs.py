"""The event logs that the contract suite runs on, and what it does with them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gateway.clock import SystemClock
from gateway.database.sqlite import SqliteDatabase
from gateway.eventlog.kafka import KafkaLog
from gateway.eventlog.port import EventLog, NewRecord, Record, Topic
from gateway.eventlog.sqlite import SqliteLog

PARTITIONS = 3
TIME = 1_767_225_600.25
_PREFIXES = itertools.count()


@dataclass
class Opened:
    """A log under test."""

    log: EventLog
    reopen: Callable[[], Awaitable[EventLog]]
    """Somebody else's view of the same log: the file opened anew, or another client."""


def new(
    value: str,
    part: int = 0,
    topic: Topic = Topic.UPDATES,
    *,
    headers: tuple[tuple[str, str], ...] = (),
    time: float = TIME,
) -> NewRecord:
    """A record to append."""
    return NewRecord(topic, part, "ld_1", headers, value.encode(), time)


def kept(record: NewRecord, offset: int) -> Record:
    """The record as it is read back."""
    return Record(
        record.topic,
        record.partition,
        offset,
        record.key,
        record.headers,
        record.value,
        record.time,
    )


async def read(
    log: EventLog, positions: dict[int, int], count: int, topic: Topic = Topic.UPDATES
) -> list[Record]:
    """The next `count` records."""
    positions, found = dict(positions), list[Record]()
    async with asyncio.timeout(10):
        while len(found) < count:
            for record in await log.fetch(topic, positions, count - len(found), 1.0):
                found.append(record)
                positions[record.partition] = record.offset + 1
    return found


@dataclass
class SqliteFile:
    """A file, and the one log that has it open."""

    path: Path
    partitions: int = PARTITIONS
    database: SqliteDatabase | None = field(default=None, init=False)

    async def open(self) -> SqliteLog:
        """Open it, after closing what was open."""
        await self.close()
        self.database = SqliteDatabase(str(self.path))
        log = SqliteLog(self.database, self.partitions)
        await log.start()
        return log

    async def close(self) -> None:
        """Let go of the file."""
        if self.database is not None:
            await self.database.close()
            self.database = None


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Opened]:
    """The embedded log."""
    file = SqliteFile(folder / "log.db")
    try:
        yield Opened(await file.open(), file.open)
    finally:
        await file.close()


class Cluster(Protocol):
    """Apache Kafka, or a mock of it."""

    @property
    def servers(self) -> str:
        """`host:port,…`."""

    def create_all(self, topics: Mapping[str, int]) -> None:
        """Create topics with these numbers of partitions."""


def prefix(cluster: Cluster, partitions: int = PARTITIONS) -> str:
    """A prefix that nobody else has, with its topics."""
    name = f"test{next(_PREFIXES)}"
    cluster.create_all({f"{name}.{topic}": partitions for topic in Topic})
    return name


@asynccontextmanager
async def kafka(cluster: Cluster) -> AsyncIterator[Opened]:
    """The log on Kafka, with topics of its own."""
    name = prefix(cluster)
    logs: list[KafkaLog] = []

    async def open_another() -> KafkaLog:
        logs.append(KafkaLog(f"kafka://{cluster.servers}", name, SystemClock(), 5.0))
        await logs[-1].start()
        return logs[-1]

    try:
        yield Opened(await open_another(), open_another)
    finally:
        await asyncio.gather(*(log.close() for log in logs))
