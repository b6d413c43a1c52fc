"""Appending by a producer that may have to be replaced.

One batch is in flight per partition; what arrives meanwhile makes up the next one, so that
waiters never crowd around a batch that is full. Every wait has a deadline; after that the result
is unknown, and the partition accepts nothing more, since whatever the old connections still carry
could come after a newer record. A producer with a failed batch is not used again: the sequence
numbers that the batch took are missed by the broker from then on. The next one is made when its
connections are closed and a second has passed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Protocol

from gateway.clock import Clock
from gateway.eventlog.port import AppendUnknown, LogUnavailable, NewRecord
from gateway.eventlog.portions import Lane, Portion

QUIET: Final = 1.0
"""Seconds between closing a producer's connections and the next producer."""
WAITING: Final = 20_000
"""Most records that may wait for their batch in one partition."""
RECORD_BYTES: Final = 1_000_000
"""Longest value; brokers refuse a batch of more than 1 MiB unless told otherwise."""


class Producer(Protocol):
    """What a writer needs of a client of the cluster."""

    stranded: bool
    """Whether none of the brokers that it knows could say who leads, when it asked last. It asks
    no others, so it would never hear that all have moved."""

    def led(self, topic: str, part: int) -> bool:
        """Whether the partition has a leader, as far as is known; if not, it is asked for."""

    def batch(self, records: Iterable[NewRecord]) -> tuple[Any, int]:
        """A batch of as many of these records as fit, and how many those are."""

    async def send(self, batch: Any, topic: str, part: int) -> int:
        """The offset of the batch's first record. May never return. Raises LogUnavailable where
        the broker refused it, AppendUnknown for anything else."""

    async def close(self) -> None:
        """Close all connections, after a short while for what is in flight."""


class Writer:
    """The producer, its replacements, and what waits for them."""

    def __init__(
        self, connect: Callable[[], Awaitable[Producer]], clock: Clock, deadline: float
    ) -> None:
        """`connect` makes a connected producer and raises LogUnavailable; `deadline` is in
        seconds."""
        self._connect, self._clock, self._deadline = connect, clock, deadline
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._producer: Producer | None = None
        self._replacing: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._closing = False

    async def start(self) -> None:
        """Connect. Raises LogUnavailable."""
        self._producer = await self._connect()
        self._ready.set()

    def add(self, topic: str, part: int, records: list[NewRecord]) -> Portion:
        """Queue records of one partition; the portion's future raises LogUnavailable or
        AppendUnknown."""
        lane = self._lanes.get((topic, part))
        if lane is None:
            lane = self._lanes[topic, part] = Lane(topic, part)
        portion = Portion(len(records))
        if lane.unknown:
            portion.fail(LogUnavailable(f"{lane}: an append's result is not known yet"))
        elif self._closing or len(lane.waiting) >= WAITING:
            portion.fail(LogUnavailable(f"{lane}: too many records wait"))
        elif any(len(record.value) > RECORD_BYTES for record in records):
            portion.fail(LogUnavailable(f"{lane}: a record of more than {RECORD_BYTES} bytes"))
        else:
            lane.waiting.extend((record, portion) for record in records)
            if lane.sending is None:
                lane.sending = asyncio.create_task(self._send_all(lane))
        return portion

    async def close(self) -> None:
        """Send what waits, as far as the deadline allows, and close."""
        self._closing = True
        sending = [lane.sending for lane in self._lanes.values() if lane.sending is not None]
        await asyncio.gather(*sending)
        if self._replacing is not None:
            await self._replacing
        if self._producer is not None:
            await self._producer.close()

    async def _send_all(self, lane: Lane) -> None:
        try:
            while lane.waiting:
                await self._send_one(lane, await self._current())
        except LogUnavailable as error:
            lane.fail(LogUnavailable(str(error)))
        finally:
            lane.sending = None

    async def _current(self) -> Producer:
        try:
            async with asyncio.timeout(self._deadline):
                while self._producer is None:
                    await self._ready.wait()
        except TimeoutError as error:
            raise LogUnavailable("not connected") from error
        return self._producer

    async def _send_one(self, lane: Lane, producer: Producer) -> None:
        """Send one batch. Raises LogUnavailable where the rest must not follow."""
        if not producer.led(lane.topic, lane.part):
            # A batch that expires for want of a leader would cost us the producer.
            if producer.stranded:
                self._condemn(producer)
            raise LogUnavailable(f"{lane} has no leader")
        batch, count = producer.batch(record for record, _ in lane.waiting)
        portions = [lane.waiting.popleft()[1] for _ in range(count)]
        try:
            async with asyncio.timeout(self._deadline):
                offset = await producer.send(batch, lane.topic, lane.part)
        except (LogUnavailable, TimeoutError) as raised:
            error = raised if isinstance(raised, LogUnavailable) else AppendUnknown("no answer")
            self._condemn(producer)
            # Where the next producer is there already, the old connections are long closed.
            lane.unknown = isinstance(error, AppendUnknown) and self._producer is None
            for portion in portions:
                portion.fail(error)
            raise error from raised
        for number, portion in enumerate(portions):
            portion.placed(offset + number)

    def _condemn(self, producer: Producer) -> None:
        if producer is self._producer:
            self._producer = None
            self._ready.clear()
            self._replacing = asyncio.create_task(self._replace(producer))

    async def _replace(self, producer: Producer) -> None:
        await producer.close()
        while self._producer is None and not self._closing:
            await self._clock.sleep(QUIET)
            with contextlib.suppress(LogUnavailable):
                await self.start()
        for lane in self._lanes.values():
            lane.unknown = False
