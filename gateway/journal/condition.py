"""Whether updates can be made durable now: what readiness and one metric say, and one line at
each change, however many calls hear busy meanwhile."""

from __future__ import annotations

import asyncio

from gateway import lines
from gateway.clock import Clock
from gateway.meters import Gauge

QUIET = 2.0
"""Seconds without a failure before trouble counts as over: while a disk fills up, what is small
still goes through now and then."""


class Condition:
    """The state of the log and the store, as those who write see it."""

    def __init__(self, clock: Clock, gauge: Gauge) -> None:
        """All is well; `gauge` is 1 while it is."""
        self._clock, self._gauge = clock, gauge
        self._since = self._last = 0.0
        self._news = asyncio.Event()
        self.reason: str | None = None
        """Why nothing can be made durable; None while it can."""
        gauge.set(1)

    def failed(self, reason: str) -> None:
        """A write was not done, or may not have been."""
        self._last = self._clock.monotonic()
        if self.reason is None:
            self._since = self._last
            self._gauge.set(0)
            self._news.set()
            lines.error("storage.unavailable", reason=reason)
        self.reason = reason

    def went_well(self) -> None:
        """A write as large as an append went through. Trouble is over with the first that does
        so after a while without a failure."""
        now = self._clock.monotonic()
        if self.reason is None or now - self._last < QUIET:
            return
        seconds = round(now - self._since, 3)
        lines.warning("storage.available", seconds=seconds)
        self.reason = None
        self._gauge.set(1)
        self._news.clear()

    async def trouble(self) -> None:
        """Wait until something failed."""
        await self._news.wait()
