"""A connector's pace goes with it from owner to owner, through the store: the pause its vendor has
asked for, and what its limits have given out. So no restart and no change of owner sends a vendor
more than it allows. After a crash the next owner knows what was so a few seconds before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson

from connectors.delivery.connector import Limit
from connectors.delivery.throttle import Pace, Throttle, Used
from gateway.clock import Clock
from gateway.store import paces
from gateway.store.port import Store


class Pacing:
    """Keeps the pace of one lease."""

    def __init__(self, lease: str, throttle: Throttle, store: Store, clock: Clock) -> None:
        """Nothing is written or read yet."""
        self._lease, self._throttle, self._store, self._clock = lease, throttle, store, clock
        self._moves = throttle.moves

    async def take_over(self) -> None:
        """Go on at the pace of the last owner. Raises DatabaseUnavailable."""
        text = await self._store.run(partial(paces.kept, self._lease))
        if text is None:
            return
        at, pace = read(text)
        # A wall clock that was set back makes a pause no longer than it was.
        since = self._clock.monotonic() - max(0.0, self._clock.now() - at)
        self._throttle.resume(pace, since)
        self._moves = self._throttle.moves

    async def keep(self, epoch: int) -> None:
        """Write the pace down if anything was sent or asked for since the last time. Raises
        LeaseLost, DatabaseUnavailable."""
        moves = self._throttle.moves
        if moves == self._moves:
            return
        pace = self._throttle.pace(self._clock.monotonic())
        text = written(pace, self._clock.now())
        await self._store.run(partial(paces.keep, self._lease, epoch, text))
        self._moves = moves


def written(pace: Pace, at: float) -> str:
    """A pace as it was at a time, unix seconds."""
    used = [(each.limit.requests, each.limit.per, each.frees) for each in pace.used]
    return orjson.dumps([at, pace.paused, used]).decode()


def read(text: str) -> tuple[float, Pace]:
    """When it was so, and the pace."""
    at, paused, used = orjson.loads(text)
    return at, Pace(paused, tuple(map(_used, used)))


def _used(row: Sequence[Any]) -> Used:
    requests, per, frees = row
    return Used(Limit(requests, per), tuple((after, number) for after, number in frees))
