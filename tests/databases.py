"""Every database that suites of the store run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from gateway.database.port import Database
from gateway.database.postgres import PostgresDatabase
from gateway.database.sqlite import SqliteDatabase
from tests.postgres_server import PostgresServer

KINDS: Final = ("sqlite", "postgresql")


@asynccontextmanager
async def opened(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Database]:
    """An empty database of the kind that the fixture's parameter names."""
    if request.param == "sqlite":
        file = SqliteDatabase(str(folder / "database.db"))
        yield file
        await file.close()
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    async with server.database() as url:
        database = PostgresDatabase(url)
        await database.start()
        yield database
        await database.close()
