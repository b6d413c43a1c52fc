"""Calls as the dialects read them, from what HTTP has: for the listener, and for whoever has a
call written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

from gateway.dialect import Call, Dialect, Route
from gateway.edge.paths import Paths


def query_of(raw: str) -> tuple[tuple[str, str], ...]:
    """Parameters in the order sent, blank ones too; as `urllib.parse.parse_qsl`, without what it
    does for bytes and separators, which would take as long as the rest of the call's reading."""
    if not raw:
        return ()
    pairs = [pair.partition("=") for pair in raw.split("&") if pair]
    if "%" in raw or "+" in raw:
        return tuple([(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs])
    return tuple([(name, value) for name, _, value in pairs])


class Found(NamedTuple):
    """Who serves a call."""

    dialect: Dialect
    call: Call
    route: Route | None
    """None: the path is served, the method is not."""
    methods: tuple[str, ...]
    """Those that are."""


def find(
    paths: Paths, method: str, path: str, query: str, headers: Mapping[str, str]
) -> Found | None:
    """Who serves a call to this path with this query, neither decoded; None where nobody does.
    Names of headers are found in lower case."""
    place = paths.at(path)
    if place is None:
        return None
    served, parameters = place
    route = served.routes.get(method)
    operation = served.path if route is None else route.operation
    decoded = unquote(path) if "%" in path else path
    call = Call(method, decoded, operation, parameters, query_of(query), headers)
    return Found(served.dialect, call, route, served.methods)
