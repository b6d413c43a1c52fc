"""What the guard lets out, by address and by real dialling."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from gateway.transport.aiohttp_client import AiohttpClient
from gateway.transport.guard import Guard
from gateway.transport.port import ConnectFailed, HttpReply, HttpRequest, HttpResponse

PUBLIC = ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
PRIVATE = [
    "0.0.0.0",  # noqa: S104 - an address to be refused, nothing listens on it
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "localhost",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    """The internet is open."""
    assert Guard([]).permits(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_everything_else_is_refused(address: str) -> None:
    """Loopback, private, link-local, reserved, multicast, in every disguise."""
    assert not Guard([]).permits(address)


@pytest.mark.parametrize(
    ("address", "permitted"),
    [
        ("10.20.1.1", True),
        ("::ffff:10.20.1.1", True),
        ("64:ff9b::a14:101", True),
        ("10.21.1.1", False),
        ("fd00::5", True),
        ("fd01::5", False),
    ],
)
def test_allowed_ranges_open_it(address: str, permitted: bool) -> None:
    """Only the ranges the operator named."""
    assert Guard(["10.20.0.0/16", "fd00::/64"]).permits(address) is permitted


def test_a_range_must_be_one() -> None:
    """A misspelt range opens nothing silently."""
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 network"):
        Guard(["10.0.0.0/8", "internal"])


# --- dialling -----------------------------------------------------------------------------


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server on the loopback that answers anything."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def get(guard: Guard, url: str) -> HttpReply:
    """One request through a guarded client."""
    client = AiohttpClient(1, guard)
    try:
        return await client.send(HttpRequest("GET", url, timeout=5))
    finally:
        await client.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "0x7f.1"])
async def test_no_way_of_writing_loopback_gets_through(port: int, host: str) -> None:
    """By name, as a literal, mapped, and in the C library's own notation."""
    reply = await get(Guard([]), f"http://{host}:{port}/")
    assert isinstance(reply, ConnectFailed)
    assert "blocked" in reply.reason


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]"])
async def test_an_allowed_range_is_dialled(port: int, host: str) -> None:
    """What the operator opened is open however it is written."""
    reply = await get(Guard(["127.0.0.0/8"]), f"http://{host}:{port}/")
    assert isinstance(reply, HttpResponse)


async def test_a_name_that_turns_to_loopback_is_refused(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: public at one look, loopback at the next, judged by what is dialled."""
    looked_up: list[str] = []

    async def rebind(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebind)
    reply = await get(Guard([]), f"http://hooks.example.com:{port}/")
    assert reply == ConnectFailed(
        f"cannot connect to hooks.example.com:{port}: blocked: 127.0.0.1 is not a public address"
    )
    assert looked_up == ["hooks.example.com"]
