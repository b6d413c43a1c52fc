"""A consumer that reads a topic on for one reader, and another in its place where it fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka import errors as kafka

from gateway import lines
from gateway.clock import Clock
from gateway.eventlog.kafka.deadlines import is_deaf, let_consumer_go
from gateway.eventlog.port import LogUnavailable, Record, Topic
from gateway.eventlog.readahead import ReadAhead
from gateway.eventlog.stalls import Stalls

BUFFERED, BUFFERED_BYTES = 100, 128 << 10
"""What of one partition is read ahead of a reader before no more is asked for."""
POLLED: Final = 100
"""Most records that are taken of what the consumer has fetched, packed, at a time."""
PAUSE: Final = 1.0
"""Seconds between giving a consumer up and the next one, and between questions that failed."""


class Source(NamedTuple):
    """Where a cursor reads."""

    topic: Topic
    name: str
    """The topic's, in the cluster."""
    connect: Callable[[], Awaitable[Any]]
    """A started consumer; raises LogUnavailable."""
    ends: Callable[[Topic, Iterable[int]], Awaitable[Mapping[int, int]]]
    """Where partitions end, asked by another client; raises LogUnavailable."""
    patience: float
    """Seconds that a consumer may stand still although there is more."""


class _Stalled(Exception):
    """The consumer has stopped reading."""


class Cursor:
    """One task polls the consumer, and is never cancelled while it does: aiokafka does not clear
    up after that. Whatever the consumer fails of, the next one goes on at the same offsets."""

    def __init__(self, source: Source, consumer: Any, clock: Clock) -> None:
        """`consumer` is the first one."""
        self.busy, self.used = False, 0.0
        self._source, self._clock = source, clock
        self._consumer: Any = consumer
        self._assigned: frozenset[int] = frozenset()
        self._ahead, self._stalls = ReadAhead(BUFFERED, BUFFERED_BYTES), Stalls(source.patience)
        self._changed, self._room = asyncio.Event(), asyncio.Event()
        self._closing = False
        self._polling: asyncio.Task[None] | None = None

    def at(self, positions: dict[int, int]) -> bool:
        """Whether it goes on exactly here."""
        return self._ahead.at(positions)

    def seek(self, positions: Mapping[int, int]) -> None:
        """Read from these positions on."""
        self._ahead.begin(positions)
        self._stalls.forget()
        self._point()
        self._room.set()

    def _point(self) -> None:
        """Have the consumer read where the buffers end."""
        if self._consumer is None:
            return
        ends = self._ahead.ends()
        if self._assigned != frozenset(ends):
            self._consumer.assign([self._place(part) for part in ends])
            self._assigned = frozenset(ends)
        for part, offset in ends.items():
            self._consumer.seek(self._place(part), offset)

    def _place(self, part: int) -> TopicPartition:
        return TopicPartition(self._source.name, part)

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
            wanted = self._ahead.wanted()
            if not wanted:
                self._room.clear()
                await self._room.wait()
                continue
            try:
                await self._poll_once(wanted)
                await self._watch()
            except Exception as error:  # noqa: BLE001 - whatever it fails of, the next one reads on
                await self._renew(error)

    async def _poll_once(self, wanted: list[int]) -> None:
        try:
            places = map(self._place, wanted)
            got = await self._consumer.getmany(*places, timeout_ms=100, max_records=POLLED)
        except kafka.OffsetOutOfRangeError as error:
            for place, offset in error.args[0].items():
                self._ahead.lose(place.partition, offset)
            self._changed.set()
            return
        for place, messages in got.items():
            records = [_record(self._source.topic, message) for message in messages]
            again = self._ahead.feed(place.partition, records)
            if again is not None:
                self._consumer.seek(place, again)
        if got:
            self._changed.set()

    async def _watch(self) -> None:
        """Raises _Stalled."""
        if is_deaf(self._consumer._client):  # noqa: SLF001 - there is no public way
            raise _Stalled("hears no more who leads its partitions")
        due = self._stalls.due(self._clock.monotonic(), self._positions())
        if not due:
            return
        try:
            ends = await self._source.ends(self._source.topic, due)
        except LogUnavailable:
            await self._clock.sleep(PAUSE)
            return
        found = self._stalls.stalled(self._clock.monotonic(), self._positions(), ends)
        # Behind the last record there may be a transaction's mark, which is nothing to read.
        stalled = [p for p in found if await self._consumer.position(self._place(p)) < ends[p]]
        if stalled:
            raise _Stalled(f"stands still in partitions {stalled}")

    def _positions(self) -> dict[int, int]:
        ends = self._ahead.ends()
        return {part: ends[part] for part in self._ahead.wanted()}

    async def _renew(self, error: Exception) -> None:
        """Another consumer in the place of this one."""
        lines.warning("log.consumer_replaced", topic=self._source.name, reason=repr(error))
        failed, self._consumer = self._consumer, None
        await let_consumer_go(failed)
        while self._consumer is None and not self._closing:
            await self._clock.sleep(PAUSE)
            with contextlib.suppress(LogUnavailable):
                self._consumer = await self._source.connect()
        self._assigned = frozenset()
        self._stalls.forget()
        self._point()

    async def close(self) -> None:
        """Let the poll come to its end, and close."""
        self._closing = True
        self._room.set()
        if self._polling is not None:
            await asyncio.gather(self._polling, return_exceptions=True)
        if self._consumer is not None:
            await let_consumer_go(self._consumer)


def _record(topic: Topic, message: Any) -> Record:
    """Whatever another program wrote there becomes a record, too; the reader says what it is."""
    headers = tuple((name, _text(value)) for name, value in message.headers)
    value = message.value or b""
    time = message.timestamp / 1000
    return Record(
        topic, message.partition, message.offset, _text(message.key), headers, value, time
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
