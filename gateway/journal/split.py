"""The journal where the log and the store are two systems.

Accepting: claims first, in one store transaction for all calls that wait, then each call's
append. So a claim may be there whose events are not, after a failed append or a crash: a retry
that finds such a claim appends the events again, under the ids they have. What came twice is
dropped by those who read (`EventLog.repeats`).

Settling: the log first, every acknowledgement awaited, then the store, guarded by the lease's
epoch. A settle whose store transaction failed comes again; its records are not appended again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable, Urgency
from gateway.eventlog.port import EventLog, LogUnavailable, NewRecord
from gateway.journal.port import Entry, EntryTooLong, JournalUnavailable
from gateway.store import claims, leases, ledger, settling
from gateway.store.claims import Attached, Fresh, Standing
from gateway.store.leases import LeaseLost
from gateway.store.port import Store
from gateway.store.settling import Settlement

BATCH = 512
"""Most claims in one store transaction."""
LONGEST = 400_000
"""Bytes of an update's value: a dead letter holds it and its outcome, and brokers take a batch of
at most 1 MiB unless told otherwise."""
REMEMBERED = 50_000
"""Calls of this process whose events are known to be in the log."""

_FRESH = Fresh()
_Events = tuple[str, ...]
_Call = tuple[Entry, asyncio.Future[Standing]]


class SplitJournal:
    """The Journal port over any log and any store."""

    def __init__(
        self,
        log: EventLog,
        store: Store,
        clock: Clock,
        flushed: Callable[[float], None] = lambda _: None,
        failed: Callable[[str], None] = lambda _: None,
        away: Callable[[str], None] = lambda _: None,
        unclaimed: Callable[[], None] = lambda: None,
    ) -> None:
        """`flushed` hears how many seconds each append took, `failed` why one was not done,
        `away` why the store could not be reached, `unclaimed` of each call that went on without
        its claim."""
        self._log, self._store, self._clock = log, store, clock
        self._flushed, self._failed = flushed, failed
        self._away, self._unclaimed = away, unclaimed
        self._arrived: list[_Call] = []
        self._claiming: asyncio.Task[None] | None = None
        self._under_way: dict[_Events, asyncio.Task[Standing]] = {}
        """Appends of claimed events that have not ended."""
        self._kept: dict[_Events, None] = {}
        """Claimed events that are in the log, oldest first."""
        self._written: dict[str, Settlement] = {}
        """By lease, the settlement whose records are in the log and whose rows are not in the
        store yet."""

    # --- accepting ------------------------------------------------------------------------

    async def accept(self, entry: Entry) -> Standing:
        """See the port."""
        if any(len(record.value) > LONGEST for record in entry.records):
            raise EntryTooLong(LONGEST)
        if entry.claim is None:
            await self._append(entry.records)
            return _FRESH
        future: asyncio.Future[Standing] = asyncio.get_running_loop().create_future()
        self._arrived.append((entry, future))
        if self._claiming is None:
            self._claiming = asyncio.create_task(self._claim())
        return await future

    async def _claim(self) -> None:
        try:
            while self._arrived:
                batch, self._arrived = self._arrived[:BATCH], self._arrived[BATCH:]
                await self._claim_some(batch)
        finally:
            self._claiming = None

    async def _claim_some(self, batch: list[_Call]) -> None:
        wanted = [entry.claim for entry, _ in batch if entry.claim is not None]
        now = self._clock.now()
        try:
            standings = await self._store.run(lambda: claims.stand(wanted, now), Urgency.FIRST)
        except DatabaseUnavailable as error:
            self._away(str(error))
            for entry, future in batch:
                self._go_on(entry, future, error)
            return
        except Exception as error:  # noqa: BLE001 - handed to the call that can't be written
            if len(batch) == 1:
                _fail(batch[0][1], error)
                return
            middle = len(batch) // 2
            await self._claim_some(batch[:middle])
            await self._claim_some(batch[middle:])
            return
        for (entry, future), standing in zip(batch, standings, strict=True):
            self._begin(entry, standing, future)

    def _go_on(self, entry: Entry, future: asyncio.Future[Standing], error: Exception) -> None:
        """Without the store."""
        if entry.optional:
            self._unclaimed()
            self._begin(entry, _FRESH, future)
        else:
            _fail(future, JournalUnavailable(str(error)))

    def _begin(self, entry: Entry, standing: Standing, future: asyncio.Future[Standing]) -> None:
        """Append what the standing asks for, also when nobody waits for it any more."""
        if isinstance(standing, Attached):
            events, work = standing.events, self._append_again(entry, standing)
        elif isinstance(standing, Fresh) and entry.claim is not None:
            events, work = entry.claim.events, self._append_first(entry, entry.claim.events)
        else:
            if not future.done():
                future.set_result(standing)
            return
        task = asyncio.create_task(work)
        if events not in self._under_way:
            self._under_way[events] = task
            task.add_done_callback(lambda _: self._under_way.pop(events))
        task.add_done_callback(partial(_hand_over, future))

    async def _append_first(self, entry: Entry, events: _Events) -> Standing:
        await self._append(entry.records)
        self._remember(events)
        return _FRESH

    async def _append_again(self, entry: Entry, standing: Attached) -> Standing:
        events = standing.events
        before = self._under_way.get(events)
        if before is not None and before is not asyncio.current_task():
            await asyncio.shield(before)
        elif events not in self._kept and entry.again is not None:
            records = await self._missing(events, entry.again(events))
            if records:
                await self._append(records)
            self._remember(events)
        return standing

    async def _missing(
        self, events: _Events, records: Sequence[Sequence[NewRecord]]
    ) -> list[NewRecord]:
        """The records of events that the ledger has not seen in the log. Raises
        JournalUnavailable."""
        try:
            seen = await self._store.run(lambda: ledger.seen(events))
        except DatabaseUnavailable as error:
            self._away(str(error))
            raise JournalUnavailable(str(error)) from error
        return [
            record
            for event, its in zip(events, records, strict=True)
            if event not in seen
            for record in its
        ]

    async def _append(self, records: Sequence[NewRecord]) -> None:
        began = self._clock.monotonic()
        try:
            await self._log.append(records)
        except LogUnavailable as error:
            self._failed(str(error))
            raise JournalUnavailable(str(error)) from error
        self._flushed(self._clock.monotonic() - began)

    def _remember(self, events: _Events) -> None:
        self._kept[events] = None
        if len(self._kept) > REMEMBERED:
            del self._kept[next(iter(self._kept))]

    # --- settling -------------------------------------------------------------------------

    async def settle(self, settlement: Settlement, records: Sequence[NewRecord]) -> None:
        """See the port. What another owner must not settle any more is not appended either, as
        far as is known before."""
        # A worker that is stopped must not leave the log and the store apart for no reason.
        await asyncio.shield(self._settle(settlement, records))

    async def _settle(self, settlement: Settlement, records: Sequence[NewRecord]) -> None:
        lease = settlement.lease
        try:
            if self._written.get(lease) is not settlement:
                await self._write(settlement, records)
            await self._store.run(lambda: settling.settle(settlement), Urgency.FIRST)
        except LogUnavailable as error:
            self._failed(str(error))
            raise JournalUnavailable(str(error)) from error
        except DatabaseUnavailable as error:
            self._away(str(error))
            raise JournalUnavailable(str(error)) from error
        except LeaseLost:
            self._written.pop(lease, None)
            raise
        self._written.pop(lease, None)

    async def _write(self, settlement: Settlement, records: Sequence[NewRecord]) -> None:
        lease, epoch = settlement.lease, settlement.epoch
        # Callers that wait for these outcomes hear them although the store is away.
        with suppress(DatabaseUnavailable):
            await self._store.run(lambda: leases.check(lease, epoch), Urgency.FIRST)
        if records:
            await self._log.append(records)
        self._written[lease] = settlement


def _fail(future: asyncio.Future[Standing], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _hand_over(future: asyncio.Future[Standing], task: asyncio.Task[Standing]) -> None:
    """The task's end to whoever still waits; an error that nobody waits for was told."""
    if task.cancelled():
        future.cancel()
        return
    error = task.exception()
    if future.done():
        return
    if error is None:
        future.set_result(task.result())
    else:
        future.set_exception(error)
