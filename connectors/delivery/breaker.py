"""Tells a vendor that is down from a lead that fails: after some failures in a row nothing is
sent but one probe at a time, until the vendor gives a proper answer to anything.

    closed     send
    open       send nothing until the wait is over
    half-open  one probe is under way; if it fails, the next wait is twice as long

What counts as a failure is the engine's to say. Times are seconds of one clock.
"""

from __future__ import annotations

import math
from enum import Enum, StrEnum


class Permit(Enum):
    """Leave to send one request. It goes back by `failed`, `answered`, or, for a probe that was
    given up, `probe_abandoned`."""

    SEND = "send"
    PROBE = "probe"


class State(StrEnum):
    """What the breaker lets through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """One vendor backend's breaker."""

    __slots__ = (
        *("_failures", "_in_a_row", "_max_open", "_open_for", "_probe_at", "_state", "_wait"),
        "open_since",
    )

    def __init__(self, failures: int, open_for: float, max_open: float) -> None:
        """Opens at `failures` in a row; the first probe is due after `open_for` seconds, then
        twice that, up to `max_open`."""
        self._failures = failures
        self._open_for = min(open_for, max_open)
        self._max_open = max_open
        self._state = State.CLOSED
        self._in_a_row = 0
        self._wait = self._open_for
        self._probe_at = -math.inf
        self.open_since = math.inf
        """When it opened, of the same clock; inf while it is closed."""

    @property
    def state(self) -> State:
        """Closed, open, or half-open while a probe is under way."""
        return self._state

    @property
    def is_open(self) -> bool:
        """Whether the vendor counts as down: from the opening to the next proper answer."""
        return self._state is not State.CLOSED

    def wait(self, now: float) -> float:
        """Seconds until `permit` gives one: 0.0 is now, `math.inf` is not before the probe under
        way has ended."""
        if self._state is State.CLOSED:
            return 0.0
        if self._state is State.HALF_OPEN:
            return math.inf
        return max(0.0, self._probe_at - now)

    def permit(self, now: float) -> Permit | float:
        """Leave to send, or the seconds to wait as `wait` says. With `PROBE` the caller holds
        the only one."""
        wait = self.wait(now)
        if wait > 0.0:
            return wait
        if self._state is State.CLOSED:
            return Permit.SEND
        self._state = State.HALF_OPEN
        return Permit.PROBE

    def failed(self, now: float, permit: Permit) -> None:
        """A request sent under `permit` got no proper answer. Requests that were under way when
        the breaker opened change nothing any more: only probes make the wait longer."""
        if self._state is State.CLOSED:
            self._in_a_row += 1
            if self._in_a_row >= self._failures:
                self.open_since = now
                self._open(now, self._open_for)
        elif self._state is State.HALF_OPEN and permit is Permit.PROBE:
            self._open(now, min(2 * self._wait, self._max_open))

    def answered(self) -> None:
        """The vendor gave a proper answer to anything: it is up."""
        self._state = State.CLOSED
        self._in_a_row = 0
        self.open_since = math.inf

    def probe_abandoned(self) -> None:
        """The probe was given up before it ended (shutdown): the next may go at once."""
        if self._state is State.HALF_OPEN:
            self._state = State.OPEN

    def _open(self, now: float, wait: float) -> None:
        """Send nothing for `wait` seconds."""
        self._state = State.OPEN
        self._wait = wait
        self._probe_at = now + wait
