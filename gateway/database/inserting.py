"""Inserts of many rows as few statements, of which few are ever prepared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from gateway.database.port import InsertMany, Row

STRIDE, LONGEST = 4, 64
"""Rows of one statement: fewer than the first, or a multiple of it up to the second."""
PREPARED: Final = 384
"""Statements kept ready."""
PARAMETERS: Final = 8192
"""Most parameters of one statement; SQLite itself allows 32,766."""


def inserts(statement: InsertMany) -> Iterator[tuple[str, list[Any]]]:
    """Its statements, each with its parameters; none without rows."""
    if not statement.rows:
        return
    width = len(statement.rows[0])
    for rows in _chunks(statement.rows, max(1, PARAMETERS // width)):
        flat = [value for row in rows for value in row]
        yield _text(statement.head, width, len(rows), statement.tail), flat


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
def _text(head: str, width: int, rows: int, tail: str) -> str:
    group = "(" + ",".join("?" * width) + ")"
    return f"{head} VALUES {','.join([group] * rows)} {tail}"
