"""The newest records of each partition, kept in memory: a reader that keeps up never touches
the disk. Bounded in bytes over all partitions; what is pushed out is read from the log."""

from __future__ import annotations

from collections import deque

from gateway.eventlog.port import Record, Topic

OVERHEAD = 1600
"""Bytes a record takes beside its value: its headers, and what was parsed of it."""

HEADER = 150
"""Bytes of a header: names are shared, a value and the pair are not."""


class Tail:
    """Contiguous runs of records, one per partition."""

    def __init__(self, most_bytes: int) -> None:
        """Keep at most this many bytes."""
        self._most = most_bytes
        self._bytes = 0
        self._runs: dict[tuple[Topic, int], deque[Record]] = {}
        self._order: deque[tuple[tuple[Topic, int], int]] = deque()

    def add(self, record: Record) -> None:
        """Remember a record that is durable; a gap empties what was kept of its partition."""
        place = (record.topic, record.partition)
        run = self._runs.get(place)
        if run is None:
            run = self._runs[place] = deque()
        if run and run[-1].offset + 1 != record.offset:
            self._forget(place)
        run.append(record)
        size = len(record.value) + HEADER * len(record.headers) + OVERHEAD
        self._bytes += size
        self._order.append((place, size))
        while self._bytes > self._most and self._order:
            self._drop_oldest()

    def read(self, topic: Topic, partition: int, offset: int, limit: int) -> list[Record] | None:
        """Records from `offset` on; None where the run does not reach back that far."""
        run = self._runs.get((topic, partition))
        if not run or offset < run[0].offset:
            return None
        first = offset - run[0].offset
        if first == 0 and len(run) <= limit:
            return list(run)
        return [run[i] for i in range(first, min(len(run), first + limit))]

    def _drop_oldest(self) -> None:
        place, size = self._order.popleft()
        run = self._runs[place]
        if run:
            run.popleft()
        self._bytes -= size

    def _forget(self, place: tuple[Topic, int]) -> None:
        self._runs[place].clear()
        kept = deque(entry for entry in self._order if entry[0] != place)
        self._bytes = sum(size for _, size in kept)
        self._order = kept
