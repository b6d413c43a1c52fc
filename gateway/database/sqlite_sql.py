"""Statements of many rows, as few statements of many values for SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from gateway.database.port import DeleteMany, InsertMany, Row

STRIDE, LONGEST = 4, 64
"""Rows of one statement: fewer than the first, or a multiple of it up to the second."""
PREPARED: Final = 384
"""Statements kept ready."""
PARAMETERS: Final = 8192
"""Most parameters of one statement; SQLite itself allows 32,766."""


def statements(statement: InsertMany | DeleteMany) -> Iterator[tuple[str, list[Any]]]:
    """Each as its text and its parameters."""
    if not statement.rows:
        return
    width = len(statement.rows[0])
    for rows in _chunks(statement.rows, max(1, PARAMETERS // width)):
        if isinstance(statement, InsertMany):
            text = _insert(statement.head, width, len(rows), statement.tail)
        else:
            text = _delete(statement.table, statement.columns, len(rows))
        yield text, [value for row in rows for value in row]


def _chunks(rows: Sequence[Row], most: int) -> Iterator[Sequence[Row]]:
    """Split into runs shorter than `STRIDE`, or of a multiple of it: few statements are made (two
    for most numbers of rows), and few prepared."""
    start, left = 0, len(rows)
    while left:
        size = min(left if left < STRIDE else left - left % STRIDE, LONGEST, most)
        yield rows[start : start + size]
        start += size
        left -= size


@lru_cache(maxsize=PREPARED)
def _insert(head: str, width: int, rows: int, tail: str) -> str:
    return f"{head} {_values(width, rows)} {tail}"


@lru_cache(maxsize=PREPARED)
def _delete(table: str, columns: tuple[str, ...], rows: int) -> str:
    return f"DELETE FROM {table} WHERE ({', '.join(columns)}) IN ({_values(len(columns), rows)})"


def _values(width: int, rows: int) -> str:
    group = "(" + ",".join("?" * width) + ")"
    return f"VALUES {','.join([group] * rows)}"
