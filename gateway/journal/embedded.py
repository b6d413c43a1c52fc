"""The journal where log and store are one SQLite file: each write is one transaction.

Calls that arrive while a flush is under way make up the next one: one flush at a time, so that
its cost is shared by all that wait, and no call waits for more than two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gateway.clock import Clock
from gateway.database.port import Database, DatabaseUnavailable, Operation, Urgency
from gateway.eventlog.port import NewRecord
from gateway.eventlog.sqlite import SqliteLog
from gateway.journal.port import Entry, JournalUnavailable
from gateway.store import claims, settling
from gateway.store.claims import Fresh, Standing

FLUSH = 512
"""Most calls in one flush."""

_FRESH = Fresh()


class EmbeddedJournal:
    """The Journal port over the embedded log and its database."""

    def __init__(
        self,
        database: Database,
        log: SqliteLog,
        clock: Clock,
        flushed: Callable[[float], None] = lambda _: None,
        failed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`log` must live in `database`; `flushed` hears how many seconds each flush took, and
        `failed` why one was not done."""
        self._flushed, self._failed = flushed, failed
        self._database = database
        self._log = log
        self._clock = clock
        self._arrived: list[tuple[Entry, asyncio.Future[Standing]]] = []
        self._flushing: asyncio.Task[None] | None = None

    async def accept(self, entry: Entry) -> Standing:
        """See the port."""
        future: asyncio.Future[Standing] = asyncio.get_running_loop().create_future()
        self._arrived.append((entry, future))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        return await future

    async def settle(self, settlement: settling.Settlement, records: Sequence[NewRecord]) -> None:
        """See the port."""

        def operation() -> Operation[list[int]]:
            yield from settling.settle(settlement)
            return (yield from self._log.append_in(records))

        async def settled() -> None:
            try:
                offsets = await self._database.run(operation, Urgency.FIRST)
            except DatabaseUnavailable as error:
                self._failed(str(error))
                raise JournalUnavailable(str(error)) from error
            self._log.appended(records, offsets)

        # What is durable must become visible though the caller stopped waiting.
        await asyncio.shield(settled())

    async def _flush(self) -> None:
        try:
            while self._arrived:
                batch, self._arrived = self._arrived[:FLUSH], self._arrived[FLUSH:]
                await self._flush_one(batch)
        finally:
            self._flushing = None

    async def _flush_one(self, batch: list[tuple[Entry, asyncio.Future[Standing]]]) -> None:
        entries = [entry for entry, _ in batch]
        now, began = self._clock.now(), self._clock.monotonic()
        try:
            standings, records, offsets = await self._database.run(
                lambda: self._accept(entries, now), Urgency.FIRST
            )
        except DatabaseUnavailable as error:
            self._failed(str(error))
            _fail(batch, JournalUnavailable(str(error)))
            return
        except Exception as error:  # noqa: BLE001 - handed to the call that can't be written
            if len(batch) == 1:
                _fail(batch, error)
                return
            middle = len(batch) // 2
            await self._flush_one(batch[:middle])
            await self._flush_one(batch[middle:])
            return
        self._flushed(self._clock.monotonic() - began)
        self._log.appended(records, offsets)
        for (_, future), standing in zip(batch, standings, strict=True):
            if not future.done():
                future.set_result(standing)

    def _accept(
        self, entries: Sequence[Entry], now: float
    ) -> Operation[tuple[list[Standing], list[NewRecord], list[int]]]:
        claimed = [entry.claim for entry in entries if entry.claim is not None]
        stood = iter((yield from claims.stand(claimed, now)) if claimed else ())
        standings = [_FRESH if entry.claim is None else next(stood) for entry in entries]
        records = [
            record
            for entry, standing in zip(entries, standings, strict=True)
            if isinstance(standing, Fresh)
            for record in entry.records
        ]
        offsets = yield from self._log.append_in(records)
        return standings, records, offsets


def _fail(batch: list[tuple[Entry, asyncio.Future[Standing]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
