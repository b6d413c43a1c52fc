"""How many connectors each process runs, so that every process with the role has its share.

Each process writes its name down while it lives, as a lease. A process may take a free connector
while it has less than an even share of them all; one that has more than its share, or two more
than somebody else, lets one go. So nobody lets anything go that would only change hands. What
stays free for long is taken by whoever sees it, and kept: nobody else can, or knows of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from functools import partial
from math import ceil

from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable
from gateway.store import leases
from gateway.store.leases import RENEW, LeaseRow, Watch
from gateway.store.port import Store

LOOK = 1.0
"""Seconds between looks at who has what."""
UNWANTED = 10.0
"""Seconds after which a free connector is anybody's."""
CONNECTORS = "connectors"


class Roster:
    """Who runs what, as the store had it a moment ago."""

    def __init__(
        self,
        names: Collection[str],
        store: Store,
        clock: Clock,
        process: str,
        role: str = CONNECTORS,
    ) -> None:
        """`names` are the leases to be shared; `process` is who we are, as their owner; `role` is
        whose work it is: only processes that have it count."""
        self._role = role
        self._names, self._store, self._clock = frozenset(names), store, clock
        self._process = process
        self.watch = Watch(clock.monotonic)
        self._counts: Counter[str] = Counter()
        self._free = dict.fromkeys(self._names, clock.monotonic())
        """Since when each that is free is so."""
        self._enrolled: float | None = None
        self._mine: set[str] = set()
        self._kept: set[str] = set()

    @property
    def pause(self) -> float:
        """Seconds to the next look: there is no hurry while this process has all, and is alone."""
        alone = not self._others and len(self._mine) == len(self._names)
        return RENEW if alone else LOOK

    async def look(self) -> None:
        """See who there is, and who has what. With the store away all stays as it was."""
        try:
            await self._enrol()
            rows = await self._store.run(leases.everything)
            held = [row for row in rows if not self.watch.unrenewed(*row)]
            for process in gone(rows, held, self._role):
                await self._store.run(partial(leases.dismiss, self._role, process))
        except DatabaseUnavailable:
            return
        at = self._clock.monotonic()
        self._counts = counted(self._names, held, self._role)
        found = free(self._names, held, self._process)
        self._free = {name: self._free.get(name, at) for name in found}

    async def _enrol(self) -> None:
        at, now = self._clock.monotonic(), self._clock.now()
        if self._enrolled is None or at - self._enrolled >= RENEW:
            await self._store.run(lambda: leases.enrol(self._role, self._process, now))
            self._enrolled = at

    async def leave(self) -> None:
        """This process takes no share any more."""
        try:
            await self._store.run(lambda: leases.dismiss(self._role, self._process))
        except DatabaseUnavailable:
            return

    def claim(self, name: str) -> bool:
        """Whether this process may try to take a connector now; if so it counts as this
        process's until `drop`."""
        if name not in self._free:
            return False
        if len(self._mine) >= share(len(self._names), self._others):
            if self._clock.monotonic() - self._free[name] < UNWANTED:
                return False
            self._kept.add(name)
        self._mine.add(name)
        return True

    def drop(self, name: str) -> None:
        """This process does not have the connector."""
        self._mine.discard(name)
        self._kept.discard(name)

    def spare(self, names: Iterable[str]) -> str | None:
        """Which of its connectors, named in the order they were taken, this process should let
        go; None where it has its share."""
        mine = len(self._mine - self._kept)
        others = self._others
        most = share(len(self._names), others)
        if mine <= most and all(mine - self._counts[name] < 2 for name in others):
            return None
        return next((name for name in reversed(list(names)) if name not in self._kept), None)

    @property
    def _others(self) -> set[str]:
        return set(self._counts) - {self._process}


def share(connectors: int, others: Collection[str]) -> int:
    """The most that one of several processes runs."""
    return ceil(connectors / (len(others) + 1))


def counted(
    names: Collection[str], held: Iterable[LeaseRow], role: str = CONNECTORS
) -> Counter[str]:
    """How many of these each process has that lives; `held` are leases that somebody renews."""
    held = list(held)
    prefix = leases.member(role, "")
    counts = Counter({row.owner: 0 for row in held if row.name.startswith(prefix)})
    for row in held:
        if row.name in names and row.owner in counts:
            counts[row.owner] += 1
    return counts


def gone(rows: Iterable[LeaseRow], held: Iterable[LeaseRow], role: str = CONNECTORS) -> list[str]:
    """Processes that have not said for long that they live."""
    prefix, living = leases.member(role, ""), {row.name for row in held}
    return [row.owner for row in rows if row.name.startswith(prefix) and row.name not in living]


def free(names: Collection[str], held: Iterable[LeaseRow], process: str) -> frozenset[str]:
    """Those of these that no other process has."""
    return frozenset(names) - {row.name for row in held if row.owner != process}
