"""The event log in the embedded database.

Offsets are counted in memory by the one thread that writes, and read back from the file after
any transaction that may not have been committed. A record that has been appended is kept in a
bounded tail in memory, from which the connectors of the same process read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import orjson

from gateway.database.port import (
    CommitUnknown,
    DatabaseUnavailable,
    InsertMany,
    Operation,
    Query,
    Rows,
    Urgency,
)
from gateway.database.sqlite import SqliteDatabase
from gateway.eventlog.port import (
    AppendUnknown,
    Extent,
    Headers,
    LogUnavailable,
    NewRecord,
    OffsetOutOfRange,
    Record,
    Topic,
)
from gateway.eventlog.tail import Tail

TAIL_BYTES = 8 << 20
CHUNK = 256
"""Records of one partition read from the file at once: about a millisecond of the thread."""
SCAN = 4000
"""Records of one partition looked through for a time at once: about as long."""

BLOCK = 16
"""Offsets that the index keeps together; the schema and the statements know it as `>> 4`."""
MARK = 256
"""Offsets from one note of where a partition ends to the next; its end is looked for from there."""

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS log_topics (
        topic TEXT PRIMARY KEY, partitions INTEGER NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS log_parts (
        topic TEXT NOT NULL, part INTEGER NOT NULL, start INTEGER NOT NULL,
        mark INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (topic, part)) STRICT""",
    """CREATE TABLE IF NOT EXISTS log_records (
        topic TEXT NOT NULL, part INTEGER NOT NULL, pos INTEGER NOT NULL, key TEXT NOT NULL,
        headers TEXT NOT NULL, value TEXT NOT NULL, time REAL NOT NULL) STRICT""",
    # By blocks first: what one flush appends to many partitions then stands in few pages of the
    # index, and it is pages that a flush writes.
    """CREATE UNIQUE INDEX IF NOT EXISTS log_places
        ON log_records (topic, pos >> 4, part, pos)""",
)

_INSERT = "INSERT INTO log_records (topic, part, pos, key, headers, value, time)"
# One row with everything in it: sqlite3 wins the interpreter lock back for each row it steps. The
# separators (record and unit separator) can't be in JSON, which writes control characters as
# escapes, nor in a key.
_READ = """SELECT group_concat(pos || char(31) || key || char(31) || headers || char(31)
    || value || char(31) || printf('%!.17g', time), char(30)) FROM (
    SELECT pos, key, headers, value, time FROM log_records
    WHERE topic = ? AND part = ? AND pos >> 4 IN (SELECT value FROM json_each(?))
    AND pos >= ? AND pos < ? ORDER BY pos)"""

_SCAN = """SELECT MIN(CASE WHEN time >= ? THEN pos END), MAX(pos) FROM log_records
    WHERE topic = ? AND part = ? AND pos >> 4 IN (SELECT value FROM json_each(?))
    AND pos >= ? AND pos < ?"""

_TIMES = """SELECT pos, time FROM log_records
    WHERE topic = ? AND part = ? AND pos >> 4 IN (SELECT value FROM json_each(?))
    AND pos >= ? AND pos < ? ORDER BY pos"""

_DELETE = """DELETE FROM log_records
    WHERE topic = ? AND part = ? AND pos >> 4 IN (SELECT value FROM json_each(?))
    AND pos >= ? AND pos < ?"""

_ENDS = f"""WITH RECURSIVE step(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM step
        WHERE n < {MARK // BLOCK})
    SELECT topic, part, start, (SELECT MAX(pos) + 1 FROM log_records AS r
        WHERE r.topic = p.topic AND r.part = p.part
        AND r.pos >> 4 IN (SELECT (p.mark >> 4) + n FROM step)) FROM log_parts AS p"""


class SqliteLog:
    """The EventLog port over the embedded database."""

    repeats = False

    def __init__(self, database: SqliteDatabase, partitions: int, replies: int = 1) -> None:
        """A log of `partitions` partitions per topic; `start` opens it."""
        self._database = database
        self._wanted = dict.fromkeys(Topic, partitions) | {Topic.REPLIES: replies}
        self._partitions: dict[Topic, int] = {}
        self._tail = Tail(TAIL_BYTES)
        self._followed: set[Topic] = set()
        """Topics that somebody in this process reads: only theirs are kept in the tail."""
        self._counted: dict[tuple[Topic, int], int] | None = None
        """Next offsets as the writing thread counts them; None: read them from the file."""
        self._found: dict[tuple[Topic, int], int] | None = None
        """Next offsets as they were last read from the file, until the event loop has seen them:
        a commit that counted as unknown may have been done."""
        self._extents: dict[Topic, dict[int, Extent]] = {}
        self._waiting: dict[Topic, set[asyncio.Future[None]]] = {topic: set() for topic in Topic}
        database.connection.on_rollback(self._recount)

    async def start(self) -> None:
        """Create what is missing, and learn what is there. Raises DatabaseUnavailable."""
        self._partitions = await self._database.run(self._create)
        self._extents = await self._database.run(self._measure)

    def partitions(self, topic: Topic) -> int:
        """See the port."""
        return self._partitions[topic]

    async def append(self, records: Sequence[NewRecord]) -> list[int]:
        """See the port."""
        # What is durable must become visible though the caller stopped waiting.
        return await asyncio.shield(self._append(records))

    async def _append(self, records: Sequence[NewRecord]) -> list[int]:
        try:
            offsets = await self._database.run(lambda: self.append_in(records), Urgency.FIRST)
        except CommitUnknown as error:
            raise AppendUnknown(str(error)) from error
        except DatabaseUnavailable as error:
            raise LogUnavailable(str(error)) from error
        self.appended(records, offsets)
        return offsets

    def append_in(self, records: Sequence[NewRecord]) -> Operation[list[int]]:
        """The append as part of a larger transaction; `appended` must follow its commit."""
        counted = self._counted
        if counted is None:
            counted = self._counted = yield from self._count()
            self._found = dict(counted)
        offsets, rows, marks = [], [], []
        for record in records:
            place = (record.topic, record.partition)
            offset = counted[place]
            counted[place] = offset + 1
            offsets.append(offset)
            if offset and not offset % MARK:
                marks.append((offset, *place))
            headers, value = orjson.dumps(record.headers).decode(), record.value.decode()
            rows.append(
                (record.topic, record.partition, offset, record.key, headers, value, record.time)
            )
        yield InsertMany(_INSERT, rows)
        for mark in marks:
            yield Query("UPDATE log_parts SET mark = ? WHERE topic = ? AND part = ?", mark)
        return offsets

    def appended(self, records: Sequence[NewRecord], offsets: Sequence[int]) -> None:
        """Show committed records to readers. Called on the event loop, in order of commit."""
        topics = self._show_found()
        for new, offset in zip(records, offsets, strict=True):
            topic, part = new.topic, new.partition
            if topic in self._followed:
                self._tail.add(Record(topic, part, offset, *new[2:]))
            extents = self._extents[topic]
            if offset >= extents[part].end:
                extents[part] = Extent(extents[part].start, offset + 1)
            topics.add(topic)
        for topic in topics:
            self._wake(topic)

    def _show_found(self) -> set[Topic]:
        """Show what was committed although its commit failed; topics that have such records."""
        found, self._found = self._found, None
        topics = set()
        for (topic, part), end in (found or {}).items():
            extent = self._extents[topic][part]
            if end > extent.end:
                self._extents[topic][part] = Extent(extent.start, end)
                topics.add(topic)
        return topics

    async def fetch(
        self, topic: Topic, positions: dict[int, int], limit: int, wait: float
    ) -> list[Record]:
        """See the port."""
        self._followed.add(topic)
        found = await self._read(topic, positions, limit)
        if found or wait <= 0:
            return found
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[topic].add(news)
        try:
            await asyncio.wait((news,), timeout=wait)
        finally:
            self._waiting[topic].discard(news)
        return await self._read(topic, positions, limit)

    async def _read(self, topic: Topic, positions: dict[int, int], limit: int) -> list[Record]:
        found: list[Record] = []
        extents = self._extents[topic]
        for part, offset in positions.items():
            extent = extents[part]
            if offset == extent.end:
                continue
            if not extent.start <= offset < extent.end:
                raise OffsetOutOfRange(topic, part, offset, extent)
            room = limit - len(found)
            if room <= 0:
                break
            run = self._tail.read(topic, part, offset, room)
            if run is None:
                most = min(room, CHUNK, extent.end - offset)
                run = await self._read_file(topic, part, offset, most)
            found += run
        return found

    async def _read_file(self, topic: Topic, part: int, offset: int, limit: int) -> list[Record]:
        def operation() -> Operation[str | None]:
            rows = yield Query(_READ, _run(topic, part, offset, offset + limit))
            text: str | None = rows[0][0]
            return text

        try:
            text = await self._database.run(operation)
        except DatabaseUnavailable as error:
            raise LogUnavailable(str(error)) from error
        rows = [row.split("\x1f") for row in text.split("\x1e")] if text else []
        if not rows or int(rows[0][0]) != offset:  # trimmed while the read waited for its turn
            raise OffsetOutOfRange(topic, part, offset, self._extents[topic][part])
        return [
            Record(topic, part, int(p), key, _headers(headers), value.encode(), float(t))
            for p, key, headers, value, t in rows
        ]

    async def extents(self, topic: Topic) -> dict[int, Extent]:
        """See the port."""
        return dict(self._extents[topic])

    async def offsets_at(self, topic: Topic, time: float) -> dict[int, int]:
        """See the port."""
        found: dict[int, int] = {}
        for part, extent in (await self.extents(topic)).items():
            found[part] = extent.end
            start = extent.start
            while start < extent.end:
                first, last = await self._scan(topic, part, start, time)
                if first is not None:
                    found[part] = first
                if first is not None or last is None:
                    break
                start = last + 1
        return found

    async def _scan(
        self, topic: Topic, part: int, start: int, time: float
    ) -> tuple[int | None, int | None]:
        """The first offset appended at or after `time` among the next records, and the last of
        these records."""

        def operation() -> Operation[Rows]:
            return (yield Query(_SCAN, (time, *_run(topic, part, start, start + SCAN))))

        try:
            first, last = (await self._database.run(operation))[0]
        except DatabaseUnavailable as error:
            raise LogUnavailable(str(error)) from error
        return first, last

    async def trim(self, topic: Topic, part: int, before: int, older: float, most: int) -> int:
        """Delete up to `most` records below offset `before`, from the oldest to the last that is
        older than `older` (unix seconds), for retention; how many were deleted."""

        def operation() -> Operation[tuple[int, int]]:
            found = yield Query(
                "SELECT start FROM log_parts WHERE topic = ? AND part = ?", (topic, part)
            )
            first: int = found[0][0]
            rows = yield Query(_TIMES, _run(topic, part, first, min(before, first + SCAN)))
            # What comes before an old record is as old, whatever a clock said that was ahead.
            last = max((place for place, row in enumerate(rows) if row[1] < older), default=-1)
            old = [pos for pos, _ in rows[: min(last + 1, most)]]
            if not old:
                return 0, 0
            start = old[-1] + 1
            yield Query(
                "UPDATE log_parts SET start = ? WHERE topic = ? AND part = ?", (start, topic, part)
            )
            yield Query(_DELETE, _run(topic, part, first, start))
            return len(old), start

        deleted, start = await self._database.run(operation)
        if deleted:
            self._extents[topic][part] = Extent(start, self._extents[topic][part].end)
        return deleted

    async def tell_frontier(self, reader: str, frontier: Mapping[int, int]) -> None:
        """See the port: nobody watches."""

    async def close(self) -> None:
        """Nothing of its own to let go of: the database is closed by who opened it."""

    def _recount(self) -> None:
        self._counted = None

    def _wake(self, topic: Topic) -> None:
        for news in self._waiting[topic]:
            if not news.done():
                news.set_result(None)

    def _create(self) -> Operation[dict[Topic, int]]:
        for statement in SCHEMA:
            yield Query(statement)
        rows = [(str(topic), count) for topic, count in self._wanted.items()]
        yield InsertMany(
            "INSERT INTO log_topics (topic, partitions)", rows, "ON CONFLICT DO NOTHING"
        )
        found = yield Query("SELECT topic, partitions FROM log_topics")
        parts = [(topic, part, 0) for topic, count in found for part in range(count)]
        yield InsertMany(
            "INSERT INTO log_parts (topic, part, start)", parts, "ON CONFLICT DO NOTHING"
        )
        return {Topic(topic): count for topic, count in found}

    def _count(self) -> Operation[dict[tuple[Topic, int], int]]:
        rows = yield Query(_ENDS)
        return {(Topic(topic), part): max(start, end or 0) for topic, part, start, end in rows}

    def _measure(self) -> Operation[dict[Topic, dict[int, Extent]]]:
        extents: dict[Topic, dict[int, Extent]] = {topic: {} for topic in Topic}
        for topic, part, start, end in (yield Query(_ENDS)):
            extents[Topic(topic)][part] = Extent(start, max(start, end or 0))
        return extents


def _run(topic: Topic, part: int, start: int, end: int) -> tuple[str, int, str, int, int]:
    """What a statement about these offsets of a partition is told: the blocks too."""
    blocks = orjson.dumps(list(range(start // BLOCK, (end - 1) // BLOCK + 1))).decode()
    return topic, part, blocks, start, end


def _headers(text: str) -> Headers:
    return tuple(map(tuple, orjson.loads(text)))
