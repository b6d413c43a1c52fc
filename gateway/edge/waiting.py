"""Calls that wait for an outcome, and the reader that brings it.

Connectors copy the outcome of an update whose caller waits into this process's partition of the
replies topic (`mailbox`). A call that attached to an earlier one's events may have missed that
copy, so it also asks the ledger; so does every call while this process has no partition.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable
from gateway.eventlog.port import EventLog, LogUnavailable, OffsetOutOfRange, Record, Topic
from gateway.ledger.queries import outcome_of
from gateway.model.codec import read_outcome
from gateway.model.outcome import Outcome
from gateway.store.port import Store

ASK_EVERY = 0.25
"""Seconds between a waiting retry's questions to the ledger."""


class Waiting:
    """Futures by event and connector."""

    def __init__(self, log: EventLog, store: Store, clock: Clock) -> None:
        """Nothing is read until `listen`."""
        self._log, self._store, self._clock = log, store, clock
        self._next: dict[int, int] = {}
        self.replyto: str | None = None
        """The partition that replies to this process are sent to; None while it has none."""
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

    async def listen(self, partition: int) -> None:
        """Have replies sent to this partition, and read them. Raises LogUnavailable."""
        if partition not in self._next:
            self._next[partition] = (await self._log.extents(Topic.REPLIES))[partition].end
        self.replyto = str(partition)

    def leave(self, partition: int) -> None:
        """Read this partition no more."""
        self._next.pop(partition, None)

    async def run(self) -> None:
        """Read replies for ever."""
        while True:
            try:
                records = await self._log.fetch(Topic.REPLIES, dict(self._next), 500, 1.0)
            except OffsetOutOfRange as gap:
                self._move(gap.partition, gap.extent.start)
                continue
            except LogUnavailable:
                await self._clock.sleep(ASK_EVERY)
                continue
            for record in records:
                self._move(record.partition, record.offset + 1)
                self._take(record)

    def _move(self, partition: int, offset: int) -> None:
        if partition in self._next:
            self._next[partition] = offset

    def _take(self, record: Record) -> None:
        outcome = record.parsed
        if not isinstance(outcome, Outcome):
            try:
                outcome = read_outcome(record.headers, record.value)
            except ValueError:
                return  # written to see whether the log can be written, or not by us
        self._resolve(outcome)

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
