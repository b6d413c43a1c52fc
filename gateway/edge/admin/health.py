"""Is the process able to do its work?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable
from gateway.eventlog.port import LogUnavailable
from gateway.journal.condition import Condition

WITHIN = 2.0
"""Seconds a write may take before nothing can be promised any more."""
AGAIN = 1.0
"""Seconds between looks whether trouble is over."""


class Health:
    """Readiness is a real write with a full flush; a vendor that is down doesn't touch it."""

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        condition: Condition,
        clock: Clock,
        serving: Callable[[], bool],
    ) -> None:
        """`probe` writes, and raises DatabaseUnavailable or LogUnavailable; `condition` also hears
        of other writes that failed; `serving` says whether the process takes calls: not while it
        drains."""
        self._write_something, self._condition, self._clock = probe, condition, clock
        self._serving = serving
        self._probe: asyncio.Task[str | None] | None = None

    async def why_not(self) -> str | None:
        """Why calls can't be accepted now; None where they can. However many ask, one write at
        a time is under way."""
        if not self._serving():
            return "the server is not taking calls: it starts or drains"
        reason = await self._look()
        return None if reason is None else f"an append can't be made durable: {reason}"

    async def watch(self) -> None:
        """For ever: after trouble see when it is over, whether or not anybody asks."""
        while True:
            await self._condition.trouble()
            await self._look()
            await self._clock.sleep(AGAIN)

    async def _look(self) -> str | None:
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._write())
        probe = self._probe
        await asyncio.wait((probe,), timeout=WITHIN)
        reason = probe.result() if probe.done() else f"a write takes longer than {WITHIN:g} s"
        if reason is None:
            self._condition.went_well()
        else:
            self._condition.failed(reason)
        return self._condition.reason

    async def _write(self) -> str | None:
        try:
            await self._write_something()
        except (DatabaseUnavailable, LogUnavailable) as error:
            return str(error)
        return None
