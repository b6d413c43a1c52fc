"""One SQLite file, one connection, one thread.

The thread is the only writer and the only checkpointer: with a second connection around a WAL
reset, SQLite before 3.51.3 can lose commits (sqlite.org/wal.html, "the WAL-reset bug"). Work
that waits is grouped: everything FIRST in the queue shares one transaction and one flush. What
is LATER waits for at most a few of those, or a lease could run out under load.

Python's sqlite3 gives up the interpreter lock at every step of a statement and has to win it
back from a busy event loop. So what touches many rows is sent as few statements of many values
(`sqlite_sql`), never as many statements.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from gateway.database.files import (
    APPLICATION_ID,
    WAL_KEPT,
    Files,
    ForeignDatabase,
    Lock,
    inspect,
    size_of,
    wal_of,
)
from gateway.database.port import (
    CommitUnknown,
    DatabaseUnavailable,
    Operation,
    Query,
    Rows,
    Statement,
    T,
    Urgency,
)
from gateway.database.sqlite_sql import PREPARED, statements
from gateway.database.trouble import BROKEN, DAMAGE, TROUBLE, code, words

GROUP: Final = 64
"""Operations that may share a transaction."""
PATIENCE: Final = 4
"""Groups of FIRST that may pass something LATER that waits."""
CHECKED_BYTES: Final = 128 << 20
"""Largest file that is looked through for damage at the start: about a third of a second."""

_PRAGMAS = (
    "PRAGMA synchronous=FULL",
    # 8 MiB. By pages, not by the file's size: the WAL is written anew from its start and never
    # gets shorter, so its size says nothing about how much of it waits.
    "PRAGMA wal_autocheckpoint=2048",
    "PRAGMA busy_timeout=5000",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-16384",
    f"PRAGMA journal_size_limit={WAL_KEPT}",
)


class SqliteConnection:
    """The connection: opens, checks, runs groups of operations, checkpoints. Not thread-safe."""

    def __init__(self, path: str) -> None:
        """Open or create the file. Raises ForeignDatabase, DatabaseUnavailable."""
        # SQLite names the WAL after the file that a link points to.
        self.path = os.path.realpath(path)
        self._rolled_back: list[Callable[[], None]] = []
        self._broken = False
        self._damage: str | None = None
        self.rescued: str | None = None
        """Where `close` has put a copy of a file that was deleted under us."""
        try:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._lock = Lock(self.path)
        except OSError as error:
            raise DatabaseUnavailable(f"{self.path}: {error}") from error
        try:
            self._lock.check()
            self._db = self._open(first=True)
        except BaseException:
            self._lock.close()
            raise

    def on_rollback(self, callback: Callable[[], None]) -> None:
        """Call back after any transaction that was not, or may not have been, committed."""
        self._rolled_back.append(callback)

    def _open(self, *, first: bool) -> sqlite3.Connection:
        """Open the file. At `first` an empty one is a new database; one that became empty under
        us is trouble."""
        try:
            inspect(self.path)
            if not first and not size_of(self.path):
                raise DatabaseUnavailable(f"{self.path} is empty: put back what was in it")
            if first and size_of(self.path):
                self._look_through()
            db = sqlite3.connect(
                self.path,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=PREPARED,
            )
            try:
                _prepare(db)
            except BaseException:
                db.close()
                raise
        except (OSError, sqlite3.OperationalError) as error:
            raise DatabaseUnavailable(f"{self.path}: {words(error)}") from error
        except sqlite3.DatabaseError as error:
            raise ForeignDatabase(
                f"{self.path} is damaged: {error}; put a sound copy in its place"
            ) from error
        self._files = Files(self.path)
        self._lock.note(self._files)
        return db

    def _look_through(self) -> None:
        """Look for damage by a connection that can't write, nor play the WAL into the file when
        it is closed."""
        address = Path(self.path).as_uri() + "?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as db:
            pages = db.execute("PRAGMA page_count").fetchone()[0]
            if pages * db.execute("PRAGMA page_size").fetchone()[0] > CHECKED_BYTES:
                return
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(" ".join(found.split()))

    def _execute(self, statement: Statement) -> Rows:
        if isinstance(statement, Query):
            cursor = self._db.execute(statement.sql, statement.parameters)
            return cursor.fetchall() if cursor.description is not None else []
        for text, values in statements(statement):
            self._db.execute(text, values)
        return []

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
            primary = code(error)
            if primary in DAMAGE:
                self._damage = (
                    f"{self.path} is damaged: {words(error)}; stop, put a sound copy there"
                )
            self._abandon(broken=primary in BROKEN)
            if primary not in TROUBLE:
                raise
            raise DatabaseUnavailable(self._damage or words(error)) from error
        except BaseException:
            self._abandon()
            raise
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._abandon(broken=True)
            raise CommitUnknown(words(error)) from error
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
        if self._files.wal_bytes > WAL_KEPT and not self._broken:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                self._files.wal_emptied()

    def ensure_open(self) -> None:
        """Before a transaction: is what is open still what has the name? Open again after
        trouble. Raises DatabaseUnavailable."""
        if self._damage is not None:
            raise DatabaseUnavailable(self._damage)
        try:
            if self._broken or not self._files.trusted():
                self._review()
        except (ForeignDatabase, OSError) as error:
            raise DatabaseUnavailable(str(error)) from error

    def _review(self) -> None:
        changed, cut = self._files.changed(), self._files.wal_was_cut
        moved = self._files.moved()
        if moved is not None:
            # The connection stays: what was accepted is in the files it has open.
            raise DatabaseUnavailable(moved)
        if self._lock.lost:
            self._lock.retake()
            self._abandon(broken=True)
        if not self._broken and self._files.wal_moved():
            self._save_wal()
        elif not self._broken and cut:
            self._damage = f"{wal_of(self.path)} was cut short: what was accepted last is gone"
            raise DatabaseUnavailable(self._damage)
        if self._broken:
            self._db = self._open(first=False)
            self._broken = False
        else:
            self._files.trust(changed)

    def _save_wal(self) -> None:
        """The WAL was deleted, but we have it open: bring all of it into the database."""
        try:
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            raise DatabaseUnavailable(f"{wal_of(self.path)} is gone: {words(error)}") from error
        if busy:
            raise DatabaseUnavailable(f"{wal_of(self.path)} is gone")
        self._abandon(broken=True)

    def close(self) -> None:
        """Checkpoint, close and let go of the file. What has no file any more is copied."""
        copy = f"{self.path}.rescued-{os.getpid()}"
        with contextlib.suppress(sqlite3.Error, OSError):
            if not self._broken and self._files.moved() is not None:
                self._db.execute("VACUUM INTO ?", (copy,))
                self.rescued = copy
            elif self._damage is None:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        with contextlib.suppress(OSError):
            if self.rescued is None and not size_of(wal_of(self.path)):
                self._lock.clear()
        self._lock.close()


def _prepare(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA page_count").fetchone()[0] == 0:
        db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
    mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise sqlite3.OperationalError(f"its file system can't do WAL (journal mode {mode})")
    for pragma in _PRAGMAS:
        db.execute(pragma)
    # The first read opens the WAL's file.
    db.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()


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
