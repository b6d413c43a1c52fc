"""The sharp edges of Kafka's client that the adapter takes off, on a cluster that fails."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from aiokafka import TopicPartition

from gateway.clock import SystemClock
from gateway.eventlog.kafka import KafkaLog
from gateway.eventlog.port import (
    AppendUnknown,
    Extent,
    LogUnavailable,
    Message,
    Topic,
    partition_of,
)
from tests import kafka_mock
from tests.contracts.eventlogs import new, read
from tests.gateway.eventlog.failing import DEADLINE, appended, connected, create, deafen
from tests.kafka_mock import MockCluster


async def test_a_refused_record_is_said_and_the_next_goes_through(cluster: MockCluster) -> None:
    """A produce error that no retry cures comes out as it is."""
    async with connected(cluster) as log:
        cluster.refuse(kafka_mock.PRODUCE, [kafka_mock.MESSAGE_TOO_LARGE])
        with pytest.raises(LogUnavailable, match="MessageSizeTooLarge") as refused:
            await log.append([new("0")])
        assert type(refused.value) is LogUnavailable
        assert await appended(log, "1") == [0]


async def test_a_poisoned_producer_is_replaced(cluster: MockCluster) -> None:
    """A sequence error sticks to a producer; the next one is rid of it."""
    async with connected(cluster) as log:
        cluster.refuse(kafka_mock.PRODUCE, [kafka_mock.OUT_OF_ORDER_SEQUENCE])
        with pytest.raises(AppendUnknown):
            await log.append([new("0")])
        with pytest.raises(LogUnavailable, match="not known yet"):
            await log.append([new("1")])
        assert await appended(log, "2") == [0]


async def test_a_passing_error_is_not_seen(cluster: MockCluster) -> None:
    """The client tries again by itself, and keeps the order."""
    async with connected(cluster) as log:
        cluster.refuse(kafka_mock.PRODUCE, [kafka_mock.NOT_LEADER])
        offsets = await asyncio.gather(*(log.append([new(str(n))]) for n in range(5)))
        assert offsets == [[0], [1], [2], [3], [4]]
        assert [r.value for r in await read(log, {0: 0}, 5)] == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_broker_that_is_down_costs_a_deadline(cluster: MockCluster) -> None:
    """The client alone would wait for ever; when the broker is back, the log goes on."""
    async with connected(cluster) as log:
        assert await log.append([new("0")]) == [0]
        await read(log, {0: 0}, 1)
        cluster.down(1)
        began = asyncio.get_running_loop().time()
        with pytest.raises(LogUnavailable):
            await log.append([new("unknown")])
        assert await log.fetch(Topic.UPDATES, {0: 1}, 10, 0.1) == []
        assert asyncio.get_running_loop().time() - began < DEADLINE + 1
        cluster.up(1)
        (offset,) = await appended(log, "2")
        found = [record.value for record in await read(log, {0: 0}, offset + 1)]
        assert (found[0], found[-1]) == (b"0", b"2")


async def test_closing_does_not_hang_on_a_broker_that_is_down(cluster: MockCluster) -> None:
    """Nor with an append under way."""
    async with connected(cluster) as log:
        cluster.down(1)
        waiting = asyncio.create_task(log.append([new("0")]))
        await asyncio.sleep(0.1)
        async with asyncio.timeout(12):
            await log.close()
        with pytest.raises(LogUnavailable):
            await waiting


async def test_closing_does_not_hang_on_a_broker_that_does_not_answer(cluster: MockCluster) -> None:
    """What is being sent waits for news of the cluster that a closed client is never told."""
    async with connected(cluster) as log:
        assert await log.append([new("0")]) == [0]
        cluster.delay(1, 1000 * 60)
        with pytest.raises(AppendUnknown, match="no answer"):
            await log.append([new("1")])
        async with asyncio.timeout(12):
            await log.close()


async def test_losing_a_leader_stops_only_its_partition(cluster: MockCluster) -> None:
    """The client's expired batch would poison the producer for good."""
    async with connected(cluster) as log:
        assert await log.append([new("0"), new("0", 1)]) == [0, 0]
        cluster.lead("lw.updates", 0, None)
        with pytest.raises(LogUnavailable):
            await log.append([new("1")])
        assert await appended(log, "1", 1) == [1]
        cluster.lead("lw.updates", 0, 1)
        (offset,) = await appended(log, "2")
        assert await appended(log, "3") == [offset + 1]
        found = [record.value for record in await read(log, {0: 0}, offset + 2)]
        assert (found[0], found[-2:]) == (b"0", [b"2", b"3"])


async def test_a_slow_answer_is_unknown(cluster: MockCluster) -> None:
    """It came too late, and the record is there."""
    async with connected(cluster) as log:
        cluster.delay(1, 1000 * 3)
        with pytest.raises(AppendUnknown, match="no answer"):
            await log.append([new("0")])
        cluster.delay(1, 0)
        (offset,) = await appended(log, "1")
        values = [record.value for record in await read(log, {0: 0}, offset + 1)]
        assert values == [b"0"] * offset + [b"1"]


async def test_nobody_there_is_said_in_time() -> None:
    """At the start, too."""
    log = KafkaLog("kafka://127.0.0.1:9", "lw", SystemClock(), DEADLINE)
    async with asyncio.timeout(10):
        with pytest.raises(LogUnavailable):
            await log.start()


async def test_missing_topics_are_named(cluster: MockCluster) -> None:
    """They are not made with whatever the broker thinks right."""
    log = KafkaLog(f"kafka://{cluster.servers}", "other", SystemClock(), DEADLINE)
    with pytest.raises(LogUnavailable, match=r"no such topics: other\.dead-letters, other\.out"):
        await log.start()


async def test_a_cluster_that_moved_is_found_again(
    cluster: MockCluster, elsewhere: MockCluster
) -> None:
    """The client asks only brokers it knows; ours go back to those in the URL."""
    async with connected(cluster, elsewhere) as log:
        assert await log.append([new("0")]) == [0]
        await read(log, {0: 0}, 1)
        cluster.down(1)
        elsewhere.up(1)
        with pytest.raises(AppendUnknown):
            await log.append([new("lost with the old place")])
        assert await appended(log, "1") == [0]
        assert await first_extent(log) == Extent(0, 1)
        assert [record.value for record in await read(log, {0: 0}, 1)] == [b"1"]


async def first_extent(log: KafkaLog) -> Extent:
    """Of the first partition, once the cluster answers."""
    async with asyncio.timeout(10):
        while True:
            try:
                return (await log.extents(Topic.UPDATES))[0]
            except LogUnavailable:
                await asyncio.sleep(0.05)


async def until_leaderless(log: KafkaLog) -> None:
    """Append until the producer knows that nobody leads."""
    async with asyncio.timeout(10):
        while True:
            with pytest.raises(LogUnavailable) as refused:
                await log.append([new("1")])
            if "has no leader" in str(refused.value):
                return
            await asyncio.sleep(0.05)


async def test_a_cluster_that_moved_without_a_leader_is_found_again(
    cluster: MockCluster, elsewhere: MockCluster
) -> None:
    """Nothing can be sent then, so nothing fails that would cost the producer."""
    async with connected(cluster, elsewhere) as log:
        assert await log.append([new("0")]) == [0]
        cluster.lead("lw.updates", 0, None)
        await until_leaderless(log)
        cluster.down(1)
        elsewhere.up(1)
        assert await appended(log, "2") == [0]


async def test_a_producer_that_hears_no_news_is_replaced(cluster: MockCluster) -> None:
    """And its connections are closed, although aiokafka gives up before it comes to them."""
    async with connected(cluster) as log:
        await appended(log, "0")
        producer: Any = log._writer._producer
        client = producer._producer.client
        await deafen(client)
        cluster.lead("lw.updates", 0, None)
        (place,) = [one for one in client.cluster._partitions["lw.updates"].items() if not one[0]]
        client.cluster._partitions["lw.updates"][0] = place[1]._replace(leader=-1)
        with pytest.raises(LogUnavailable, match="no leader"):
            await log.append([new("1")])
        cluster.lead("lw.updates", 0, 1)
        assert await appended(log, "1") == [1]
        assert log._writer._producer is not producer
    assert [conn.connected() for conn in client._conns.values()] == [False] * len(client._conns)


async def test_a_log_is_closed_whatever_became_of_its_clients(cluster: MockCluster) -> None:
    """A process ends as it should after brokers were away."""
    async with connected(cluster) as log:
        await appended(log, "0")
        assert await read(log, {0: 0, 1: 0}, 1) != []
        (cursor,) = log._cursors[Topic.UPDATES]
        producer: Any = log._writer._producer
        clients: list[Any] = [cursor._consumer._client, producer._producer.client]
        for client in clients:
            await deafen(client)
    open_ = [conn for client in clients for conn in client._conns.values() if conn.connected()]
    assert open_ == []


async def test_what_is_queued_beside_a_failed_batch_is_answered_when_the_producer_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not only when its own deadline has come; and aiokafka forgets none of its futures."""
    with MockCluster(brokers=2) as cluster:
        create(cluster)
        for part, broker in ((0, 1), (1, 2)):
            cluster.lead("lw.updates", part, broker)
        log = KafkaLog(f"kafka://{cluster.servers}", "lw", SystemClock(), 30.0)
        await log.start()
        await log.append([new("0"), new("0", 1)])
        cluster.down(2)
        queued = asyncio.create_task(log.append([new("1", 1)]))
        await asyncio.sleep(0.2)
        cluster.refuse(kafka_mock.PRODUCE, [kafka_mock.MESSAGE_TOO_LARGE])
        with pytest.raises(LogUnavailable, match="MessageSizeTooLarge"):
            await log.append([new("1")])
        async with asyncio.timeout(10):
            with pytest.raises(AppendUnknown):
                await queued
        cluster.up(2)
        await log.close()
    gc.collect()
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


async def test_a_topic_of_somebody_elses_is_published_to(cluster: MockCluster) -> None:
    """In its key's partition; one that is not there is not made."""
    cluster.create("sales", 3)
    message = Message("ld_1", (("ce_id", "a"),), b"{}", 1_767_225_600.0)
    async with connected(cluster) as log:
        with pytest.raises(LogUnavailable, match="there is no such topic"):
            await log.publish("purchases", message)
        for _ in range(2):
            await published(log, "sales", message)
        places = [TopicPartition("sales", part) for part in range(3)]
        ends = await log._asking.ask(lambda asked: asked.end_offsets(places))
        topics = await log._asking.ask(lambda asked: asked.topics())
    counts = [ends[place] for place in places]
    assert counts == [2 if part == partition_of("ld_1", 3) else 0 for part in range(3)]
    assert "purchases" not in topics


async def published(log: KafkaLog, topic: str, message: Message) -> None:
    """Publish as the engine does, which tries again where nothing was sent: a producer meets a
    topic for the first time."""
    async with asyncio.timeout(15):
        while True:
            try:
                return await log.publish(topic, message)
            except AppendUnknown:
                raise
            except LogUnavailable:
                await asyncio.sleep(0.05)
