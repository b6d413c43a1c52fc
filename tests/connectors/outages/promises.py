"""What is promised when a vendor fails for five minutes, for each vendor and each way to fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from gateway.model.outcome import Result
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)
from tests.connectors.outages.rig import LATENCY, Fault, Line
from tests.connectors.outages.rows import PAGE, ROWS, Row


class Promise(NamedTuple):
    """What becomes of a connector and its updates while its vendor fails."""

    does: Literal["probes", "stops", "waits", "goes on", "refuses"]
    """It probes with an open breaker; stops and tries one delivery a minute; waits as long as the
    vendor asks; takes it for a success; takes it for the vendor's word on each update."""
    result: Result | None = None
    """How the tries that did not count are recorded."""
    reason: str = ""
    """Why it is stopped, or an update refused."""
    again: bool = False
    """Whether the vendor applied each try, so that the newest update is repeated."""


# --- faults ---------------------------------------------------------------------------------


def _always(reply: HttpReply, after: float = LATENCY) -> Fault:
    async def fault(line: Line, request: HttpRequest) -> HttpReply:
        del request
        await line.clock.sleep(after)
        return reply

    return fault


async def _slow(line: Line, request: HttpRequest) -> HttpReply:
    await line.clock.sleep(request.timeout)
    return AnswerUnknown("timed out")


async def _lost(line: Line, request: HttpRequest) -> HttpReply | None:
    if request.method == "GET":
        return None
    await line.serve(request)
    return AnswerUnknown("the server closed the connection")


_PLAIN: Mapping[str, Fault] = {
    "dead": _always(ConnectFailed("cannot connect: connection refused")),
    "slow": _slow,
    "not HTTP": _always(AnswerUnknown("the answer is not HTTP")),
    "not JSON": _always(HttpResponse(200, {}, b'{"code":0,"mess')),
    "page under 200": _always(HttpResponse(200, {}, PAGE)),
    "page under 400": _always(HttpResponse(400, {}, PAGE)),
    "page under 403": _always(HttpResponse(403, {}, PAGE)),
    "page under 410": _always(HttpResponse(410, {}, PAGE)),
    "page under 502": _always(HttpResponse(502, {}, PAGE)),
    "answer lost": _lost,
}


def fault_of(row: Row, name: str) -> Fault:
    """A fault by its name in the table; the vendor's own words where it has some for it."""
    return _PLAIN.get(name) or _always(row.says[name])


# --- the table ------------------------------------------------------------------------------


def _down(result: Result = Result.UNAVAILABLE) -> Promise:
    return Promise("probes", result)


def _stopped(reason: str) -> Promise:
    return Promise("stops", Result.MISCONFIGURED, reason)


_UNKNOWN = _down(Result.ANSWER_UNKNOWN)
_ASKED_TO_WAIT = Promise("waits", Result.THROTTLED)
_TAKEN = Promise("goes on")
_INVALID = Promise("refuses", reason="validation_failed")
_LOST = Promise("probes", Result.ANSWER_UNKNOWN, again=True)
_NO_ROUTE = _stopped("route_not_found")
_RETIRED = _stopped("vendor_endpoint_retired")
_LEADSQUARED = ("leadsquared bulk", "leadsquared async")
_READS_FIRST = ("pollybot gen2", "dialnexa")
"""An answer that is lost to a read is no answer that is unknown: nothing was to be changed."""


def _each(names: tuple[str, ...], promise: Promise) -> Mapping[str, Promise]:
    return dict.fromkeys(names, promise)


def _but(promise: Promise, **others: Promise) -> dict[str, Promise]:
    """A promise of every vendor but some, `_` in whose names is a space."""
    told = {name.replace("_", " "): other for name, other in others.items()}
    return {row.name: told.get(row.name, promise) for row in ROWS}


TABLE: Mapping[str, Mapping[str, Promise]] = {
    "dead": _but(_down(Result.CONNECT_FAILED)),
    "slow": {**_but(_UNKNOWN), **_each(_READS_FIRST, _down())},
    "throttled": _but(_ASKED_TO_WAIT),
    "throttled under 200": _each(_LEADSQUARED, _ASKED_TO_WAIT),
    "key refused": _but(_stopped("unauthenticated")),
    "endpoint gone": _but(_NO_ROUTE, dialnexa=_RETIRED),
    "page under 410": _but(_NO_ROUTE, dialnexa=_RETIRED, webhook=_RETIRED),
    "not HTTP": {**_but(_UNKNOWN), **_each(_READS_FIRST, _down())},
    "not JSON": {**_but(_down(), webhook=_TAKEN), **_each(_LEADSQUARED, _UNKNOWN)},
    "page under 200": {**_but(_down(), webhook=_TAKEN), **_each(_LEADSQUARED, _UNKNOWN)},
    "page under 400": _but(_down(), webhook=_INVALID),
    "page under 403": {
        **_but(_down(), noojee=_stopped("unauthenticated"), webhook=_stopped("forbidden")),
        **_each(_LEADSQUARED, _stopped("forbidden")),
    },
    "page under 502": _but(_down()),
    "200 that says error": _but(_down(), webhook=_TAKEN),
    "200 that refuses": {
        **_but(_down(), noojee=Promise("refuses", reason="dnc_blocked")),
        **_each(_LEADSQUARED, _INVALID),
        "webhook": _TAKEN,
    },
    "answer lost": _but(_LOST),
}
"""Fault -> vendor -> promise."""

CELLS = [(fault, row) for fault, cells in TABLE.items() for row in ROWS if row.name in cells]


# --- for people -----------------------------------------------------------------------------


def table() -> str:
    """The table as Markdown, as `tests/faults/README.md` has it."""
    heads = ["fault", *(row.name for row in ROWS)]
    lines = [heads, ["---"] * len(heads)]
    for fault, cells in TABLE.items():
        lines.append([fault, *(_told(row, cells.get(row.name)) for row in ROWS)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _told(row: Row, promise: Promise | None) -> str:
    if promise is None:
        return ""
    match promise.does:
        case "probes":
            again = ", applied again" if promise.again else ""
            return f"probes, `{promise.result}`{again}"
        case "stops":
            return f"stops, `{promise.reason}`"
        case "waits":
            return f"waits {row.wait:g} s"
        case "goes on":
            return "applied"
        case "refuses":
            return f"refused, `{promise.reason}`"
