"""What automations do: rules asked about triggers, on one core."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import orjson

from gateway.clock import SystemClock, rfc3339
from gateway.database.sqlite import SqliteDatabase
from gateway.eventlog.port import NewRecord, Topic, partition_of
from gateway.eventlog.sqlite import SqliteLog
from gateway.ledger.retention import AUTOMATIONS
from gateway.model.changes import Set
from gateway.model.codec import structured, trigger_data, trigger_headers, trigger_value
from gateway.model.event import (
    Attributes,
    LeadId,
    LeadUpdate,
    Origin,
    TriggerWishes,
    lead_key,
)
from gateway.model.trigger import Trigger, TriggerKind
from gateway.store import settling
from gateway.store.port import Store
from tests.bench.inside import Child, leadwire, start
from tests.bench.outside import lead as lead_id
from tests.bench.prefill import BATCH, PARTITIONS, batched
from tests.bench.rows import LEADS, folder
from tests.ports import free_port

TRIGGERS, RULES, SHARING = 50_000, 50, 3
"""SHARING rules at most are about the same kind, tenant and disposition."""
WARM = 5_000
RECORDED = 100_000
SELDOM = 10
"""Every so manyth trigger fires one of its rules."""
CONDITIONS = (
    'changes.disposition.value != "" && attributes.score > {high}',
    'before.disposition == "Sale" && lead.key != ""',
    'connector == "crm" && attributes.plan == "pro"',
)


def book() -> bytes:
    """The file of rules."""
    rules = [
        {
            "name": f"rule {number}",
            "on": "dispositionAction",
            "dispositions": [f"Code {number // SHARING}"],
            "when": CONDITIONS[number % SHARING].format(high=100 - 100 // SELDOM),
            "do": [{"log": "it fired"}],
        }
        for number in range(RULES)
    ]
    return orjson.dumps({"rules": rules})


def triggers(count: int) -> Iterator[NewRecord]:
    """Of many leads, over all dispositions."""
    now = SystemClock().now()
    for number in range(count):
        lead = LeadId("crm", lead_id(number % LEADS))
        codes = -(-RULES // SHARING)
        update = LeadUpdate(
            f"00000000-0000-7000-8000-{number:012x}",
            rfc3339(now),
            "default",
            lead_key("default", lead),
            (lead,),
            {"disposition": Set(f"Code {number % codes}")},
            Attributes("merge", {"score": number % SELDOM * 10 + 1, "plan": "free"}),
            TriggerWishes(),
            Origin("leadsquared", "updateLeadAsync", "crm"),
        )
        trigger = Trigger(
            TriggerKind.DISPOSITION_ACTION,
            update.id,
            "crm",
            update.tenant,
            update.lead_key,
            trigger_data(update, ()),
            update.time,
            {"disposition": "Callback"},
        )
        part = partition_of(update.lead_key, PARTITIONS)
        headers, value = trigger_headers(trigger), trigger_value(trigger)
        yield NewRecord(Topic.TRIGGERS, part, update.lead_key, headers, value, now)


async def _prefill(place: Path) -> None:
    database = SqliteDatabase(str(place / "leadwire.db"))
    log, store = SqliteLog(database, PARTITIONS), Store(database)
    await store.start()
    await log.start()
    for topic in (Topic.TRIGGERS, Topic.OUTCOMES):
        beginning = dict.fromkeys(range(PARTITIONS), 0)
        await store.run(partial(settling.begin, AUTOMATIONS, topic, beginning))
    for records in batched(triggers(TRIGGERS), BATCH):
        await log.append(records)
    await database.close()


async def rules() -> dict[str, float]:
    """Triggers a second that rules are asked about, what fires written down and carried out."""
    with folder() as place:
        await _prefill(place)
        (place / "rules.yaml").write_bytes(book())
        child = await leadwire(
            place, {"crm": free_port()}, "automations", rules=str(place / "rules.yaml")
        )
        try:
            async with asyncio.timeout(120):
                first, began = await _asked(child, WARM)
                last, ended = await _asked(child, TRIGGERS)
        finally:
            await child.stop()
    return {"triggers/s": (last - first) / (ended - began)}


async def tried() -> dict[str, float]:
    """Seconds that `rules test` takes on RECORDED triggers in a file."""
    with folder() as place:
        events, book_file = place / "events.jsonl", place / "rules.yaml"
        book_file.write_bytes(book())
        with events.open("wb") as file:
            for record in triggers(RECORDED):
                told = structured(record.headers, record.value)
                file.write(orjson.dumps(told) + b"\n")
        arguments = ["gateway", "rules", "test", str(book_file), "--events", str(events)]
        child = await start([*arguments, "--json"], 0, wait=False)
        began = time.perf_counter()
        if await child.process.wait():
            raise RuntimeError("rules test failed")
    return {"seconds": time.perf_counter() - began}


async def _asked(child: Child, least: int) -> tuple[int, float]:
    """How many triggers rules were asked about, once it is so many; and when that was."""
    while True:
        counted = sum(_counts(await asyncio.to_thread(_scraped, child.admin)))
        if counted >= least * _per_trigger():
            return round(counted / _per_trigger()), time.perf_counter()
        await asyncio.sleep(0.02)


def _scraped(port: int) -> list[str]:
    """Nothing while it starts."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text: bytes = answer.read()
    except URLError:
        return []
    return text.decode().splitlines()


def _counts(lines: Sequence[str]) -> Iterator[float]:
    for line in lines:
        if line.startswith("leadwire_rule_evaluations_total{"):
            yield float(line.rpartition(" ")[2])


def _per_trigger() -> float:
    """Rules asked about a trigger, in the mean."""
    return RULES / -(-RULES // SHARING)
