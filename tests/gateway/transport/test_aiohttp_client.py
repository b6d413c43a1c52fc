"""What is particular to the aiohttp adapter."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from gateway import __version__
from gateway.transport.aiohttp_client import AiohttpClient
from gateway.transport.port import HttpRequest, HttpResponse


class Echo:
    """A server that answers its next `body`, gzipped, and keeps what it read."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.body = b""
        self.url = ""
        self.open = 0
        self.most_open = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.two = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        if self.open == 2:
            self.two.set()
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        await self.gate.wait()
        packed = gzip.compress(self.body)
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
        writer.write(head + packed)
        writer.close()
        self.open -= 1


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    """A running echo."""
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    echo.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    yield echo
    server.close()


async def test_the_bound_holds_after_decompression(echo: Echo) -> None:
    """Ten megabytes in ten kilobytes are kept as one kilobyte."""
    echo.body = b"x" * 10_000_000
    client = AiohttpClient(1, max_body=1024)
    reply = await client.send(HttpRequest("GET", echo.url))
    await client.close()
    assert isinstance(reply, HttpResponse)
    assert reply.body == b"x" * 1024


async def test_it_says_who_calls_unless_told_otherwise(echo: Echo) -> None:
    """The product and its version, or the request's own header."""
    client = AiohttpClient(1)
    await client.send(HttpRequest("GET", echo.url))
    await client.send(HttpRequest("GET", echo.url, (("user-agent", "mine"),)))
    await client.close()
    assert f"User-Agent: leadwire/{__version__}\r\n".encode() in echo.heads[0]
    assert b"mine\r\n" in echo.heads[1]
    assert b"leadwire" not in echo.heads[1]


async def test_no_more_connections_than_asked_for(echo: Echo) -> None:
    """Concurrency bounds the connections of one connector."""
    client = AiohttpClient(2)
    echo.gate.clear()
    calls = [asyncio.create_task(client.send(HttpRequest("GET", echo.url))) for _ in range(5)]
    await echo.two.wait()
    echo.gate.set()
    replies = await asyncio.gather(*calls)
    await client.close()
    assert [isinstance(reply, HttpResponse) for reply in replies] == [True] * 5
    assert echo.most_open == 2


async def test_a_closed_client_sends_nothing(echo: Echo) -> None:
    """Whether it ever sent anything or not; closing twice is fine."""
    used, fresh = AiohttpClient(1), AiohttpClient(1)
    await used.send(HttpRequest("GET", echo.url))
    for client in (used, fresh, used):
        await client.close()
    for client in (used, fresh):
        with pytest.raises(RuntimeError):
            await client.send(HttpRequest("GET", echo.url))
    assert len(echo.heads) == 1


def test_some_concurrency_is_needed() -> None:
    """To aiohttp 0 means no limit at all."""
    with pytest.raises(ValueError, match="at least 1"):
        AiohttpClient(0)
