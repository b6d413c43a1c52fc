"""The embedded database without its thread, for tests in virtual time: an operation runs on the
calling thread, after giving every other task a turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from gateway.database.port import DatabaseUnavailable, Operation, T, Urgency
from gateway.database.sqlite import SqliteConnection, SqliteDatabase


class InlineDatabase(SqliteDatabase):
    """The Database port over a file of its own. The file outlives crashes of what uses it; its
    flushes are left out, since no test cuts the power."""

    def __init__(self, path: Path) -> None:  # without super's: that starts the thread
        """Open or create the file."""
        self.connection = SqliteConnection(str(path))
        self.connection._db.execute("PRAGMA synchronous=OFF")
        self.failing: Callable[[Urgency], bool] = lambda _: False
        """Asked before each operation: whether the database is unavailable to it."""

    @classmethod
    def beside(cls, other: InlineDatabase) -> InlineDatabase:
        """Another process's way to the same file."""
        made = cls.__new__(cls)
        made.connection = other.connection
        made.failing = lambda _: False
        return made

    async def run(
        self, operation: Callable[[], Operation[T]], urgency: Urgency = Urgency.LATER
    ) -> T:
        """See the port."""
        await asyncio.sleep(0)
        if self.failing(urgency):
            raise DatabaseUnavailable("the test says so")
        result: T = self.connection.transact([operation])[0]
        await asyncio.sleep(0)
        return result

    def rows(self, sql: str, *parameters: object) -> list[tuple[object, ...]]:
        """Look at what is stored."""
        return self.connection._db.execute(sql, parameters).fetchall()

    async def close(self) -> None:
        """Let go of the file."""
        self.connection.close()
