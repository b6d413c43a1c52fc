"""SQL work as data.

An *operation* is a generator that yields queries, receives their rows, and returns a result.
It holds no connection and awaits nothing, so the same text runs inside a thread on SQLite and
over a socket on PostgreSQL, and two operations join into one transaction with `yield from`.

An operation must bear being run again from its start: an adapter repeats it after a lost race,
and alone after a group it was in has failed. Whatever else runs, it sees and changes what it would
if it ran alone.

The SQL is what SQLite and PostgreSQL both read. A parameter has its column's type, and is cast
where it stands beside no column. Text columns are declared `TEXT` and compare by code points. An
insert with `DO UPDATE` meets each row once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol, TypeAlias, TypeVar

T = TypeVar("T")

Row: TypeAlias = tuple[Any, ...]
Rows: TypeAlias = list[Row]


@dataclass(frozen=True, slots=True)
class Query:
    """One statement with `?` parameters."""

    sql: str
    parameters: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class InsertMany:
    """One insert of many rows: `head VALUES (…), (…) tail`. Empty rows do nothing."""

    head: str
    """`INSERT INTO t (a, b)`"""
    rows: Sequence[Row]
    tail: str = ""
    """`ON CONFLICT …`"""


@dataclass(frozen=True, slots=True)
class DeleteMany:
    """One delete of many rows, each by the values of some columns. Empty rows do nothing."""

    table: str
    columns: tuple[str, ...]
    """Those that begin a key or an index of the table: each row is looked up by them."""
    rows: Sequence[Row]


Statement: TypeAlias = Query | InsertMany | DeleteMany
Operation: TypeAlias = Generator[Statement, Rows, T]


class Urgency(IntEnum):
    """What goes first when work queues up."""

    FIRST = 0
    """Appends and settles: somebody waits for the flush."""
    LATER = 1
    """Everything else."""


class DatabaseUnavailable(Exception):
    """The work was not done; the same call may go through later."""


class CommitUnknown(DatabaseUnavailable):
    """The commit itself failed: the work may or may not have been done."""


class Database(Protocol):
    """Runs operations, each in a transaction."""

    async def run(
        self, operation: Callable[[], Operation[T]], urgency: Urgency = Urgency.LATER
    ) -> T:
        """Run to the end and commit with a full flush.

        Raises DatabaseUnavailable or CommitUnknown for what the disk or the server does, and
        whatever the operation raises (its transaction is then rolled back).
        """

    async def close(self) -> None:
        """Finish what is queued and close."""
