"""Who serves which path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from gateway.dialect import Dialect, Route

_PARAMETER = re.compile(r"\{(\w+)\}")
_NONE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Served:
    """A path of a dialect."""

    dialect: Dialect
    path: str
    """With `{name}` for a path parameter."""
    routes: Mapping[str, Route]
    """By method."""
    methods: tuple[str, ...]
    """Those of the routes, in their order."""


class Paths:
    """Those of several dialects. Where two could serve a path, one that is spelt out goes before
    one with parameters, and an earlier dialect before a later one."""

    def __init__(self, dialects: Iterable[Dialect]) -> None:
        """Made once; looked up at each call."""
        self._plain: dict[str, Served] = {}
        self._patterns: list[tuple[re.Pattern[str], Served]] = []
        for dialect in dialects:
            routes: dict[str, dict[str, Route]] = {}
            for route in dialect.routes:
                routes.setdefault(route.path, {})[route.method] = route
            for path, by_method in routes.items():
                served = Served(dialect, path, by_method, tuple(by_method))
                if _PARAMETER.search(path) is None:
                    self._plain.setdefault(path, served)
                else:
                    self._patterns.append((_pattern(path), served))

    def at(self, path: str) -> tuple[Served, Mapping[str, str]] | None:
        """Who serves a path, which is not decoded yet, and its parameters, which are."""
        served = self._plain.get(path)
        if served is not None:
            return served, _NONE
        for pattern, served in self._patterns:
            match = pattern.fullmatch(path)
            if match is not None:
                return served, {name: unquote(text) for name, text in match.groupdict().items()}
        return None


def _pattern(path: str) -> re.Pattern[str]:
    parts = _PARAMETER.split(path)
    # Names of parameters are every second part.
    return re.compile(
        "".join(
            f"(?P<{part}>[^{{}}/]+)" if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
    )
