"""What PostgreSQL is told where an operation says it in the SQL that every database reads.

Text has SQLite's meaning: it is compared by its code points, not by a language's rules, and may
hold U+0000, which PostgreSQL refuses in any text (postgresql.org/docs/current, 8.3 "Character
Types"). So each text column is declared `COLLATE "C"`, and U+0000 travels as two others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from gateway.database.port import Row

# A text between quotes, whose question marks are its own, or a parameter's mark.
_MARKS: Final = re.compile(r"'(?:[^']|'')*'|\?")
_DEFINITION: Final = re.compile(r"\s*(?:CREATE|ALTER)\s+TABLE\b")
_TEXT_COLUMN: Final = re.compile(r"\bTEXT\b(?! COLLATE)")

_ESCAPE: Final = "\ufdd0"
"""Stands before a `0` for U+0000, before a `1` for itself. It is no character (Unicode, 23.7)."""


@lru_cache(maxsize=1024)
def translated(sql: str) -> str:
    """A portable statement: `?` becomes `$1`, `$2`, …, a text column one that compares by code
    points."""
    numbers = iter(range(1, sql.count("?") + 1))

    def numbered(found: re.Match[str]) -> str:
        return f"${next(numbers)}" if found[0] == "?" else found[0]

    told = _MARKS.sub(numbered, sql)
    if _DEFINITION.match(told):
        told = _TEXT_COLUMN.sub('TEXT COLLATE "C"', told)
    return told


def one_row(head: str, width: int) -> str:
    """An insert of one row: what the server is asked the types of its parameters by."""
    return f"{head} VALUES ({', '.join(f'${n}' for n in range(1, width + 1))})"


def many_rows(head: str, types: Sequence[str], tail: str) -> str:
    """An insert of any number of rows, given as one array for each column: the same statement
    whatever their number, so that it is planned once."""
    arrays = ", ".join(f"${n}::{type}[]" for n, type in enumerate(types, 1))
    return f"{head} SELECT * FROM unnest({arrays}) {tail}"


def one_delete(table: str, columns: Sequence[str]) -> str:
    """A delete of one row, which is sent for each: as one statement of many values the server
    would sooner read the table than look up each row, and take all it has read for a conflict."""
    return f"DELETE FROM {table} WHERE " + " AND ".join(
        f"{column} = ${n}" for n, column in enumerate(columns, 1)
    )


def columns(rows: Sequence[Row]) -> list[list[Any]]:
    """The parameters of `many_rows`."""
    return [list(parameters(column)) for column in zip(*rows, strict=True)]


def parameters(values: Iterable[Any]) -> Iterator[Any]:
    """Parameters as the server takes them."""
    for value in values:
        yield _escaped(value) if type(value) is str and not _plain(value) else value


def row(cells: Iterable[Any]) -> Row:
    """A row as the operation has written it."""
    return tuple(
        [_unescaped(cell) if type(cell) is str and _ESCAPE in cell else cell for cell in cells]
    )


def _plain(text: str) -> bool:
    return "\0" not in text and _ESCAPE not in text


def _escaped(text: str) -> str:
    return text.replace(_ESCAPE, _ESCAPE + "1").replace("\0", _ESCAPE + "0")


def _unescaped(text: str) -> str:
    return text.replace(_ESCAPE + "0", "\0").replace(_ESCAPE + "1", _ESCAPE)
