"""A PostgreSQL database with one empty table, `notes`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.database.postgres import PostgresDatabase
from tests.gateway.database.notes import TABLE, opened, statement
from tests.postgres_server import PostgresServer


@pytest.fixture
async def url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """A new database with one empty table."""
    async with postgres_server.database() as url:
        async with opened(url) as database:
            await database.run(statement(TABLE))
        yield url


@pytest.fixture
async def postgres(url: str) -> AsyncIterator[PostgresDatabase]:
    """The database, open."""
    async with opened(url) as database:
        yield database
