"""May a request go now? Everything that can hold a whole connector back, in one place:

shut         paused by an operator, or a settle that doesn't go through
lease        less than RENEW seconds of it are left: another process may soon be the owner
stopped      the settings are wrong; one delivery a minute is tried
breaker      the vendor is down; one probe at a time
throttle     the vendor's rate limits, and its Retry-After
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import NamedTuple

from connectors.delivery.breaker import Breaker, Permit
from connectors.delivery.throttle import UNLIMITED, Slot, Throttle
from gateway.clock import Clock
from gateway.store.leases import RENEW

PAUSED = "paused"
STOPPED_PROBE = 60.0
"""Seconds between deliveries tried by a connector whose settings are wrong."""


class Ticket(NamedTuple):
    """Leave to make one attempt."""

    breaker: Permit
    settings: Permit


PLAIN = Ticket(Permit.SEND, Permit.SEND)
"""Leave that is no probe."""


class Gate:
    """Lets attempts and their requests through, and wakes those that wait when that changes."""

    def __init__(
        self,
        clock: Clock,
        breaker: Breaker,
        throttle: Throttle,
        waited: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Open, but without a lease; `waited` hears of seconds spent waiting for the throttle."""
        self._waited = waited
        self._clock = clock
        self.breaker = breaker
        self.settings = Breaker(1, STOPPED_PROBE, STOPPED_PROBE)
        self.throttle = throttle
        self.reason = ""
        """Why it is stopped."""
        self._lease_until = -inf
        self._shut: set[str] = set()
        self._waiting: set[asyncio.Future[None]] = set()
        self._turn = asyncio.Lock()
        self._impeded = 0.0
        self._ticked = clock.monotonic()
        self._free_at = -inf
        self._clear = False
        """Whether nothing but the lease can hold anything back: found anew at each change, so
        that the way of most requests is one comparison."""
        self.changed()

    def leased(self, until: float) -> None:
        """The lease holds until this monotonic time."""
        self._lease_until = until
        self.changed()

    def shut(self, reason: str) -> None:
        """Let nothing through until `reopen` with the same reason."""
        self._shut.add(reason)
        self.changed()

    def reopen(self, reason: str) -> None:
        """Take back `shut`."""
        self._shut.discard(reason)
        self.changed()

    def is_shut(self, reason: str) -> bool:
        """Whether this reason holds it shut."""
        return reason in self._shut

    def wait(self) -> float:
        """Seconds until an attempt may start; inf: until something changes."""
        now = self._clock.monotonic()
        if self._shut or self._lease_until - now < RENEW:
            return inf
        if self._clear:
            return 0.0
        wait = max(self.breaker.wait(now), self.settings.wait(now), self.throttle.wait(now))
        if wait <= 0.0:
            self._look()
        return wait

    def open_now(self) -> bool:
        """Whether nothing at all holds anything back: neither `enter` nor `slot` need be asked."""
        clear = self._clear and not self._shut and not self._turn.locked()
        return clear and self._lease_until - self._clock.monotonic() >= RENEW

    async def enter(self) -> Ticket:
        """Wait for leave to make an attempt, in order of coming, so that each probe is another's;
        it ends with `answered`, `failed`, `misfit` or `abandoned`."""
        if self._turn.locked() or self.wait() > 0.0:
            async with self._turn:
                while (wait := self.wait()) > 0.0:
                    await self._pause(wait)
                return self._ticket()
        return PLAIN if self._clear else self._ticket()

    def _ticket(self) -> Ticket:
        now = self._clock.monotonic()
        breaker, settings = self.breaker.permit(now), self.settings.permit(now)
        assert isinstance(breaker, Permit)  # noqa: S101 - wait() was 0 for both
        assert isinstance(settings, Permit)  # noqa: S101 - as above
        return Ticket(breaker, settings)

    async def slot(self) -> Slot:
        """Wait for leave to send one request of an attempt."""
        began = self._clock.monotonic()
        if self._clear and self._lease_until - began >= RENEW:
            return UNLIMITED
        while True:
            now = self._clock.monotonic()
            wait = self.throttle.wait(now) if self._lease_until - now >= RENEW else inf
            if wait <= 0.0:
                if now > began:
                    self._waited(now - began)
                return self.throttle.take(now)
            await self._pause(wait)

    def done(self, slot: Slot) -> None:
        """The request was answered, or given up."""
        if slot == UNLIMITED:
            return
        self.throttle.done(slot, self._clock.monotonic())
        if self._waiting:
            self.changed()

    def answered(self) -> None:
        """The vendor gave a proper answer."""
        if self._clear:
            self.breaker.answered()
        elif self.breaker.is_open or self.settings.is_open:
            self.reason = ""
            self.breaker.answered()
            self.settings.answered()
            self.changed()
        else:
            self.breaker.answered()

    def failed(self, ticket: Ticket) -> None:
        """No proper answer came."""
        now = self._clock.monotonic()
        self.breaker.failed(now, ticket.breaker)
        if ticket.settings is Permit.PROBE:
            self.settings.failed(now, ticket.settings)
        self.changed()

    def misfit(self, ticket: Ticket, reason: str) -> None:
        """The vendor says our settings are wrong."""
        self.reason = reason
        self.settings.failed(self._clock.monotonic(), ticket.settings)
        self.breaker.answered()
        self.changed()

    def abandoned(self, ticket: Ticket) -> None:
        """The attempt ended without a word from the vendor about itself: if it was a probe, the
        next may go at once."""
        if ticket.breaker is Permit.PROBE:
            self.breaker.probe_abandoned()
            self.changed()
        if ticket.settings is Permit.PROBE:
            self.settings.probe_abandoned()
            self.changed()

    def slow_down(self, seconds: float) -> None:
        """The vendor asked for a pause."""
        self.throttle.pause(self._clock.monotonic() + seconds)
        self.changed()

    def resume(self) -> None:
        """An operator says that what was wrong is mended."""
        self.reason = ""
        self.settings.answered()
        self.changed()

    def impeded(self) -> float:
        """Seconds so far in which nothing could be delivered whatever the lead."""
        if self._clear:
            return self._impeded
        return self._tick()

    def _tick(self) -> float:
        now = self._clock.monotonic()
        self._impeded += max(0.0, min(now, self._free_at) - self._ticked)
        self._ticked = now
        if self.breaker.is_open or self.settings.is_open or self._shut:
            self._free_at = inf
        else:
            wait = self.throttle.wait(now)
            self._free_at = -inf if wait == inf else now + wait
        return self._impeded

    def changed(self) -> None:
        """Wake all that wait, to look again."""
        self._look()
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _look(self) -> None:
        self._tick()
        self._clear = self._free_at == self._ticked and not self.throttle.limited

    async def _pause(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait((future,), timeout=None if seconds == inf else seconds)
        finally:
            self._waiting.discard(future)
