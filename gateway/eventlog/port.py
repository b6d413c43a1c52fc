"""The event log port.

Promises, held by one contract suite over all adapters: a record is durable when `append`
returns; records of one partition are read in the order of their offsets, without a gap; a read
at an offset out of range says so instead of moving on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol
from zlib import crc32

Headers = tuple[tuple[str, str], ...]


class Topic(StrEnum):
    """The five topics; a configured prefix takes the place of `leadwire`."""

    UPDATES = "updates"
    OUTCOMES = "outcomes"
    TRIGGERS = "triggers"
    DEAD_LETTERS = "dead-letters"
    REPLIES = "replies"


def partition_of(key: str, partitions: int) -> int:
    """The partition of a lead key; computed once, by us, so that every adapter agrees."""
    return crc32(key.encode()) % partitions


class NewRecord(NamedTuple):
    """A record to append."""

    topic: Topic
    partition: int
    key: str
    """Without control characters."""
    headers: Headers
    value: bytes
    """UTF-8 JSON."""
    time: float
    """Unix seconds."""
    parsed: object = None
    """What `value` says, where the writer has it: readers in its own process need not read."""


class Message(NamedTuple):
    """What is appended to a topic that is not ours."""

    key: str
    headers: Headers
    value: bytes
    time: float
    """Unix seconds."""


class Record(NamedTuple):
    """A record in the log."""

    topic: Topic
    partition: int
    offset: int
    key: str
    headers: Headers
    value: bytes
    time: float
    parsed: object = None
    """What `value` says, where this process wrote it."""

    def header(self, name: str) -> str | None:
        """The value of a header."""
        for known, value in self.headers:
            if known == name:
                return value
        return None


@dataclass(frozen=True, slots=True)
class Extent:
    """What a partition holds: `start` ≤ offset < `end`."""

    start: int
    end: int


class LogUnavailable(Exception):
    """Nothing was appended; the same call may go through later."""


class AppendUnknown(LogUnavailable):
    """It is not known whether the records were appended."""


class OffsetOutOfRange(Exception):
    """The log no longer (or not yet) holds this offset."""

    def __init__(self, topic: Topic, partition: int, offset: int, extent: Extent) -> None:
        """Where the reader wanted to be, and what there is."""
        super().__init__(f"{topic}/{partition} holds {extent.start}..{extent.end}, not {offset}")
        self.topic, self.partition, self.offset, self.extent = topic, partition, offset, extent


class EventLog(Protocol):
    """Append, and read by position."""

    repeats: bool
    """Whether a record may be in the log twice, after an append whose result was unknown."""

    def partitions(self, topic: Topic) -> int:
        """How many partitions a topic has; fixed at creation."""

    async def append(self, records: Sequence[NewRecord]) -> list[int]:
        """Append durably; the offsets, in the order given.

        Raises LogUnavailable (nothing appended) or AppendUnknown.
        """

    async def fetch(
        self, topic: Topic, positions: dict[int, int], limit: int, wait: float
    ) -> list[Record]:
        """Records from these partition -> offset positions on, at most `limit`, in order inside
        each partition; after at most `wait` seconds an empty list. Raises OffsetOutOfRange."""

    async def extents(self, topic: Topic) -> dict[int, Extent]:
        """What each partition holds now."""

    async def offsets_at(self, topic: Topic, time: float) -> dict[int, int]:
        """Per partition the first offset appended at or after `time`, else its end."""

    async def tell_frontier(self, reader: str, frontier: Mapping[int, int]) -> None:
        """Tell tools that watch the log how far a reader of `updates` is: per partition the offset
        below which all is settled. Never raises, and takes no longer than the log's deadline; only
        a log that has such tools does anything."""

    async def close(self) -> None:
        """Let go of the log."""
