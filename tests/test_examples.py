"""The examples in `config/examples`, run as their reader would run them."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import orjson
import pytest

from connectors.webhook import wire
from gateway.clock import SystemClock
from gateway.eventlog.kafka import KafkaLog
from gateway.eventlog.port import NewRecord, Topic
from gateway.model.codec import trigger_headers, trigger_value
from tests.gateway.model.test_codec import TRIGGER
from tests.journeys.running import ROOT, Caller, eventually
from tests.kafka_mock import MockCluster
from tests.ports import free_port

EXAMPLES = ROOT / "config" / "examples"
OLD, NEW, OTHER = (f"whsec_{letter * 32}" for letter in "MNO")
BODY = orjson.dumps({"type": "io.leadwire.trigger.dispositionAction.v1", "subject": "ld_1"})


@asynccontextmanager
async def example(folder: Path, name: str, *arguments: str) -> AsyncIterator[Process]:
    """It runs in this folder, until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / name), *arguments, cwd=folder, stdout=PIPE
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()


async def lines(process: Process, count: int) -> list[str]:
    """What it prints next."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return [(await process.stdout.readline()).decode().strip() for _ in range(count)]


async def posted(caller: Caller, id: str, *secrets: str) -> int:
    """Post a webhook as leadwire signs it; the status, once somebody listens."""
    signers = [wire.signer(secret) for secret in secrets]
    headers = dict(wire.signed(signers, id, SystemClock().now(), BODY))
    async with asyncio.timeout(20):
        while True:
            try:
                return (await caller.call("POST", "/hook", BODY, headers)).status
            except OSError:
                await asyncio.sleep(0.05)


def remembered(folder: Path) -> int:
    """How many ids the consumer has committed."""
    with closing(sqlite3.connect(folder / "seen.db")) as db:
        (count,) = db.execute("SELECT COUNT(*) FROM seen").fetchone()
    return int(count)


def test_they_are_short() -> None:
    """Read in a minute."""
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 60, path.name


async def test_the_receiver_takes_what_is_signed_and_does_it_once(tmp_path: Path) -> None:
    """By the old secret or the new one while it is changed; nothing else, and no id twice."""
    port = free_port()
    async with (
        example(tmp_path, "receiver.py", str(port), NEW) as receiver,
        Caller(f"http://127.0.0.1:{port}") as caller,
    ):
        calls = [("a", (NEW, OLD)), ("a", (NEW,)), ("b", (OTHER,)), ("b", (OLD, NEW))]
        statuses = [await posted(caller, id, *secrets) for id, secrets in calls]
        printed = await lines(receiver, 2)
    assert statuses == [204, 204, 401, 204]
    assert printed == ["io.leadwire.trigger.dispositionAction.v1 ld_1"] * 2


@pytest.mark.timeout(90)
async def test_the_consumer_does_each_trigger_once(tmp_path: Path) -> None:
    """Also one that is in the log twice, and after a restart."""
    with MockCluster() as cluster:
        cluster.create_all({f"leadwire.{topic}": 2 for topic in Topic})
        log = KafkaLog(f"kafka://{cluster.servers}", "leadwire", SystemClock(), 10.0)
        await log.start()
        try:
            await log.append([_record("ld_1", "e1"), _record("ld_1", "e1"), _record("ld_2", "e2")])
            async with example(tmp_path, "consumer.py", cluster.servers) as consumer:
                first = await lines(consumer, 2)
                await eventually(lambda: remembered(tmp_path) == 2)
            await log.append([_record("ld_2", "e2"), _record("ld_3", "e3")])
            async with example(tmp_path, "consumer.py", cluster.servers) as consumer:
                second = await lines(consumer, 1)
        finally:
            await log.close()
    told = [line.split()[:2] for line in first + second]
    assert sorted(told) == [[str(TRIGGER.kind), lead] for lead in ("ld_1", "ld_2", "ld_3")]


def _record(lead: str, event: str) -> NewRecord:
    trigger = TRIGGER.__class__(
        TRIGGER.kind, event, TRIGGER.connector, TRIGGER.tenant, lead, TRIGGER.data, TRIGGER.time
    )
    headers, value = trigger_headers(trigger), trigger_value(trigger)
    return NewRecord(Topic.TRIGGERS, 0, lead, headers, value, SystemClock().now())
