"""This process's partition of the replies topic, held by a lease while the process has the door.

The lease only keeps two processes from getting each other's replies; reading needs none. So a
process that loses its partition goes on reading it for as long as calls may wait for what was
sent there, and takes another for those that come. With none left to take, calls that wait ask
the ledger.
"""

from __future__ import annotations

from zlib import crc32

from gateway import lines
from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable
from gateway.edge.waiting import Waiting
from gateway.eventlog.port import EventLog, LogUnavailable, Topic
from gateway.store import leases
from gateway.store.leases import RENEW
from gateway.store.port import Store

LINGER = 150.0
"""Seconds for which a partition that was lost is read: as long as a call may take."""


class Mailbox:
    """Takes a partition, keeps it, gives it back."""

    def __init__(
        self, waiting: Waiting, log: EventLog, store: Store, clock: Clock, process: str
    ) -> None:
        """`waiting` reads what comes; `process` is who we are, as the lease's owner."""
        self._waiting, self._log, self._store = waiting, log, store
        self._clock, self._process = clock, process
        self._held: int | None = None
        self._left: dict[int, float] = {}
        """Partitions that were lost, and until when they are read."""
        self._told = False
        self._watch = leases.Watch(clock.monotonic)

    async def start(self) -> None:
        """Take a partition before the first call comes. Where none can be had now, `run` goes on
        trying."""
        try:
            await self._keep()
        except (DatabaseUnavailable, LogUnavailable) as error:
            lines.warning("replies.interrupted", reason=str(error))

    async def run(self) -> None:
        """Keep one for ever."""
        while True:
            await self._clock.sleep(RENEW)
            try:
                await self._keep()
            except (DatabaseUnavailable, LogUnavailable) as error:
                lines.warning("replies.interrupted", reason=str(error))

    async def stop(self) -> None:
        """Give it back."""
        if self._held is None:
            return
        name = _lease(self._held)
        try:
            await self._store.run(lambda: leases.release(name, self._process))
        except DatabaseUnavailable:
            return

    async def _keep(self) -> None:
        now = self._clock.monotonic()
        for partition in [part for part, until in self._left.items() if until <= now]:
            del self._left[partition]
            self._waiting.leave(partition)
        if self._held is not None and not await self._acquired(self._held):
            lines.warning("replies.lost", partition=self._held)
            self._left[self._held] = now + LINGER
            self._held = self._waiting.replyto = None
        if self._held is None:
            self._held = await self._find()
        if self._held is not None and self._waiting.replyto is None:
            self._left.pop(self._held, None)
            await self._waiting.listen(self._held)

    async def _find(self) -> int | None:
        """One that nobody holds; each process begins to look at another."""
        count = self._log.partitions(Topic.REPLIES)
        first = crc32(self._process.encode())
        for step in range(count):
            partition = (first + step) % count
            if await self._acquired(partition):
                self._told = False
                return partition
        if not self._told:
            self._told = True
            lines.warning("replies.all_taken", partitions=count)
        return None

    async def _acquired(self, partition: int) -> bool:
        name, now = _lease(partition), self._clock.now()
        epoch = await self._store.run(lambda: leases.acquire(name, self._process, now, self._watch))
        return epoch is not None


def _lease(partition: int) -> str:
    return f"replies/{partition}"
