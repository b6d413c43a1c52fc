"""How often a credential may call, as a sliding window.

Where this process is the only one, it counts by itself. Where the store is one that several
gateway processes have, they count together in it: a caller has its quota once, whichever of them
it meets. While the store can't be asked, each counts what it sees.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Protocol, TypeAlias

from gateway import lines
from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable, Urgency
from gateway.dialect import OverQuota, QuotaState
from gateway.store import quotas
from gateway.store.port import Store
from gateway.store.quotas import Counted

PATIENCE = 0.5
"""Seconds a call waits for the store to count it."""
REST = 1.0
"""Seconds that the store isn't asked after it could not be."""


class Quota(Protocol):
    """One credential's window. A refused call does not use it up."""

    async def take(self) -> QuotaState | OverQuota:
        """Count a call now, or refuse it."""


class Window:
    """A window that is counted here."""

    def __init__(self, requests: int, per: float) -> None:
        """At most `requests` calls in any `per` seconds."""
        self.requests, self.per = requests, per
        self._taken: deque[float] = deque()

    def take(self, now: float, unix: float) -> QuotaState | OverQuota:
        """Count a call at `now` (monotonic seconds), or refuse it; `unix` is the same moment as
        callers read it."""
        while self._taken and self._taken[0] <= now - self.per:
            self._taken.popleft()
        if len(self._taken) >= self.requests:
            return OverQuota(self._state(now, unix), max(0.0, self._taken[0] + self.per - now))
        self._taken.append(now)
        return self._state(now, unix)

    def _state(self, now: float, unix: float) -> QuotaState:
        used = len(self._taken)
        reset = unix - now + (self._taken[0] if self._taken else now) + self.per
        return QuotaState(self.requests, self.requests - used, used, reset, self.per)


class OwnQuota:
    """A quota of which this process counts every call."""

    def __init__(self, window: Window, clock: Clock) -> None:
        """Nothing is used."""
        self._window, self._clock = window, clock

    async def take(self) -> QuotaState | OverQuota:
        """See the port."""
        return self._window.take(self._clock.monotonic(), self._clock.now())


class SharedQuota:
    """A quota that is counted in the store: calls that come meanwhile go there together."""

    def __init__(self, name: str, window: Window, store: Store, clock: Clock) -> None:
        """`name` is the same in every process; `window` counts while the store is away."""
        self._name, self._window, self._store, self._clock = name, window, store, clock
        self._waiting: list[asyncio.Future[QuotaState | OverQuota]] = []
        self._asking: asyncio.Task[None] | None = None
        self._alone_until = self._full_until = -inf
        self._full: QuotaState | None = None

    async def take(self) -> QuotaState | OverQuota:
        """See the port. A window known to be full is asked about by nobody, however often they
        call."""
        now = self._clock.monotonic()
        if self._full is not None and now < self._full_until:
            return OverQuota(self._full, self._full_until - now)
        if now < self._alone_until:
            return self._here()
        waiting: asyncio.Future[QuotaState | OverQuota]
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await waiting

    async def _ask(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._ask_for(batch)
        finally:
            self._asking = None

    async def _ask_for(self, batch: Sequence[asyncio.Future[QuotaState | OverQuota]]) -> None:
        try:
            counted = await self._counted(len(batch))
        except Exception as error:  # noqa: BLE001 - handed to the calls that can't be counted
            for waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for waiting, told in zip(batch, counted, strict=True):
            if not waiting.done():
                waiting.set_result(told)

    async def _counted(self, calls: int) -> list[QuotaState | OverQuota]:
        window, now = self._window, self._clock.now()
        count = partial(quotas.count, self._name, calls, window.requests, window.per, now)
        try:
            async with asyncio.timeout(PATIENCE):
                counted = await self._store.run(count, Urgency.FIRST)
        except (DatabaseUnavailable, TimeoutError) as error:
            self._alone_until = self._clock.monotonic() + REST
            reason = str(error) or f"no answer in {PATIENCE:g} s"
            lines.warning("quota.counted_alone", credential=self._name, reason=reason)
            return [self._here() for _ in range(calls)]
        for _ in range(counted.granted):
            self._here()
        told = states(counted, calls, window, now)
        if isinstance(last := told[-1], OverQuota):
            self._full, self._full_until = last.quota, self._clock.monotonic() + last.retry_after
        return told

    def _here(self) -> QuotaState | OverQuota:
        return self._window.take(self._clock.monotonic(), self._clock.now())


Counting: TypeAlias = Callable[[str, Window], Quota]
"""Makes the quota of a name, which is the same in every process, from its window."""


def counted_here(clock: Clock) -> Counting:
    """Every quota is counted by this process."""
    return lambda _, window: OwnQuota(window, clock)


def counted_together(store: Store, clock: Clock) -> Counting:
    """Every quota is counted by all processes that have this store."""
    return lambda name, window: SharedQuota(name, window, store, clock)


def states(
    counted: Counted, calls: int, window: Window, now: float
) -> list[QuotaState | OverQuota]:
    """What each of some calls is told that were counted together at `now`, unix seconds."""
    requests, per = window.requests, window.per
    reset = counted.oldest + per
    told: list[QuotaState | OverQuota] = []
    for number in range(1, calls + 1):
        used = counted.used + min(number, counted.granted)
        state = QuotaState(requests, max(0, requests - used), used, reset, per)
        told.append(state if number <= counted.granted else OverQuota(state, reset - now))
    return told
