"""The admin API's listening socket: aiohttp's own server, which is quick enough for operators."""

from __future__ import annotations

import asyncio

from aiohttp import web

from gateway import lines
from gateway.edge.http.connection import BUFFERED, HEADERS, LINE, LINGERING
from gateway.edge.http.listener import server_context
from gateway.settings.model import TlsSettings

IDLE = 75.0
"""Seconds from an answer, or a connection's begin, to the end of the next request's headers."""


class AdminListener:
    """Listens from `open` to `close`."""

    def __init__(
        self, application: web.Application, host: str, port: int, tls: TlsSettings | None
    ) -> None:
        """Port 0 takes a free one."""
        self._application, self._host, self._wanted = application, host, port
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._listening: asyncio.Server | None = None
        self.port = 0

    async def open(self, shutdown_within: float) -> None:
        """Listen; calls under way at `close` get so many seconds to end. Raises OSError."""
        runner = web.AppRunner(self._application, access_log=None, shutdown_timeout=shutdown_within)
        self._runner = runner
        await runner.setup()
        server = runner.server
        assert server is not None  # noqa: S101 - set-up made it
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(
            lambda: _Connection(server, loop),
            self._host,
            self._wanted,
            ssl=server_context(self._tls),
        )
        self.port = self._listening.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Take no new connections, let calls under way end, close."""
        if self._listening is not None:
            self._listening.close()
        if self._runner is not None:
            await self._runner.cleanup()


class _Connection(web.RequestHandler):
    """aiohttp's, but for what it says of a request that can't be read or failed: its own words
    quote what was sent."""

    __slots__ = ()

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # its own default for a runner is none
            keepalive_timeout=IDLE,
            max_line_size=LINE,
            max_field_size=LINE,
            max_headers=HEADERS,
            read_bufsize=BUFFERED,
            lingering_time=LINGERING,
        )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what was sent
    ) -> web.StreamResponse:
        if exc is not None:
            # Its traceback holds what was sent, in a circle that would wait for the collector.
            exc.__traceback__ = None
        if status >= 500:
            self.log_exception(exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun")
        body = _UNREADABLE if status < 500 else _FAULT
        response = web.Response(status=status, body=body, content_type="application/json")
        response.force_close()
        return response

    def log_exception(self, *_: object, exc_info: object = None) -> None:
        lines.error("connection.failed", error=type(exc_info).__name__)


_UNREADABLE = b'{"error":"the request cannot be read"}'
_FAULT = b'{"error":"the request could not be handled"}'
