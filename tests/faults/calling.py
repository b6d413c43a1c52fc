"""Callers that each send one lead's numbered updates, in every vendor's language in turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TypeAlias

import aiohttp

from gateway.clock import Clock
from tests.faults.records import Answered, Update
from tests.journeys.everyone import Speaker
from tests.journeys.running import Caller, Told

PAUSE = 0.5
"""Seconds between a lead's updates."""
AGAIN = 0.1
"""Seconds until a call that heard busy or nothing is made again."""
GIVES_UP = 20.0
"""Seconds until a caller hangs up."""

_PARTS = {"FirstName": "Update", "LastName": "{:06}", "mx_Call_Disposition": "Sale"}
SAID: Mapping[str, Mapping[str, str]] = {
    "noojee": {"Name": "Update {:06}", "njDisposition": "Sale"},
    "leadsquared": _PARTS,
    "bulk": _PARTS,
    "pollybot": {"name": "Update {:06}"},
    "dialnexa": {"name": "Update {:06}"},
    "native": {"full_name": "Update {:06}", "disposition": "Sale"},
}
"""Dialect -> the fields of an update with its number in the lead's name, which every vendor is
told."""

Speaking: TypeAlias = Callable[[Speaker, str, Mapping[str, str]], Awaitable[Told]]
ASKING: Mapping[str, Speaking] = {
    "leadsquared": lambda speaker, lead, said: speaker.leadsquared(lead, said, "true"),
    "bulk": lambda speaker, lead, said: speaker.bulk(lead, said, "true"),
    "native": lambda speaker, lead, said: speaker.native(lead, said, True, "wait=5"),
}
"""Dialects that can ask for `postUpdatedLead`, and do."""
UNREPEATED = frozenset({"leadsquared"})
"""Dialects whose calls don't wait, so that one which is made again is another update: a caller
that heard nothing goes on with its next one, and nothing was promised."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A final answer other than 2xx."""

    told: Told


class Callers:
    """One for each lead. A call that heard busy or nothing is made again until it is answered, at
    the next door where there are several: as behind a balancer."""

    def __init__(
        self, doors: Sequence[str], leads: Sequence[str], dialects: Sequence[str], clock: Clock
    ) -> None:
        """`run` begins."""
        self._doors, self._leads, self._dialects, self._clock = doors, leads, dialects, clock
        self._stopping = asyncio.Event()
        self.answered: list[Answered] = []
        self.refused: list[Refused] = []
        self.busy = self.unanswered = 0

    async def run(self) -> None:
        """Call until `stop`, and until what was begun is answered."""
        async with AsyncExitStack() as stack:
            callers = [
                await stack.enter_async_context(Caller(door, GIVES_UP)) for door in self._doors
            ]
            speakers = [Speaker(caller) for caller in callers]
            each = [
                deque(speakers[at % len(speakers) :] + speakers[: at % len(speakers)])
                for at in range(len(self._leads))
            ]
            await asyncio.gather(*(self._lead(at, some) for at, some in enumerate(each)))

    def stop(self) -> None:
        """Begin no further update."""
        self._stopping.set()

    async def _lead(self, place: int, speakers: deque[Speaker]) -> None:
        number = 0
        await self._rest(PAUSE * place / len(self._leads))
        while not self._stopping.is_set():
            number += 1
            dialect = self._dialects[(place + number) % len(self._dialects)]
            await self._update(speakers, Update(self._leads[place], number), dialect)
            await self._rest(PAUSE)

    async def _update(self, speakers: deque[Speaker], update: Update, dialect: str) -> None:
        began = self._clock.now()
        while True:
            told = await self._call(speakers[0], update, dialect)
            if told is not None and 200 <= told.status < 300:
                events, ended = tuple(told.events), self._clock.now()
                self.answered.append(Answered(update, dialect, events, began, ended))
                return
            if told is not None and "X-Leadwire-Outcome" in told.headers:
                self.refused.append(Refused(told))
                return
            if dialect in UNREPEATED:
                return
            speakers.rotate(-1)
            await self._clock.sleep(AGAIN)

    async def _call(self, speaker: Speaker, update: Update, dialect: str) -> Told | None:
        said = {name: text.format(update.number) for name, text in SAID[dialect].items()}
        try:
            if dialect in ASKING:
                told = await ASKING[dialect](speaker, update.lead, said)
            else:
                told = await speaker.say(dialect, update.lead, said)
        except (aiohttp.ClientError, TimeoutError):
            self.unanswered += 1
            return None
        if told.status >= 300 and "X-Leadwire-Outcome" not in told.headers:
            self.busy += 1
        return told

    async def _rest(self, seconds: float) -> None:
        """Wait, or less once it is to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
