"""What is wrong with a configuration, said so that it can be put right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Where a setting is: keys, and positions in lists from 0."""


def dotted(path: Path) -> str:
    """A path as people write it: `tenants.default.credentials[0].api_key`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """`; the nearest is NAME`, or nothing where nothing is known."""
    names = sorted(known)
    close = get_close_matches(word.lower(), names, n=1, cutoff=0.0)
    return f"; the nearest is {close[0]}" if close else ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or worth a warning."""

    place: str
    """`FILE:LINE`, or the environment variable that says it."""
    path: Path
    """The setting; empty where the file itself is meant."""
    text: str
    """What is wrong, as the rest of a sentence about the setting. Never holds a secret."""

    def __str__(self) -> str:
        """`FILE:LINE: path.to.key: what is wrong`."""
        return ": ".join(part for part in (self.place, dotted(self.path), self.text) if part)


class SettingsError(Exception):
    """The configuration can't be used; its text has one line per problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """All that is wrong, in the order of the file."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
