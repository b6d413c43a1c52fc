"""One connection: requests in, answers out, in turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, HttpRequestParser, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.tcp_helpers import tcp_keepalive

from gateway import lines
from gateway.clock import Clock
from gateway.dialect import Answer
from gateway.edge.http.answers import rendered
from gateway.edge.http.bounds import (
    ANSWER,
    CALL,
    HEAD,
    HEAD_SIZE,
    IDLE,
    PARTING,
    UNREADABLE,
    Bounds,
)
from gateway.edge.http.request import Request

Serve = Callable[[Request], Awaitable[None]]
"""Answers a request."""

LINE, HEADERS = 8190, 100
"""Bytes of the request line, and of one header with its name; and how many headers."""
BUFFERED = 65536
"""Bytes of a body that wait in memory while nobody reads it; reading pauses at twice as many."""
AHEAD = 16
"""Requests of a connection that are read before the first of them is answered."""
LINGERING = 2.0
"""Seconds for which the rest of a refused body is read and thrown away, so that a client which
still sends can read its answer."""

_UNREADABLE = Answer(400, b'{"error":"the request cannot be read"}')
_FAULT = Answer(500, b'{"error":"the request could not be handled"}')
_Arrived = tuple[RawRequestMessage | None, StreamReader]
"""A request with its body; None: something that is none."""


class Keeper(Protocol):
    """Who keeps connections, as one of them sees it."""

    bounds: Bounds
    clock: Clock
    draining: bool
    """Whether each is to end after its next answer."""

    def opened(self, connection: Connection, task: asyncio.Task[None]) -> None:
        """It is there from now on; `task` serves it."""

    def closed(self, connection: Connection) -> None:
        """It is gone."""

    def count(self, reason: str) -> None:
        """It ends because of a bound."""


class Connection(BaseProtocol):
    """Reads requests and has each served before the next."""

    __slots__ = (
        "_content",
        "_deaf",
        "_final",
        "_keeper",
        "_phase",
        "_request",
        "_requests",
        "_serve",
        "_served",
        "_unfinished",
        "_waiter",
        "since",
    )

    def __init__(self, keeper: Keeper, serve: Serve, loop: asyncio.AbstractEventLoop) -> None:
        """Made by `Connections.accept`."""
        parser = HttpRequestParser(
            self,
            loop,
            BUFFERED,
            max_line_size=LINE,
            max_field_size=LINE,
            max_headers=HEADERS,
            payload_exception=web.RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=AHEAD,
        )
        super().__init__(loop, parser)
        self._keeper, self._serve = keeper, serve
        self._requests: deque[_Arrived] = deque()
        self._content: StreamReader = EMPTY_PAYLOAD
        self._waiter: asyncio.Future[None] | None = None
        self._request: Request | None = None
        self._served = 0
        self._deaf = False
        self._final = False
        self._unfinished = 1
        self._phase = (HEAD, 0)
        self.since = 0.0
        """When its phase was first seen, monotonic."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It begins."""
        super().connection_made(transport)
        tcp_keepalive(cast(asyncio.Transport, transport))
        self._keeper.opened(self, self._loop.create_task(self._run()))

    def connection_lost(self, exc: BaseException | None) -> None:
        """It ended; what is being served goes on."""
        self._keeper.closed(self)
        super().connection_lost(exc)
        self._break_off(ConnectionResetError("the caller is gone"))
        # Each of them knows this connection: a circle would wait for the collector.
        self._content, self._parser, self._deaf = EMPTY_PAYLOAD, None, True
        self._requests.clear()
        self._wake()

    def data_received(self, data: bytes) -> None:
        """Bytes: requests, some of a body, or some of a request's head, which are counted until
        it is whole."""
        if self._deaf:
            return
        try:
            arrived, switched, _ = self._parser.feed_data(data)  # type: ignore[union-attr]
        except HttpProcessingError as error:
            # Its traceback holds what was sent, in a circle that would wait for the collector.
            error.__traceback__ = None
            arrived, switched = ((None, EMPTY_PAYLOAD),), True
            self._break_off(web.RequestPayloadError("what follows can't be read"))
        # Nobody here speaks what a client would switch to.
        self._deaf = switched
        if arrived:
            self._requests.extend(arrived)
            self._content = arrived[-1][1]
            if len(self._requests) >= AHEAD and not self._buffer_paused:
                self._pause_reading_for_buffer()
            self._unfinished = 0
            self._wake()
        elif self._waiter is None or self._waiter.done():
            self._unfinished = 0
        else:
            self._unfinished += len(data)
            if self._unfinished > self._keeper.bounds.head:
                self._cut(HEAD_SIZE)

    def look(self, now: float) -> None:
        """Close it if it has been too long in its phase at `now`, monotonic seconds."""
        phase = self._now_in()
        if phase != self._phase:
            self._phase, self.since = phase, now
        elif now - self.since > self._keeper.bounds.of(phase[0]):
            self._cut(phase[0])

    def end(self) -> None:
        """Let what has come be the last: it is answered, and the connection ends."""
        self._final = True
        self._wake()

    def abort(self) -> None:
        """Close it at once."""
        if self.transport is not None:
            self.transport.abort()

    def last(self) -> bool:
        """Whether the connection is to end after the request that is being served."""
        if self._final or self._keeper.draining:
            return True
        return self._deaf and not self._requests

    def tell(self, answer: Answer, fate: str, *, bare: bool) -> bool:
        """Write an answer; whether somebody was there to hear it."""
        transport = self.transport
        said = rendered(answer, self._keeper.clock.now(), bare=bare, fate=fate)
        if transport is None or transport.is_closing():
            return False
        transport.write(said)
        return not transport.is_closing()

    def write(self, said: bytes) -> None:
        """Write these bytes, if somebody is there."""
        if self.transport is not None:
            self.transport.write(said)

    async def _run(self) -> None:
        going = True
        while going and self.transport is not None:
            if self._requests:
                going = await self._next()
            elif self._deaf or self._final:
                going = False
            else:
                self._waiter = self._loop.create_future()
                await self._waiter
        if self.transport is not None:
            self.transport.close()

    async def _next(self) -> bool:
        """Serve the next request; whether there may be another."""
        message, content = self._requests.popleft()
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._requests) <= AHEAD // 2:
            self._refill()
        if message is None:
            self._keeper.count(UNREADABLE)
            self.tell(_UNREADABLE, "close", bare=False)
            await self._linger()
            return False
        request = self._request = Request(message, content, self)
        self._served += 1
        try:
            await self._serve(request)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not silence a connection
            # The error's own words stay out: they may hold what the caller said.
            lines.error("connection.failed", error=type(error).__name__)
        finally:
            self._request = None
            broken = content.exception()
            if broken is not None:
                # The body holds it, and its traceback the body.
                broken.__traceback__ = None
        if not request.answered:
            self._final = True
            request.answer(_FAULT)
        return await self._settled(request)

    async def _settled(self, request: Request) -> bool:
        """After an answer: wait until it is read, and have the rest of the body; whether there
        may be another request."""
        if self._paused:
            try:
                await self._drain_helper()
            except ConnectionError:
                return False
        if self.transport is None:
            return False
        whole = request.content.is_eof()
        if request.closes:
            if self._deaf or not whole:
                await self._linger()
            return False
        if whole:
            return True
        try:
            async with asyncio.timeout(LINGERING):
                while await request.content.readany():
                    pass
        except (TimeoutError, ConnectionError, web.RequestPayloadError):
            return False
        return True

    async def _linger(self) -> None:
        """Throw away what still comes, unread, until the client has had its answer."""
        self._deaf = True
        transport = self.transport
        if transport is None:
            return
        if transport.can_write_eof():
            transport.write_eof()
        self._resume_transport_reading()
        self._waiter = self._loop.create_future()
        await asyncio.wait((self._waiter,), timeout=LINGERING)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _refill(self) -> None:
        """Take what was read ahead, and go on reading."""
        self.data_received(b"")
        if len(self._requests) < AHEAD:
            self._resume_reading_for_buffer()

    def _break_off(self, error: Exception) -> None:
        """The body that is on its way will not come."""
        if not self._content.is_eof():
            self._content.set_exception(error)

    def _now_in(self) -> tuple[str, int]:
        """What we wait for, and after how many requests."""
        if self._paused:
            return ANSWER, self._served
        if self._request is not None:
            return CALL, self._served
        return (HEAD if self._unfinished else IDLE), self._served

    def _cut(self, reason: str) -> None:
        transport = self.transport
        if transport is None:
            return
        if reason == IDLE:
            self.end()
            return
        self._keeper.count(reason)
        parting = PARTING.get(reason)
        if parting:
            self._deaf = True
            transport.write(parting)
            transport.close()
        else:
            transport.abort()
