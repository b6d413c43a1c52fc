"""The HTTP client on aiohttp: one pool of connections per connector.

A request is sent exactly once. aiohttp by itself repeats GET, PUT and DELETE when a reused
connection drops (`ClientSession._request`, aiohttp 3.14), which would break the promise that
whatever was sent is known, so that is switched off. Redirects, cookies, proxies and netrc from
the environment are off as well.

What went wrong is told apart by whether aiohttp raised it before it had a connection:

    before  ConnectFailed   DNS, TCP, TLS, the guard, a bad URL, time out while connecting
    after   AnswerUnknown   reset, disconnected, cut or unreadable answer, time out

So a kept-alive connection that the other side closed just as it was reused is AnswerUnknown, and
so is whatever aiohttp may come to raise that this file doesn't know.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    InvalidURL,
    NonHttpUrlClientError,
    TCPConnector,
)
from aiohttp.payload import BytesPayload
from multidict import CIMultiDict
from yarl import URL

from gateway import __version__
from gateway.transport.guard import Guard
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)

CONNECT_WITHIN = 5.0
"""Seconds for DNS, TCP and TLS together."""
KEEP_ALIVE = 4.0
"""Seconds an idle connection is kept: below the 5 s after which Node's HTTP server, behind which
several vendors stand, closes one (nodejs.org, `server.keepAliveTimeout`)."""
CHUNK = 65536
_NEVER_LEFT = (
    ClientConnectorError,
    ConnectionTimeoutError,
    InvalidURL,
    NonHttpUrlClientError,
)


class AiohttpClient:
    """Sends requests for one connector. Belongs to the event loop of its first request."""

    def __init__(
        self,
        concurrency: int,
        guard: Guard | None = None,
        max_body: int = 1 << 20,
        user_agent: str = f"leadwire/{__version__}",
    ) -> None:
        """`concurrency`: most connections at once; the caller keeps to it, because waiting for a
        free one counts towards a request's timeout. `guard`: what may be dialled, none for
        anything. `max_body`: bytes of an answer that are kept, after decompression."""
        if concurrency < 1:
            raise ValueError("concurrency is at least 1")
        self._concurrency = concurrency
        self._guard = guard
        self._max_body = max_body
        self._user_agent = user_agent
        self._session: ClientSession | None = None
        self._closed = False

    async def send(self, request: HttpRequest) -> HttpReply:
        """Send once. Raises only for what the network has no part in: ValueError for a header
        that can't be written, RuntimeError after `close`."""
        session = self._session or self._open()
        try:
            response = await session.request(
                request.method,
                _url(request.url),
                headers=_multi(request.headers),
                data=BytesPayload(request.body) if request.body else None,
                allow_redirects=False,
                timeout=_timeout(request.timeout),
            )
            body = await self._read(response)
        except _NEVER_LEFT as error:
            return ConnectFailed(_reason(error))
        except (ClientError, OSError) as error:
            return AnswerUnknown(_reason(error))
        return HttpResponse(response.status, _lowered(response), body)

    async def close(self) -> None:
        """Close idle connections; no request can be sent after."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _open(self) -> ClientSession:
        if self._closed:
            raise RuntimeError("the client is closed")
        connector = TCPConnector(
            limit=self._concurrency,
            limit_per_host=self._concurrency,
            keepalive_timeout=KEEP_ALIVE,
            socket_factory=self._guard.open_socket if self._guard else None,
        )
        session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            headers={"User-Agent": self._user_agent},
            skip_auto_headers=("Content-Type",),
            trust_env=False,
            auto_decompress=True,
        )
        # aiohttp has no public switch; its own TestClient sets the same attribute.
        session._retry_connection = False  # noqa: SLF001 - see the line above
        self._session = session
        return session

    async def _read(self, response: ClientResponse) -> bytes:
        """The body; one over the bound is cut and its connection closed."""
        content = response.content
        if content.is_eof() and content.total_bytes <= self._max_body:
            return content.read_nowait()
        body = bytearray()
        try:
            while len(body) <= self._max_body:
                body += await content.read(CHUNK)
                if content.at_eof():
                    break
        except BaseException:
            response.close()
            raise
        if len(body) > self._max_body:
            response.close()
            del body[self._max_body :]
        return bytes(body)


def _url(text: str) -> URL:
    """The URL byte for byte as the connector wrote it; raises InvalidURL."""
    path = text.find("/", text.find("://") + 3)
    if path < 0 or "?" in text or "#" in text:
        return _whole(text)
    return _whole(text[:path]).with_path(text[path:], encoded=True)


@lru_cache(maxsize=256)
def _whole(text: str) -> URL:
    """A URL, parsed once: a connector calls the same host again and again."""
    try:
        url = URL(text, encoded=True)
        # Read the port here, because yarl parses it, and raises, only when it is first read.
        _ = url.port
    except ValueError as error:
        raise InvalidURL("") from error
    return url


@lru_cache(maxsize=256)
def _multi(headers: tuple[tuple[str, str], ...]) -> CIMultiDict[str]:
    """Headers as aiohttp takes them, which copies them: a connector's are always the same."""
    return CIMultiDict(headers)


@lru_cache(maxsize=64)
def _timeout(seconds: float) -> ClientTimeout:
    # Connecting runs out first, so that a time-out in it can be told from one after it.
    return ClientTimeout(total=seconds, connect=min(CONNECT_WITHIN, 0.95 * seconds))


def _lowered(response: ClientResponse) -> Mapping[str, str]:
    """Header names in lower case; a repeated header's values joined (RFC 9110 §5.3)."""
    received = response.headers
    headers = {name.lower(): value for name, value in received.items()}
    if len(headers) < len(received):
        headers = {name: ", ".join(received.getall(name)) for name in headers}
    return headers


def _reason(error: BaseException) -> str:
    """What happened, without the URL: aiohttp's own texts may show its query."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ClientConnectorError):
        return f"cannot connect to {error.host}:{error.port}: {error.os_error}"
    return _WORDS.get(type(error).__name__, type(error).__name__)


_WORDS = {
    "ServerDisconnectedError": "the server closed the connection",
    "ClientOSError": "the connection was reset",
    "ClientConnectionResetError": "the connection was reset",
    "ConnectionResetError": "the connection was reset",
    "ClientPayloadError": "the answer was cut short or cannot be read",
    "ContentEncodingError": "the answer cannot be decompressed",
    "ClientResponseError": "the answer is not HTTP",
    "InvalidURL": "the URL cannot be used",
    "InvalidUrlClientError": "the URL cannot be used",
    "NonHttpUrlClientError": "the URL is not http or https",
}
