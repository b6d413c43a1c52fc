"""Lets go of what is old: settled records of the log, the ledger, claims, dead letters.

How old something is, is the wall clock's word. So nothing is let go of for a while after that
clock has jumped: who set it wrong has the time to set it right.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway import lines
from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable, Operation
from gateway.eventlog.port import Topic
from gateway.eventlog.sqlite import SqliteLog
from gateway.ledger.projector import NAME
from gateway.store import automations, claims, dead_letters, ledger, settling
from gateway.store.port import Store

EVERY = 60.0
REPLIES_KEPT = 3600.0
AUTOMATIONS = "@automations"
"""Who reads the triggers, where there are rules."""
CHUNK = 200
"""Records deleted in one transaction: a few milliseconds of the database's thread."""
BREATH = 0.005
"""Seconds between chunks."""
JUMP = 60.0
"""Seconds by which the wall clock must leave the monotonic one to have jumped."""
HELD = 3600.0
"""Seconds after a jump in which nothing is let go of."""


class Retention:
    """Runs beside the server."""

    def __init__(
        self, log: SqliteLog | None, store: Store, clock: Clock, log_kept: float, store_kept: float
    ) -> None:
        """`log_kept` and `store_kept` are seconds; `log` is the embedded one, None where the
        brokers let go of what is old."""
        self._log, self._store, self._clock = log, store, clock
        self._log_kept, self._store_kept = log_kept, store_kept
        self._apart = clock.now() - clock.monotonic()
        self._held_until = 0.0

    async def run(self) -> None:
        """Let go for ever."""
        while True:
            try:
                await self.once()
            except DatabaseUnavailable as error:
                lines.warning("retention.interrupted", reason=str(error))
            await self._clock.sleep(EVERY)

    async def once(self) -> None:
        """Let go of all that is old now. Raises DatabaseUnavailable."""
        now = self._clock.now()
        if self._jumped(now):
            return
        old = now - self._store_kept
        await self._drop(lambda: claims.expire(now, CHUNK))
        await self._drop(lambda: ledger.expire(old, CHUNK))
        await self._drop(lambda: dead_letters.expire(old, CHUNK))
        await self._drop(lambda: automations.forget(old, now, CHUNK))
        if self._log is not None:
            await self._shorten(self._log, now)

    async def _shorten(self, log: SqliteLog, now: float) -> None:
        """Let go of what is old in the log, and settled."""
        lowest = await self._store.run(lambda: settling.lowest(Topic.UPDATES))
        await self._trim(log, Topic.UPDATES, lowest, now - self._log_kept)
        read = await self._store.run(lambda: settling.frontiers(NAME, Topic.OUTCOMES))
        bases = {part: frontier.base for part, frontier in read.items()}
        await self._trim(log, Topic.OUTCOMES, bases, now - self._log_kept)
        triggers = {part: e.end for part, e in (await log.extents(Topic.TRIGGERS)).items()}
        asked = await self._store.run(lambda: settling.frontiers(AUTOMATIONS, Topic.TRIGGERS))
        triggers |= {part: frontier.base for part, frontier in asked.items()}
        await self._trim(log, Topic.TRIGGERS, triggers, now - self._log_kept)
        for topic, kept in (
            (Topic.DEAD_LETTERS, self._store_kept),
            (Topic.REPLIES, REPLIES_KEPT),
        ):
            ends = {part: extent.end for part, extent in (await log.extents(topic)).items()}
            await self._trim(log, topic, ends, now - kept)

    def _jumped(self, now: float) -> bool:
        """Whether the wall clock has jumped a short while ago."""
        monotonic = self._clock.monotonic()
        before, self._apart = self._apart, now - monotonic
        if abs(self._apart - before) > JUMP:
            lines.warning("clock.jumped", seconds=round(self._apart - before))
            self._held_until = monotonic + HELD
        return monotonic < self._held_until

    async def _drop(self, expire: Callable[[], Operation[int]]) -> None:
        """Delete rows chunk by chunk, so that nobody waits for all of them."""
        while await self._store.run(expire) >= CHUNK:
            await self._clock.sleep(BREATH)

    async def _trim(
        self, log: SqliteLog, topic: Topic, before: dict[int, int], older: float
    ) -> None:
        """Delete records below these offsets that are older than `older`, chunk by chunk."""
        for part, offset in before.items():
            while await log.trim(topic, part, offset, older, CHUNK) == CHUNK:
                await self._clock.sleep(BREATH)
