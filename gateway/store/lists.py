"""Lists of values inside a statement: `a IN (?, ?, …)`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

MOST: Final = 512
"""Values of one list."""


def listed(values: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The values in portions, each with the marks of its parameters. A database prepares each
    statement that it has not seen before, so the last value is repeated until their number is a
    power of two: to be in a list twice changes nothing."""
    for start in range(0, len(values), MOST):
        some = values[start : start + MOST]
        count = 1 << (len(some) - 1).bit_length()
        yield ", ".join("?" * count), [*some, *[some[-1]] * (count - len(some))]
