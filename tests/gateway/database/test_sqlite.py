"""The SQLite file: whose it is, what happens when it fails, and what survives."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.database.files import APPLICATION_ID, ForeignDatabase
from gateway.database.port import (
    CommitUnknown,
    DatabaseUnavailable,
    Operation,
    Query,
    Rows,
    Urgency,
)
from gateway.database.sqlite import GROUP, PATIENCE, SqliteDatabase

TABLE = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)"


def run(sql: str, *parameters: object) -> Operation[Rows]:
    """One statement; its rows."""
    return (yield Query(sql, parameters))


async def write(database: SqliteDatabase, text: str) -> None:
    """Write a note, urgently."""
    await database.run(lambda: run("INSERT INTO notes (text) VALUES (?)", text), Urgency.FIRST)


async def notes(database: SqliteDatabase) -> list[str]:
    """What is written."""
    return [text for (text,) in await database.run(lambda: run("SELECT text FROM notes"))]


async def note(database: SqliteDatabase, text: str) -> None:
    """Write a note some time."""
    await database.run(lambda: run("INSERT INTO notes (text) VALUES (?)", text))


@asynccontextmanager
async def holding(database: SqliteDatabase) -> AsyncIterator[None]:
    """Keep the database's thread in an operation, so that work queues up."""
    loop, began, done = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def operation() -> Operation[None]:
        yield Query("SELECT 1")
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(done.wait(), loop).result()

    held = asyncio.create_task(database.run(operation))
    await began.wait()
    try:
        yield
    finally:
        done.set()
        await held


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """A database with one empty table."""
    database = SqliteDatabase(str(tmp_path / "new" / "d.db"))
    await database.run(lambda: run(TABLE))
    yield database
    await database.close()


class Breaking:
    """A connection in front of the real one, whose statements fail when told to."""

    def __init__(self, real: sqlite3.Connection, statement: str, error: sqlite3.Error) -> None:
        self._real, self._statement, self._error = real, statement, error
        self.first = False
        """Whether the real connection does what it is told before it fails."""
        self.passes = 0
        """How often the statement goes through before it fails."""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql == self._statement and self.passes:
            self.passes -= 1
        elif sql == self._statement:
            if self.first:
                self._real.execute(sql, *parameters)
            raise self._error
        return self._real.execute(sql, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def move(path: Path, target: Path) -> None:
    """Give a file another name."""
    path.rename(target)


def size(path: Path) -> int:
    """Bytes."""
    return path.stat().st_size


def written_at(path: Path) -> int:
    """When a file was last written to, in nanoseconds."""
    return path.stat().st_mtime_ns


def breaking(database: SqliteDatabase, statement: str, code: int) -> Breaking:
    """Make a statement fail until the connection is opened anew."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    broken = Breaking(database.connection._db, statement, error)
    database.connection._db = broken  # type: ignore[assignment]  # stands in for a connection
    return broken


async def test_every_commit_is_flushed(database: SqliteDatabase) -> None:
    """WAL with a full flush, and a file marked as ours."""
    asked = [
        (await database.run(lambda pragma=pragma: run(f"PRAGMA {pragma}")))[0][0]  # type: ignore[misc]  # bound at once
        for pragma in ("journal_mode", "synchronous", "application_id", "auto_vacuum")
    ]
    assert asked == ["wal", 2, APPLICATION_ID, 2]


async def test_a_full_disk_is_said_and_passes(database: SqliteDatabase) -> None:
    """Nothing of the refused work is there; what was there stays; later work goes through."""
    await write(database, "before")
    pages = (await database.run(lambda: run("PRAGMA page_count")))[0][0]
    connection = database.connection._db
    connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(DatabaseUnavailable, match="full"):
        await write(database, "x" * 100_000)
    await write(database, "small")
    connection.execute("PRAGMA max_page_count=1000000")
    await write(database, "y" * 100_000)
    assert await notes(database) == ["before", "small", "y" * 100_000]


async def test_a_full_disk_fails_only_what_does_not_fit(database: SqliteDatabase) -> None:
    """Of work that shares a transaction, too."""
    pages = (await database.run(lambda: run("PRAGMA page_count")))[0][0]
    database.connection._db.execute(f"PRAGMA max_page_count={pages}")
    results = await asyncio.gather(
        write(database, "a"),
        write(database, "x" * 100_000),
        write(database, "b"),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), DatabaseUnavailable, type(None)]
    assert await notes(database) == ["a", "b"]


@pytest.mark.parametrize("written", [False, True])
async def test_a_commit_that_fails_is_unknown(database: SqliteDatabase, written: bool) -> None:
    """The work is there or it is not; the file is opened anew and goes on."""
    told: list[str] = []
    database.connection.on_rollback(lambda: told.append("rollback"))
    await write(database, "before")
    breaking(database, "COMMIT", sqlite3.SQLITE_IOERR).first = written
    with pytest.raises(CommitUnknown, match="disk I/O error"):
        await write(database, "unknown")
    assert told == ["rollback"]
    await write(database, "after")
    assert await notes(database) == ["before", *(["unknown"] if written else []), "after"]


async def test_a_commit_that_fails_is_unknown_for_all_who_share_it(
    database: SqliteDatabase,
) -> None:
    """None of them is run again behind its caller's back."""
    async with holding(database):
        breaking(database, "COMMIT", sqlite3.SQLITE_IOERR).passes = 1
        work = [asyncio.create_task(write(database, str(n))) for n in range(3)]
        await asyncio.sleep(0)
    results = await asyncio.gather(*work, return_exceptions=True)
    assert [type(result) for result in results] == [CommitUnknown] * 3
    assert await notes(database) == []


async def test_what_somebody_waits_for_goes_first(database: SqliteDatabase) -> None:
    """FIRST passes LATER that was asked for before it."""
    async with holding(database):
        work = [asyncio.create_task(note(database, f"later {n}")) for n in range(3)]
        work += [asyncio.create_task(write(database, f"first {n}")) for n in range(3)]
        await asyncio.sleep(0)
    await asyncio.gather(*work)
    expected = ["first 0", "first 1", "first 2", "later 0", "later 1", "later 2"]
    assert await notes(database) == expected


async def test_what_can_wait_is_passed_by_a_few_groups_only(database: SqliteDatabase) -> None:
    """A lease is renewed however many calls come in."""
    firsts = [f"first {n}" for n in range((PATIENCE + 2) * GROUP)]
    async with holding(database):
        work = [asyncio.create_task(note(database, f"later {n}")) for n in range(2)]
        work += [asyncio.create_task(write(database, text)) for text in firsts]
        await asyncio.sleep(0)
    await asyncio.gather(*work)
    passed = PATIENCE * GROUP
    expected = [*firsts[:passed], "later 0", *firsts[passed:], "later 1"]
    assert await notes(database) == expected


async def test_a_file_that_fails_is_opened_anew(database: SqliteDatabase) -> None:
    """The work that met the trouble was not done; the next is."""
    await write(database, "before")
    breaking(database, "BEGIN IMMEDIATE", sqlite3.SQLITE_IOERR)
    with pytest.raises(DatabaseUnavailable, match="disk I/O error"):
        await write(database, "not done")
    await write(database, "after")
    assert await notes(database) == ["before", "after"]


async def test_a_file_that_is_gone_is_not_made_anew(database: SqliteDatabase) -> None:
    """An empty database in its place would look as if nothing had ever been accepted."""
    await write(database, "before")
    path = Path(database.connection.path)
    away = path.with_name("away")
    breaking(database, "COMMIT", sqlite3.SQLITE_IOERR)
    with pytest.raises(CommitUnknown):
        await write(database, "unknown")
    move(path, away)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match="is gone"):
            await write(database, "nowhere")
    move(away, path)
    await write(database, "after")
    assert await notes(database) == ["before", "after"]


async def test_only_one_opener_at_a_time(database: SqliteDatabase, tmp_path: Path) -> None:
    """By whatever name the file goes; the first goes on undisturbed."""
    path = tmp_path / "new" / "d.db"
    link = tmp_path / "link.db"
    link.symlink_to(path)
    for name in (path, link):
        with pytest.raises(ForeignDatabase, match="in use by another process"):
            SqliteDatabase(str(name))
    await write(database, "still here")


async def test_only_one_connection_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one around a WAL reset can lose commits (sqlite.org/wal.html#walresetbug)."""
    connect, opened = sqlite3.connect, list[sqlite3.Connection]()

    def counting(*args: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*args, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", counting)
    database = SqliteDatabase(str(tmp_path / "d.db"))
    await database.run(lambda: run(TABLE))
    await asyncio.gather(*(write(database, str(n)) for n in range(200)))
    assert len(opened) == 1
    breaking(database, "COMMIT", sqlite3.SQLITE_IOERR)
    with pytest.raises(CommitUnknown):
        await write(database, "unknown")
    await write(database, "after")
    assert len(opened) == 2
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
    await database.close()


def foreign_database(path: Path) -> None:
    """Somebody else's database."""
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.execute("INSERT INTO theirs VALUES (1)")
    other.commit()
    other.close()


@pytest.mark.parametrize("garbage", [b"x", b"hello, world\n" * 999, bytes(8192)])
def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path, garbage: bytes) -> None:
    """However long it is."""
    path = tmp_path / "d.db"
    path.write_bytes(garbage)
    with pytest.raises(ForeignDatabase, match="no database"):
        SqliteDatabase(str(path))
    assert path.read_bytes() == garbage


def test_somebody_elses_database_is_refused_untouched(tmp_path: Path) -> None:
    """And can be opened by its owner as before."""
    path = tmp_path / "d.db"
    foreign_database(path)
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(ForeignDatabase, match="is not a leadwire database"):
            SqliteDatabase(str(path))
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.db", "d.db.lock"]


async def test_a_place_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    """And can be used once it can."""
    path = tmp_path / "file" / "d.db"
    path.parent.write_text("in the way")
    with pytest.raises(DatabaseUnavailable):
        SqliteDatabase(str(path))
    path.parent.unlink()
    path.mkdir(parents=True)
    with pytest.raises(DatabaseUnavailable):
        SqliteDatabase(str(path))
    path.rmdir()
    database = SqliteDatabase(str(path))
    await database.close()


async def test_an_empty_file_becomes_ours(tmp_path: Path) -> None:
    """An operator may have made it to set its owner."""
    (tmp_path / "d.db").touch()
    database = SqliteDatabase(str(tmp_path / "d.db"))
    await database.run(lambda: run(TABLE))
    await database.close()


async def test_the_wal_does_not_grow_for_ever(database: SqliteDatabase) -> None:
    """It is written anew from its start, and what is in it reaches the file."""
    path = Path(database.connection.path)
    for _ in range(30):
        await write(database, "x" * 1_000_000)
    assert size(path.with_name("d.db-wal")) < 16 << 20 < size(path)


async def test_a_long_wal_does_not_slow_every_commit_down(database: SqliteDatabase) -> None:
    """Once it has its full length, a commit still writes to the WAL alone."""
    path = Path(database.connection.path)
    for _ in range(9):
        await write(database, "x" * 1_000_000)
    before = written_at(path)
    for number in range(20):
        await write(database, str(number))
    assert size(path.with_name("d.db-wal")) > 8 << 20
    assert written_at(path) == before


CHILD = """
import asyncio, sys
from gateway.database.port import InsertMany, Query, Urgency
from gateway.database.sqlite import SqliteDatabase

async def main():
    database = SqliteDatabase(sys.argv[1])
    def create():
        yield Query("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)")
    await database.run(create)
    async def write(first):
        for number in range(first, 1_000_000, 8):
            def operation():
                yield Query("INSERT INTO notes (id, text) VALUES (?, ?)", (number, "x" * 3000))
                yield Query("INSERT INTO notes (id, text) VALUES (?, 'second')", (-1 - number,))
            await database.run(operation, Urgency.FIRST)
            print(number, flush=True)
    await asyncio.gather(*(write(first) for first in range(8)))

asyncio.run(main())
"""


async def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """Each operation is there whole or not at all, and the file is sound."""
    path = tmp_path / "d.db"
    acknowledged: set[int] = set()
    for wanted in (40, 400):
        command = [sys.executable, "-c", CHILD, str(tmp_path / f"{wanted}.db")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert child.stdout is not None
        acknowledged = {int(child.stdout.readline()) for _ in range(wanted)}
        os.kill(child.pid, signal.SIGKILL)
        acknowledged |= {int(line) for line in child.stdout.read().split("\n")[:-1]}
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
        path = tmp_path / f"{wanted}.db"
        database = SqliteDatabase(str(path))
        rows = await database.run(lambda: run("SELECT id FROM notes"))
        checked = await database.run(lambda: run("PRAGMA integrity_check"))
        await database.close()
        ids = {id for (id,) in rows}
        assert {id for id in ids if id >= 0} == {-1 - id for id in ids if id < 0}
        assert acknowledged <= ids
        assert checked == [("ok",)]
