"""Fills a log without going through the front door."""

from __future__ import annotations

from pathlib import Path

from gateway.clock import SystemClock, rfc3339
from gateway.database.sqlite import SqliteDatabase
from gateway.edge.building import record_of
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


async def prefill(place: Path, count: int, leads: int, connectors: tuple[str, ...]) -> None:
    """Append `count` updates over so many leads."""
    database = SqliteDatabase(str(place / "leadwire.db"))
    log = SqliteLog(database, 24)
    await Store(database).start()
    await log.start()
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
            records.append(record_of(event, 24, now))
        await log.append(records)
    await database.close()
