"""One SQLite file, one connection, one thread.

The thread is the only writer and the only checkpointer: with a second connection around a WAL
reset, SQLite before 3.51.3 can lose commits (sqlite.org/wal.html, "the WAL-reset bug"). Work
that waits is grouped: everything FIRST in the queue shares one transaction and one flush.

Python's sqlite3 gives up the interpreter lock at every step of a statement and has to win it
back from a busy event loop. So inserts of many rows are sent as few statements of many values,
never as many statements.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from gateway.database.port import (
    CommitUnknown,
    DatabaseUnavailable,
    InsertMany,
    Operation,
    Query,
    Row,
    Rows,
    Statement,
    T,
    Urgency,
)

APPLICATION_ID: Final = 0x4C574952
"""Marks the file as ours ("LWIR"), so that a foreign database is refused, not written to."""
GROUP: Final = 64
"""Operations that may share a transaction."""
CHECKPOINT_BYTES: Final = 8 << 20
TRUNCATE_BYTES: Final = 64 << 20
PARAMETERS: Final = 8192
"""Most parameters of one statement; SQLite itself allows 32,766."""

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=0",
    "PRAGMA busy_timeout=5000",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-16384",
    "PRAGMA journal_size_limit=67108864",
)


class ForeignDatabase(Exception):
    """The file is not a leadwire database, is damaged, or is in use by another process."""


def _chunks(rows: Sequence[Row], most: int) -> Iterator[Sequence[Row]]:
    """Split into runs whose lengths are powers of two, so that few statements are prepared."""
    start, left = 0, len(rows)
    while left:
        size = min(1 << (left.bit_length() - 1), most)
        yield rows[start : start + size]
        start += size
        left -= size


class SqliteConnection:
    """The connection: opens, checks, runs groups of operations, checkpoints. Not thread-safe."""

    def __init__(self, path: str) -> None:
        """Open or create the file. Raises ForeignDatabase."""
        self.path = path
        self._rolled_back: list[Callable[[], None]] = []
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock_file()
        self._open()

    def on_rollback(self, callback: Callable[[], None]) -> None:
        """Call back after any transaction that was not, or may not have been, committed."""
        self._rolled_back.append(callback)

    def _lock_file(self) -> int:
        handle = os.open(self.path + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise ForeignDatabase(f"{self.path} is in use by another process") from error
        return handle

    def _open(self) -> None:
        fresh = not Path(self.path).exists() or Path(self.path).stat().st_size == 0
        self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            found = self._db.execute("PRAGMA application_id").fetchone()[0]
            if not fresh and found != APPLICATION_ID:
                raise ForeignDatabase(f"{self.path} is not a leadwire database")
            if fresh:
                self._db.execute("PRAGMA auto_vacuum=INCREMENTAL")
                self._db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            for pragma in _PRAGMAS:
                self._db.execute(pragma)
        except sqlite3.OperationalError as error:
            raise DatabaseUnavailable(f"{self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise ForeignDatabase(f"{self.path} is damaged or no database: {error}") from error

    def _execute(self, statement: Statement) -> Rows:
        if isinstance(statement, Query):
            cursor = self._db.execute(statement.sql, statement.parameters)
            return cursor.fetchall() if cursor.description is not None else []
        self._insert(statement)
        return []

    def _insert(self, statement: InsertMany) -> None:
        if not statement.rows:
            return
        width = len(statement.rows[0])
        group = "(" + ",".join("?" * width) + ")"
        for rows in _chunks(statement.rows, max(1, PARAMETERS // width)):
            values = ",".join([group] * len(rows))
            flat = [value for row in rows for value in row]
            self._db.execute(f"{statement.head} VALUES {values} {statement.tail}", flat)

    def _drive(self, operation: Operation[T]) -> T:
        rows: Rows = []
        try:
            statement = next(operation)
            while True:
                rows = self._execute(statement)
                statement = operation.send(rows)
        except StopIteration as end:
            result: T = end.value
            return result

    def transact(self, operations: Iterable[Callable[[], Operation[Any]]]) -> list[Any]:
        """Run operations in one transaction; all their results, or an exception and none done.

        Raises DatabaseUnavailable, CommitUnknown, or what an operation raised.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            results = [self._drive(operation()) for operation in operations]
        except sqlite3.OperationalError as error:
            self._abandon()
            raise DatabaseUnavailable(str(error)) from error
        except BaseException:
            self._abandon()
            raise
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._abandon(reopen=True)
            raise CommitUnknown(str(error)) from error
        return results

    def _abandon(self, *, reopen: bool = False) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:
            reopen = True
        if reopen:
            self._reopen()
        for callback in self._rolled_back:
            callback()

    def _reopen(self) -> None:
        try:
            self._db.close()
            self._open()
        except (sqlite3.Error, DatabaseUnavailable, ForeignDatabase):
            # The next transaction meets the same trouble and reports it; a closed connection
            # raises ProgrammingError, which `transact` must see as unavailable.
            self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            self._db.close()

    def checkpoint(self) -> None:
        """Move the WAL into the file when it has grown; never fails the work that was done."""
        try:
            size = os.stat(self.path + "-wal").st_size  # noqa: PTH116 - hot path, no Path object
            if size > TRUNCATE_BYTES:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            elif size > CHECKPOINT_BYTES:
                self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        except (OSError, sqlite3.Error):
            return

    def ensure_open(self) -> None:
        """Open again after trouble. Raises DatabaseUnavailable."""
        try:
            self._db.execute("SELECT 1")
        except sqlite3.ProgrammingError:
            try:
                self._open()
            except ForeignDatabase as error:
                raise DatabaseUnavailable(str(error)) from error

    def close(self) -> None:
        """Checkpoint, close and let go of the file."""
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._db.close()
        except sqlite3.Error:
            pass
        os.close(self._lock)


class _Work:
    """One queued operation and who waits for it."""

    __slots__ = ("future", "operation", "urgency")

    def __init__(
        self,
        operation: Callable[[], Operation[Any]],
        urgency: Urgency,
        future: asyncio.Future[Any],
    ) -> None:
        self.operation, self.urgency, self.future = operation, urgency, future


class SqliteDatabase:
    """The Database port over one file and its thread."""

    def __init__(self, path: str) -> None:
        """Open the file and start its thread. Raises ForeignDatabase, DatabaseUnavailable."""
        self.connection = SqliteConnection(path)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._first: deque[_Work] = deque()
        self._later: deque[_Work] = deque()
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="sqlite", daemon=True)
        self._thread.start()

    async def run(
        self, operation: Callable[[], Operation[T]], urgency: Urgency = Urgency.LATER
    ) -> T:
        """See the port."""
        if self._closing:
            raise DatabaseUnavailable("closed")
        loop = self._loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Work(operation, urgency, future))
        return await future

    async def close(self) -> None:
        """See the port."""
        if self._closing:
            return
        self._closing = True
        self._queue.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        self.connection.close()

    def _serve(self) -> None:
        running = True
        while running:
            running = self._collect(block=not (self._first or self._later))
            if self._first:
                group = [self._first.popleft() for _ in range(min(GROUP, len(self._first)))]
                self._finish(self._run(group))
            elif self._later:
                self._finish(self._run([self._later.popleft()]))
            self.connection.checkpoint()
        while self._first or self._later:
            queue = self._first or self._later
            self._finish(self._run([queue.popleft()]))

    def _collect(self, *, block: bool) -> bool:
        """Take what is queued; False once asked to stop."""
        while block or not self._queue.empty():
            work = self._queue.get()
            if work is None:
                return False
            (self._first if work.urgency is Urgency.FIRST else self._later).append(work)
            block = False
        return True

    def _run(self, group: list[_Work]) -> list[tuple[_Work, Any, BaseException | None]]:
        try:
            self.connection.ensure_open()
            results = self.connection.transact([work.operation for work in group])
        except CommitUnknown as error:
            return [(work, None, error) for work in group]
        except BaseException as error:  # noqa: BLE001 - handed to whoever awaits the operation
            if len(group) == 1:
                return [(group[0], None, error)]
            return [done for work in group for done in self._run([work])]
        return [(work, result, None) for work, result in zip(group, results, strict=True)]

    def _finish(self, done: list[tuple[_Work, Any, BaseException | None]]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_resolve, done)


def _resolve(done: list[tuple[_Work, Any, BaseException | None]]) -> None:
    for work, result, error in done:
        if work.future.done():
            continue
        if error is None:
            work.future.set_result(result)
        else:
            work.future.set_exception(error)
