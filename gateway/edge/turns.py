"""How many calls of a credential may be under way at once; the others queue."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """One credential's turns, given in the order asked for."""

    def __init__(self, most: int) -> None:
        """At most `most` at once."""
        self._free = most
        self._queue: deque[asyncio.Future[None]] = deque()

    async def take(self, within: float) -> bool:
        """Wait for a turn, so many seconds at most; whether it was had. It goes back by
        `give_back`."""
        if self._free > 0:
            self._free -= 1
            return True
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await asyncio.wait((turn,), timeout=within)
        except BaseException:
            if not self._leave(turn):
                self.give_back()
            raise
        return not self._leave(turn)

    def give_back(self) -> None:
        """A call is over: the next may begin."""
        if self._queue:
            self._queue.popleft().set_result(None)
        else:
            self._free += 1

    def _leave(self, turn: asyncio.Future[None]) -> bool:
        """Whether the turn had not come; it is not waited for any more."""
        if turn.done():
            return False
        self._queue.remove(turn)
        return True
