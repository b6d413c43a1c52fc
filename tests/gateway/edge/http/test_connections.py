"""Connections of a listener, over real sockets; what time it is, the test says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.dialect import Answer
from gateway.edge.http.bounds import Bounds
from gateway.edge.http.connection import Serve
from gateway.edge.http.connections import Connections
from gateway.edge.http.listener import Listener
from gateway.edge.http.request import Request
from gateway.metrics import Metrics
from tests.gateway.edge.front import BODY, NOWHERE, Front, front
from tests.gateway.edge.lines import written_lines
from tests.gateway.edge.test_app import TARGET
from tests.journeys.running import OK, document, eventually

BOUNDS = Bounds(
    connections=3, head=10_000, head_within=10.0, idle=75.0, call_within=100.0, answer_within=20.0
)
HEAD = f"POST {TARGET} HTTP/1.1\r\nHost: x\r\n".encode()
CALL = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


def refusal(status: str, error: str, more: str = "") -> bytes:
    """What a connection is told at its end, whole."""
    body = f'{{"error":"{error}"}}'
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"{more}Connection: close\r\n\r\n{body}"
    ).encode()


LATE = refusal("408 Request Timeout", "the request did not come in time")
LONG = refusal("431 Request Header Fields Too Large", "the request's headers are too large")
FULL = refusal("503 Service Unavailable", "too many connections", "Retry-After: 5\r\n")


class Port:
    """A listener, and connections to it."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.connections = Connections(BOUNDS, SystemClock(), self.metrics)
        self.listener: Listener
        self.now = SystemClock().monotonic()
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self, serve: Serve) -> None:
        self.listener = Listener(serve, "127.0.0.1", 0, None, self.connections)
        await self.listener.open()

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
        await self.listener.close(1.0)

    async def connect(
        self, sent: bytes = b"", limit: int = 65536
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that said so much."""
        open_before = len(self.connections)
        place = "127.0.0.1", self.listener.port
        reader, writer = await asyncio.open_connection(*place, limit=limit)
        self._writers.append(writer)
        writer.write(sent)
        if open_before < BOUNDS.connections:
            await eventually(lambda: len(self.connections) > open_before)
        await asyncio.sleep(0.05)
        return reader, writer

    def later(self, seconds: float) -> None:
        """So much later, the connections are looked at."""
        self.now += seconds
        self.connections.sweep(self.now)

    def closed(self, reason: str) -> float:
        """How many were closed for this reason."""
        return self.metrics.connections_closed(reason).value


async def answer(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection is closed."""
    async with asyncio.timeout(5):
        return await reader.read()


async def answered(reader: asyncio.StreamReader) -> None:
    """The answer to a good call comes."""
    async with asyncio.timeout(5):
        assert (await reader.readuntil(OK)).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.fixture
async def port(door: Front) -> AsyncIterator[Port]:
    """Before the door."""
    port = Port()
    await port.open(door.door.serve)
    yield port
    await port.close()


@pytest.fixture
def door(tmp_path: Path) -> Front:
    """Takes calls."""
    return front(tmp_path, document(tmp_path, NOWHERE))


@pytest.mark.parametrize("sent", [0, 1, 30, len(HEAD), len(HEAD) + 10])
async def test_a_first_request_that_does_not_come(port: Port, sent: int) -> None:
    """Is waited for from the connection's begin, whatever part of it comes, and how slowly."""
    whole = HEAD + b"X-Slow: and slower"
    reader, writer = await port.connect(whole[:sent])
    port.later(6.0)
    writer.write(whole[sent : sent + 1])
    await asyncio.sleep(0.05)
    port.later(3.9)
    assert len(port.connections) == 1
    port.later(0.2)
    assert (await answer(reader), port.closed("head")) == (LATE, 1)
    await eventually(lambda: len(port.connections) == 0)


async def test_a_later_request_that_does_not_come(port: Port) -> None:
    """Is waited for from its first byte; without one the connection is only idle."""
    idle, _ = await port.connect(CALL)
    reader, writer = await port.connect(CALL)
    await answered(idle)
    await answered(reader)
    port.later(60.0)
    writer.write(HEAD)
    await asyncio.sleep(0.05)
    port.later(1.0)
    port.later(9.9)
    assert len(port.connections) == 2
    port.later(0.2)
    assert await answer(reader) == LATE
    await eventually(lambda: len(port.connections) == 1)
    assert not idle.at_eof()


async def test_one_request_after_the_other_is_never_too_slow(port: Port) -> None:
    """Though each look finds the connection in the middle of some request."""
    reader, writer = await port.connect(CALL[:40])
    for _ in range(4):
        port.later(6.0)
        writer.write(CALL[40:] + CALL[:40])
        await answered(reader)
        await asyncio.sleep(0.02)
    assert (len(port.connections), port.closed("head")) == (1, 0)


async def test_a_call_that_does_not_end(port: Port, door: Front) -> None:
    """Is given up; another that came in its place has its own time."""
    door.journal.outcome = None
    reader, _ = await port.connect(CALL)
    port.later(90.0)
    port.later(90.0)
    assert len(port.connections) == 1
    port.later(11.0)
    assert (await answer(reader), port.closed("call")) == (b"", 1)


async def test_an_answer_that_nobody_reads() -> None:
    """Is not kept for ever."""

    async def much(request: Request) -> None:
        request.answer(Answer(200, bytes(16 << 20)))

    port = Port()
    await port.open(much)
    try:
        reader, _ = await port.connect(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", limit=1024)
        port.later(1.0)
        port.later(19.0)
        assert len(port.connections) == 1
        port.later(1.5)
        await eventually(lambda: len(port.connections) == 0)
        assert len(await answer(reader)) < 16 << 20
        assert port.closed("answer") == 1
    finally:
        await port.close()


async def test_one_connection_too_many(port: Port) -> None:
    """Is told so, and closed; those that are there go on, and their places are given again. One
    line tells of all that were turned away."""
    first = [await port.connect() for _ in range(3)]
    with written_lines() as lines:
        for _ in range(5):
            reader, _writer = await port.connect()
            assert await answer(reader) == FULL
        port.later(1.0)
        port.later(1.0)
        assert [(line["event"], line["turned_away"]) for line in lines] == [("connections.full", 5)]
    first[0][1].write(CALL)
    await answered(first[0][0])
    first[1][1].close()
    await eventually(lambda: len(port.connections) == 2)
    reader, _writer = await port.connect(CALL)
    await answered(reader)
    assert (port.closed("full"), port.metrics.connections().value) == (5, 3)


async def test_a_head_that_goes_on_and_on(port: Port) -> None:
    """Is refused though each header is small."""
    reader, writer = await port.connect(HEAD)
    writer.write(b"X: " + b"x" * 8000 + b"\r\n")
    await asyncio.sleep(0.05)
    assert len(port.connections) == 1
    writer.write(b"X: " + b"x" * 2000 + b"\r\n")
    assert await answer(reader) == LONG
    assert port.closed("head_size") == 1


async def test_calls_sent_at_once_are_answered_in_order(port: Port, door: Front) -> None:
    """Many more than are read ahead."""
    reader, writer = await port.connect()
    wrong = CALL.replace(BODY, b"x" * len(BODY))
    writer.write((CALL + wrong) * 100)
    for _ in range(100):
        await answered(reader)
        async with asyncio.timeout(5):
            await reader.readuntil(b'{"code":103,"message":"EXCEPTION"}')
    assert len(door.journal.entries) == 100


SECRET = b"sk-S3CRET"
UNREADABLE = {
    "random bytes": b"\x00\xff\x16\x03\x01" + SECRET + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SECRET * 20,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no method": b"FROB /?apiKey=" + SECRET + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "long line": b"POST /?apiKey=" + SECRET * 1000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "long key": b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: " + SECRET * 7000 + b"\r\n\r\n",
    "no host": b"POST /?apiKey=" + SECRET + b" HTTP/1.1\r\n\r\n",
    "no UTF-8": b"POST /\xff?apiKey=" + SECRET + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "no UTF-8 in a query": b"POST /a?b=\xff&apiKey=" + SECRET + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "length below nothing": HEAD + b"Content-Length: -5\r\n\r\n",
    "endless length": HEAD + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
    "two framings": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "folded header": HEAD + b"X: a\r\n b\r\n\r\n",
    "no header": HEAD + SECRET + b"\r\n\r\n",
    "bad URL": b"GET http://[::1/" + SECRET + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "many headers": HEAD + b"X: a\r\n" * 101 + b"\r\n",
}


@pytest.mark.parametrize("sent", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_is_no_request_is_refused(
    port: Port, door: Front, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """In a few bytes that say nothing of it; nothing is written down."""
    caplog.set_level(logging.INFO)
    with written_lines() as lines:
        reader, _ = await port.connect(sent)
        head, _, body = (await answer(reader)).partition(b"\r\n\r\n")
    assert head.split(b" ", 1)[1].startswith(b"400 Bad Request\r\n")
    assert body == b'{"error":"the request cannot be read"}'
    assert SECRET not in head
    assert (list(lines), caplog.records, door.journal.entries) == ([], [], [])
    assert port.closed("unreadable") == 1


async def test_a_fault_that_no_handler_caught_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """But its kind, in a line."""

    async def failing(_: Request) -> None:
        raise RuntimeError(SECRET.decode())

    port = Port()
    await port.open(failing)
    try:
        with written_lines() as lines:
            reader, _ = await port.connect(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            told = await answer(reader)
            written = [(line["event"], line["error"]) for line in lines]
    finally:
        await port.close()
    assert told.startswith(b"HTTP/1.1 500 ")
    assert told.endswith(b'{"error":"the request could not be handled"}')
    assert (written, caplog.records) == ([("connection.failed", "RuntimeError")], [])
