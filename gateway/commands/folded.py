"""Long texts in the 80 columns that every terminal has."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

WIDE = 80


def fold(text: str, before: str = "", after: str | None = None) -> Iterator[str]:
    """Lines of at most 80 columns, the first indented by `before`, the others by `after` (absent:
    as the first); nothing is lost but the spaces at the folds."""
    follow = before if after is None else after
    for line in text.splitlines() or [""]:
        wrapped = textwrap.wrap(
            line, WIDE, initial_indent=before, subsequent_indent=follow, break_on_hyphens=False
        )
        yield from wrapped or [before]
        before = follow
