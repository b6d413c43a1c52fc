"""The connections of a listener: how many there may be, and how long one may keep us waiting.

aiohttp bounds a line, a header and their number, and closes a connection that stays idle. What it
has no bound for is here: a request's head that trickles in, a call that never ends, an answer
that nobody reads, and the number of connections. One sweep looks at all of them once a second, so
a call pays for an attribute, not for a timer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import inf

from aiohttp import web

from gateway import lines
from gateway.clock import Clock
from gateway.metrics import Metrics
from gateway.settings.model import ServerSettings

SWEEP = 1.0
"""Seconds between looks at the connections, at most."""
TOLD_EVERY = 60.0
"""Seconds between lines that say that connections were turned away."""
LINE, HEADERS = 8190, 100
"""Bytes of the request line, and of one header with its name; and how many headers."""
BUFFERED = 65536
"""Bytes of a body that wait in memory while nobody reads it; reading pauses at twice as many."""
LINGERING = 2.0
"""Seconds for which the rest of a refused body is read and thrown away, so that a client which
still sends can read its answer."""

HEAD, CALL, ANSWER, FULL = "head", "call", "answer", "full"
HEAD_SIZE, UNREADABLE = "head_size", "unreadable"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What connections may take of us; times in seconds."""

    connections: float = inf
    """How many there may be at once."""
    head: int = 32768
    """Bytes of a request's line and headers together."""
    head_within: float = 10.0
    """From the connection's first moment, or a later request's first byte, to the end of the
    headers."""
    idle: float = 75.0
    """From an answer to the end of the next request's headers."""
    call_within: float = inf
    """From the headers to the answer, whatever goes on between them."""
    answer_within: float = inf
    """For how long a client may leave an answer unread."""

    def of(self, phase: str) -> float:
        """How long a connection may be in a phase."""
        if phase == HEAD:
            return self.head_within
        return self.call_within if phase == CALL else self.answer_within


def bounds(settings: ServerSettings) -> Bounds:
    """Those of the inbound listener."""
    return Bounds(
        settings.max_connections,
        settings.max_head,
        settings.head_within,
        settings.keep_alive,
        settings.call_within,
        settings.answer_read_within,
    )


class Connections:
    """Those that are open."""

    def __init__(self, bounds: Bounds, clock: Clock, metrics: Metrics) -> None:
        """`run` does the sweeping."""
        self.bounds, self._clock, self._metrics = bounds, clock, metrics
        self._open: set[Connection] = set()
        self._away, self._told = 0, -inf

    def __len__(self) -> int:
        """How many there are."""
        return len(self._open)

    def accept(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> asyncio.Protocol:
        """The protocol of a new connection."""
        if len(self._open) < self.bounds.connections:
            return Connection(self, server, loop)
        self._away += 1
        self.count(FULL)
        return TurnedAway()

    def opened(self, connection: Connection) -> None:
        """It is there from now on."""
        connection.since = self._clock.monotonic()
        self._open.add(connection)
        self._metrics.connections().set(len(self._open))

    def closed(self, connection: Connection) -> None:
        """It is gone."""
        self._open.discard(connection)
        self._metrics.connections().set(len(self._open))

    def count(self, reason: str) -> None:
        """A connection ends because of a bound."""
        self._metrics.connections_closed(reason).inc()

    async def run(self) -> None:
        """Sweep for ever."""
        told = self.bounds
        shortest = min(told.head_within, told.call_within, told.answer_within)
        while True:
            await self._clock.sleep(min(SWEEP, shortest / 4))
            self.sweep(self._clock.monotonic())

    def sweep(self, now: float) -> None:
        """Close those that are over a bound at `now`, monotonic seconds."""
        for connection in list(self._open):
            connection.look(now)
        if self._away and now - self._told >= TOLD_EVERY:
            lines.warning("connections.full", most=self.bounds.connections, turned_away=self._away)
            self._away, self._told = 0, now


class Connection(web.RequestHandler):
    """One connection: aiohttp's, with the bounds that it lacks."""

    __slots__ = ("_connections", "_phase", "_stalled", "_unfinished", "since")

    def __init__(
        self, connections: Connections, server: web.Server, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Made by `Connections.accept`."""
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # its own default for a runner is none
            keepalive_timeout=connections.bounds.idle,
            max_line_size=LINE,
            max_field_size=LINE,
            max_headers=HEADERS,
            read_bufsize=BUFFERED,
            lingering_time=LINGERING,
            auto_decompress=False,
        )
        self._connections = connections
        self._stalled = False
        self._unfinished = 1
        self._phase: tuple[str, int] | None = (HEAD, 0)
        self.since = 0.0
        """When its phase was first seen, monotonic."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It begins."""
        super().connection_made(transport)
        self._connections.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It ended."""
        self._connections.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes: a request, some of a call's body, or some of a request's head, which are counted
        until it is whole."""
        super().data_received(data)
        waiter = self._waiter
        if waiter is None or waiter.done():
            self._unfinished = 0
            return
        self._unfinished += len(data)
        if self._unfinished > self._connections.bounds.head:
            self._cut(HEAD_SIZE)

    def pause_writing(self) -> None:
        """The client leaves what we write unread."""
        super().pause_writing()
        self._stalled = True

    def resume_writing(self) -> None:
        """It reads."""
        self._stalled = False
        super().resume_writing()

    def look(self, now: float) -> None:
        """Close it if it has been too long in its phase at `now`, monotonic seconds."""
        phase = self._now_in()
        if phase != self._phase:
            self._phase, self.since = phase, now
        elif phase is not None and now - self.since > self._connections.bounds.of(phase[0]):
            self._cut(phase[0])

    def _now_in(self) -> tuple[str, int] | None:
        """What we wait for, and in which of its requests; None: nothing that has a bound here."""
        number = self._request_count - len(self._messages)
        if self._stalled:
            return ANSWER, number
        if self._current_request is not None:
            return CALL, number
        return (HEAD, number) if self._unfinished else None

    def _cut(self, reason: str) -> None:
        transport = self.transport
        if transport is None:
            return
        self._connections.count(reason)
        parting = _PARTING.get(reason)
        if parting is None:
            transport.abort()
        else:
            transport.write(parting)
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what was sent
    ) -> web.StreamResponse:
        """The answer to a request that can't be read, or whose handling failed: without a word of
        the request, and none in the log."""
        if exc is not None:
            # Its traceback holds what was sent, in a circle that would wait for the collector.
            exc.__traceback__ = None
        if status < 500:
            self._connections.count(UNREADABLE)
        else:
            self.log_exception(exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun")
        body = _UNREADABLE if status < 500 else _FAULT
        response = web.Response(status=status, body=body, content_type="application/json")
        response.force_close()
        return response

    def log_exception(self, *_: object, exc_info: object = None) -> None:
        """A fault of ours that no handler caught. The error's own words stay out: they may hold
        what the caller said."""
        lines.error("connection.failed", error=type(exc_info).__name__)


class TurnedAway(asyncio.Protocol):
    """A connection beyond the bound."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say so, and close."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - the loop's promise
        transport.write(_PARTING[FULL])
        transport.close()


def _said(status: str, body: bytes, more: bytes = b"") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + more + b"Connection: close\r\n\r\n" + body


_UNREADABLE = b'{"error":"the request cannot be read"}'
_FAULT = b'{"error":"the request could not be handled"}'
_PARTING = {
    FULL: _said(
        "503 Service Unavailable", b'{"error":"too many connections"}', b"Retry-After: 5\r\n"
    ),
    HEAD: _said("408 Request Timeout", b'{"error":"the request did not come in time"}'),
    HEAD_SIZE: _said(
        "431 Request Header Fields Too Large", b'{"error":"the request\'s headers are too large"}'
    ),
}
