"""What waits to be appended, by partition: batches are filled from it, one after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.eventlog.port import AppendUnknown, LogUnavailable, Message, NewRecord

Outgoing: TypeAlias = NewRecord | Message


class Portion:
    """The records of one append that go to one partition, and the offsets they got."""

    __slots__ = ("_left", "_offsets", "future")

    def __init__(self, count: int) -> None:
        """`future` has the offsets once all `count` records have theirs."""
        self._left = count
        self._offsets: list[int] = []
        self.future: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()

    def placed(self, offset: int) -> None:
        """The next record is durable."""
        self._offsets.append(offset)
        self._left -= 1
        if not self._left and not self.future.done():
            self.future.set_result(self._offsets)

    def fail(self, error: LogUnavailable) -> None:
        """The rest was not appended, or nobody knows."""
        if not self.future.done():
            self.future.set_exception(AppendUnknown(str(error)) if self._offsets else error)


@dataclass(eq=False, slots=True)
class Flight:
    """One batch on its way: what the producer made of it, and whose records are in it."""

    lane: Lane
    node: int
    """The broker it goes to."""
    batch: Any
    portions: list[Portion]
    """One for each record."""


class Lane:
    """One partition's waiting records."""

    def __init__(self, topic: str, part: int) -> None:
        """Nothing waits."""
        self.topic, self.part = topic, part
        self.waiting: deque[tuple[Outgoing, Portion]] = deque()
        self.flight: Flight | None = None
        self.unknown = False
        """Whether an append's result is unknown, so that nothing may follow yet."""

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.topic}/{self.part}"

    @property
    def unanswered(self) -> list[Portion]:
        """All that somebody may wait for."""
        flying = self.flight.portions if self.flight is not None else []
        return [*flying, *(portion for _, portion in self.waiting)]

    def fail(self, error: LogUnavailable) -> None:
        """Nothing that waits is sent."""
        while self.waiting:
            self.waiting.popleft()[1].fail(error)
