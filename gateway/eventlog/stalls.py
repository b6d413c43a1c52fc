"""Which partitions a reader stands still in although the log holds more.

A client that has got stuck says nothing. It has when a position stays where it is while the end
of the log, asked for apart, lies further on, and still does so half the patience later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LOOKS: Final = 20
"""How often positions are looked at in the time that a stall may take."""


@dataclass(slots=True)
class _Standing:
    """A position, since when it counts, and whether the log held more then."""

    position: int
    since: float
    behind: bool = False


class Stalls:
    """Told of positions again and again; times are monotonic seconds."""

    def __init__(self, patience: float) -> None:
        """A stall is told after `patience` seconds of it, and a look or two."""
        self._half, self._pause = patience / 2, patience / LOOKS
        self._standing: dict[int, _Standing] = {}
        self._look_at = 0.0

    def due(self, now: float, positions: Mapping[int, int]) -> list[int]:
        """Partitions that have stood still for half the patience: `stalled` wants their ends.
        `positions` are of those that more is wanted of."""
        if now < self._look_at:
            return []
        self._look_at = now + self._pause
        for part in [part for part in self._standing if part not in positions]:
            del self._standing[part]
        for part, position in positions.items():
            known = self._standing.get(part)
            if known is None or known.position != position:
                self._standing[part] = _Standing(position, now)
        return [part for part, one in self._standing.items() if now - one.since >= self._half]

    def stalled(
        self, now: float, positions: Mapping[int, int], ends: Mapping[int, int]
    ) -> list[int]:
        """Of the partitions that were due, those that have stalled. `ends` are of the log, and
        `positions` where the reader is by now."""
        found = []
        for part, end in ends.items():
            one = self._standing.get(part)
            if one is None or positions.get(part) != one.position:
                continue
            behind = end > one.position
            if behind and one.behind:
                found.append(part)
            one.since, one.behind = now, behind
        return found

    def forget(self) -> None:
        """The reader begins anew."""
        self._standing.clear()
