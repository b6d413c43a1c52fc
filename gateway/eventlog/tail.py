"""The newest records of each partition, kept in memory: a reader that keeps up never touches
the disk. Bounded in bytes over all partitions; what is pushed out is read from the log."""

from __future__ import annotations

from collections import deque

from gateway.eventlog.port import Record, Topic

OVERHEAD = 3500
"""Bytes a record takes beside its value: some dozen headers, and what was parsed of it."""


class Tail:
    """Contiguous runs of records, one per partition."""

    def __init__(self, most_bytes: int) -> None:
        """Keep at most this many bytes."""
        self._most = most_bytes
        self._bytes = 0
        self._runs: dict[tuple[Topic, int], deque[Record]] = {}
        self._order: deque[tuple[Topic, int]] = deque()
        """The place of each record, oldest first."""

    def add(self, record: Record) -> None:
        """Remember a record that is durable; a gap empties what was kept of its partition."""
        place = (record.topic, record.partition)
        run = self._runs.get(place)
        if run is None:
            run = self._runs[place] = deque()
        if run and run[-1].offset + 1 != record.offset:
            self._forget(place)
        run.append(record)
        self._bytes += len(record.value) + OVERHEAD
        self._order.append(place)
        while self._bytes > self._most:
            self._bytes -= _size(self._runs[self._order.popleft()].popleft())

    def read(self, topic: Topic, partition: int, offset: int, limit: int) -> list[Record] | None:
        """Records from `offset` on; None where the run does not reach back that far."""
        run = self._runs.get((topic, partition))
        if not run or offset < run[0].offset:
            return None
        first = offset - run[0].offset
        if first == 0 and len(run) <= limit:
            return list(run)
        return [run[i] for i in range(first, min(len(run), first + limit))]

    def _forget(self, place: tuple[Topic, int]) -> None:
        run = self._runs[place]
        self._bytes -= sum(map(_size, run))
        run.clear()
        self._order = deque(other for other in self._order if other != place)


def _size(record: Record) -> int:
    return len(record.value) + OVERHEAD
