"""Notes which calls got their final answer, in batches behind the callers' backs."""

from __future__ import annotations

import asyncio

from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable
from gateway.edge.reply import Reply
from gateway.store import claims
from gateway.store.claims import KEPT, Answering
from gateway.store.port import Store

RETRY = 0.5


class Claiming:
    """Collects answered claims and writes them down.

    A crash before that is durable makes a repeat of the call attach to the events of the answered
    one. In this process a repeat that comes before then is known to be a new call.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        """`run` does the writing."""
        self._store, self._clock = store, clock
        self._done: list[Answering] = []
        self._forgotten: dict[tuple[str, str], tuple[str, ...]] = {}
        self._work = asyncio.Event()

    def answered(self, reply: Reply) -> None:
        """This call's final answer was fully written to a connected client."""
        claim = reply.claim
        if claim is None:
            return
        kept = KEPT if claim.keyed else reply.dedupe_window
        answer = reply.answer if kept else None
        expires = self._clock.now() + kept
        self._done.append(Answering(claim.tenant, claim.key, claim.events, answer, expires))
        if answer is None:
            self._forgotten[claim.tenant, claim.key] = claim.events
        self._work.set()

    def forgotten(self, tenant: str, key: str) -> tuple[str, ...]:
        """The events of a claim that is answered, though its row may still be there: a call that
        finds them is a new one. Empty for any other claim."""
        return self._forgotten.get((tenant, key), ())

    async def run(self) -> None:
        """Write for ever."""
        while True:
            await self._work.wait()
            self._work.clear()
            done, self._done = self._done, []
            if not await self._write(done):
                self._done = done + self._done
                await self._clock.sleep(RETRY)
                self._work.set()

    async def finish(self) -> None:
        """Write what is left."""
        done, self._done = self._done, []
        if done:
            await self._write(done)

    async def _write(self, done: list[Answering]) -> bool:
        try:
            await self._store.run(lambda: claims.answered(done))
        except DatabaseUnavailable:
            return False
        for claim in done:
            if self._forgotten.get((claim.tenant, claim.key)) == claim.events:
                del self._forgotten[claim.tenant, claim.key]
        return True
