"""How long a call waits for its outcomes: until they come, the time is up, or it is clear that
none can come soon."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from gateway.dialect import Settled
from gateway.edge.waiting import Waiting
from gateway.model.event import LeadUpdate
from gateway.model.outcome import Outcome
from gateway.store.board import Board


class Verdicts:
    """The outcomes one call waits for."""

    def __init__(
        self,
        waiting: Waiting,
        board: Board,
        places: Sequence[tuple[str, str]],
        dialect: str,
        *,
        ask: bool,
    ) -> None:
        """`places` are (event id, connector); `ask` also asks the ledger, for a call that may
        have missed the reply. The call counts as waiting until `forget`."""
        self._dialect = dialect
        self._waiting, self._board, self._ask = waiting, board, ask
        self._over = False
        self._futures = {place: waiting.expect(*place) for place in places}
        self._count(1)

    async def within(self, seconds: float) -> Mapping[str, Settled] | None:
        """The outcomes by event id; None where they don't come in time, or can't come soon."""
        if not all(self._board.able(connector) for _, connector in self._futures):
            seconds = 0.0
        asking = asyncio.create_task(self._waiting.ask(list(self._futures))) if self._ask else None
        try:
            if self._ask:
                seconds = max(seconds, 1.0)
            await asyncio.wait(self._futures.values(), timeout=max(0.0, seconds))
            return self._settled()
        finally:
            if asking is not None:
                asking.cancel()
            self.forget()

    def _count(self, change: int) -> None:
        dialects = self._waiting.dialects
        self._waiting.calls += change
        dialects[self._dialect] = dialects.get(self._dialect, 0) + change

    def forget(self) -> None:
        """Nobody waits any more; a repeat does nothing."""
        if not self._over:
            self._over = True
            self._count(-1)
        for place, future in self._futures.items():
            self._waiting.forget(*place, future)

    def _settled(self) -> Mapping[str, Settled] | None:
        outcomes: dict[str, Settled] = {}
        for (event_id, _), future in self._futures.items():
            if not future.done():
                return None
            outcome: Outcome = future.result()
            outcomes[event_id] = Settled(event_id, outcome)
        return outcomes


class Patience:
    """Lets calls wait, up to a number of them at once."""

    def __init__(self, waiting: Waiting, board: Board, most: int) -> None:
        """At most `most` calls wait at once."""
        self._waiting, self._board, self._most = waiting, board, most

    @property
    def full(self) -> bool:
        """Whether one more call must not wait."""
        return self._waiting.calls >= self._most

    def expect(self, events: Sequence[LeadUpdate], *, ask: bool = False) -> Verdicts:
        """Begin to wait for the authorities of these events."""
        places = [(e.id, e.authority) for e in events if e.authority is not None]
        dialect = events[0].origin.dialect if events else ""
        ask = ask or self._waiting.replyto is None
        return Verdicts(self._waiting, self._board, places, dialect, ask=ask)
