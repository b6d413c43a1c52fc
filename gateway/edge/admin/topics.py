"""Operations on the log: a topic as one run of CloudEvents, oldest first over all partitions."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import orjson

from gateway.edge.admin.asked import Asked, Parts, Refused, moment, whole
from gateway.eventlog.port import EventLog, OffsetOutOfRange, Record, Topic
from gateway.model.codec import structured

NAMES = (Topic.UPDATES, Topic.OUTCOMES, Topic.TRIGGERS, Topic.DEAD_LETTERS)
"""Topics that are shown; the fifth carries answers between processes."""
PAGE = 10_000
"""Most events in one page."""
CHUNK = 64
"""Records of a partition held at once."""
READ_WITHIN = 5.0
"""Seconds to get a record that is known to be there, from a log that is elsewhere."""
BEAT = 1.0


@dataclass(frozen=True, slots=True)
class Page:
    """Some events of a topic, and where the next ones begin."""

    lines: tuple[bytes, ...]
    """Structured CloudEvents."""
    position: str
    """To be asked for next: an offset per partition, with commas."""


class Reading:
    """One pass over a topic."""

    def __init__(self, log: EventLog, topic: Topic, positions: Mapping[int, int]) -> None:
        """Begin at these offsets, one per partition."""
        self._log, self._topic = log, topic
        self._positions = dict(positions)

    @property
    def position(self) -> str:
        """Where it is, as text."""
        return ",".join(str(self._positions[part]) for part in sorted(self._positions))

    async def records(self) -> AsyncIterator[Record]:
        """What the topic holds now, by time. Raises LogUnavailable."""
        ends = {p: extent.end for p, extent in (await self._log.extents(self._topic)).items()}
        queues = {part: await self._load(part, ends[part]) for part in self._positions}
        while True:
            ready = [(queue[0].time, part) for part, queue in queues.items() if queue]
            if not ready:
                return
            part = min(ready)[1]
            record = queues[part].popleft()
            self._positions[part] = record.offset + 1
            yield record
            if not queues[part]:
                queues[part] = await self._load(part, ends[part])

    async def followed(self, going: Callable[[], bool]) -> AsyncIterator[Record]:
        """What the topic holds and whatever comes, while `going`. Raises LogUnavailable."""
        while going():
            async for record in self.records():
                yield record
            try:
                await self._log.fetch(self._topic, dict(self._positions), 1, BEAT)
            except OffsetOutOfRange:
                continue

    async def _load(self, part: int, end: int) -> deque[Record]:
        if self._positions[part] >= end:
            return deque()
        try:
            found = await self._log.fetch(
                self._topic, {part: self._positions[part]}, CHUNK, READ_WITHIN
            )
        except OffsetOutOfRange as gap:
            self._positions[part] = gap.extent.start
            if gap.extent.start >= min(end, gap.extent.end):
                return deque()
            found = await self._log.fetch(self._topic, {part: gap.extent.start}, CHUNK, READ_WITHIN)
        return deque(record for record in found if record.offset < end)


async def reading(parts: Parts, asked: Asked) -> Reading:
    """A pass as asked: `topic`, and `position` or `since`. Raises Refused."""
    name = asked.query.get("topic", Topic.UPDATES)
    if name not in NAMES:
        raise Refused(400, f"topic is one of {', '.join(NAMES)}, not {name!r}")
    topic = Topic(name)
    extents = await parts.log.extents(topic)
    position, since = asked.query.get("position"), asked.query.get("since")
    if position is not None:
        offsets = position.split(",")
        if len(offsets) != len(extents) or not all(o.isascii() and o.isdecimal() for o in offsets):
            raise Refused(400, f"position is {len(extents)} offsets with commas")
        return Reading(parts.log, topic, dict(zip(sorted(extents), map(int, offsets), strict=True)))
    if since is not None:
        time = moment(since, parts.clock.now(), "since")
        return Reading(parts.log, topic, await parts.log.offsets_at(topic, time))
    return Reading(parts.log, topic, {part: extent.start for part, extent in extents.items()})


async def page(parts: Parts, asked: Asked) -> Page:
    """The next events, at most `limit`. Raises Refused."""
    limit = whole(asked.query.get("limit", str(PAGE)), "limit", PAGE)
    chosen = await reading(parts, asked)
    lines: list[bytes] = []
    async for record in chosen.records():
        line = line_of(record)
        if line is not None:
            lines.append(line)
        if len(lines) == limit:
            break
    return Page(tuple(lines), chosen.position)


def line_of(record: Record) -> bytes | None:
    """A record as a structured CloudEvent; None for one that is not ours."""
    try:
        return orjson.dumps(structured(record.headers, record.value))
    except ValueError:
        return None
