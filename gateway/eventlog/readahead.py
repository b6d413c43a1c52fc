"""Records fetched ahead of one reader, bounded and without a gap."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from gateway.eventlog.port import Record


class ReadAhead:
    """Buffers of some partitions of a topic, read on from given positions."""

    def __init__(self, most: int, most_bytes: int) -> None:
        """Ask for more of a partition while fewer than `most` records of it are buffered, of fewer
        than `most_bytes` in their values."""
        self._most, self._most_bytes = most, most_bytes
        self._next: dict[int, int] = {}
        self._end: dict[int, int] = {}
        self._buffers: dict[int, deque[Record]] = {}
        self._bytes: dict[int, int] = {}
        self._lost: set[int] = set()
        self._asked_again: dict[int, int] = {}

    def begin(self, positions: Mapping[int, int]) -> None:
        """Forget everything; read from here on."""
        self._next, self._end = dict(positions), dict(positions)
        self._buffers = {part: deque() for part in positions}
        self._bytes = dict.fromkeys(positions, 0)
        self._lost, self._asked_again = set(), {}

    def at(self, positions: Mapping[int, int]) -> bool:
        """Whether the reader goes on exactly where it stopped."""
        return all(self._next.get(part) == offset for part, offset in positions.items())

    def parts(self) -> frozenset[int]:
        """The partitions read."""
        return frozenset(self._buffers)

    def wanted(self) -> list[int]:
        """Partitions with room for more."""
        return [
            part
            for part, buffer in self._buffers.items()
            if len(buffer) < self._most
            and self._bytes[part] < self._most_bytes
            and part not in self._lost
        ]

    def ends(self) -> dict[int, int]:
        """Where each partition is to be fetched from next."""
        return dict(self._end)

    def feed(self, part: int, records: Sequence[Record]) -> int | None:
        """Buffer what was fetched. What was asked for before `begin` may still come: records
        from before the buffer's end are dropped, and where they begin after it, that end is
        returned, to be fetched from again. Where they still do then, the log has a hole there
        (a transaction's mark, a compacted topic), and it is passed by."""
        end = self._end.get(part)
        if end is None:
            return None
        fresh = [record for record in records if record.offset >= end]
        if not fresh:
            return None
        if fresh[0].offset > end and self._asked_again.get(part) != end:
            self._asked_again[part] = end
            return end
        self._buffers[part].extend(fresh)
        self._bytes[part] += sum(len(record.value) for record in fresh)
        self._end[part] = fresh[-1].offset + 1
        return None

    def lose(self, part: int, offset: int) -> None:
        """The log does not hold this offset."""
        if self._end.get(part) == offset:
            self._lost.add(part)

    def lost(self, parts: Mapping[int, int]) -> int | None:
        """One of these partitions that has nothing more to give since its offset is lost."""
        return next((p for p in parts if p in self._lost and not self._buffers[p]), None)

    def take(self, parts: Mapping[int, int], limit: int) -> list[Record]:
        """At most `limit` records of these partitions, in order inside each."""
        found: list[Record] = []
        for part in parts:
            buffer = self._buffers[part]
            while buffer and len(found) < limit:
                record = buffer.popleft()
                self._bytes[part] -= len(record.value)
                self._next[part] = record.offset + 1
                found.append(record)
        return found
