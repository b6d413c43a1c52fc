"""A client that is made anew after a question it got no answer to.

After it has met one broker, aiokafka asks only brokers it knows for others. When all of them have
moved, it never finds them again; a new client asks those that the settings name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from gateway.eventlog.kafka.deadlines import let_go, within

C = TypeVar("C")
T = TypeVar("T")


@dataclass(slots=True)
class _Held(Generic[C]):
    """A client, and how many questions it is being asked."""

    client: C
    asked: int = 0


class Reconnecting(Generic[C]):
    """Questions to the cluster, each with a deadline."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[C]],
        close: Callable[[C], Coroutine[Any, Any, object]],
        deadline: float,
    ) -> None:
        """`connect` makes a connected client and leaves nothing open where it fails; `deadline`
        is in seconds, connecting included."""
        self._connect, self._close, self._deadline = connect, close, deadline
        self._held: _Held[C] | None = None
        self._connecting = asyncio.Lock()

    async def ask(self, question: Callable[[C], Awaitable[T]]) -> T:
        """The answer; raises LogUnavailable."""
        return await within(self._deadline, self._ask(question))

    async def _ask(self, question: Callable[[C], Awaitable[T]]) -> T:
        held = await self._connected()
        held.asked += 1
        answered = False
        try:
            answer = await question(held.client)
            answered = True
            return answer
        finally:
            held.asked -= 1
            if not answered and held is self._held:
                self._held = None
            if held is not self._held and not held.asked:
                # A closed client that is still asked would connect again.
                await let_go(self._close(held.client))

    async def _connected(self) -> _Held[C]:
        async with self._connecting:
            if self._held is None:
                self._held = _Held(await self._connect())
            return self._held

    async def close(self) -> None:
        """Let go of the client once nobody asks it; another question makes another one."""
        held, self._held = self._held, None
        if held is not None and not held.asked:
            await let_go(self._close(held.client))
