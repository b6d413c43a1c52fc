"""How often a credential may call, as a sliding window."""

from __future__ import annotations

from collections import deque

from gateway.dialect import OverQuota, QuotaState


class Quota:
    """One credential's window. A refused call does not use it up."""

    def __init__(self, requests: int, per: float) -> None:
        """At most `requests` calls in any `per` seconds."""
        self._requests, self._per = requests, per
        self._taken: deque[float] = deque()

    def take(self, now: float, unix: float) -> QuotaState | OverQuota:
        """Count a call at `now` (monotonic seconds), or refuse it; `unix` is the same moment as
        callers read it."""
        while self._taken and self._taken[0] <= now - self._per:
            self._taken.popleft()
        if len(self._taken) >= self._requests:
            return OverQuota(self._state(now, unix), max(0.0, self._taken[0] + self._per - now))
        self._taken.append(now)
        return self._state(now, unix)

    def _state(self, now: float, unix: float) -> QuotaState:
        used = len(self._taken)
        reset = unix - now + (self._taken[0] if self._taken else now) + self._per
        return QuotaState(self._requests, self._requests - used, used, reset, self._per)
