"""Conditions over an event, in CEL (https://cel.dev)."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from gateway.settings.problems import nearest

if TYPE_CHECKING:
    import cel

VARIABLES = frozenset(
    {"tenant", "dialect", "lead", "changes", "attributes", "triggers", "origin"},
)
"""What a route's condition may speak of."""

_TYPES = frozenset(
    {"bool", "bytes", "double", "duration", "int", "list", "map", "null_type", "string"}
    | {"timestamp", "type", "uint", "optional"}
)
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter)\s*\(\s*(\w+)\s*,")
_WHERE = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?(.*?)(?: expecting .*)?$", re.M)


def compiled(text: str, variables: Collection[str] = VARIABLES) -> cel.Program:
    """Compile a condition.

    Raises ValueError, in one line, for what is not CEL and for a variable that no event has.
    """
    import cel  # noqa: PLC0415 - slow to import, and a condition that is `true` needs none of it

    try:
        program = cel.compile(text)
    except ValueError as error:
        where = _WHERE.search(str(error))
        reason = f"line {where[1]}, column {where[2]}: {where[3]}" if where else "it can't be read"
        raise ValueError(f"is not CEL: {reason}") from None
    known = {*variables, *_TYPES, *_BOUND.findall(text)}
    for name in program.variables():
        if name not in known:
            raise ValueError(f"speaks of {name!r}, which no event has{nearest(name, variables)}")
    return program


def condition(text: str, variables: Collection[str] = VARIABLES) -> str:
    """The same text, once it is known to compile; raises ValueError."""
    if text.strip() != "true":
        compiled(text, variables)
    return text
