"""SQLite's errors: which are the disk's and pass, which say that the connection or the file can't
be trusted any more, and their words for people."""

from __future__ import annotations

import sqlite3
from typing import Final

DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""The file is not what it should be: nothing more is written to it."""
BROKEN: Final = DAMAGE | {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}
"""The connection can't be trusted: the file failed, or is another one now."""
TROUBLE: Final = BROKEN | {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
}
"""The work was not done, through no fault of its own."""


def code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for errors that Python's module raises by itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def words(error: Exception) -> str:
    """What SQLite says, with the name of its code: that tells a full disk from a failing one."""
    name = getattr(error, "sqlite_errorname", None)
    return f"{error} ({name})" if name else str(error)
