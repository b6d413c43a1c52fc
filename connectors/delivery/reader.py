"""Reads updates from the log for one connector, and keeps its frontier."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import inf

from connectors.delivery.frontier import Frontier
from connectors.delivery.queued import Queued
from gateway.eventlog.port import EventLog, OffsetOutOfRange, Record, Topic
from gateway.store.settling import FrontierRow

FETCH = 500
REMEMBERED = 10_000
"""Event ids of each partition kept to drop a record that was appended twice."""
LOOK_BACK = 1000
"""Settled records of each partition whose ids are read first, where records may come twice: what
comes again comes soon, but the connector may have begun in between."""


class Reader:
    """Fetches what is a connector's own; everything else counts as settled."""

    def __init__(self, log: EventLog, name: str, frontiers: Mapping[int, FrontierRow]) -> None:
        """Begin at these frontiers; only their partitions are read."""
        self._log = log
        self._name = name
        self._frontiers = {
            part: Frontier.decode(row.base, bytes.fromhex(row.settled))
            for part, row in frontiers.items()
        }
        self._next = {part: frontier.base for part, frontier in self._frontiers.items()}
        self._begun = not log.repeats
        self._dirty: set[int] = set()
        self._recent: dict[int, deque[str]] = {}
        self._known: dict[int, set[str]] = {}
        self.unreadable: list[Record] = []
        """Records that are not ours, or damaged: the worker makes dead letters of them."""

    async def read(self, wait: float) -> list[Queued]:
        """The connector's next updates, in order inside each partition; empty after `wait`
        seconds. Raises OffsetOutOfRange, LogUnavailable."""
        if not self._begun:
            await self._look_back()
        positions = {
            part: offset for part, offset in self._next.items() if not self._frontiers[part].full
        }
        try:
            records = await self._log.fetch(Topic.UPDATES, positions, FETCH, wait)
        except OffsetOutOfRange as gap:
            base = self._frontiers[gap.partition].base
            if gap.offset >= base:
                raise
            self._next[gap.partition] = base  # what it looked back to has gone since
            return []
        found = [queued for record in records if (queued := self._take(record)) is not None]
        if records:
            self._rotate(records[-1].partition)
        return found

    async def _look_back(self) -> None:
        extents = await self._log.extents(Topic.UPDATES)
        for part, base in self._next.items():
            start = extents[part].start
            self._next[part] = max(start, base - LOOK_BACK) if start <= base else base
        self._begun = True

    def is_past(self, places: Mapping[int, int]) -> bool:
        """Whether everything up to these offsets was read, in the partitions that are read."""
        return all(self._next.get(part, inf) > pos for part, pos in places.items())

    def settle(self, part: int, pos: int) -> None:
        """An offset needs no more work; one of a partition that is not read never did."""
        if part in self._frontiers:
            self._frontiers[part].settle(pos)
            self._dirty.add(part)

    def bases(self) -> dict[int, int]:
        """Per partition the offset below which all is settled."""
        return {part: frontier.base for part, frontier in self._frontiers.items()}

    @property
    def dirty(self) -> bool:
        """Whether a frontier has moved since `rows`."""
        return bool(self._dirty)

    def rows(self) -> list[FrontierRow]:
        """Frontiers that moved since they were last asked for."""
        rows = []
        for part in sorted(self._dirty):
            base, bitmap = self._frontiers[part].encode()
            rows.append(FrontierRow(part, base, bitmap.hex()))
        self._dirty.clear()
        return rows

    async def skip_gap(self) -> None:
        """Accept that the log no longer holds what was not settled: go on with what it has."""
        for part, extent in (await self._log.extents(Topic.UPDATES)).items():
            if part in self._next and not extent.start <= self._next[part] <= extent.end:
                self._frontiers[part] = Frontier(extent.start)
                self._next[part] = extent.start
                self._dirty.add(part)

    async def backlog(self) -> int:
        """Records between the frontier and the end of the log, less those settled above it."""
        extents = await self._log.extents(Topic.UPDATES)
        return sum(
            max(0, extents[part].end - frontier.next_offset) + frontier.above()
            for part, frontier in self._frontiers.items()
        )

    def _take(self, record: Record) -> Queued | None:
        part, pos = record.partition, record.offset
        frontier = self._frontiers[part]
        self._next[part] = pos + 1
        frontier.seen(pos)
        settled = frontier.is_settled(pos)
        if settled and not self._log.repeats:
            return None
        envelope = dict(record.headers)
        ours = self._name in envelope.get("ce_connectors", "").split(",")
        repeated = ours and self._log.repeats and self._repeated(part, envelope.get("ce_id", ""))
        if settled:
            return None
        if repeated or not ours:
            self.settle(part, pos)
            return None
        try:
            return Queued.of_record(record, self._name, envelope)
        except ValueError:
            self.unreadable.append(record)
            return None

    def _repeated(self, part: int, event_id: str) -> bool:
        known = self._known.setdefault(part, set())
        if event_id in known:
            return True
        recent = self._recent.setdefault(part, deque())
        known.add(event_id)
        recent.append(event_id)
        if len(recent) > REMEMBERED:
            known.discard(recent.popleft())
        return False

    def _rotate(self, part: int) -> None:
        """Begin the next fetch after the partition that filled this one, so that a long backlog
        in one doesn't keep the others waiting."""
        parts = list(self._next)
        after = parts.index(part) + 1
        self._next = {p: self._next[p] for p in (*parts[after:], *parts[:after])}
