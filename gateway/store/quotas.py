"""What callers have used of their quotas, where several gateway processes count together.

A quota's window is one row: when its calls were taken, oldest first. Calls taken within a
hundredth of the window are kept as one time, the latest of theirs, so that a row stays small
however large the quota is, and no window ever holds more than it may.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import orjson

from gateway.database.port import Operation, Query

GRAINS = 100
"""Moments of a window that are told apart."""

Taken: TypeAlias = list[tuple[float, int]]
"""When, unix seconds, and how many calls; oldest first."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How a window took some calls that came at once."""

    used: int
    """Calls it held before them."""
    granted: int
    """How many of them it took: the first ones."""
    oldest: float
    """When the oldest call that it now holds was taken, unix seconds."""


def count(quota: str, calls: int, requests: int, per: float, now: float) -> Operation[Counted]:
    """Take `calls` calls at `now` (unix seconds) out of `requests` in any `per` seconds, as many
    as there are left."""
    rows = yield Query("SELECT taken FROM quotas WHERE name = ?", (quota,))
    before: Taken = [(time, number) for time, number in orjson.loads(rows[0][0])] if rows else []
    taken = _within(before, now, per)
    used = sum(number for _, number in taken)
    granted = min(calls, max(0, requests - used))
    if granted:
        taken = _added(taken, granted, now, per / GRAINS)
    if granted or (before and before[-1][0] > now):
        yield Query(
            "INSERT INTO quotas (name, taken) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET taken = excluded.taken",
            (quota, orjson.dumps(taken).decode()),
        )
    return Counted(used, granted, taken[0][0] if taken else now)


def _within(taken: Sequence[tuple[float, int]], now: float, per: float) -> Taken:
    """Those that still count. What another host's clock took later than now counts as taken now:
    clocks that differ, or are set back, lock nobody out for longer than a window."""
    return [(min(time, now), number) for time, number in taken if time > now - per]


def _added(taken: Taken, calls: int, now: float, grain: float) -> Taken:
    """With some more: in the newest moment, which becomes as late as they are, or in one of their
    own."""
    if taken and taken[-1][0] // grain == now // grain:
        return [*taken[:-1], (now, taken[-1][1] + calls)]
    return [*taken, (now, calls)]
