"""A listening socket, its connections, and who serves them."""

from __future__ import annotations

import asyncio
import ssl

from gateway.edge.http.connection import Serve
from gateway.edge.http.connections import Connections
from gateway.settings.model import TlsSettings

BACKLOG = 1024


class Listener:
    """Listens from `open` to `close`."""

    def __init__(
        self,
        serve: Serve,
        host: str,
        port: int,
        tls: TlsSettings | None,
        connections: Connections,
        *,
        shared: bool = False,
    ) -> None:
        """Port 0 takes a free one; `shared`: other processes listen there too, and each gets some
        of the connections (SO_REUSEPORT)."""
        self._shared = shared
        self._serve, self._host, self._wanted, self._tls = serve, host, port, tls
        self._connections = connections
        self._listening: asyncio.Server | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self.port = 0

    async def open(self) -> None:
        """Listen. Raises OSError."""
        connections, serve, loop = self._connections, self._serve, asyncio.get_running_loop()
        context = server_context(self._tls)
        self._listening = await loop.create_server(
            lambda: connections.accept(serve, loop),
            self._host,
            self._wanted,
            backlog=BACKLOG,
            reuse_port=self._shared or None,
            ssl=context,
            ssl_handshake_timeout=None if context is None else connections.bounds.head_within,
        )
        self.port = self._listening.sockets[0].getsockname()[1]
        self._sweeping = asyncio.create_task(connections.run())

    async def close(self, within: float) -> None:
        """Take no new connections, let calls under way end, for so many seconds, and close."""
        if self._listening is not None:
            self._listening.close()
        await self._connections.close(within)
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)


def server_context(settings: TlsSettings | None) -> ssl.SSLContext | None:
    """TLS as configured; None: none."""
    if settings is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.client_ca)
    context.load_cert_chain(settings.cert, settings.key)
    if settings.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
