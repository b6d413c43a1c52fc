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
    """The state of the log, the store or both, as those who write see it."""

    def __init__(self, clock: Clock, *gauges: Gauge, what: str = "storage") -> None:
        """All is well; the gauges are 1 while it is. `what` is the lines' word for it."""
        self._clock, self._gauges, self._what = clock, gauges, what
        self._since = self._last = 0.0
        self._news = asyncio.Event()
        self.reason: str | None = None
        """Why nothing can be made durable; None while it can."""
        self._show(1)

    def failed(self, reason: str) -> None:
        """A write was not done, or may not have been."""
        self._last = self._clock.monotonic()
        if self.reason is None:
            self._since = self._last
            self._show(0)
            self._news.set()
            lines.error(f"{self._what}.unavailable", reason=reason)
        self.reason = reason

    def went_well(self) -> None:
        """A write as large as an append went through. Trouble is over with the first that does
        so after a while without a failure."""
        now = self._clock.monotonic()
        if self.reason is None or now - self._last < QUIET:
            return
        seconds = round(now - self._since, 3)
        lines.warning(f"{self._what}.available", seconds=seconds)
        self.reason = None
        self._show(1)
        self._news.clear()

    def _show(self, well: int) -> None:
        for gauge in self._gauges:
            gauge.set(well)

    async def trouble(self) -> None:
        """Wait until something failed."""
        await self._news.wait()
