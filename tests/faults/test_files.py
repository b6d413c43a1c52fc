"""Files that are damaged, replaced or deleted, and a second process: what an operator is told."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.database.files import APPLICATION_ID
from gateway.eventlog.port import Topic
from tests.faults.storage import Bench, bench, serve
from tests.journeys.operating import leadwire

pytestmark = pytest.mark.timeout(300)


def random_header(path: Path) -> None:
    """Nothing of SQLite's is left."""
    path.write_bytes(os.urandom(100) + path.read_bytes()[100:])


def random_page(path: Path) -> None:
    """A page in the middle."""
    data = path.read_bytes()
    middle = len(data) // 8192 * 4096
    path.write_bytes(data[:middle] + os.urandom(4096) + data[middle + 4096 :])


def half(path: Path) -> None:
    """Its second half is gone."""
    os.truncate(path, path.stat().st_size // 8192 * 4096)


def emptied(path: Path) -> None:
    """The database is empty, its WAL is not."""
    path.with_name(path.name + "-wal").write_bytes(os.urandom(8192))
    path.write_bytes(b"")


def newer(path: Path) -> None:
    """Written by a later leadwire, in which a table that we know has other columns."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE facts SET value = 2 WHERE name = 'schema'")
        db.execute("DROP TABLE claims")
        db.execute("CREATE TABLE claims (theirs TEXT)")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def foreign(path: Path) -> None:
    """Somebody else's."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA application_id={APPLICATION_ID + 1}")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def folder(path: Path) -> None:
    """A folder has its name."""
    path.unlink()
    path.mkdir()


def text_file(path: Path) -> None:
    """Not a database at all."""
    path.write_text("Dear diary\n" * 1000)


REFUSED = (
    (random_header, "is damaged or no database"),
    (random_page, "is damaged"),
    (half, "is damaged"),
    (emptied, "is empty, but 8192 bytes of it are in"),
    (newer, "written by a later leadwire"),
    (foreign, "is not a leadwire database"),
    (folder, "is a folder, not a file"),
    (text_file, "is damaged or no database"),
)


def content(path: Path) -> list[bytes]:
    """What must not change: the database and its WAL, where there is anything in it."""
    files = (path, path.with_name(path.name + "-wal"))
    return [file.read_bytes() for file in files if file.is_file() and file.stat().st_size]


async def test_a_start_that_is_refused(tmp_path: Path) -> None:
    """One sentence that names the file, exit code 1, every byte as it was; commands say the same.
    With the file put back everything goes on."""
    async with bench(tmp_path) as made:
        async with made.running():
            await made.flow(200)
        assert made.code == 0
        sound = made.database.read_bytes()
        for damage, words in REFUSED:
            await refused(made, damage, words)
            put_back(made.database, sound)
        before = made.load.answered
        async with made.running():
            await made.flow()
        assert (made.code, made.load.count > 0) == (0, True)
        assert all(before.values())


async def refused(made: Bench, damage: Callable[[Path], None], words: str) -> None:
    """See the test."""
    damage(made.database)
    before = content(made.database)
    process = await serve(made.folder, made.told)
    _, told = await process.communicate()
    if damage in {random_page, newer}:
        code, _, said = await leadwire(made.folder / "leadwire.yaml", "events", "--json")
        assert (code, words in said) == (1, True)
    assert content(made.database) == before
    text = told.decode()
    assert (process.returncode, text.count("\n")) == (1, 1), text
    assert text.startswith(f"leadwire: {'' if damage is newer else made.database}")
    assert words in text


def put_back(path: Path, sound: bytes) -> None:
    """As it was."""
    if path.is_dir():
        path.rmdir()
    path.write_bytes(sound)
    path.with_name(path.name + "-wal").unlink(missing_ok=True)


async def test_a_second_process(tmp_path: Path) -> None:
    """It ends with exit code 1 and names the first, which goes on; commands go through that."""
    async with bench(tmp_path) as made:
        async with made.running():
            await made.flow()
            other = {**made.told, "server": {**made.told["server"], "port": 0}}
            second = tmp_path / "second"
            second.mkdir()
            process = await serve(second, other)
            _, told = await process.communicate()
            listed = await leadwire(tmp_path / "leadwire.yaml", "connectors", "list")
            alone = {**other, "admin": {**made.told["admin"], "port": 1}}
            failed = await serve(second, alone)
            await failed.wait()
            beside = await leadwire(second / "leadwire.yaml", "events", "--json")
            await made.flow()
        made.check_delivered()
    who = f"{made.database} is in use by another process: process {made.process.pid} on "
    assert (process.returncode, told.decode().startswith(f"leadwire: {who}")) == (1, True)
    assert (listed[0], "running" in listed[1]) == (0, True)
    assert (beside[0], who in beside[2]) == (1, True)


async def test_a_database_that_is_moved_away_and_comes_back(tmp_path: Path) -> None:
    """While it is away nobody hears OK; then everything goes on."""
    async with bench(tmp_path) as made:
        away = made.database.with_name("away")
        async with made.running():
            await made.flow()
            made.database.rename(away)
            reason = await made.not_ready()
            await made.refused()
            away.rename(made.database)
            await made.ready()
            await made.flow()
        assert "leadwire.db is gone: put it back" in reason
        assert made.code == 0
        made.check_delivered()
        told = made.lines("storage.unavailable", "storage.available", "storage.rescued")
        assert [line["event"] for line in told] == ["storage.unavailable", "storage.available"]


async def test_a_wal_and_a_lock_file_that_are_deleted(tmp_path: Path) -> None:
    """Under load, with a kill soon after: nothing is lost."""
    async with bench(tmp_path) as made:
        async with made.running():
            await made.flow()
            for suffix in ("-wal", "-shm", ".lock"):
                made.database.with_name(made.database.name + suffix).unlink()
                await made.flow()
            made.process.kill()
            await made.process.wait()
            await made.start()
            await made.flow()
        assert made.code == 0
        made.check_delivered()


async def test_a_database_that_is_deleted_is_copied_at_the_end(tmp_path: Path) -> None:
    """The copy has every update that was answered."""
    async with bench(tmp_path) as made:
        async with made.running():
            await made.flow()
            made.database.unlink()
            await made.not_ready()
            made.load.stop()
            made.load.abandon()
            made.code = await made.terminate()
        (line,) = made.lines("storage.rescued")
        rescued = made.database.with_name(line["copy"].rpartition("/")[2])
        with closing(sqlite3.connect(rescued)) as db:
            query = "SELECT COUNT(*) FROM log_records WHERE topic = ?"
            kept = db.execute(query, (str(Topic.UPDATES),)).fetchone()[0]
        assert made.load.count <= kept
        put_back(made.database, rescued.read_bytes())
        made.database.with_name(made.database.name + ".lock").unlink()
        async with made.running():
            await made.flow()
        assert made.code == 0
