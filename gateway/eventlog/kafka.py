"""The event log on Apache Kafka, by aiokafka 0.14: the only file that speaks it.

Writing. An idempotent producer never lets a batch expire, so all deadlines are ours, and what it
can't send it never gives up: it is closed from underneath. See `writer` for the rest.

Reading. Each reader that goes its own way has a consumer with assigned partitions, found again
by the positions it asks for. A task of its own polls it and is never cancelled while it does:
aiokafka does not clear up after that. Positions are the reader's; Kafka's groups play no part.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable, Sequence
from functools import partial
from itertools import takewhile
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka

from gateway.clock import Clock
from gateway.eventlog.brokers import brokers
from gateway.eventlog.port import (
    AppendUnknown,
    Extent,
    LogUnavailable,
    NewRecord,
    OffsetOutOfRange,
    Record,
    Topic,
)
from gateway.eventlog.readahead import ReadAhead
from gateway.eventlog.writer import Writer

T = TypeVar("T")

DEADLINE: Final = 15.0
"""Seconds that any answer of the brokers may take."""
STOPPING: Final = 3.0
"""Seconds that what is in flight gets before connections are closed."""
BATCH_BYTES: Final = 256 << 10
BUFFERED: Final = 300
"""Records of one partition fetched ahead of a reader."""
CURSORS: Final = 32
"""Most readers of a topic, each with a consumer."""
IDLE: Final = 60.0
"""Seconds after which a consumer's reader has gone, and another may have it."""

# The broker looked at the batch and refused it: nothing of it was appended.
_REFUSALS: Final = (
    kafka.MessageSizeTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.InvalidTopicError,
    kafka.TopicAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.PolicyViolationError,
    kafka.UnsupportedForMessageFormatError,
)


async def _within(seconds: float, work: Awaitable[T]) -> T:
    """Raises LogUnavailable past the deadline, and for whatever Kafka says."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError as error:
        raise LogUnavailable(f"no answer from Kafka within {seconds:g} s") from error
    except (kafka.KafkaError, OSError) as error:
        raise LogUnavailable(f"Kafka: {error!r}") from error


class _Producer:
    """The writer's producer: idempotent, acknowledged by all replicas in sync."""

    def __init__(self, options: dict[str, Any], deadline: float) -> None:
        self._producer = AIOKafkaProducer(
            **options,
            enable_idempotence=True,
            acks="all",
            max_batch_size=BATCH_BYTES,
            max_request_size=8 << 20,
            request_timeout_ms=int(deadline * 1000),
        )

    async def start(self, topics: Sequence[str], deadline: float) -> list[int]:
        """Connect, and learn who leads these topics; how many partitions each has. Raises
        LogUnavailable."""
        try:
            await _within(deadline, self._producer.start())
            asked = (self._producer.partitions_for(topic) for topic in topics)
            return [len(await _within(deadline, parts)) for parts in asked]
        except BaseException:
            await self._close(0.0)
            raise

    def led(self, topic: str, part: int) -> bool:
        client = self._producer.client
        leader = client.cluster.leader_for_partition(TopicPartition(topic, part))
        if leader is None or leader == -1:
            client.force_metadata_update()
            return False
        return True

    def batch(self, records: Iterable[NewRecord]) -> tuple[Any, int]:
        batch = self._producer.create_batch()
        count = sum(1 for _ in takewhile(partial(_added, batch), records))
        batch.close()
        return batch, count

    async def send(self, batch: Any, topic: str, part: int) -> int:
        try:
            sent = await self._producer.send_batch(batch, topic, partition=part)
            offset: int = (await asyncio.shield(sent)).offset
        except _REFUSALS as error:
            raise LogUnavailable(f"Kafka: {error!r}") from error
        except (kafka.KafkaError, OSError) as error:
            raise AppendUnknown(f"Kafka: {error!r}") from error
        if offset < 0:
            raise AppendUnknown("Kafka has the batch already and does not say where")
        return offset

    async def close(self) -> None:
        await self._close(STOPPING)

    async def _close(self, patience: float) -> None:
        """`stop` alone would wait for ever for what can't be sent."""
        stopping = asyncio.ensure_future(self._producer.stop())
        await asyncio.wait((stopping,), timeout=patience)
        await self._producer.client.close()
        # There is no public way to give up on what is queued, and `stop` waits for its futures.
        sender = self._producer._sender  # noqa: SLF001 - as above
        queued = self._producer._message_accumulator  # noqa: SLF001 - as above
        with contextlib.suppress(Exception):
            await sender.close()
        for batch in [batch for batches in queued._batches.values() for batch in batches]:  # noqa: SLF001 - as above
            # What was to be sent again fails twice otherwise, and nobody hears it.
            batch.drain_ready()
            queued._pending_batches.add(batch)  # noqa: SLF001 - as above
        queued.fail_all(kafka.ProducerClosed())
        await asyncio.gather(stopping, return_exceptions=True)


def _added(batch: Any, record: NewRecord) -> bool:
    headers = [(name, value.encode()) for name, value in record.headers]
    time, key = round(record.time * 1000), record.key.encode()
    added = batch.append(timestamp=time, key=key, value=record.value, headers=headers)
    return added is not None


class _Cursor:
    """A consumer that reads a topic on for one reader."""

    def __init__(self, topic: Topic, name: str, consumer: Any, clock: Clock) -> None:
        self.busy, self.used = False, 0.0
        self._topic, self._name = topic, name
        self._consumer, self._clock = consumer, clock
        self._ahead = ReadAhead(BUFFERED)
        self._changed, self._room = asyncio.Event(), asyncio.Event()
        self._closing = False
        self._polling: asyncio.Task[None] | None = None

    def at(self, positions: dict[int, int]) -> bool:
        """Whether it goes on exactly here."""
        return self._ahead.at(positions)

    def seek(self, positions: dict[int, int]) -> None:
        """Read from these positions on."""
        if self._ahead.parts() != set(positions):
            self._consumer.assign([TopicPartition(self._name, part) for part in positions])
        self._ahead.begin(positions)
        for part, offset in positions.items():
            self._consumer.seek(TopicPartition(self._name, part), offset)
        self._room.set()

    async def fetch(self, positions: dict[int, int], limit: int, wait: float) -> list[Record] | int:
        """Records, or a partition that is out of range."""
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        deadline = self._clock.monotonic() + wait
        while True:
            lost = self._ahead.lost(positions)
            if lost is not None:
                self._ahead.begin({})
                return lost
            found = self._ahead.take(positions, limit)
            left = deadline - self._clock.monotonic()
            if found or left <= 0:
                self._room.set()
                return found
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()

    async def _poll(self) -> None:
        while not self._closing:
            wanted = [TopicPartition(self._name, part) for part in self._ahead.wanted()]
            if not wanted:
                self._room.clear()
                await self._room.wait()
                continue
            try:
                got = await self._consumer.getmany(*wanted, timeout_ms=100)
            except kafka.OffsetOutOfRangeError as error:
                for place, offset in error.args[0].items():
                    self._ahead.lose(place.partition, offset)
                self._changed.set()
            except kafka.KafkaError:
                await self._clock.sleep(0.1)
            else:
                self._feed(got)

    def _feed(self, got: dict[TopicPartition, list[Any]]) -> None:
        for place, messages in got.items():
            records = [_record(self._topic, message) for message in messages]
            again = self._ahead.feed(place.partition, records)
            if again is not None:
                self._consumer.seek(place, again)
        if got:
            self._changed.set()

    async def close(self) -> None:
        """Let the poll come to its end, and close."""
        self._closing = True
        self._room.set()
        if self._polling is not None:
            await asyncio.gather(self._polling, return_exceptions=True)
        with contextlib.suppress(LogUnavailable):
            await _within(STOPPING, self._consumer.stop())


def _record(topic: Topic, message: Any) -> Record:
    headers = tuple((name, value.decode()) for name, value in message.headers)
    key = (message.key or b"").decode()
    time = message.timestamp / 1000
    return Record(topic, message.partition, message.offset, key, headers, message.value, time)


class KafkaLog:
    """The EventLog port over a Kafka cluster; times are kept to the millisecond."""

    repeats = True

    def __init__(self, url: str, prefix: str, clock: Clock, deadline: float = DEADLINE) -> None:
        """Topics are `prefix.updates` and so on; `start` connects. Raises ValueError for the
        URL."""
        servers, options = brokers(url)
        self._options = {"bootstrap_servers": servers, **options}
        self._names = {topic: f"{prefix}.{topic}" for topic in Topic}
        self._clock, self._deadline = clock, deadline
        self._partitions: dict[Topic, int] = {}
        self._cursors: dict[Topic, list[_Cursor]] = {topic: [] for topic in Topic}
        self._asking: Any = None
        self._writer = Writer(self._producer, clock, deadline)

    async def start(self) -> None:
        """Connect, and learn how many partitions each topic has. Raises LogUnavailable."""
        self._asking = await self._consumer()
        try:
            known = await _within(self._deadline, self._asking.topics())
            missing = sorted(set(self._names.values()) - set(known))
            if missing:
                raise LogUnavailable(f"no such topics: {', '.join(missing)}")
            await self._writer.start()
        except BaseException:
            await self._asking.stop()
            raise

    def partitions(self, topic: Topic) -> int:
        """See the port."""
        return self._partitions[topic]

    async def append(self, records: Sequence[NewRecord]) -> list[int]:
        """See the port."""
        places: dict[tuple[Topic, int], list[int]] = {}
        for number, record in enumerate(records):
            places.setdefault((record.topic, record.partition), []).append(number)
        portions = [
            self._writer.add(self._names[topic], part, [records[n] for n in numbers])
            for (topic, part), numbers in places.items()
        ]
        results = await asyncio.gather(*(p.future for p in portions), return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed:
            unknown = len(failed) < len(results) or any(
                isinstance(error, AppendUnknown) for error in failed
            )
            raise AppendUnknown(str(failed[0])) if unknown else failed[0]
        offsets = [0] * len(records)
        for numbers, found in zip(places.values(), results, strict=True):
            if not isinstance(found, BaseException):
                for number, offset in zip(numbers, found, strict=True):
                    offsets[number] = offset
        return offsets

    async def fetch(
        self, topic: Topic, positions: dict[int, int], limit: int, wait: float
    ) -> list[Record]:
        """See the port."""
        if not positions:
            await self._clock.sleep(wait)
            return []
        cursor = await self._cursor(topic, positions)
        cursor.busy = True
        try:
            found = await cursor.fetch(positions, limit, wait)
        finally:
            cursor.busy, cursor.used = False, self._clock.monotonic()
        if isinstance(found, int):
            extent = (await self.extents(topic))[found]
            raise OffsetOutOfRange(topic, found, positions[found], extent)
        return found

    async def extents(self, topic: Topic) -> dict[int, Extent]:
        """See the port; raises LogUnavailable."""
        places = self._places(topic)
        starts = await _within(self._deadline, self._asking.beginning_offsets(places))
        ends = await _within(self._deadline, self._asking.end_offsets(places))
        return {p.partition: Extent(starts[p], ends[p]) for p in places}

    async def offsets_at(self, topic: Topic, time: float) -> dict[int, int]:
        """See the port; raises LogUnavailable."""
        places = self._places(topic)
        asked = dict.fromkeys(places, round(time * 1000))
        found = await _within(self._deadline, self._asking.offsets_for_times(asked))
        ends = await _within(self._deadline, self._asking.end_offsets(places))
        return {p.partition: found[p].offset if found[p] else ends[p] for p in places}

    async def close(self) -> None:
        """See the port."""
        await self._writer.close()
        for cursor in [cursor for cursors in self._cursors.values() for cursor in cursors]:
            await cursor.close()
        if self._asking is not None:
            with contextlib.suppress(LogUnavailable):
                await _within(STOPPING, self._asking.stop())

    def _places(self, topic: Topic) -> list[TopicPartition]:
        return [TopicPartition(self._names[topic], part) for part in range(self.partitions(topic))]

    async def _cursor(self, topic: Topic, positions: dict[int, int]) -> _Cursor:
        """The consumer that goes on here, else one whose reader has gone, else another one."""
        cursors = self._cursors[topic]
        now = self._clock.monotonic()
        idle = sorted((c for c in cursors if not c.busy), key=lambda c: c.used)
        for cursor in idle:
            if cursor.at(positions):
                return cursor
        if not idle or (now - idle[0].used < IDLE and len(cursors) < CURSORS):
            if len(cursors) >= CURSORS:
                raise LogUnavailable(f"{topic} has too many readers")
            consumer = await self._consumer()
            cursor = _Cursor(topic, self._names[topic], consumer, self._clock)
            cursors.append(cursor)
        else:
            cursor = idle[0]
        cursor.seek(positions)
        return cursor

    async def _producer(self) -> _Producer:
        producer = _Producer(self._options, self._deadline)
        counts = await producer.start([*self._names.values()], self._deadline)
        self._partitions = self._partitions or dict(zip(self._names, counts, strict=True))
        return producer

    async def _consumer(self) -> Any:
        consumer = AIOKafkaConsumer(
            **self._options,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=100,
            request_timeout_ms=int(self._deadline * 1000),
        )
        try:
            await _within(self._deadline, consumer.start())
        except BaseException:
            with contextlib.suppress(LogUnavailable):
                await _within(STOPPING, consumer.stop())
            raise
        return consumer
