"""Conditions over events, compiled: for routes, and for whatever else asks in CEL.

Apart from `routes`, because CEL's package takes long to import and most configurations do
without a condition.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

import cel

from gateway.settings.conditions import VARIABLES, compiled

OnError: TypeAlias = Callable[[str, str], None]
"""A condition's name, and why it could not be evaluated; holds nothing of the event."""

Event: TypeAlias = Mapping[str, object] | cel.Context
"""An event as `context` writes it, or the same made ready for CEL."""

FALSE = "it is false"
"""Why most conditions that don't hold don't."""


def prepared(event: Mapping[str, object], names: Collection[str]) -> Event:
    """The named parts of an event, turned into CEL's values once for many conditions: that is
    by far the dearest part of an evaluation.

    A value that CEL has no room for (half of a surrogate pair) leaves the event as it is, so
    that conditions about its other parts still hold.
    """
    try:
        return cel.Context({name: event[name] for name in names})
    except _FAILURES:
        return event


class Condition:
    """A compiled condition. One that can't be evaluated does not hold, and says why once for
    each kind of reason."""

    def __init__(
        self, name: str, text: str, on_error: OnError, variables: frozenset[str] = VARIABLES
    ) -> None:
        """Compile, over these variables; raises ValueError. `name` is for `on_error`."""
        self._name = name
        self._program = compiled(text, variables)
        self.names = variables.intersection(self._program.variables())
        self._on_error = on_error
        self._told: set[str] = set()

    def holds(self, event: Event) -> bool:
        """Whether it is true of an event, given as `context` or `prepared` writes it."""
        why = self.why_not(event)
        if why and why is not FALSE:
            self._tell(why)
        return not why

    def why_not(self, event: Event) -> str:
        """Why it does not hold, in words that can't hold a value of the event; empty where it
        does."""
        try:
            if not isinstance(event, cel.Context):
                event = cel.Context({name: event[name] for name in self.names})
            answer = self._program.execute(event)
        except _FAILURES as error:
            return _reason(error, self._program)
        if not isinstance(answer, bool):
            return "its value is neither true nor false"
        return "" if answer else FALSE

    def _tell(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            self._on_error(self._name, reason)


_FAILURES = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def _reason(error: Exception, program: cel.Program) -> str:
    """Why, in words that can't hold a value of the event."""
    if isinstance(error, KeyError):
        key = str(error.args[0]) if error.args else ""
        named = f"the key {key!r}" if key and key in program.source else "a key"
        return f"it reads {named}, which this event has not; ask has(…) first"
    if isinstance(error, TypeError):
        return "it compares or joins values of types that don't go together"
    return f"it could not be evaluated ({type(error).__name__})"
