"""The store that its contract suites run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.database.sqlite import SqliteDatabase
from gateway.store.port import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store."""
    database = SqliteDatabase(str(tmp_path / "store.db"))
    store = Store(database)
    await store.start()
    yield store
    await database.close()
