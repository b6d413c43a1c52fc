"""A listening socket and the application behind it."""

from __future__ import annotations

import asyncio
import ssl

from aiohttp import web

from gateway.clock import SystemClock
from gateway.edge.connections import Bounds, Connections
from gateway.metrics import Metrics
from gateway.settings.model import TlsSettings

BACKLOG = 1024


class Listener:
    """Listens from `open` to `close`."""

    def __init__(
        self,
        application: web.Application,
        host: str,
        port: int,
        tls: TlsSettings | None,
        connections: Connections | None = None,
    ) -> None:
        """Port 0 takes a free one; without `connections` they have the usual bounds."""
        self._application, self._host, self._wanted = application, host, port
        self._tls = tls
        if connections is None:
            connections = Connections(Bounds(), SystemClock(), Metrics())
        self._connections = connections
        self._runner: web.AppRunner | None = None
        self._listening: asyncio.Server | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self.port = 0

    async def open(self, shutdown_within: float) -> None:
        """Listen; calls under way at `close` get so many seconds to end. Raises OSError."""
        runner = web.AppRunner(self._application, access_log=None, shutdown_timeout=shutdown_within)
        self._runner = runner
        await runner.setup()
        server = runner.server
        assert server is not None  # noqa: S101 - set-up made it
        connections, loop = self._connections, asyncio.get_running_loop()
        context = _context(self._tls)
        self._listening = await loop.create_server(
            lambda: connections.accept(server, loop),
            self._host,
            self._wanted,
            backlog=BACKLOG,
            ssl=context,
            ssl_handshake_timeout=None if context is None else connections.bounds.head_within,
        )
        self.port = self._listening.sockets[0].getsockname()[1]
        self._sweeping = asyncio.create_task(connections.run())

    async def close(self) -> None:
        """Take no new connections, let calls under way end, close."""
        if self._listening is not None:
            self._listening.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)


def _context(settings: TlsSettings | None) -> ssl.SSLContext | None:
    if settings is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.client_ca)
    context.load_cert_chain(settings.cert, settings.key)
    if settings.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
