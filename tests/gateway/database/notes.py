"""A table of notes in a PostgreSQL database, for tests of the adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from gateway.database.port import Operation, Query, Rows
from gateway.database.postgres import Limits, PostgresDatabase

TABLE = "CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT)"


def statement(sql: str, *parameters: object) -> Callable[[], Operation[Rows]]:
    """One statement; its rows."""

    def operation() -> Operation[Rows]:
        return (yield Query(sql, parameters))

    return operation


def note(id: int) -> Callable[[], Operation[Rows]]:
    """Write a note."""
    return statement("INSERT INTO notes (id, text) VALUES (?, 'x')", id)


async def notes(database: PostgresDatabase) -> list[int]:
    """Which are written."""
    return [id for (id,) in await database.run(statement("SELECT id FROM notes ORDER BY id"))]


@asynccontextmanager
async def opened(url: str, limits: Limits | None = None) -> AsyncIterator[PostgresDatabase]:
    """A database that is closed at the end."""
    database = PostgresDatabase(url) if limits is None else PostgresDatabase(url, limits=limits)
    try:
        await database.start()
        yield database
    finally:
        await database.close()
