"""Numbers that go up, go up and down, or are distributed: plain attributes of one event loop.

prometheus-client takes a lock for every increment; a delivery makes eight. These are read by
`gateway.metrics` when the metrics are asked for, and must not be touched from another thread.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from math import inf


class Counter:
    """Goes up."""

    __slots__ = ("value",)

    def __init__(self, _buckets: tuple[float, ...] = ()) -> None:
        """Zero."""
        self.value = 0.0

    def inc(self, amount: float = 1.0) -> None:
        """Add."""
        self.value += amount


class Gauge:
    """Is what it was last set to."""

    __slots__ = ("value",)

    def __init__(self, _buckets: tuple[float, ...] = ()) -> None:
        """Zero."""
        self.value = 0.0

    def set(self, value: float) -> None:
        """Be so much."""
        self.value = float(value)


class Histogram:
    """How many observations were at most each bound."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, buckets: tuple[float, ...]) -> None:
        """Nothing observed; `buckets` are upper bounds in rising order."""
        self._bounds = buckets
        self._counts = [0] * (len(buckets) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """One more."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def cumulative(self) -> list[tuple[float, int]]:
        """Upper bound and how many were at most that, the last bound being infinite."""
        return list(zip((*self._bounds, inf), accumulate(self._counts), strict=True))
