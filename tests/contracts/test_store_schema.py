"""The store: its tables, made and brought from one version to the next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.database.port import Operation, Query, Rows
from gateway.store import connectors, schema
from gateway.store.port import Store
from gateway.store.schema import NewerStore


def statement(sql: str, *parameters: object) -> Callable[[], Operation[Rows]]:
    """One statement; its rows."""

    def operation() -> Operation[Rows]:
        return (yield Query(sql, parameters))

    return operation


async def version(store: Store) -> int:
    """What the store says it is."""
    rows = await store.run(statement("SELECT value FROM facts WHERE name = 'schema'"))
    return int(rows[0][0])


def steps(*sql: str) -> Callable[[], Operation[None]]:
    """A migration."""

    def operation() -> Operation[None]:
        for each in sql:
            yield Query(each)

    return operation


async def test_a_new_store_is_of_this_version(store: Store) -> None:
    """And is opened again as it is."""
    await store.run(lambda: connectors.wish("polly", "paused"))
    await store.start()
    assert await version(store) == schema.VERSION
    assert (await store.run(lambda: connectors.row("polly"))).wish == "paused"


def test_there_is_a_way_from_every_version() -> None:
    """One step for each that ever was."""
    assert sorted(schema.MIGRATIONS) == list(range(1, schema.VERSION))


async def test_a_store_of_a_later_version_is_left_alone(store: Store) -> None:
    """This one would not understand it."""
    newer = schema.VERSION + 1
    await store.run(statement("UPDATE facts SET value = ? WHERE name = 'schema'", newer))
    with pytest.raises(NewerStore):
        await store.start()
    assert await version(store) == newer


async def test_a_store_of_an_earlier_version_becomes_one_of_this(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step, each once, with what is in it."""
    now = schema.VERSION
    await store.run(lambda: connectors.wish("polly", "paused"))
    monkeypatch.setattr(schema, "VERSION", now + 2)
    monkeypatch.setattr(
        schema,
        "MIGRATIONS",
        {
            now: steps("ALTER TABLE connectors ADD COLUMN notes TEXT NOT NULL DEFAULT 'none'"),
            now + 1: steps(
                "CREATE TABLE extras (name TEXT PRIMARY KEY)",
                "INSERT INTO extras (name) SELECT name || notes FROM connectors",
            ),
        },
    )
    await store.start()
    await store.start()
    assert await version(store) == now + 2
    assert await store.run(statement("SELECT name FROM extras")) == [("pollynone",)]


async def test_a_step_that_fails_leaves_the_store_as_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the steps before it undone; mended, it goes through."""
    now = schema.VERSION
    first = steps("CREATE TABLE extras (name TEXT PRIMARY KEY)")
    monkeypatch.setattr(schema, "VERSION", now + 2)
    monkeypatch.setattr(
        schema, "MIGRATIONS", {now: first, now + 1: steps("ALTER TABLE nothing ADD COLUMN a TEXT")}
    )
    with pytest.raises(Exception, match="nothing"):
        await store.start()
    assert await version(store) == now
    monkeypatch.setattr(schema, "MIGRATIONS", {now: first, now + 1: steps()})
    await store.start()
    assert await version(store) == now + 2
