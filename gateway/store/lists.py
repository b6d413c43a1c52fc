"""Lists of values inside a statement: `(a, b) IN (VALUES (?, ?), …)`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

MOST: Final = 512
"""Rows of one list."""


def listed(row: str, rows: Sequence[Sequence[Any]]) -> Iterator[tuple[str, list[Any]]]:
    """The rows in portions, each as the text of a list and its parameters; `row` is the text of
    one: `(?, ?)`. A database prepares each statement that it has not seen before, so the last row
    is repeated until their number is a power of two: to be in a list twice changes nothing."""
    for start in range(0, len(rows), MOST):
        some = rows[start : start + MOST]
        count = 1 << (len(some) - 1).bit_length()
        flat = [value for one in some for value in one]
        flat += [*some[-1]] * (count - len(some))
        yield f"VALUES {', '.join([row] * count)}", flat
