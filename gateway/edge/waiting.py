"""Calls that wait for an outcome, and the reader that brings it.

Connectors copy the outcome of an update whose caller waits into this process's partition of the
replies topic. A call that attached to an earlier one's events may have missed that copy, so it
also asks the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable
from gateway.eventlog.port import EventLog, LogUnavailable, OffsetOutOfRange, Topic
from gateway.ledger.queries import outcome_of
from gateway.model.codec import read_outcome
from gateway.model.outcome import Outcome
from gateway.store.port import Store

REPLIES = 0
"""The partition of the replies topic that a process reads."""
ASK_EVERY = 0.25
"""Seconds between a waiting retry's questions to the ledger."""


class Waiting:
    """Futures by event and connector."""

    def __init__(self, log: EventLog, store: Store, clock: Clock, partition: int = REPLIES) -> None:
        """`partition` of the replies topic is this process's own."""
        self._log, self._store, self._clock = log, store, clock
        self.partition = partition
        self._futures: dict[tuple[str, str], list[asyncio.Future[Outcome]]] = {}
        self.calls = 0
        """Calls that wait now."""
        self.dialects: dict[str, int] = {}
        """The same, by dialect."""

    def expect(self, event_id: str, connector: str) -> asyncio.Future[Outcome]:
        """A future for the outcome of an event at a connector. Made before the append, so that
        no reply can come too early."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._futures.setdefault((event_id, connector), []).append(future)
        return future

    def forget(self, event_id: str, connector: str, future: asyncio.Future[Outcome]) -> None:
        """Nobody waits for this future any more."""
        futures = self._futures.get((event_id, connector))
        if futures is not None and future in futures:
            futures.remove(future)
            if not futures:
                del self._futures[event_id, connector]

    async def run(self) -> None:
        """Read replies for ever."""
        extents = await self._log.extents(Topic.REPLIES)
        offset = extents[self.partition].end
        while True:
            try:
                records = await self._log.fetch(Topic.REPLIES, {self.partition: offset}, 500, 1.0)
            except OffsetOutOfRange as gap:
                offset = gap.extent.start
                continue
            except LogUnavailable:
                await self._clock.sleep(ASK_EVERY)
                continue
            for record in records:
                offset = record.offset + 1
                self._resolve(read_outcome(record.headers, record.value))

    async def ask(self, expected: Sequence[tuple[str, str]]) -> None:
        """Ask the ledger for outcomes (event id, connector) until all are known. Cancelled by
        whoever no longer waits."""
        while True:
            open_ = [place for place in expected if place in self._futures]
            if not open_:
                return
            for event_id, connector in open_:
                try:
                    outcome = await outcome_of(self._store, event_id, connector)
                except DatabaseUnavailable:
                    outcome = None
                if outcome is not None:
                    self._resolve(outcome)
            await self._clock.sleep(ASK_EVERY)

    def _resolve(self, outcome: Outcome) -> None:
        for future in self._futures.pop((outcome.event_id, outcome.connector), ()):
            if not future.done():
                future.set_result(outcome)
