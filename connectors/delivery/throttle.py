"""Keeps a connector inside its vendor's rate limits, several windows at once.

A vendor counts a request somewhere between our sending it and our reading the answer. So a slot
is taken when a request is sent and comes free one window after it was answered: wherever in
between the vendor counted, no window of its clock holds more than the limit.

It says how long to wait and never waits. Times are seconds of one clock that doesn't go back.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple, NewType

from connectors.delivery.connector import Limit

Slot = NewType("Slot", int)
"""Proof that a request was let through; handed back when it is answered or given up."""
UNLIMITED = Slot(0)
"""What a request needs where there are no limits: nothing is counted."""
GRAINS: Final = 100
"""Moments of a window that a pace tells apart."""


class Used(NamedTuple):
    """What one limit has given out."""

    limit: Limit
    frees: tuple[tuple[float, int], ...]
    """After how many seconds how many requests stop counting against it, in order."""


class Pace(NamedTuple):
    """How a throttle stands at one moment, for who goes on with it later."""

    paused: float
    """Seconds that the vendor's pause still lasts."""
    used: tuple[Used, ...]


@dataclass(slots=True)
class _Window:
    """One limit, and when each answered request stops counting against it."""

    limit: Limit
    frees: deque[float] = field(default_factory=deque)

    def used(self, now: float) -> int:
        """Answered requests that still count."""
        while self.frees and self.frees[0] <= now:
            self.frees.popleft()
        return len(self.frees)

    def given(self, now: float, unanswered: int) -> Used:
        """What it has given out; what is not answered yet counts from now on."""
        self.used(now)
        grain = self.limit.per / GRAINS
        moments = [min(GRAINS, math.ceil((time - now) / grain)) for time in self.frees]
        moments += [GRAINS] * unanswered
        frees = tuple((moment * grain, len(list(same))) for moment, same in groupby(moments))
        return Used(self.limit, frees)


class Throttle:
    """The windows of one vendor account."""

    __slots__ = ("_paused_until", "_taken", "_unanswered", "_windows")

    def __init__(self, limits: Sequence[Limit]) -> None:
        """All `limits` are held at once; none means that only `pause` holds anything up."""
        self._windows = tuple(_Window(limit) for limit in limits)
        self._unanswered: set[Slot] = set()
        self._taken = 0
        self._paused_until = -math.inf

    @property
    def limited(self) -> bool:
        """Whether there is any limit to keep."""
        return bool(self._windows)

    def wait(self, now: float) -> float:
        """Seconds until a request may be sent: 0.0 is now, `math.inf` is not before one of those
        under way is answered."""
        longest = self._paused_until - now if self._paused_until > now else 0.0
        for window in self._windows:
            if window.used(now) + len(self._unanswered) >= window.limit.requests:
                longest = max(longest, window.frees[0] - now if window.frees else math.inf)
        return longest

    def take(self, now: float) -> Slot:
        """Take a slot for a request sent now. Raises ValueError where `wait` isn't over."""
        if self.wait(now) > 0.0:
            raise ValueError("no slot is free")
        self._taken += 1
        slot = Slot(self._taken)
        self._unanswered.add(slot)
        return slot

    def done(self, slot: Slot, now: float) -> None:
        """The request was answered, or nobody waits for it any more; a repeat does nothing."""
        if slot not in self._unanswered:
            return
        self._unanswered.remove(slot)
        for window in self._windows:
            window.frees.append(now + window.limit.per)

    def pause(self, until: float) -> None:
        """Send nothing before `until`, as the vendor asked; a longer pause stays."""
        self._paused_until = max(self._paused_until, until)

    @property
    def moves(self) -> tuple[int, int, float]:
        """Another one whenever a request went or was answered, or the vendor asked for a pause."""
        return self._taken, len(self._unanswered), self._paused_until

    def pace(self, now: float) -> Pace:
        """How it stands."""
        used = [window.given(now, len(self._unanswered)) for window in self._windows]
        paused = max(0.0, self._paused_until - now)
        return Pace(paused, tuple(each for each in used if each.frees))

    def resume(self, pace: Pace, since: float) -> None:
        """Go on as it stood at `since`. A limit that is another now begins anew."""
        self.pause(since + pace.paused)
        given = {each.limit: each.frees for each in pace.used}
        for window in self._windows:
            for after, number in given.get(window.limit, ()):
                window.frees.extend([since + after] * number)

    def left(self, now: float) -> list[tuple[Limit, int]]:
        """How many requests each window would still take."""
        under_way = len(self._unanswered)
        return [
            (window.limit, window.limit.requests - window.used(now) - under_way)
            for window in self._windows
        ]
