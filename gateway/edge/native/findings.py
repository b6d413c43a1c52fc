"""What is wrong with a body, each thing by its place (a JSON Pointer, RFC 6901)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gateway.dialect import Fault
from gateway.model.codes import Code
from gateway.model.json import JsonValue
from gateway.settings.problems import nearest

MOST = 20
"""Faults told of one call."""
_LONGEST = 64
"""Letters of a name that are shown, and compared with the names we know."""


def inside(place: str, name: str | int) -> str:
    """The pointer to a member or an item."""
    if isinstance(name, int):
        return f"{place}/{name}"
    return f"{place}/{shortened(name).replace('~', '~0').replace('/', '~1')}"


def shortened(name: str) -> str:
    """A name as messages show it."""
    return name if len(name) <= _LONGEST else name[:_LONGEST] + "…"


class Findings:
    """Collects faults, the first `MOST` of them."""

    def __init__(self) -> None:
        """Nothing is wrong yet."""
        self.faults: list[Fault] = []

    @property
    def full(self) -> bool:
        """Whether one need not look any further."""
        return len(self.faults) >= MOST

    def add(self, place: str, message: str, code: Code = Code.VALIDATION_FAILED) -> None:
        """Note a fault; `message` is the rest of a sentence about what is at `place`, and holds
        no value of the call."""
        if not self.full:
            self.faults.append(Fault(code, place, None, message))

    def members(self, body: Mapping[str, JsonValue], known: Collection[str], place: str) -> None:
        """Note every member that is none of the known ones."""
        for name in body:
            if name not in known and not self.full:
                text = f"is no member here{nearest(shortened(name), known)}"
                self.add(inside(place, name), text, Code.UNKNOWN_ATTRIBUTE)
