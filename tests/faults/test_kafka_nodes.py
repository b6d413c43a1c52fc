"""Three nodes of Apache Kafka, of which one at a time fails while a log is written and read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.eventlog.kafka import KafkaLog
from gateway.eventlog.kafka.topics import ensure
from gateway.eventlog.port import LogUnavailable, Record, Topic
from gateway.settings.model import LogSettings
from tests.contracts.eventlogs import new
from tests.journeys.running import eventually
from tests.kafka import artifacts
from tests.kafka.apache import ApacheKafka

PARTS = range(3)
pytestmark = pytest.mark.timeout(300, func_only=True)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ApacheKafka]:
    """Three nodes."""
    assert artifacts.lacking() is None
    with ApacheKafka(tmp_path, nodes=3) as cluster:
        yield cluster


class Traffic:
    """Writers, one a partition, and a reader that was there from the beginning."""

    def __init__(self, log: KafkaLog) -> None:
        self.acknowledged: dict[tuple[int, int], bytes] = {}
        self.refused = 0
        self.found: list[Record] = []
        self._log = log

    async def write(self, part: int) -> None:
        """As a caller who goes on with the next update whatever became of this one."""
        number = 0
        while True:
            record = new(f'{{"part":{part},"n":{number}}}', part)
            number += 1
            try:
                (offset,) = await self._log.append([record])
                self.acknowledged[part, offset] = record.value
            except LogUnavailable:
                self.refused += 1
                await asyncio.sleep(0.05)

    async def read(self) -> None:
        """Read on for ever."""
        positions = dict.fromkeys(PARTS, 0)
        while True:
            for record in await self._log.fetch(Topic.UPDATES, positions, 500, 1.0):
                self.found.append(record)
                positions[record.partition] = record.offset + 1

    async def more(self, count: int) -> None:
        """Wait until so many more are acknowledged in every partition."""
        goal = {part: self._count(part) + count for part in PARTS}
        await eventually(lambda: all(self._count(part) >= goal[part] for part in PARTS), 60.0)

    def _count(self, part: int) -> int:
        return sum(1 for place, _ in self.acknowledged if place == part)


@asynccontextmanager
async def flowing(log: KafkaLog) -> AsyncIterator[Traffic]:
    """While inside."""
    traffic = Traffic(log)
    tasks = [asyncio.create_task(traffic.write(part)) for part in PARTS]
    reading = asyncio.create_task(traffic.read())
    try:
        yield traffic
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        ends = await log.extents(Topic.UPDATES)
        whole = sum(extent.end for extent in ends.values())
        await eventually(lambda: len(traffic.found) >= whole, 60.0)
    finally:
        for task in (*tasks, reading):
            task.cancel()
        await asyncio.gather(*tasks, reading, return_exceptions=True)


async def test_a_node_that_fails_costs_nothing_that_was_acknowledged(cluster: ApacheKafka) -> None:
    """Each in turn, killed as a machine that fails; every record is read, once and in order."""
    settings = LogSettings(url=f"kafka://{cluster.servers}", partitions=len(PARTS), replies=1)
    report = await ensure(settings, SystemClock())
    assert (report.brokers, report.warnings) == (3, ())
    log = KafkaLog(settings.url, "leadwire", SystemClock(), 5.0, stall=10.0)
    await log.start()
    try:
        async with flowing(log) as traffic:
            for node in cluster.nodes:
                await traffic.more(50)
                node.kill()
                await traffic.more(50)
                cluster.restart(node)
                await asyncio.to_thread(cluster.await_nodes, 3)
            await traffic.more(50)
    finally:
        await log.close()
    read = {(record.partition, record.offset): record.value for record in traffic.found}
    assert len(read) == len(traffic.found)
    for part in PARTS:
        offsets = [record.offset for record in traffic.found if record.partition == part]
        assert offsets == list(range(len(offsets)))
    assert {place: read.get(place) for place in traffic.acknowledged} == traffic.acknowledged
