"""Fills a log without going through the front door."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from gateway.clock import SystemClock, rfc3339
from gateway.database.sqlite import SqliteDatabase
from gateway.edge.building import record_of
from gateway.eventlog.kafka import KafkaLog
from gateway.eventlog.port import NewRecord
from gateway.eventlog.sqlite import SqliteLog
from gateway.model.changes import Set
from gateway.model.event import (
    Attributes,
    LeadId,
    LeadUpdate,
    Origin,
    TriggerWishes,
    lead_key,
)
from gateway.store.port import Store
from tests.bench.outside import lead as lead_id

BATCH = 1000
AT_ONCE = 4
"""Batches under way to a cluster."""
PARTITIONS = 24
T = TypeVar("T")


async def prefill(place: Path, count: int, leads: int, connectors: tuple[str, ...]) -> None:
    """Append `count` updates over so many leads to an embedded log."""
    database = SqliteDatabase(str(place / "leadwire.db"))
    log = SqliteLog(database, PARTITIONS)
    await Store(database).start()
    await log.start()
    for records in _updates(count, leads, connectors):
        await log.append(records)
    await database.close()


async def prefill_kafka(url: str, count: int, leads: int, connectors: tuple[str, ...]) -> None:
    """The same to a log on Kafka, whose topics are there."""
    log = KafkaLog(url, "leadwire", SystemClock(), 60.0, stall=60.0)
    await log.start()
    for some in batched(_updates(count, leads, connectors), AT_ONCE):
        await asyncio.gather(*map(log.append, some))
    await log.close()


def batched(each: Iterable[T], size: int) -> Iterator[list[T]]:
    """In lists of at most so many."""
    left = iter(each)
    while some := list(islice(left, size)):
        yield some


def _updates(count: int, leads: int, connectors: tuple[str, ...]) -> Iterator[list[NewRecord]]:
    now = SystemClock().now()
    time = rfc3339(now)
    phone = {"phones.primary": Set("+15550100", "+15550100")}
    for start in range(0, count, BATCH):
        records = []
        for number in range(start, min(count, start + BATCH)):
            lead = LeadId("crm", lead_id(number % leads))
            event = LeadUpdate(
                f"00000000-0000-7000-8000-{number:012x}",
                time,
                "default",
                lead_key("default", lead),
                (lead,),
                phone,
                Attributes("merge", {"mx_N": str(number)}),
                TriggerWishes(),
                Origin("leadsquared", "updateLeadAsync", "crm"),
                connectors,
                connectors[0],
            )
            records.append(record_of(event, PARTITIONS, now))
        yield records
