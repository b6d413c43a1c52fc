"""Appending by a producer that may have to be replaced.

One collector fills the batches: of all that waits for a broker it makes one round, a batch for
each partition, and what arrives meanwhile makes up the next one. So each request is as full as it
can be, no partition has two batches in flight, and waiters never crowd around a batch that is full.

Every wait has a deadline; after that the result is unknown, and the partition accepts nothing more,
since whatever the old connections still carry could come after a newer record. A producer with a
failed batch is not used again: the sequence numbers that the batch took are missed by the broker
from then on. The next one is made when its connections are closed and a second has passed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from gateway.clock import Clock
from gateway.eventlog.port import AppendUnknown, LogUnavailable
from gateway.eventlog.portions import Flight, Lane, Outgoing, Portion

QUIET: Final = 1.0
"""Seconds between closing a producer's connections and the next producer."""
WAITING: Final = 20_000
"""Most records that may wait for their batch in one partition."""
RECORD_BYTES: Final = 1_000_000
"""Longest value; brokers refuse a batch of more than 1 MiB unless told otherwise."""

Answered = Callable[[Flight, int | LogUnavailable], None]


class Producer(Protocol):
    """What a writer needs of a client of the cluster."""

    stranded: bool
    """Whether none of the brokers that it knows could say who leads, when it asked last. It asks
    no others, so it would never hear that all have moved."""

    def leader(self, topic: str, part: int) -> int | None:
        """The broker that leads the partition, as far as is known; if it is not, it is asked
        for."""

    def batch(self, records: Iterable[Outgoing]) -> tuple[Any, int]:
        """A batch of as many of these records as fit, and how many those are."""

    async def send(self, flights: Sequence[Flight], answered: Answered) -> None:
        """Hand these over, all for one broker. Each is answered by the offset of its first record,
        by LogUnavailable where the broker refused it, by AppendUnknown for anything else, or
        never."""

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
        self._due: dict[Lane, None] = {}
        self._busy: set[int] = set()
        self._producer: Producer | None = None
        self._replacing: asyncio.Task[None] | None = None
        self._rounds: set[asyncio.Task[None]] = set()
        self._collecting: asyncio.Handle | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._closing = False

    async def start(self) -> None:
        """Connect. Raises LogUnavailable."""
        self._producer = await self._connect()
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._wake()

    def add(self, topic: str, part: int, records: Sequence[Outgoing]) -> asyncio.Future[list[int]]:
        """Queue records of one partition; their offsets. The future raises LogUnavailable or
        AppendUnknown."""
        lane = self._lanes.get((topic, part))
        if lane is None:
            lane = self._lanes[topic, part] = Lane(topic, part)
        portion = Portion(len(records))
        refusal = self._refusal(lane, records)
        if refusal is not None:
            portion.fail(LogUnavailable(f"{lane}: {refusal}"))
        else:
            for record in records:
                lane.waiting.append((record, portion))
            if lane.flight is None:
                self._due[lane] = None
                self._wake()
        return portion.future

    def _refusal(self, lane: Lane, records: Sequence[Outgoing]) -> str | None:
        if lane.unknown:
            return "an append's result is not known yet"
        if self._closing or len(lane.waiting) >= WAITING:
            return "too many records wait"
        for record in records:
            if len(record.value) > RECORD_BYTES:
                return f"a record of more than {RECORD_BYTES} bytes"
        return None

    async def close(self) -> None:
        """Send what waits, as far as the deadline allows, and close."""
        self._closing = True
        last = {p.future for lane in self._lanes.values() for p in lane.unanswered}
        await asyncio.gather(*last, return_exceptions=True)
        if self._replacing is not None:
            await self._replacing
        if self._producer is not None:
            await self._producer.close()

    # --- rounds ---------------------------------------------------------------------------

    def _wake(self) -> None:
        """Collect once all that is ready now has had its turn."""
        if self._due and self._collecting is None:
            self._collecting = asyncio.get_running_loop().call_soon(self._collect)

    def _collect(self) -> None:
        self._collecting = None
        if self._producer is None:
            if self._patience is None:
                loop = asyncio.get_running_loop()
                self._patience = loop.call_later(self._deadline, self._give_up)
            return
        leaders = {lane: self._producer.leader(lane.topic, lane.part) for lane in self._due}
        for lane in [lane for lane, node in leaders.items() if node is None]:
            del self._due[lane], leaders[lane]
            lane.fail(LogUnavailable(f"{lane} has no leader"))
            if self._producer.stranded:
                # A batch that expires for want of a leader would cost us the producer.
                self._condemn(self._producer)
                return
        rounds: dict[int, list[Flight]] = {}
        for lane, node in leaders.items():
            if node is not None and node not in self._busy:
                del self._due[lane]
                rounds.setdefault(node, []).append(_filled(lane, node, self._producer))
        for node, flights in rounds.items():
            self._busy.add(node)
            self._send(self._producer, flights)

    def _give_up(self) -> None:
        """What waits has waited for a producer long enough."""
        self._patience = None
        for lane in self._due:
            lane.fail(LogUnavailable("not connected"))
        self._due.clear()

    def _send(self, producer: Producer, flights: list[Flight]) -> None:
        """Let a round go, and see that it ends."""
        unanswered = set(flights)

        def answered(flight: Flight, answer: int | LogUnavailable) -> None:
            if flight in unanswered:
                unanswered.remove(flight)
                if not unanswered:
                    deadline.cancel()
                self._answered(producer, flight, answer)

        def late() -> None:
            for flight in flights:
                answered(flight, AppendUnknown("no answer"))

        deadline = asyncio.get_running_loop().call_later(self._deadline, late)
        sending = asyncio.ensure_future(producer.send(flights, answered))
        self._rounds.add(sending)
        sending.add_done_callback(self._rounds.discard)

    def _answered(self, producer: Producer, flight: Flight, answer: int | LogUnavailable) -> None:
        lane = flight.lane
        lane.flight = None
        # The first answer frees its broker: what has to be sent again must not hold up the rest.
        self._busy.discard(flight.node)
        if isinstance(answer, int):
            for number, portion in enumerate(flight.portions):
                portion.placed(answer + number)
            if lane.waiting:
                self._due[lane] = None
        else:
            self._condemn(producer)
            # Where the next producer is there already, the old connections are long closed.
            lane.unknown = isinstance(answer, AppendUnknown) and self._producer is None
            for portion in flight.portions:
                portion.fail(answer)
            lane.fail(LogUnavailable(str(answer)))
        self._wake()

    # --- another producer -----------------------------------------------------------------

    def _condemn(self, producer: Producer) -> None:
        if producer is self._producer:
            self._producer = None
            self._replacing = asyncio.create_task(self._replace(producer))

    async def _replace(self, producer: Producer) -> None:
        await producer.close()
        while self._producer is None and not self._closing:
            await self._clock.sleep(QUIET)
            with contextlib.suppress(LogUnavailable):
                await self.start()
        for lane in self._lanes.values():
            lane.unknown = False


def _filled(lane: Lane, node: int, producer: Producer) -> Flight:
    """A batch of what waits, taken out of it."""
    waiting = lane.waiting
    batch, count = producer.batch(record for record, _ in waiting)
    portions = [waiting.popleft()[1] for _ in range(count)]
    lane.flight = Flight(lane, node, batch, portions)
    return lane.flight
