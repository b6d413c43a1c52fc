"""The event log on Apache Kafka, by aiokafka 0.14: the only file that speaks it.

Writing. An idempotent producer with acks=all, one batch in flight per partition. What arrives
meanwhile makes up the next batch, so that waiters never crowd around a full one. Its batches
never expire by themselves, so every wait has a deadline of ours; after that the result is
unknown. Such a partition accepts nothing more, since whatever the old connections still carry
could come after a newer record. A producer with a failed batch is never used again either: the
sequence numbers that the batch took are missed by the broker from then on. It is replaced once
its connections are closed and a second has passed.

Reading. Each reader that goes its own way has a consumer with assigned partitions, found again
by the positions it asks for. A task of its own polls it and is never cancelled while it does:
aiokafka does not clear up after that. Positions are the reader's; Kafka's groups play no part.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka

from gateway.clock import Clock
from gateway.eventlog.port import (
    AppendUnknown,
    Extent,
    LogUnavailable,
    NewRecord,
    OffsetOutOfRange,
    Record,
    Topic,
)

T = TypeVar("T")

DEADLINE: Final = 15.0
"""Seconds that any answer of the brokers may take."""
STOPPING: Final = 3.0
"""Seconds that what is in flight gets before connections are closed."""
QUIET: Final = 1.0
"""Seconds between closing a producer's connections and the next producer."""
WAITING: Final = 20_000
"""Most records that may wait for their batch in one partition."""
BATCH_BYTES: Final = 256 << 10
BUFFERED: Final = 1000
"""Records of one partition fetched ahead of a reader."""
CURSORS: Final = 32
"""Most readers of a topic with a consumer of their own."""

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


def brokers(url: str) -> tuple[str, dict[str, Any]]:
    """Bootstrap servers and client options of `kafka://h1:9092,h2:9092?security=ssl`.

    The port is 9092 where it is left out; `security` is `plaintext` (default) or `ssl`. Raises
    ValueError.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    security = options.pop("security", "plaintext")
    servers = [server.strip() for server in parts.netloc.split(",")]
    if parts.scheme != "kafka" or not all(servers) or parts.path.strip("/") or options:
        raise ValueError("a Kafka log is kafka://host:port,host:port?security=plaintext|ssl")
    if security not in {"plaintext", "ssl"}:
        raise ValueError(f"security is plaintext or ssl, not {security}")
    named = [s if s.rpartition(":")[2].isdigit() else f"{s}:9092" for s in servers]
    if security == "ssl":
        context = ssl.create_default_context()
        return ",".join(named), {"security_protocol": "SSL", "ssl_context": context}
    return ",".join(named), {}


async def _within(seconds: float, work: Awaitable[T]) -> T:
    """Raises LogUnavailable past the deadline, and for whatever Kafka says."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError as error:
        raise LogUnavailable(f"no answer from Kafka within {seconds:g} s") from error
    except (kafka.KafkaError, OSError) as error:
        raise LogUnavailable(f"Kafka: {error!r}") from error


class _Portion:
    """The records of one append that go to one partition, and the offsets they got."""

    __slots__ = ("future", "left", "offsets")

    def __init__(self, count: int) -> None:
        self.left, self.offsets = count, list[int]()
        self.future: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()

    def placed(self, offset: int) -> None:
        self.offsets.append(offset)
        self.left -= 1
        if not self.left and not self.future.done():
            self.future.set_result(self.offsets)

    def fail(self, error: LogUnavailable) -> None:
        if not self.future.done():
            known = not self.offsets
            self.future.set_exception(error if known else AppendUnknown(str(error)))


class _Lane:
    """What waits to be appended to one partition; one batch at a time is under way."""

    def __init__(self, place: TopicPartition) -> None:
        self.place = place
        self.waiting: deque[tuple[NewRecord, _Portion]] = deque()
        self.sending: asyncio.Task[None] | None = None
        self.unknown = False
        """Whether an append's result is unknown, so that nothing may follow yet."""

    def fail(self, error: LogUnavailable) -> None:
        """Nothing that waits is sent."""
        while self.waiting:
            self.waiting.popleft()[1].fail(error)


class _Writer:
    """The producer and its replacements."""

    def __init__(self, options: dict[str, Any], clock: Clock, deadline: float) -> None:
        self._options, self._clock, self._deadline = options, clock, deadline
        self._lanes: dict[TopicPartition, _Lane] = {}
        self._producer: Any = None
        self._replacing: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def start(self) -> None:
        """Connect. Raises LogUnavailable."""
        producer = AIOKafkaProducer(
            **self._options,
            enable_idempotence=True,
            acks="all",
            max_batch_size=BATCH_BYTES,
            max_request_size=8 << 20,
            request_timeout_ms=int(self._deadline * 1000),
        )
        try:
            await _within(self._deadline, producer.start())
        except BaseException:
            await _close_producer(producer, 0.0)
            raise
        self._producer = producer
        self._ready.set()

    def add(self, place: TopicPartition, records: list[NewRecord]) -> _Portion:
        """Queue records of one partition."""
        lane = self._lanes.setdefault(place, _Lane(place))
        portion = _Portion(len(records))
        if lane.unknown:
            portion.fail(LogUnavailable(f"{place}: an append's result is not known yet"))
        elif len(lane.waiting) >= WAITING:
            portion.fail(LogUnavailable(f"{place}: too many records wait"))
        else:
            lane.waiting.extend((record, portion) for record in records)
            if lane.sending is None:
                lane.sending = asyncio.create_task(self._send_all(lane))
        return portion

    async def close(self) -> None:
        """Send what waits while the deadline allows it, and close."""
        sending = [lane.sending for lane in self._lanes.values() if lane.sending]
        if sending:
            await asyncio.wait(sending, timeout=self._deadline)
        if self._replacing is not None:
            self._replacing.cancel()
            await asyncio.gather(self._replacing, return_exceptions=True)
        if self._producer is not None:
            await _close_producer(self._producer, STOPPING)
        if sending:
            await asyncio.wait(sending)

    async def _send_all(self, lane: _Lane) -> None:
        try:
            while lane.waiting:
                await _within(self._deadline, self._ready.wait())
                await self._send_one(lane, self._producer)
        except LogUnavailable as error:
            lane.fail(error if not lane.unknown else LogUnavailable(str(error)))
        finally:
            lane.sending = None

    async def _send_one(self, lane: _Lane, producer: Any) -> None:
        """Send one batch. Raises LogUnavailable where the rest must not follow."""
        cluster = producer.client.cluster
        if cluster.leader_for_partition(lane.place) in {None, -1}:
            # An expired batch of a partition without leader would cost us the producer.
            producer.client.force_metadata_update()
            raise LogUnavailable(f"{lane.place} has no leader")
        batch, portions = producer.create_batch(), []
        while lane.waiting and _fits(batch, lane.waiting[0][0]):
            portions.append(lane.waiting.popleft()[1])
        batch.close()
        try:
            offset = await self._sent(producer, batch, lane.place)
        except LogUnavailable as error:
            lane.unknown = isinstance(error, AppendUnknown)
            self._condemn(producer)
            for portion in portions:
                portion.fail(error)
            raise
        for number, portion in enumerate(portions):
            portion.placed(offset + number)

    async def _sent(self, producer: Any, batch: Any, place: TopicPartition) -> int:
        """The batch's first offset. Raises LogUnavailable, AppendUnknown."""
        try:
            async with asyncio.timeout(self._deadline):
                sent = await producer.send_batch(batch, place.topic, partition=place.partition)
                metadata = await asyncio.shield(sent)
        except _REFUSALS as error:
            raise LogUnavailable(f"Kafka: {error!r}") from error
        except TimeoutError as error:
            raise AppendUnknown(f"no answer from Kafka within {self._deadline:g} s") from error
        except (kafka.KafkaError, OSError) as error:
            raise AppendUnknown(f"Kafka: {error!r}") from error
        offset: int = metadata.offset
        if offset < 0:
            raise AppendUnknown(f"Kafka kept the batch and did not say where: {place}")
        return offset

    def _condemn(self, producer: Any) -> None:
        if producer is self._producer:
            self._producer = None
            self._ready.clear()
            self._replacing = asyncio.create_task(self._replace(producer))

    async def _replace(self, producer: Any) -> None:
        await _close_producer(producer, STOPPING)
        while self._producer is None:
            await self._clock.sleep(QUIET)
            with contextlib.suppress(LogUnavailable):
                await self.start()
        for lane in self._lanes.values():
            lane.unknown = False


def _fits(batch: Any, record: NewRecord) -> bool:
    headers = [(name, value.encode()) for name, value in record.headers]
    time, key = round(record.time * 1000), record.key.encode()
    added = batch.append(timestamp=time, key=key, value=record.value, headers=headers)
    return added is not None


async def _close_producer(producer: Any, patience: float) -> None:
    """Close its connections, whatever it still hopes to send: `stop` alone waits for ever."""
    stopping = asyncio.ensure_future(producer.stop())
    await asyncio.wait((stopping,), timeout=patience)
    await producer.client.close()
    # There is no public way to give up on what is queued: its futures must end, or `stop` won't.
    sender, queued = producer._sender, producer._message_accumulator  # noqa: SLF001 - see above
    with contextlib.suppress(Exception):
        await sender.close()
    queued.fail_all(kafka.ProducerClosed())
    await asyncio.gather(stopping, return_exceptions=True)


class _Cursor:
    """A consumer that reads a topic on for one reader."""

    def __init__(self, topic: Topic, name: str, consumer: Any) -> None:
        self.topic, self._name, self._consumer = topic, name, consumer
        self.busy = False
        self.used = 0.0
        self._next: dict[int, int] = {}
        """The reader's own positions."""
        self._ahead: dict[int, int] = {}
        """Where the records that are buffered end."""
        self._buffers: dict[int, deque[Record]] = {}
        self._lost: set[int] = set()
        """Partitions that don't hold the offset asked for."""
        self._changed = asyncio.Event()
        self._closing = False
        self._polling: asyncio.Task[None] | None = None

    def at(self, positions: dict[int, int]) -> bool:
        """Whether it goes on exactly here."""
        return all(self._next.get(part) == offset for part, offset in positions.items())

    def seek(self, positions: dict[int, int]) -> None:
        """Read from these positions on."""
        places = {part: TopicPartition(self._name, part) for part in positions}
        if set(positions) != set(self._next):
            self._consumer.assign(places.values())
        self._next, self._ahead = dict(positions), dict(positions)
        self._buffers = {part: deque() for part in positions}
        self._lost.clear()
        for part, offset in positions.items():
            self._consumer.seek(places[part], offset)
        self._changed.set()

    async def fetch(
        self, positions: dict[int, int], limit: int, wait: float
    ) -> list[Record] | int:
        """Records, or the partition that is out of range."""
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while True:
            found = self._take(positions, limit)
            left = deadline - loop.time()
            if found or isinstance(found, int) or left <= 0:
                return found
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()

    def _take(self, positions: dict[int, int], limit: int) -> list[Record] | int:
        found: list[Record] = []
        for part in positions:
            buffer = self._buffers[part]
            if part in self._lost and not buffer:
                if not found:
                    return part
                continue
            while buffer and len(found) < limit:
                found.append(buffer.popleft())
                self._next[part] = found[-1].offset + 1
        return found

    async def _poll(self) -> None:
        while not self._closing:
            room = [
                TopicPartition(self._name, part)
                for part, buffer in self._buffers.items()
                if len(buffer) < BUFFERED and part not in self._lost
            ]
            ahead = self._ahead
            try:
                got = await self._consumer.getmany(*room, timeout_ms=100, max_records=BUFFERED)
            except kafka.OffsetOutOfRangeError as error:
                self._out_of_range(error.args[0])
                continue
            except kafka.KafkaError:
                await asyncio.wait((asyncio.ensure_future(self._changed.wait()),), timeout=0.1)
                continue
            for place, records in got.items():
                self._feed(place, records, moved=ahead is not self._ahead)

    def _feed(self, place: TopicPartition, records: list[Any], *, moved: bool) -> None:
        part = place.partition
        ahead = self._ahead.get(part)
        if ahead is None:
            return
        if moved and records[-1].offset >= ahead and records[0].offset > ahead:
            self._consumer.seek(place, ahead)
            return
        fresh = [_record(self.topic, record) for record in records if record.offset >= ahead]
        if fresh:
            self._buffers[part].extend(fresh)
            self._ahead[part] = fresh[-1].offset + 1
            self._changed.set()

    def _out_of_range(self, asked: dict[TopicPartition, int]) -> None:
        for place, offset in asked.items():
            if self._ahead.get(place.partition) == offset:
                self._lost.add(place.partition)
        self._changed.set()

    async def close(self) -> None:
        """Let the poll come to its end, and close."""
        self._closing = True
        if self._polling is not None:
            await asyncio.gather(self._polling, return_exceptions=True)
        with contextlib.suppress(LogUnavailable):
            await _within(STOPPING, self._consumer.stop())
