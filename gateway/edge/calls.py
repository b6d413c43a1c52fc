"""Calls as the dialects read them, from what HTTP has: for the listener, and for whoever has a
call written down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

from gateway.dialect import Call, Dialect, Route

_PARAMETER = re.compile(r"\{(\w+)\}")


def query_of(raw: str) -> tuple[tuple[str, str], ...]:
    """Parameters in the order sent, blank ones too; as `urllib.parse.parse_qsl`, without what it
    does for bytes and separators, which would take as long as the rest of the call's reading."""
    if not raw:
        return ()
    pairs = [pair.partition("=") for pair in raw.split("&") if pair]
    return tuple((_decoded(name), _decoded(value)) for name, _, value in pairs)


def _decoded(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


class Found(NamedTuple):
    """Who serves a path."""

    dialect: Dialect
    call: Call
    route: Route | None
    """None: the path is served, the method is not."""
    methods: tuple[str, ...]
    """Those that are."""


def find(
    dialects: Iterable[Dialect], method: str, target: str, headers: Mapping[str, str]
) -> Found | None:
    """The dialect that serves this path and query, as the listener would find it; None where there
    is none. Names of headers may be in any case."""
    raw_path, _, raw_query = target.partition("?")
    path, query = unquote(raw_path), query_of(raw_query)
    told = {name.lower(): value for name, value in headers.items()}
    for dialect in dialects:
        matching = [
            (route, match)
            for route in dialect.routes
            if (match := _pattern(route.path).fullmatch(raw_path)) is not None
        ]
        if not matching:
            continue
        methods = tuple(route.method for route, _ in matching)
        served = next(((r, m) for r, m in matching if r.method == method), None)
        route, match = served or matching[0]
        parameters = {name: unquote(text) for name, text in match.groupdict().items()}
        operation = route.path if served is None else route.operation
        call = Call(method, path, operation, parameters, query, told)
        return Found(dialect, call, None if served is None else route, methods)
    return None


@lru_cache(maxsize=256)
def _pattern(path: str) -> re.Pattern[str]:
    parts = _PARAMETER.split(path)
    # Names of parameters are every second part.
    return re.compile(
        "".join(
            f"(?P<{part}>[^{{}}/]+)" if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
    )
