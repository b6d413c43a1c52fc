"""A listening socket and the application behind it."""

from __future__ import annotations

import ssl

from aiohttp import web

from gateway.settings.model import TlsSettings

KEEP_ALIVE = 75.0
"""Seconds an idle connection is kept: longer than a proxy in front keeps its own."""
BACKLOG = 1024


class Listener:
    """Listens from `open` to `close`."""

    def __init__(
        self, application: web.Application, host: str, port: int, tls: TlsSettings | None
    ) -> None:
        """Port 0 takes a free one."""
        self._application, self._host, self._wanted = application, host, port
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def open(self, shutdown_within: float) -> None:
        """Listen; calls under way at `close` get so many seconds to end. Raises OSError."""
        self._runner = web.AppRunner(
            self._application,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE,
            shutdown_timeout=shutdown_within,
        )
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, self._host, self._wanted, backlog=BACKLOG, ssl_context=_context(self._tls)
        )
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Take no new connections, let calls under way end, close."""
        if self._runner is not None:
            await self._runner.cleanup()


def _context(settings: TlsSettings | None) -> ssl.SSLContext | None:
    if settings is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.client_ca)
    context.load_cert_chain(settings.cert, settings.key)
    if settings.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
