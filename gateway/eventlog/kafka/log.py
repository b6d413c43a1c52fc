"""The EventLog port over a Kafka cluster.

Each reader that goes its own way has a consumer with assigned partitions, found again by the
positions it asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from aiokafka import AIOKafkaConsumer, TopicPartition

from gateway.clock import Clock
from gateway.eventlog.kafka.access import client_options
from gateway.eventlog.kafka.cursor import Cursor, Source
from gateway.eventlog.kafka.deadlines import DEADLINE, let_consumer_go, within
from gateway.eventlog.kafka.groups import Groups
from gateway.eventlog.kafka.producing import KafkaProducer
from gateway.eventlog.kafka.reconnecting import Reconnecting
from gateway.eventlog.kafka.tokens import Tokens, tokens
from gateway.eventlog.port import (
    AppendUnknown,
    Extent,
    LogUnavailable,
    Message,
    NewRecord,
    OffsetOutOfRange,
    Record,
    Topic,
    partition_of,
)
from gateway.eventlog.writer import Writer
from gateway.settings.brokers import brokers
from gateway.settings.model import KafkaSettings

CURSORS: Final = 32
"""Most readers of a topic, each with a consumer."""
IDLE: Final = 60.0
"""Seconds after which a consumer's reader has gone, and another may have it."""
FETCHED: Final = 64 << 10
"""Bytes that a consumer fetches of a partition, packed, where its next batch is not longer."""
STALL: Final = 30.0
"""Seconds that a consumer may stand still although the log holds more."""


class KafkaLog:
    """Times are kept to the millisecond."""

    repeats = True

    def __init__(
        self,
        url: str,
        prefix: str,
        clock: Clock,
        deadline: float = DEADLINE,
        *,
        access: KafkaSettings | None = None,
        compression: Literal["lz4", "zstd", "none"] = "lz4",
        stall: float = STALL,
    ) -> None:
        """Topics are `prefix.updates` and so on; `start` connects. `access` is what of `log.kafka`
        the URL does not say; `deadline` and `stall` are in seconds. Raises ValueError for the URL,
        for what does not go with it and for files that can't be used."""
        cluster = brokers(url, access)
        self._tokens: Tokens | None = tokens(cluster.settings, clock)
        self._options = client_options(cluster, self._tokens)
        self._prefix, self._names = prefix, {topic: f"{prefix}.{topic}" for topic in Topic}
        self._clock, self._deadline = clock, deadline
        self._compression, self._stall = compression, stall
        self._partitions: dict[Topic, int] = {}
        self._others: dict[str, int] = {}
        self._cursors: dict[Topic, list[Cursor]] = {topic: [] for topic in Topic}
        self._asking = Reconnecting[Any](self._consumer, let_consumer_go, deadline)
        self._groups = Groups(self._options, clock, deadline)
        self._writer = Writer(self._producer, clock, deadline)

    async def start(self) -> None:
        """Connect, and learn how many partitions each topic has. Raises LogUnavailable."""
        try:
            known = await self._asking.ask(lambda asked: asked.topics())
            missing = sorted(set(self._names.values()) - set(known))
            if missing:
                text = f"no such topics: {', '.join(missing)}; `leadwire topics ensure` makes them"
                raise LogUnavailable(text)
            await self._writer.start()
        except BaseException:
            await self._let_go()
            raise

    def partitions(self, topic: Topic) -> int:
        """See the port."""
        return self._partitions[topic]

    async def append(self, records: Sequence[NewRecord]) -> list[int]:
        """See the port."""
        if len(records) == 1:
            only = records[0]
            return await self._writer.add(self._names[only.topic], only.partition, records)
        places: dict[tuple[Topic, int], list[int]] = {}
        for number, record in enumerate(records):
            places.setdefault((record.topic, record.partition), []).append(number)
        appends = [
            self._writer.add(self._names[topic], part, [records[n] for n in numbers])
            for (topic, part), numbers in places.items()
        ]
        results = await asyncio.gather(*appends, return_exceptions=True)
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

    async def publish(self, topic: str, message: Message) -> None:
        """Append to a topic that is not ours, by its whole name, in its key's partition. Raises
        LogUnavailable, also where there is no such topic, and AppendUnknown."""
        count = self._others.get(topic)
        if count is None:
            count = await self._asking.ask(lambda asked: _partitions(asked, topic))
            if not count:
                raise LogUnavailable("there is no such topic")
            self._others[topic] = count
        await self._writer.add(topic, partition_of(message.key, count), [message])

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
        places = self._places(topic, range(self.partitions(topic)))
        starts = await self._asking.ask(lambda asked: asked.beginning_offsets(places))
        ends = await self._asking.ask(lambda asked: asked.end_offsets(places))
        return {p.partition: Extent(starts[p], ends[p]) for p in places}

    async def offsets_at(self, topic: Topic, time: float) -> dict[int, int]:
        """See the port; raises LogUnavailable."""
        places = self._places(topic, range(self.partitions(topic)))
        wanted = dict.fromkeys(places, round(time * 1000))
        found = await self._asking.ask(lambda asked: asked.offsets_for_times(wanted))
        ends = await self._asking.ask(lambda asked: asked.end_offsets(places))
        return {p.partition: found[p].offset if found[p] else ends[p] for p in places}

    async def tell_frontier(self, reader: str, frontier: Mapping[int, int]) -> None:
        """See the port: committed as the offsets of the group `prefix.reader`."""
        name = self._names[Topic.UPDATES]
        await self._groups.commit(f"{self._prefix}.{reader}", name, frontier)

    async def close(self) -> None:
        """See the port."""
        await self._writer.close()
        await self._let_go()

    async def _let_go(self) -> None:
        cursors = [cursor for cursors in self._cursors.values() for cursor in cursors]
        await asyncio.gather(*(cursor.close() for cursor in cursors))
        await self._asking.close()
        await self._groups.close()
        if self._tokens is not None:
            await self._tokens.close()

    def _places(self, topic: Topic, parts: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(self._names[topic], part) for part in parts]

    async def _ends(self, topic: Topic, parts: Iterable[int]) -> dict[int, int]:
        places = self._places(topic, parts)
        ends = await self._asking.ask(lambda asked: asked.end_offsets(places))
        return {place.partition: ends[place] for place in places}

    async def _cursor(self, topic: Topic, positions: dict[int, int]) -> Cursor:
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
            source = Source(topic, self._names[topic], self._consumer, self._ends, self._stall)
            cursor = Cursor(source, await self._consumer(), self._clock)
            cursors.append(cursor)
        else:
            cursor = idle[0]
        cursor.seek(positions)
        return cursor

    async def _producer(self) -> KafkaProducer:
        producer = KafkaProducer(self._options, self._compression, self._deadline)
        counts = await producer.start([*self._names.values()])
        self._partitions = self._partitions or dict(zip(self._names, counts, strict=True))
        return producer

    async def _consumer(self) -> Any:
        consumer = AIOKafkaConsumer(
            **self._options,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=FETCHED,
            request_timeout_ms=int(self._deadline * 1000),
        )
        try:
            await within(self._deadline, consumer.start())
        except BaseException:
            await let_consumer_go(consumer)
            raise
        return consumer


async def _partitions(asked: Any, topic: str) -> int:
    """How many it has; 0 where there is no such topic. Asking for it by name might make it."""
    cluster = await asked._client.fetch_all_metadata()  # noqa: SLF001 - there is no public way
    return len(cluster.partitions_for_topic(topic) or ())
