"""The HTTP client on aiohttp: one pool of connections per connector.

It uses aiohttp one floor below `ClientSession`: aiohttp's `TCPConnector` looks names up, dials and
does TLS; the request line and headers are written here, connections are kept by `links`, and
answers read by `answers`. What a session does besides (cookies, redirects, proxies and netrc
from the environment, tracing, repeating a request whose reused connection dropped) is what a
delivery must not do, and took two thirds of a call's time (aiohttp 3.14).

A request is sent exactly once. What went wrong is told apart by where it did:

    before the request was written  ConnectFailed   DNS, TCP, TLS, the guard, a bad URL, time out
    after                           AnswerUnknown   reset, disconnected, unreadable, time out

So a kept-alive connection that the other side closed just as it was reused is AnswerUnknown.
"""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientRequest,
    ClientTimeout,
    InvalidURL,
    TCPConnector,
)
from yarl import URL

from gateway import __version__
from gateway.transport.answers import Unreadable
from gateway.transport.guard import Guard
from gateway.transport.links import Link, Links
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
)

CONNECT_WITHIN = 5.0
"""Seconds for DNS, TCP and TLS together."""
USER_AGENT = f"leadwire/{__version__}"
ORIGINS = 256
"""Hosts that are remembered."""


class Origin:
    """A scheme, host and port, as aiohttp's connector and a request's head want them."""

    __slots__ = ("head", "request", "text")

    def __init__(self, text: str) -> None:
        """Parse `scheme://host[:port]`, once for all its requests; raises InvalidURL."""
        self.text = text
        try:
            url = URL(text, encoded=True)
            if url.scheme not in {"http", "https"} or not url.host or url.port is None:
                raise InvalidURL("")
            self.request = ClientRequest("GET", url, skip_auto_headers=("Accept",))
        except ValueError as error:
            raise InvalidURL("") from error
        told = self.request.headers
        lines = [f"Host: {told['Host']}"]
        if "Authorization" in told:  # a user and password in the URL
            lines.append(f"Authorization: {told['Authorization']}")
        self.head = "".join(f"{line}\r\n" for line in lines)


def written(request: HttpRequest, user_agent: str = USER_AGENT) -> tuple[tuple[str, str], ...]:
    """Every header of a request as a client sends it, in order. Raises ValueError for a request
    that can't be sent."""
    match = _URL.fullmatch(request.url)
    if match is None:
        raise ValueError("the URL cannot be used")
    fields = _fields(request.headers, user_agent)
    head = _message(request, match[2], Origin(match[1]).head, fields).partition(b"\r\n\r\n")[0]
    lines = head.decode().split("\r\n")[1:]
    return tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))


class AiohttpClient:
    """Sends requests for one connector. Belongs to the event loop of its first request."""

    def __init__(
        self,
        concurrency: int,
        guard: Guard | None = None,
        max_body: int = 1 << 20,
        user_agent: str = USER_AGENT,
    ) -> None:
        """`concurrency`: most connections at once; the caller keeps to it, because waiting for a
        free one counts towards a request's timeout. `guard`: what may be dialled, none for
        anything. `max_body`: bytes of an answer that are kept, after decompression."""
        if concurrency < 1:
            raise ValueError("concurrency is at least 1")
        self._concurrency = concurrency
        self._guard = guard
        self._user_agent = user_agent
        self._origins: dict[str, Origin] = {}
        self._connector: TCPConnector | None = None
        self._links = Links(concurrency, max_body)
        self._closed = False

    async def send(self, request: HttpRequest) -> HttpReply:
        """Send once. Raises only for what the network has no part in: ValueError for a header
        that can't be written, RuntimeError after `close`."""
        connector = self._connector or self._open()
        fields = _fields(request.headers, self._user_agent)
        now = asyncio.get_running_loop().time()
        try:
            origin, target = self._place(request.url)
            link = self._links.idle(origin.text, now)
            if link is None:
                link = await self._dialled(connector, origin, request.timeout)
        except (ClientError, OSError) as error:
            return ConnectFailed(_reason(error))
        message = _message(request, target, origin.head, fields)
        try:
            until, bare = now + request.timeout, request.method == "HEAD"
            answer = await link.begin(message, until, bare=bare)
        except (OSError, Unreadable) as error:
            self._links.drop(link)
            return AnswerUnknown("timed out" if link.expired else _reason(error))
        except BaseException:
            self._links.drop(link)
            raise
        self._spoken(link)
        return answer

    async def _dialled(self, connector: TCPConnector, origin: Origin, seconds: float) -> Link:
        # Connecting runs out first, so that a time-out in it can be told from one after it.
        within = min(CONNECT_WITHIN, 0.95 * seconds)
        timeout = ClientTimeout(connect=within)
        return await self._links.dialled(
            origin.text, lambda: connector.connect(origin.request, [], timeout), within
        )

    async def close(self) -> None:
        """Close idle connections; no request can be sent after."""
        self._closed = True
        if self._connector is not None:
            connector, self._connector = self._connector, None
            await self._links.close()
            await connector.close()

    def _open(self) -> TCPConnector:
        if self._closed:
            raise RuntimeError("the client is closed")
        self._connector = TCPConnector(
            limit=self._concurrency,
            limit_per_host=self._concurrency,
            socket_factory=self._guard.open_socket if self._guard else None,
        )
        return self._connector

    def _place(self, url: str) -> tuple[Origin, str]:
        """Where to, and the request's target, byte for byte as the connector wrote it; raises
        InvalidURL."""
        match = _URL.fullmatch(url)
        if match is None:
            raise InvalidURL("")
        text, target = match.groups()
        origin = self._origins.get(text)
        if origin is None:
            if len(self._origins) >= ORIGINS:
                self._origins.clear()
            origin = self._origins[text] = Origin(text)
        return origin, target if target.startswith("/") else f"/{target}"

    def _spoken(self, link: Link) -> None:
        """Its answer was read."""
        if link.usable and not link.transport.get_write_buffer_size():
            self._links.give_back(link, asyncio.get_running_loop().time())
        else:
            self._links.drop(link)


def _message(request: HttpRequest, target: str, host: str, fields: str) -> bytes:
    method, body = request.method, request.body
    length = f"Content-Length: {len(body)}\r\n" if body or method in _WITH_BODY else ""
    return f"{method} {target} HTTP/1.1\r\n{host}{fields}{length}\r\n".encode() + body


_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Methods that announce also an empty body (RFC 9110 §8.6)."""
_URL = re.compile(r"([a-z]+://[^/?#]*)([\x21\x22\x24-\x7e]*)(?:#.*)?", re.DOTALL)
"""Origin, then path and query as they go into the request line; a fragment stays here."""
_LINES = re.compile(r"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [^\x00-\x08\x0a-\x1f\x7f]*\r\n)*")


def _fields(headers: tuple[tuple[str, str], ...], user_agent: str) -> str:
    """Header lines. Raises ValueError for one that can't be written."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if not _LINES.fullmatch(text) or text.count("\n") != len(headers):
        raise ValueError("a header can't be written")
    return text + _own(tuple([name for name, _ in headers]), user_agent)


@lru_cache(maxsize=256)
def _own(names: tuple[str, ...], user_agent: str) -> str:
    """The lines that every request has, unless its connector names them itself."""
    given = {name.lower() for name in names}
    own = (
        ("Accept", "*/*"),
        ("Accept-Encoding", "gzip, deflate"),
        ("User-Agent", user_agent),
    )
    return "".join(f"{name}: {value}\r\n" for name, value in own if name.lower() not in given)


def _reason(error: BaseException) -> str:
    """What happened, without the URL: aiohttp's own texts may show its query."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ClientConnectorError):
        return f"cannot connect to {error.host}:{error.port}: {error.os_error}"
    if isinstance(error, Unreadable):
        return str(error)
    return _WORDS.get(type(error).__name__, type(error).__name__)


_WORDS = {
    "ConnectionAbortedError": "the server closed the connection",
    "BrokenPipeError": "the connection was reset",
    "ClientOSError": "the connection was reset",
    "ConnectionResetError": "the connection was reset",
    "InvalidURL": "the URL cannot be used",
}
