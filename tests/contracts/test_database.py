"""What every database promises to those who run operations on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.database.port import Database, InsertMany, Operation, Query, Rows, Urgency
from gateway.database.sqlite import SqliteDatabase


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A database with one empty table."""
    database: Database = SqliteDatabase(str(tmp_path / "d.db"))
    await database.run(lambda: statement("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)"))
    yield database
    await database.close()


def statement(sql: str, *parameters: object) -> Operation[Rows]:
    """One statement; its rows."""
    return (yield Query(sql, parameters))


def note(text: str) -> Callable[[], Operation[int]]:
    """Write a note; how many there are then."""

    def operation() -> Operation[int]:
        yield Query("INSERT INTO notes (text) VALUES (?)", (text,))
        rows = yield Query("SELECT COUNT(*) FROM notes")
        return int(rows[0][0])

    return operation


async def notes(database: Database) -> list[str]:
    """What is written."""
    rows = await database.run(lambda: statement("SELECT text FROM notes ORDER BY id"))
    return [text for (text,) in rows]


async def test_an_operation_sees_its_own_writes_and_returns_a_result(database: Database) -> None:
    """Its statements are given rows, in order."""
    assert [await database.run(note("a")), await database.run(note("b"))] == [1, 2]
    assert await notes(database) == ["a", "b"]


async def test_a_failing_operation_leaves_nothing_behind(database: Database) -> None:
    """What it raises comes out; what it wrote doesn't stay."""

    def operation() -> Operation[None]:
        yield from note("gone")()
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await database.run(operation)
    assert await notes(database) == []


@pytest.mark.parametrize("urgency", list(Urgency))
async def test_a_failing_operation_fails_alone(database: Database, urgency: Urgency) -> None:
    """Those that were to share its transaction are done, once."""

    def operation() -> Operation[int]:
        yield from note("gone")()
        raise LookupError("no")

    work = [note("a"), note("b"), operation, note("c")]
    results = await asyncio.gather(
        *(database.run(one, urgency) for one in work), return_exceptions=True
    )
    assert [type(result) for result in results] == [int, int, LookupError, int]
    assert sorted(await notes(database)) == ["a", "b", "c"]


async def test_a_statement_that_the_database_refuses_fails_alone(database: Database) -> None:
    """A constraint, and SQL that means nothing."""

    def twice() -> Operation[None]:
        yield Query("INSERT INTO notes (id, text) VALUES (7, 'x')")
        yield Query("INSERT INTO notes (id, text) VALUES (7, 'y')")

    results = await asyncio.gather(
        database.run(note("a"), Urgency.FIRST),
        database.run(twice, Urgency.FIRST),
        database.run(lambda: statement("SELECT nothing FROM nowhere"), Urgency.FIRST),
        return_exceptions=True,
    )
    assert [isinstance(result, Exception) for result in results] == [False, True, True]
    assert await notes(database) == ["a"]


async def test_operations_join_into_one_transaction(database: Database) -> None:
    """`yield from` another operation, and both stand or fall together."""

    def both() -> Operation[tuple[int, int]]:
        first = yield from note("a")()
        return first, (yield from note("b")())

    assert await database.run(both) == (1, 2)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000, 20_001])
async def test_many_rows_are_inserted_in_order(database: Database, count: int) -> None:
    """None is left out, none is written twice."""
    rows = [(number, f"n{number}") for number in range(count)]

    def operation() -> Operation[None]:
        yield InsertMany("INSERT INTO notes (id, text)", rows, "ON CONFLICT DO NOTHING")

    await database.run(operation)
    await database.run(operation)
    assert await notes(database) == [text for _, text in rows]


async def test_what_can_wait_does_not_wait_for_ever(database: Database) -> None:
    """A lease is renewed however many calls come in."""
    busy = True

    async def calls() -> None:
        while busy:
            await database.run(note("call"), Urgency.FIRST)

    callers = [asyncio.create_task(calls()) for _ in range(4)]
    async with asyncio.timeout(20):
        for number in range(10):
            await database.run(note(f"lease {number}"), Urgency.LATER)
    busy = False
    await asyncio.gather(*callers)


async def test_closing_finishes_what_is_queued(tmp_path: Path) -> None:
    """And takes nothing more."""
    database = SqliteDatabase(str(tmp_path / "d.db"))
    await database.run(lambda: statement("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)"))
    queued = [asyncio.create_task(database.run(note(str(n)))) for n in range(100)]
    await asyncio.sleep(0)
    await database.close()
    assert await asyncio.gather(*queued) == list(range(1, 101))
