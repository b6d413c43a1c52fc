"""Files that are not what they should be: what is refused, in which words, and untouched."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.database.files import APPLICATION_ID, ForeignDatabase
from gateway.database.port import DatabaseUnavailable, Operation, Query, T
from gateway.database.sqlite import SqliteConnection

ROWS = 2000


def fill(*, more: int = 0) -> Operation[None]:
    """A table of some pages."""
    yield Query("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)")
    for _ in range(ROWS + more):
        yield Query("INSERT INTO notes (text) VALUES (?)", ("x" * 200,))


def count() -> Operation[int]:
    """How many rows."""
    rows = yield Query("SELECT COUNT(*) FROM notes")
    number: int = rows[0][0]
    return number


def add(text: str) -> Operation[None]:
    """One row more."""
    yield Query("INSERT INTO notes (text) VALUES (?)", (text,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sound database that was closed."""
    path = tmp_path / "d.db"
    connection = SqliteConnection(str(path))
    connection.transact([fill])
    connection.close()
    return path


def content(folder: Path) -> dict[str, bytes]:
    """Every file's bytes, but those of the lock and of SQLite's index of the WAL, and of a WAL
    in which there is nothing."""
    return {
        file.name: file.read_bytes()
        for file in sorted(folder.iterdir())
        if file.suffix not in {".lock", ".db-shm"} and file.stat().st_size
    }


def killed(path: Path) -> None:
    """Leave the files as a process does that is killed: the WAL has what was written last, and
    the lock file says who had them open."""
    away = path.with_name("away")
    away.mkdir()
    connection = SqliteConnection(str(path))
    connection.transact([lambda: add("last")])
    names = [path.name + suffix for suffix in ("", "-wal")]
    for name in names:
        os.link(path.with_name(name), away / name)
    lock = Path(f"{path}.lock").read_bytes()
    wal = (away / names[1]).read_bytes()
    database = path.read_bytes()
    connection.close()
    path.write_bytes(database)
    os.link(away / names[1], path.with_name(names[1]))
    path.with_name(names[1]).write_bytes(wal)
    Path(f"{path}.lock").write_bytes(lock)
    shutil.rmtree(away)


def over_header(path: Path) -> None:
    """Nothing of SQLite's is left."""
    path.write_bytes(os.urandom(100) + path.read_bytes()[100:])


def over_page(path: Path) -> None:
    """A page in the middle."""
    data = path.read_bytes()
    middle = len(data) // 8192 * 4096
    path.write_bytes(data[:middle] + b"\xa5" * 4096 + data[middle + 4096 :])


def cut(path: Path) -> None:
    """Half of it."""
    os.truncate(path, path.stat().st_size // 8192 * 4096)


def cut_in_page(path: Path) -> None:
    """Nearly all of it."""
    os.truncate(path, path.stat().st_size - 1000)


def cut_in_header(path: Path) -> None:
    """Almost nothing."""
    os.truncate(path, 60)


@pytest.mark.parametrize(
    ("damage", "wal"),
    [
        (over_header, False),
        (over_header, True),
        (over_page, False),
        (over_page, True),
        (cut, False),
        (cut, True),
        (cut_in_page, False),  # with a WAL that has this page the file is whole
        (cut_in_header, False),
        (cut_in_header, True),
    ],
)
def test_a_damaged_file_is_refused_untouched(
    path: Path, damage: Callable[[Path], None], wal: bool
) -> None:
    """As often as somebody tries, with a WAL beside it or without."""
    if wal:
        killed(path)
    damage(path)
    before = content(path.parent)
    for _ in range(2):
        with pytest.raises(ForeignDatabase, match="damaged"):
            SqliteConnection(str(path))
    assert content(path.parent) == before


def test_a_wal_whose_database_is_gone_is_kept(path: Path) -> None:
    """SQLite would delete it, and begin anew."""
    killed(path)
    database = path.read_bytes()
    for lose in (lambda: path.write_bytes(b""), path.unlink):
        lose()
        before = content(path.parent)
        with pytest.raises(ForeignDatabase, match=r"(empty|missing), but \d+ bytes of it are in"):
            SqliteConnection(str(path))
        assert content(path.parent) == before
    path.write_bytes(database)
    Path(f"{path}.lock").unlink()
    connection = SqliteConnection(str(path))
    assert connection.transact([count]) == [ROWS + 1]
    connection.close()


def test_what_a_killed_process_left_is_read(path: Path) -> None:
    """Also what is in the WAL alone."""
    killed(path)
    connection = SqliteConnection(str(path))
    assert connection.transact([count]) == [ROWS + 1]
    connection.close()


def test_a_wal_that_was_deleted_after_a_kill_is_missed(path: Path) -> None:
    """An operator must say that it may go."""
    killed(path)
    Path(f"{path}-wal").unlink()
    before = content(path.parent)
    with pytest.raises(
        ForeignDatabase, match=r"d.db-wal is missing, and leadwire did not end well"
    ):
        SqliteConnection(str(path))
    assert content(path.parent) == before
    Path(f"{path}.lock").unlink()
    SqliteConnection(str(path)).close()


def test_a_backup_is_not_mixed_with_the_wal_of_what_it_replaces(path: Path) -> None:
    """SQLite would play one into the other."""
    backup = path.with_name("backup")
    shutil.copy(path, backup)
    killed(path)
    backup.rename(path)
    before = content(path.parent)
    with pytest.raises(ForeignDatabase, match=r"d.db-wal belongs to another file"):
        SqliteConnection(str(path))
    assert content(path.parent) == before
    Path(f"{path}-wal").unlink()
    connection = SqliteConnection(str(path))
    assert connection.transact([count]) == [ROWS]
    connection.close()


def test_a_copy_of_all_files_is_as_good_as_they_were(path: Path) -> None:
    """With the lock file or without."""
    killed(path)
    copy = path.parent / "copy"
    copy.mkdir()
    for suffix in ("", "-wal", ".lock"):
        shutil.copy(f"{path}{suffix}", copy / f"d.db{suffix}")
    connection = SqliteConnection(str(copy / "d.db"))
    assert connection.transact([count]) == [ROWS + 1]
    connection.close()


def test_somebody_elses_database_with_a_wal_is_untouched(tmp_path: Path) -> None:
    """Their last words are not played into it by us."""
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE theirs (x)")
        before = content(tmp_path)
        with pytest.raises(ForeignDatabase, match="is not a leadwire database"):
            SqliteConnection(str(path))
        assert content(tmp_path) == before


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """In its own words."""
    with pytest.raises(DatabaseUnavailable, match="is a folder, not a file"):
        SqliteConnection(str(tmp_path))


def test_the_holder_is_named(path: Path) -> None:
    """Its process and machine; nobody once it has closed."""
    connection = SqliteConnection(str(path))
    with pytest.raises(ForeignDatabase, match=rf"in use by another process: process {os.getpid()}"):
        SqliteConnection(str(path))
    connection.close()
    assert Path(f"{path}.lock").read_bytes() == b""


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder that everybody may read, in a process that is not root."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "d.db"
        SqliteConnection(str(file)).close()
        file.chmod(0o444)
        Path(f"{file}.lock").chmod(0o666)
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        else:
            Path(folder).chmod(0o555)
        try:
            yield Path(folder)
        finally:
            os.seteuid(before)
            Path(folder).chmod(0o755)


def test_what_may_not_be_written_to_is_refused(nobody: Path) -> None:
    """A file, or a folder in which there is none."""
    with pytest.raises(DatabaseUnavailable, match=r"can't be written to: see its owner and perm"):
        SqliteConnection(str(nobody / "d.db"))
    with pytest.raises(DatabaseUnavailable, match="Permission denied"):
        SqliteConnection(str(nobody / "other.db"))


# --- under a running process -----------------------------------------------------------------


def run(database: SqliteConnection, operation: Callable[[], Operation[T]]) -> T:
    """One transaction, as the database's thread does it."""
    database.ensure_open()
    result: T = database.transact([operation])[0]
    return result


def test_a_file_that_is_deleted_takes_nothing_more(path: Path) -> None:
    """Nobody is told that something is safe which would go with the process. What it held is
    copied at the end."""
    database = SqliteConnection(str(path))
    run(database, lambda: add("before"))
    path.unlink()
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match=r"d\.db is gone: put it back"):
            run(database, lambda: add("nowhere"))
    database.close()
    rescued = database.rescued
    assert rescued is not None
    with closing(sqlite3.connect(rescued)) as copy:
        assert copy.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert copy.execute("SELECT COUNT(*) FROM notes").fetchone() == (ROWS + 1,)


def test_a_file_that_comes_back_goes_on(path: Path) -> None:
    """With all that was in it."""
    database = SqliteConnection(str(path))
    path.rename(path.with_name("away"))
    with pytest.raises(DatabaseUnavailable, match="is gone"):
        run(database, lambda: add("nowhere"))
    path.with_name("away").rename(path)
    run(database, lambda: add("after"))
    assert run(database, count) == ROWS + 1
    database.close()
    assert database.rescued is None


def test_a_file_in_its_place_is_not_written_to(path: Path) -> None:
    """Nor deleted."""
    backup = path.with_name("backup")
    shutil.copy(path, backup)
    database = SqliteConnection(str(path))
    run(database, lambda: add("before"))
    backup.rename(path)
    before = path.read_bytes()
    with pytest.raises(DatabaseUnavailable, match="was replaced under the running server"):
        run(database, lambda: add("nowhere"))
    database.close()
    assert path.read_bytes() == before


def test_a_wal_that_is_deleted_loses_nothing(path: Path) -> None:
    """What was in it is brought into the file, and a new one begun."""
    database = SqliteConnection(str(path))
    run(database, lambda: add("before"))
    Path(f"{path}-wal").unlink()
    run(database, lambda: add("after"))
    assert Path(f"{path}-wal").stat().st_size > 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as beside:
        assert beside.execute("SELECT COUNT(*) FROM notes").fetchone() == (ROWS + 2,)
    database.close()


def test_a_wal_that_is_cut_short_is_said(path: Path) -> None:
    """What was in it can't be had again: nothing more is promised on top of that."""
    database = SqliteConnection(str(path))
    for _ in range(2):
        run(database, lambda: add("before"))
    os.truncate(f"{path}-wal", 0)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match=r"d\.db-wal was cut short"):
            run(database, lambda: add("nowhere"))
    database.close()


def test_a_lock_file_that_is_deleted_lets_nobody_in(path: Path) -> None:
    """It is taken again with the next work, or nothing is done while another process has it."""
    database = SqliteConnection(str(path))
    Path(f"{path}.lock").unlink()
    run(database, lambda: add("before"))
    with pytest.raises(ForeignDatabase, match="in use by another process"):
        SqliteConnection(str(path))
    Path(f"{path}.lock").unlink()
    other = SqliteConnection(str(path))
    with pytest.raises(DatabaseUnavailable, match="in use by another process"):
        run(database, lambda: add("nowhere"))
    other.transact([lambda: add("theirs")])
    other.close()
    run(database, lambda: add("after"))
    assert run(database, count) == ROWS + 3
    database.close()


def test_damage_that_is_met_ends_all_writing(path: Path) -> None:
    """Until somebody has put the file right and starts again."""
    database = SqliteConnection(str(path))
    over_page(path)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match="is damaged: database disk image"):
            run(database, count)
    before = path.read_bytes()
    with pytest.raises(DatabaseUnavailable, match="is damaged"):
        run(database, lambda: add("nowhere"))
    database.close()
    assert path.read_bytes() == before
