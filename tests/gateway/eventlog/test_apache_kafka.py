"""What only Apache Kafka itself can say of the adapter."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal

import orjson
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from gateway.clock import SystemClock
from gateway.eventlog.kafka import KafkaLog
from gateway.eventlog.port import Extent, NewRecord, OffsetOutOfRange, Record, Topic
from gateway.model import codec
from tests.contracts.eventlogs import TIME, kept, new, prefix, read
from tests.gateway.model.test_codec import OUTCOME, TRIGGER, UPDATE
from tests.kafka.apache import MARKS, ApacheKafka
from tests.kafka.relay import Relay
from tests.kafka_mock import PRODUCE

pytestmark = MARKS
DEADLINE = 10.0
PACKED = {"none": 0, "lz4": 3, "zstd": 4}
"""The lowest three bits of a batch's attributes (kafka.apache.org, "Record Batch")."""


@asynccontextmanager
async def connected(servers: str, name: str, **options: Any) -> AsyncIterator[KafkaLog]:
    """A log on topics that are there."""
    log = KafkaLog(f"kafka://{servers}", name, SystemClock(), DEADLINE, **options)
    await log.start()
    try:
        yield log
    finally:
        await log.close()


# --- writing ------------------------------------------------------------------------------


async def test_an_acknowledgement_lost_on_the_way_repeats_nothing(apache: ApacheKafka) -> None:
    """The client sends the batch again, and the broker knows it by its number."""
    name, ports = prefix(apache), apache.nodes[0].ports
    async with (
        Relay(ports["RELAY"], ports["RELAYED"]) as relay,
        connected(f"127.0.0.1:{ports['RELAY']}", name) as log,
    ):
        assert await log.append([new("0")]) == [0]
        relay.lose_answer(PRODUCE)
        assert await log.append([new("1"), new("2")]) == [1, 2]
        assert relay.lost == 1
        assert await log.append([new("3")]) == [3]
        assert await log.extents(Topic.UPDATES) == {
            0: Extent(0, 4),
            1: Extent(0, 0),
            2: Extent(0, 0),
        }


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
async def test_records_lie_packed_as_asked_for(
    apache: ApacheKafka, compression: Literal["none", "lz4", "zstd"]
) -> None:
    """And numbered by an idempotent producer; what is read back is the same."""
    name = prefix(apache)
    records = [new(f'{{"n":{n},"text":"{"x" * 200}"}}') for n in range(50)]
    async with connected(apache.servers, name, compression=compression) as log:
        await log.append(records)
        assert await read(log, {0: 0}, 50) == [kept(r, n) for n, r in enumerate(records)]
    (batch,) = apache.batches(f"{name}.updates")
    assert int.from_bytes(batch[21:23]) & 7 == PACKED[compression]
    producer_id = int.from_bytes(batch[43:51], signed=True)
    assert producer_id >= 0
    assert (len(batch) < 2000) == (compression != "none")


# --- reading ------------------------------------------------------------------------------


async def test_what_retention_took_is_said(apache: ApacheKafka) -> None:
    """And where the log begins by now."""
    name = prefix(apache)
    async with connected(apache.servers, name) as log:
        await log.append([new(str(n)) for n in range(5)])
        place = TopicPartition(f"{name}.updates", 0, 3)
        for future in apache.admin.delete_records([place]).values():
            future.result(30)
        with pytest.raises(OffsetOutOfRange) as raised:
            await log.fetch(Topic.UPDATES, {0: 1}, 10, 5.0)
        assert (raised.value.offset, raised.value.extent) == (1, Extent(3, 5))
        assert [record.offset for record in await read(log, {0: 3}, 2)] == [3, 4]


async def test_another_programs_records_are_read(apache: ApacheKafka) -> None:
    """Whatever they hold, and over the marks of its transactions, the last one included."""
    name = prefix(apache)
    other = Producer({"bootstrap.servers": apache.servers, "transactional.id": name})
    await asyncio.to_thread(other.init_transactions, 30)
    for _ in range(2):
        other.begin_transaction()
        headers: list[tuple[str, str | bytes | None]] = [("h", None), ("h", b"\xff")]
        other.produce(f"{name}.updates", None, None, 0, timestamp=1000, headers=headers)
        await asyncio.to_thread(other.commit_transaction, 30)
    foreign = (("h", ""), ("h", "�"))
    async with connected(apache.servers, name, stall=1.0) as log:
        assert await log.extents(Topic.UPDATES) == {
            0: Extent(0, 4),
            1: Extent(0, 0),
            2: Extent(0, 0),
        }
        expected = [Record(Topic.UPDATES, 0, n, "", foreign, b"", 1.0) for n in (0, 2)]
        assert await read(log, {0: 0}, 2) == expected
        (cursor,) = log._cursors[Topic.UPDATES]
        consumer = cursor._consumer
        assert await log.fetch(Topic.UPDATES, {0: 3}, 10, 2.5) == []
        assert cursor._consumer is consumer
        await log.append([new("4")])
        assert [record.offset for record in await read(log, {0: 3}, 1)] == [4]


# --- CloudEvents --------------------------------------------------------------------------


def facts() -> list[NewRecord]:
    """A record of every kind."""
    letter = codec.outcome_headers(OUTCOME), codec.dead_letter_value(OUTCOME, UPDATE)
    zoe = replace(UPDATE, lead_key="ld_2", tenant="zoë")
    told = [
        (Topic.UPDATES, codec.update_headers(UPDATE), codec.update_value(UPDATE)),
        (Topic.UPDATES, codec.update_headers(zoe), codec.update_value(zoe)),
        (Topic.OUTCOMES, codec.outcome_headers(OUTCOME), codec.outcome_value(OUTCOME)),
        (Topic.TRIGGERS, codec.trigger_headers(TRIGGER), codec.trigger_value(TRIGGER)),
        (Topic.DEAD_LETTERS, *letter),
        (Topic.REPLIES, codec.outcome_headers(OUTCOME), codec.outcome_value(OUTCOME)),
    ]
    keys = ("ld_1", "ld_2", "ld_1", "ld_1", "ld_1", "ld_1")
    return [
        NewRecord(topic, 0, key, headers, value, TIME)
        for key, (topic, headers, value) in zip(keys, told, strict=True)
    ]


def consumed(servers: str, record: NewRecord, name: str, offset: int) -> Message:
    """A record as another client reads it."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "none", "log_level": 0})
    try:
        consumer.assign([TopicPartition(f"{name}.{record.topic}", record.partition, offset)])
        message = consumer.poll(30)
        assert message is not None
        assert message.error() is None
        return message
    finally:
        consumer.close()


def sdk_message(message: Message) -> KafkaMessage:
    """The same to the SDK."""
    headers, key, value = message.headers(), message.key(), message.value()
    assert isinstance(headers, list)
    assert isinstance(value, bytes)
    given = {name: text for name, text in headers if isinstance(text, bytes)}
    return KafkaMessage(given, key, value)


async def test_every_record_is_a_cloudevent_to_its_sdk(apache: ApacheKafka) -> None:
    """In binary mode, with the lead's key as partition key."""
    name = prefix(apache)
    async with connected(apache.servers, name) as log:
        offsets = await log.append(facts())
    for record, offset in zip(facts(), offsets, strict=True):
        message = await asyncio.to_thread(consumed, apache.servers, record, name, offset)
        event = from_binary(sdk_message(message), JSONFormat())
        told = dict(record.headers)
        assert (event.get_id(), event.get_type(), event.get_source(), event.get_subject()) == (
            told["ce_id"],
            told["ce_type"],
            told["ce_source"],
            told["ce_subject"],
        )
        assert event.get_extension("partitionkey") == record.key
        assert event.get_extension("tenant") == told["ce_tenant"]
        assert event.get_data() == orjson.loads(record.value)


async def test_kcat_reads_the_log(apache: ApacheKafka) -> None:
    """As operators do, headers and all. Under CI it is there."""
    if shutil.which("kcat") is None:
        assert os.environ.get("CI") != "true", "kcat is not installed"
        pytest.skip("kcat is not installed")
    name = prefix(apache)
    async with connected(apache.servers, name) as log:
        await log.append(facts()[:2])
    words = ("-b", apache.servers, "-C", "-t", f"{name}.updates", "-e", "-q", "-J")
    done = await asyncio.to_thread(
        subprocess.run, ["kcat", *words], capture_output=True, check=True, timeout=30
    )
    found = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert [(one["key"], one["payload"], one["headers"]) for one in found] == [
        (
            record.key,
            record.value.decode(),
            [text for header in record.headers for text in header],
        )
        for record in facts()[:2]
    ]


# --- frontiers ----------------------------------------------------------------------------


def committed(admin: AdminClient, group: str) -> dict[int, int]:
    """Partition -> offset, as tools that watch lag see a group."""
    asked = [ConsumerGroupTopicPartitions(group)]
    (future,) = admin.list_consumer_group_offsets(asked).values()
    found = future.result(30).topic_partitions
    return {place.partition: place.offset for place in found}


async def test_a_frontier_is_a_groups_offsets(apache: ApacheKafka) -> None:
    """Of the group that has the reader's name after the prefix; it moves with the frontier, back
    too, since tools may only look."""
    name = prefix(apache)
    async with connected(apache.servers, name) as log:
        await log.append([new("0"), new("1"), new("2", 1)])
        await log.tell_frontier("noojee-au", {0: 2, 1: 0, 2: 0})
        await log.tell_frontier("polly", {0: 1})
        assert committed(apache.admin, f"{name}.noojee-au") == {0: 2, 1: 0, 2: 0}
        await log.tell_frontier("noojee-au", {0: 1, 1: 1})
        assert committed(apache.admin, f"{name}.noojee-au") == {0: 1, 1: 1, 2: 0}
        assert committed(apache.admin, f"{name}.polly") == {0: 1}
