"""Settings from the environment: `LEADWIRE_SECTION__KEY=value`.

`__` goes one level down, `-` of a key is written `_`, upper and lower case are the same, and an
item of a list is named by its position from 0. The value is text, read by the setting's type;
`null` is none. Names without `__` are no overrides (`LEADWIRE_CONFIG`).
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.settings.document import Document, Tree
from gateway.settings.problems import Path, Problem, dotted

PREFIX = "LEADWIRE_"


def override(document: Document, environ: Mapping[str, str]) -> None:
    """Write every override into the document, in the order of the variables' names."""
    for variable in sorted(environ):
        words = variable.removeprefix(PREFIX).split("__")
        if variable.startswith(PREFIX) and len(words) > 1:
            value = environ[variable]
            wrong = _write(document, variable, words, None if value == "null" else value)
            if wrong is not None:
                document.problems.append(Problem(variable, (), wrong))


def _write(document: Document, variable: str, words: list[str], value: Tree) -> str | None:
    """Put one value in its place; what is wrong with its name, if anything."""
    if not all(words):
        return "names no setting"
    group: Tree = document.tree
    path: Path = ()
    for position, word in enumerate(words):
        last = position == len(words) - 1
        if isinstance(group, dict):
            key = _key(group, word)
            path = (*path, key)
            if last or group.get(key) is None:
                group[key] = value if last else {}
                document.places[path] = variable
            group = group[key]
        elif isinstance(group, list):
            if not word.isdecimal() or int(word) >= len(group):
                return f"{dotted(path)} has {len(group)} items, counted from 0, and no {word}"
            path = (*path, int(word))
            if last or group[int(word)] is None:
                group[int(word)] = value if last else {}
                document.places[path] = variable
            group = group[int(word)]
        else:
            return f"{dotted(path)} is a value and has nothing below it"
    return None


def _key(group: Mapping[str, Tree], word: str) -> str:
    """The key that a word means: one that is there, else the word in lower case."""
    plain = word.lower()
    for key in group:
        if key.lower().replace("-", "_") == plain:
            return key
    return plain
