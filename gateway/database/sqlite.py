"""One SQLite file, one connection, one thread.

The thread is the only writer and the only checkpointer: with a second connection around a WAL
reset, SQLite before 3.51.3 can lose commits (sqlite.org/wal.html, "the WAL-reset bug"). Work
that waits is grouped: everything FIRST in the queue shares one transaction and one flush. What
is LATER waits for at most a few of those, or a lease could run out under load.

Python's sqlite3 gives up the interpreter lock at every step of a statement and has to win it
back from a busy event loop. So inserts of many rows are sent as few statements of many values,
never as many statements.
"""

from __future__ import annotations

import asyncio
import contextlib
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
PATIENCE: Final = 4
"""Groups of FIRST that may pass something LATER that waits."""
TRUNCATE_BYTES: Final = 64 << 20
PARAMETERS: Final = 8192
"""Most parameters of one statement; SQLite itself allows 32,766."""

# Trouble after which the connection can't be trusted: the file failed, or is another one now.
_BROKEN: Final = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
_TROUBLE: Final = _BROKEN | {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
}

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    # 8 MiB. By pages, not by the file's size: the WAL is written anew from its start and never
    # gets shorter, so its size says nothing about how much of it waits.
    "PRAGMA wal_autocheckpoint=2048",
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
        """Open or create the file. Raises ForeignDatabase, DatabaseUnavailable."""
        # SQLite names the WAL after the file that a link points to.
        self.path = os.path.realpath(path)
        self._rolled_back: list[Callable[[], None]] = []
        self._broken = False
        try:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._lock = self._lock_file()
        except OSError as error:
            raise DatabaseUnavailable(f"{self.path}: {error}") from error
        try:
            self._db = self._open(create=True)
        except BaseException:
            os.close(self._lock)
            raise

    def on_rollback(self, callback: Callable[[], None]) -> None:
        """Call back after any transaction that was not, or may not have been, committed."""
        self._rolled_back.append(callback)

    def _lock_file(self) -> int:
        handle = os.open(self.path + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise ForeignDatabase(f"{self.path} is in use by another process") from error
        except OSError:
            os.close(handle)
            raise
        return handle

    def _open(self, *, create: bool) -> sqlite3.Connection:
        """Open the file. An empty one is a new database only where `create`: one that became
        empty under us is trouble, and SQLite would delete its WAL."""
        if not create and not (Path(self.path).exists() and Path(self.path).stat().st_size):
            raise DatabaseUnavailable(f"{self.path} is gone")
        try:
            db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise DatabaseUnavailable(f"{self.path}: {error}") from error
        try:
            self._prepare(db)
        except sqlite3.OperationalError as error:
            db.close()
            raise DatabaseUnavailable(f"{self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            db.close()
            raise ForeignDatabase(f"{self.path} is damaged or no database: {error}") from error
        except BaseException:
            db.close()
            raise
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        if db.execute("PRAGMA page_count").fetchone()[0] == 0:
            # SQLite takes a file that is shorter than its header for an empty one.
            if Path(self.path).stat().st_size:
                raise ForeignDatabase(f"{self.path} is no database")
            db.execute("PRAGMA auto_vacuum=INCREMENTAL")
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        elif db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise ForeignDatabase(f"{self.path} is not a leadwire database")
        for pragma in _PRAGMAS:
            db.execute(pragma)

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
        except sqlite3.Error as error:
            code = _code(error)
            self._abandon(broken=code in _BROKEN)
            if code not in _TROUBLE:
                raise
            raise DatabaseUnavailable(str(error)) from error
        except BaseException:
            self._abandon()
            raise
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._abandon(broken=True)
            raise CommitUnknown(str(error)) from error
        return results

    def _abandon(self, *, broken: bool = False) -> None:
        """Roll back, or where that can't be trusted close: what was not committed is then
        dropped by the next opening."""
        try:
            if not broken and self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:
            broken = True
        if broken:
            self._broken = True
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
        for callback in self._rolled_back:
            callback()

    def truncate_wal(self) -> None:
        """Give the disk back what an unusually long WAL took; never fails the work that was
        done."""
        try:
            size = os.stat(self.path + "-wal").st_size  # noqa: PTH116 - hot path, no Path object
            if size > TRUNCATE_BYTES:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except (OSError, sqlite3.Error):
            return

    def ensure_open(self) -> None:
        """Open again after trouble. Raises DatabaseUnavailable."""
        if self._broken:
            try:
                self._db = self._open(create=False)
            except ForeignDatabase as error:
                raise DatabaseUnavailable(str(error)) from error
            self._broken = False

    def close(self) -> None:
        """Checkpoint, close and let go of the file."""
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        os.close(self._lock)


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for errors that Python's module raises by itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


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
        passed = 0
        while running or self._first or self._later:
            running = running and self._collect(block=not (self._first or self._later))
            if self._first and not (self._later and passed >= PATIENCE):
                passed += 1
                group = [self._first.popleft() for _ in range(min(GROUP, len(self._first)))]
                self._finish(self._run(group))
            elif self._later:
                passed = 0
                self._finish(self._run([self._later.popleft()]))
            self.connection.truncate_wal()

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
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(_resolve, done)


def _resolve(done: list[tuple[_Work, Any, BaseException | None]]) -> None:
    for work, result, error in done:
        if work.future.done():
            continue
        if error is None:
            work.future.set_result(result)
        else:
            work.future.set_exception(error)
