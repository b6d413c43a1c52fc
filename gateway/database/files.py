"""What lies on the disk: whose file it is, who has it, and whether it is still the same one.

SQLite believes whatever it finds: an empty file beside a full WAL is a new database (and the WAL
is deleted), a WAL is played into whatever file has its name, and a file that was deleted is
written to until the process ends. So all of that is looked at before SQLite opens anything, and
again before each transaction.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from gateway.database.port import DatabaseUnavailable

APPLICATION_ID: Final = 0x4C574952
"""Marks the file as ours ("LWIR"), so that a foreign database is refused, not written to."""
WAL_KEPT: Final = 64 << 20
"""Bytes that the WAL's file keeps when what was in it has reached the database."""
_MAGIC: Final = b"SQLite format 3\0"
_HEADER: Final = 100
"""Bytes of the header, the application id the four at 68 (sqlite.org/fileformat2.html, 1.3)."""


class ForeignDatabase(Exception):
    """The file is not a leadwire database, is damaged, or is in use by another process."""


def wal_of(path: str) -> str:
    """The name of a database's write-ahead log."""
    return path + "-wal"


def size_of(path: str) -> int:
    """Bytes; 0 for a file that isn't there."""
    try:
        return os.stat(path).st_size  # noqa: PTH116 - before each transaction, no Path object
    except FileNotFoundError:
        return 0


def inspect(path: str) -> None:
    """Refuse, without a change to any byte, what is not ours to open. An empty or missing file is
    a new database. Raises ForeignDatabase, DatabaseUnavailable, OSError."""
    file = Path(path)
    if file.is_dir():
        raise DatabaseUnavailable(f"{path} is a folder, not a file")
    if not size_of(path):
        left = size_of(wal_of(path))
        if left:
            raise ForeignDatabase(
                f"{path} is {'empty' if file.exists() else 'missing'}, but {left} bytes of it are"
                f" in {wal_of(path)}: put the file back that belongs to them, or move them away"
            )
        return
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        raise DatabaseUnavailable(f"{path} can't be written to: see its owner and permissions")
    if size_of(path + "-journal"):
        return  # a file whose making was cut short: SQLite takes the half of it back
    with file.open("rb") as opened:
        header = opened.read(_HEADER)
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        raise ForeignDatabase(f"{path} is damaged or no database; put a sound copy in its place")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise ForeignDatabase(f"{path} is not a leadwire database")


class _Place(NamedTuple):
    device: int
    inode: int


def _place(path: str) -> _Place | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - before each transaction, no Path object
    except FileNotFoundError:
        return None
    return _Place(found.st_dev, found.st_ino)


class Lock:
    """The lock file beside the database: one process at a time. While the database is open it
    says who has it, and which files are open."""

    def __init__(self, path: str) -> None:
        """Take the lock. Raises ForeignDatabase where another process has it, OSError."""
        self.path = path
        self._name = path + ".lock"
        self._handle = self._take()

    def _take(self) -> int:
        handle = os.open(self._name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(os.pread(handle, 4096, 0))
            os.close(handle)
            raise ForeignDatabase(f"{self.path} is in use by another process{holder}") from error
        except OSError:
            os.close(handle)
            raise
        return handle

    @property
    def lost(self) -> bool:
        """Whether the lock file was removed, so that another process could take a lock too."""
        mine = os.fstat(self._handle)
        return _place(self._name) != (mine.st_dev, mine.st_ino)

    def retake(self) -> None:
        """Take it again after it was lost. Raises ForeignDatabase, OSError."""
        handle = self._take()
        os.close(self._handle)
        self._handle = handle

    def check(self) -> None:
        """Refuse files of which one was put in place of another since a process that did not end
        well had them open. Raises ForeignDatabase."""
        told = _read(os.pread(self._handle, 4096, 0))
        database, wal = _place(self.path), _place(wal_of(self.path))
        if "database" not in told or database is None:
            return
        same = database.inode == told["database"]
        if same and wal is None:
            raise ForeignDatabase(
                f"{wal_of(self.path)} is missing, and leadwire did not end well: updates that were"
                f" accepted last are in it. Put it back, or delete {self._name} to go on without"
            )
        if not same and wal is not None and wal.inode == told.get("wal"):
            raise ForeignDatabase(
                f"{wal_of(self.path)} belongs to another file than {self.path}, and would damage"
                f" it: move it away, and {self._name} with it"
            )

    def note(self, files: Files) -> None:
        """Say who has the database, and which files are open."""
        told = {"pid": os.getpid(), "host": socket.gethostname(), **files.inodes()}
        self._write(orjson.dumps(told))

    def clear(self) -> None:
        """The database was closed as it should be."""
        self._write(b"")

    def _write(self, text: bytes) -> None:
        # What stands here is for people and for the next start: no work is refused for it.
        with contextlib.suppress(OSError):
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, text, 0)
            os.fsync(self._handle)
            _flush_names(Path(self.path).parent)

    def close(self) -> None:
        """Let go."""
        os.close(self._handle)


def _flush_names(folder: Path) -> None:
    """Make durable which files there are: a WAL that is noted must not go in a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(text: bytes) -> dict[str, int | str]:
    try:
        told: dict[str, int | str] = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return told


def _holder(text: bytes) -> str:
    told = _read(text)
    return f": process {told['pid']} on {told['host']}" if "pid" in told else ""


class Files:
    """The files that a connection has open, to see when they are no longer those of that name.

    `trusted` is asked before each transaction, by a thread that has to win the interpreter lock
    back after each call of the system: so it makes two, and the others are asked only where it
    says no.
    """

    def __init__(self, path: str) -> None:
        """As they are now; the WAL must have been opened."""
        self._path, self._wal_path = path, wal_of(path)
        self._folder = str(Path(path).parent)
        self._database, self._wal = _place(path), _place(self._wal_path)
        self._changed = 0
        self.wal_bytes = 0
        """Of the WAL, when last asked."""
        self.wal_was_cut = False
        """Whether it was shorter than the time before, and not by SQLite, which by itself never
        makes it shorter than `WAL_KEPT`."""

    def trusted(self) -> bool:
        """Whether no file of the folder was made, renamed or deleted since `trust`, and the WAL
        was not cut short. Raises OSError."""
        before, self.wal_bytes = self.wal_bytes, size_of(self._wal_path)
        self.wal_was_cut = self.wal_bytes < min(before, WAL_KEPT)
        return not self.wal_was_cut and self._changed == self.changed()

    def changed(self) -> int:
        """When the folder last changed. Raises OSError."""
        return os.stat(self._folder).st_mtime_ns  # noqa: PTH116 - as `_place`

    def trust(self, changed: int) -> None:
        """All is as it should be since the folder changed then."""
        self._changed = changed

    def inodes(self) -> dict[str, int]:
        """For `Lock.note`."""
        places = {"database": self._database, "wal": self._wal}
        return {name: place.inode for name, place in places.items() if place is not None}

    def moved(self) -> str | None:
        """What became of the database, if another file or none has its name."""
        place = _place(self._path)
        if place == self._database:
            return None
        if place is None:
            return f"{self._path} is gone: put it back"
        return f"{self._path} was replaced under the running server: put it back, or restart"

    def wal_moved(self) -> bool:
        """Whether another file or none has the WAL's name."""
        return _place(self._wal_path) != self._wal

    def wal_emptied(self) -> None:
        """We have made the WAL short ourselves."""
        self.wal_bytes = 0
