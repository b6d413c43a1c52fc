"""What every database promises to those who run operations on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.database.port import (
    Database,
    DatabaseUnavailable,
    DeleteMany,
    InsertMany,
    Operation,
    Query,
    Rows,
    Urgency,
)
from tests.databases import KINDS, opened

TABLE = "CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT)"


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database with one empty table."""
    async with opened(request, tmp_path) as database:
        await database.run(lambda: statement(TABLE))
        yield database


def statement(sql: str, *parameters: object) -> Operation[Rows]:
    """One statement; its rows."""
    return (yield Query(sql, parameters))


def note(text: str) -> Callable[[], Operation[int]]:
    """Write a note; how many there are then."""

    def operation() -> Operation[int]:
        yield Query(
            "INSERT INTO notes (id, text) SELECT COALESCE(MAX(id), 0) + 1, CAST(? AS TEXT)"
            " FROM notes",
            (text,),
        )
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


@pytest.mark.parametrize("count", [0, 1, 5, 1000])
async def test_many_rows_are_deleted_by_what_they_are(database: Database, count: int) -> None:
    """Each by all its values, and by no other's."""
    rows = [(number, str(number % 7)) for number in range(count + 20)]
    gone = [*rows[:count], (count + 1, "other"), (count + 900_000, "0")]

    def operation() -> Operation[None]:
        yield InsertMany("INSERT INTO notes (id, text)", rows)
        yield DeleteMany("notes", ("id", "text"), gone)
        yield DeleteMany("notes", ("id",), [(count,), (-1,)])
        yield DeleteMany("notes", ("id",), [])

    await database.run(operation)
    left = await database.run(lambda: statement("SELECT id, text FROM notes ORDER BY id"))
    assert left == rows[count + 1 :]


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


async def test_closing_finishes_what_is_queued(database: Database) -> None:
    """And takes nothing more."""
    queued = [asyncio.create_task(database.run(note(str(n)))) for n in range(100)]
    await asyncio.sleep(0)
    await database.close()
    assert sorted(await asyncio.gather(*queued)) == list(range(1, 101))
    with pytest.raises(DatabaseUnavailable):
        await database.run(note("late"))


@pytest.mark.parametrize("urgency", list(Urgency))
async def test_operations_run_as_if_one_after_another(database: Database, urgency: Urgency) -> None:
    """What one has read, none changes before it has written: no step is lost."""

    def step() -> Operation[None]:
        rows = yield Query("SELECT text FROM notes WHERE id = 1")
        if not rows:
            yield Query("INSERT INTO notes (id, text) VALUES (1, '1')")
        else:
            yield Query("UPDATE notes SET text = ? WHERE id = 1", (str(int(rows[0][0]) + 1),))

    await asyncio.gather(*(database.run(step, urgency) for _ in range(30)))
    assert await notes(database) == ["30"]


async def test_what_nobody_waits_for_any_more_is_done(database: Database) -> None:
    """Whoever gave it may have been stopped; others rely on it."""
    leaving = asyncio.create_task(database.run(note("left")))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await database.run(note("after"))
    async with asyncio.timeout(10):
        # Operations may run at once, so that the later one is done first.
        while sorted(await notes(database)) != ["after", "left"]:
            pass


TEXTS = ["", "\0", "a\0b", "\ufdd0", "\ufdd00", "\0\ufdd01", "it's ?", "ü", "\U0001f600", "\\"]


async def test_every_text_comes_back(database: Database) -> None:
    """And is found again by itself, also one with U+0000 in it."""
    rows = list(enumerate(TEXTS))

    await database.run(lambda: insert(rows))
    found = [
        await database.run(lambda text=text: statement("SELECT id FROM notes WHERE text = ?", text))  # type: ignore[misc]  # bound at once
        for text in TEXTS
    ]
    assert found == [[(number,)] for number, _ in rows]
    assert await notes(database) == TEXTS


def insert(rows: list[tuple[int, str]]) -> Operation[None]:
    """Write many notes."""
    yield InsertMany("INSERT INTO notes (id, text)", rows)


async def test_text_is_ordered_by_code_points(database: Database) -> None:
    """Not by a language's rules: `Z` comes before `a`, and `~` after every id."""
    texts = ["~", "a", "B", "Z", "ä", "10", "2", "a b", "a-b", "ab", "_", ""]
    rows = list(enumerate(texts))

    def operation() -> Operation[Rows]:
        yield InsertMany("INSERT INTO notes (id, text)", rows)
        return (yield Query("SELECT text FROM notes WHERE text <= ? ORDER BY text", ("~",)))

    found = [text for (text,) in await database.run(operation)]
    assert found == sorted(text for text in texts if text <= "~")


async def test_a_question_mark_in_a_text_is_no_parameter(database: Database) -> None:
    """Nor one beside a quote."""
    rows = await database.run(
        lambda: statement("SELECT 'it''s ?', CAST(? AS TEXT), '?', CAST(? AS TEXT)", "a", "b")
    )
    assert rows == [("it's ?", "a", "?", "b")]


async def test_numbers_come_back_as_they_were(database: Database) -> None:
    """Log positions and times, and nothing."""
    await database.run(
        lambda: statement(
            "CREATE TABLE sums (a BIGINT, b INTEGER, c DOUBLE PRECISION, d DOUBLE PRECISION)"
        )
    )
    rows = [(2**53 + 1, -1, 1_767_225_600.25, None), (-(2**63), 0, 0.1, 1e300)]

    def operation() -> Operation[Rows]:
        yield InsertMany("INSERT INTO sums (a, b, c, d)", rows)
        return (yield Query("SELECT a, b, c, d FROM sums ORDER BY a DESC"))

    assert await database.run(operation) == rows
    summed = await database.run(lambda: statement("SELECT COUNT(*), MAX(a), MIN(c) FROM sums"))
    assert summed == [(2, 2**53 + 1, 0.1)]
