"""One connection, byte by byte: what goes in, and all that comes out."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from gateway.clock import SystemClock
from gateway.dialect import Answer
from gateway.edge.http.bounds import Bounds
from gateway.edge.http.connection import AHEAD, Connection
from gateway.edge.http.connections import Connections
from gateway.edge.http.listener import Listener
from gateway.edge.http.request import REST, Request
from gateway.metrics import Metrics
from tests.journeys.running import eventually

HOST = b"Host: x\r\n"
GET = b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n"
Seen = list[tuple[str, tuple[str, str]]]


class Calm(SystemClock):
    """The real time, but for the date on the answers."""

    def now(self) -> float:
        return 1_000_000_000.0


DATE = b"Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n"


def told(body: bytes, fate: bytes = b"", status: bytes = b"200 OK") -> bytes:
    """A whole answer."""
    return (
        b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n" % status
        + DATE
        + fate
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + body
    )


CLOSE = b"Connection: close\r\n"


@asynccontextmanager
async def serving(
    serve: Callable[[Request], Awaitable[None]],
) -> AsyncIterator[tuple[Listener, Connections]]:
    """A listener whose requests this answers."""
    connections = Connections(Bounds(), Calm(), Metrics())
    listener = Listener(serve, "127.0.0.1", 0, None, connections)
    await listener.open()
    try:
        yield listener, connections
    finally:
        await listener.close(1.0)


async def echoing(request: Request) -> None:
    """Answers with the request's target and its body."""
    body = b""
    request.go_on()
    while some := await request.content.readany():
        body += some
    request.answer(Answer(200, "?".join(request.target).encode() + b" " + body))


async def exchanged(listener: Listener, sent: bytes, *pieces: bytes) -> bytes:
    """All that comes back for these bytes, sent piece by piece, until the connection closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(sent)
    for piece in pieces:
        await asyncio.sleep(0.02)
        writer.write(piece)
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


LAST = b"GET /last HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"
ENDED = told(b"/last? ", CLOSE)
EXCHANGES: dict[str, tuple[bytes, bytes]] = {
    "one after the other": (GET + LAST, told(b"/a? ") + ENDED),
    "a query": (
        b"GET /a%20b?c=%20&d HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        told(b"/a%20b?c=%20&d ") + ENDED,
    ),
    "a whole URL": (
        b"GET http://x/a?b=c HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        told(b"/a?b=c ") + ENDED,
    ),
    "a body": (
        b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhi" + LAST,
        told(b"/a? hi") + ENDED,
    ),
    "chunks": (
        b"POST /a HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n"
        + LAST,
        told(b"/a? hi") + ENDED,
    ),
    "no body to a HEAD": (
        b"HEAD /a HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        told(b"/a? ").removesuffix(b"/a? ") + ENDED,
    ),
    "HTTP/1.0": (b"GET /a HTTP/1.0\r\n\r\n", told(b"/a? ", CLOSE)),
    "HTTP/1.0 that stays": (
        b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + LAST,
        told(b"/a? ", b"Connection: keep-alive\r\n") + ENDED,
    ),
    "an upgrade to a web socket ends it": (
        b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + LAST,
        told(b"/a? ", CLOSE),
    ),
    "nonsense after a request": (
        GET + b"\x00\r\n\r\n",
        told(b'{"error":"the request cannot be read"}', CLOSE, b"400 Bad Request"),
    ),
}


@pytest.mark.parametrize(("sent", "expected"), EXCHANGES.values(), ids=EXCHANGES.keys())
async def test_exchanges(sent: bytes, expected: bytes) -> None:
    """All in one piece."""
    async with serving(echoing) as (listener, _):
        assert await exchanged(listener, sent) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [each for name, each in EXCHANGES.items() if "nonsense" not in name],
    ids=[name for name in EXCHANGES if "nonsense" not in name],
)
async def test_exchanges_byte_by_byte(sent: bytes, expected: bytes) -> None:
    """However they come."""
    async with serving(echoing) as (listener, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        for at in range(len(sent)):
            writer.write(sent[at : at + 1])
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert await reader.read() == expected
        writer.close()


async def test_an_upgrade_to_http_2_is_passed_over() -> None:
    """As Java's client asks for one with its first request; it goes on in HTTP/1.1."""
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
    head = b"POST /a HTTP/1.1\r\n" + HOST + upgrade + b"Content-Length: 2\r\n\r\n"
    async with serving(echoing) as (listener, _):
        assert await exchanged(listener, head, b"hi", LAST) == told(b"/a? hi") + ENDED


async def test_nonsense_in_a_body_breaks_it_off() -> None:
    """Whoever reads it hears of it at once, and the connection ends."""
    heard: list[str] = []

    async def reading(request: Request) -> None:
        try:
            await request.content.read()
        except web.RequestPayloadError as error:
            heard.append(type(error).__name__)
        request.answer(Answer(400, b"{}"))

    head = b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n"
    async with serving(reading) as (listener, _):
        answer = await exchanged(listener, head, b"nonsense\r\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert heard == ["RequestPayloadError"]


async def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    """Only once its body is wanted; one whose body is not is told so, and sends none."""
    head = b"POST /a HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n"
    async with serving(echoing) as (listener, _):
        answer = await exchanged(listener, head + CLOSE + b"Content-Length: 2\r\n\r\n", b"hi")
        assert answer == b"HTTP/1.1 100 Continue\r\n\r\n" + told(b"/a? hi", CLOSE)
    async with serving(_refusing) as (listener, _):
        answer = await exchanged(listener, head + b"Content-Length: 2\r\n\r\n")
        assert answer == told(b"{}", CLOSE, b"401 Unauthorized")


async def _refusing(request: Request) -> None:
    request.answer(Answer(401, b"{}"))


async def test_a_refused_body_is_read_to_its_end_where_little_is_left() -> None:
    """And the connection goes on."""
    head = b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % REST
    async with serving(_refusing) as (listener, _):
        answer = await exchanged(listener, head, bytes(REST), LAST)
    refused = b"401 Unauthorized"
    assert answer == told(b"{}", b"", refused) + told(b"{}", CLOSE, refused)


async def test_a_large_refused_body_is_thrown_away() -> None:
    """While the client has its answer, and the end of it, at once."""
    head = b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % (16 << 20)
    async with serving(_refusing) as (listener, connections):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(head)
        async with asyncio.timeout(1):
            assert await reader.read() == told(b"{}", CLOSE, b"401 Unauthorized")
        async with asyncio.timeout(5):
            writer.write(bytes(16 << 20))
            await writer.drain()
        writer.close()
        await eventually(lambda: len(connections) == 0)


async def test_more_at_once_than_are_read_ahead() -> None:
    """Wait in the client's own buffers, and all are answered."""
    going, most = asyncio.Event(), 0

    async def slow(request: Request) -> None:
        await going.wait()
        await echoing(request)

    count = 40 * AHEAD
    async with serving(slow) as (listener, connections):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(GET * count + LAST)
        await eventually(lambda: len(connections) == 1)
        await asyncio.sleep(0.05)
        (connection,) = connections._open
        most = len(connection._requests)
        going.set()
        async with asyncio.timeout(10):
            assert await reader.read() == told(b"/a? ") * count + ENDED
        writer.close()
    assert AHEAD // 2 <= most <= AHEAD


async def test_what_is_being_served_ends_before_a_listener_closes() -> None:
    """Its connection is then closed, and so are those that only wait."""
    going, begun = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> None:
        begun.set()
        await going.wait()
        await echoing(request)

    async with serving(slow) as (listener, connections):
        idle, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        busy = asyncio.create_task(exchanged(listener, GET))
        await begun.wait()
        closing = asyncio.create_task(listener.close(5.0))
        assert await idle.read() == b""
        going.set()
        await closing
        assert (await busy, len(connections)) == (told(b"/a? ", CLOSE), 0)
        writer.close()


async def test_what_does_not_end_is_not_waited_for_for_ever() -> None:
    """Its connection is closed without an answer."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless(_: Request) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with serving(endless) as (listener, connections):
        busy = asyncio.create_task(exchanged(listener, GET))
        await begun.wait()
        await listener.close(0.05)
        assert await busy == b""
        await eventually(lambda: len(connections) == 0)
        assert ended.is_set()


async def test_a_body_on_its_way_still_comes_while_a_listener_closes() -> None:
    """The call was accepted before."""
    head = b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nh"
    async with serving(echoing) as (listener, connections):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(head)
        await eventually(lambda: len(connections) == 1)
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(listener.close(5.0))
        await asyncio.sleep(0.05)
        writer.write(b"i")
        assert await reader.read() == told(b"/a? hi", CLOSE)
        await closing
        writer.close()


async def test_a_header_cannot_be_ended_by_its_value() -> None:
    """Nothing of such an answer is written."""

    async def splitting(request: Request) -> None:
        request.answer(Answer(200, b"{}", (("X-Said", "a\r\nSet-Cookie: b"),)))

    async with serving(splitting) as (listener, _):
        answer = await exchanged(listener, GET)
    assert answer == told(
        b'{"error":"the request could not be handled"}', CLOSE, b"500 Internal Server Error"
    )


GARBAGE = {
    "a call": LAST,
    "nothing": b"",
    "half a head": GET[:-4],
    "half a body": b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nhi",
    "no request": b"\x00\r\n\r\n",
    "a broken body": b"POST /a HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\nnonsense\r\n",
}


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE.keys())
async def test_what_a_connection_held_is_let_go_of_at_its_end(sent: bytes) -> None:
    """Without the help of the collector, which seldom comes."""
    async with serving(_reading_or_refusing) as (listener, connections):
        gc.collect()
        gc.disable()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(sent)
            await asyncio.sleep(0.05)
            writer.close()
            await eventually(lambda: not connections._tasks)
            await asyncio.sleep(0.05)
            kept = (Connection, StreamReader)
            left = [each for each in gc.get_objects() if isinstance(each, kept)]
        finally:
            gc.enable()
    assert [each for each in left if each is not EMPTY_PAYLOAD] == []


async def _reading_or_refusing(request: Request) -> None:
    try:
        await echoing(request)
    except (web.RequestPayloadError, ConnectionError):
        request.answer(Answer(400, b"{}"))
