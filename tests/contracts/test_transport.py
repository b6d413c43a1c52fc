"""What every HTTP client promises about answers, held over real sockets on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpClient,
    HttpRequest,
    HttpResponse,
)
from tests.contracts.peers import BOUND, OK, Peer, hang_up, stay_silent


@pytest.mark.parametrize("status", [200, 204, 302, 304, 404, 429, 500, 599])
async def test_any_status_is_an_answer(client: HttpClient, peer: Peer, status: int) -> None:
    """No status raises, none is followed."""
    peer.script = [b"HTTP/1.1 %d X\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n" % status]
    reply = await client.send(HttpRequest("POST", peer.url + "/a", body=b"{}"))
    expected = {"location": "/other", "content-length": "0"}
    assert reply == HttpResponse(status, expected, b"")
    assert len(peer.requests) == 1


async def test_header_names_are_lower_case_and_repeats_joined(
    client: HttpClient, peer: Peer
) -> None:
    """Readers of answers need one spelling."""
    peer.script = [
        b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nReTry-After: 5\r\ncontent-length:0\r\n\r\n"
    ]
    reply = await client.send(HttpRequest("GET", peer.url))
    assert reply == HttpResponse(
        200, {"x-a": "1, 2", "retry-after": "5", "content-length": "0"}, b""
    )


@pytest.mark.parametrize("size", [BOUND - 1, BOUND, BOUND + 1, 300_000])
async def test_a_body_is_kept_up_to_the_bound(client: HttpClient, peer: Peer, size: int) -> None:
    """A longer one is cut, and the next request still gets its own answer."""
    peer.script = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size, OK]
    reply = await client.send(HttpRequest("GET", peer.url))
    assert isinstance(reply, HttpResponse)
    assert reply.body == b"x" * min(size, BOUND)
    after = await client.send(HttpRequest("GET", peer.url))
    assert isinstance(after, HttpResponse)
    assert after.body == b"ok"
    assert peer.connections == (2 if size == 300_000 else 1)


async def test_a_connection_is_used_again(client: HttpClient, peer: Peer) -> None:
    """Three calls in turn, one connection."""
    peer.script = [OK, OK, OK]
    for _ in range(3):
        await client.send(HttpRequest("POST", peer.url, body=b"{}"))
    assert (len(peer.requests), peer.connections) == (3, 1)


async def test_a_refused_connection_never_left(client: HttpClient) -> None:
    """Nobody listens: safe to send again."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        reply = await client.send(HttpRequest("POST", f"http://127.0.0.1:{port}/?apiKey=s3cret"))
    assert isinstance(reply, ConnectFailed)
    assert "s3cret" not in reply.reason


async def test_a_failed_tls_handshake_never_left(client: HttpClient) -> None:
    """The server speaks no TLS: it has not seen the request."""
    heard: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    request = HttpRequest("POST", f"https://127.0.0.1:{port}/", body=b"{}")
    assert isinstance(await client.send(request), ConnectFailed)
    server.close()
    assert [b"POST" in bytes_ for bytes_ in heard] == [False]


async def test_time_out_while_looking_up_the_name_never_left(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole exchange's time may run out before there is a connection."""

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    request = HttpRequest("POST", "http://vendor.example.com/", body=b"{}", timeout=0.05)
    assert await client.send(request) == ConnectFailed("timed out")


@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_a_drop_before_the_answer_is_unknown(
    client: HttpClient, peer: Peer, body: bytes
) -> None:
    """The other side may have acted."""
    peer.script = [hang_up]
    reply = await client.send(HttpRequest("POST", peer.url, body=body))
    assert reply == AnswerUnknown("the server closed the connection")


async def test_a_reset_is_unknown(client: HttpClient, peer: Peer) -> None:
    """A hard drop reads like a soft one."""

    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        writer.transport.abort()

    peer.script = [reset]
    reply = await client.send(HttpRequest("POST", peer.url, body=b"{}"))
    assert reply == AnswerUnknown("the connection was reset")


@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"garbage\r\n\r\n",
    ],
)
async def test_a_drop_in_the_middle_of_the_answer_is_unknown(
    client: HttpClient, peer: Peer, part: bytes
) -> None:
    """Half an answer is none, and so is one that isn't HTTP."""

    async def drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(part)
        writer.close()

    peer.script = [drop]
    assert isinstance(await client.send(HttpRequest("POST", peer.url, body=b"{}")), AnswerUnknown)


async def test_an_unreadable_compression_is_unknown(client: HttpClient, peer: Peer) -> None:
    """A status whose body can't be read says too little."""
    peer.script = [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"]
    assert isinstance(await client.send(HttpRequest("POST", peer.url, body=b"{}")), AnswerUnknown)


async def test_time_out_waiting_for_the_answer_is_unknown(client: HttpClient, peer: Peer) -> None:
    """The request left; the time ran out."""
    peer.script = [stay_silent]
    request = HttpRequest("POST", peer.url, body=b"{}", timeout=0.05)
    assert await client.send(request) == AnswerUnknown("timed out")


async def test_time_out_in_the_middle_of_the_answer_is_unknown(
    client: HttpClient, peer: Peer
) -> None:
    """The time is for the whole exchange, body included."""

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await reader.read()

    peer.script = [stall]
    request = HttpRequest("POST", peer.url, body=b"{}", timeout=0.05)
    assert await client.send(request) == AnswerUnknown("timed out")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"])
async def test_nothing_is_sent_twice(client: HttpClient, peer: Peer, method: str) -> None:
    """A reused connection that drops after the request was read: the server saw it once."""
    peer.script = [OK, hang_up, OK]
    await client.send(HttpRequest("POST", peer.url, body=b"{}"))
    reply = await client.send(HttpRequest(method, peer.url + "/second"))
    assert reply == AnswerUnknown("the server closed the connection")
    assert len(peer.requests) == 2
    assert peer.connections == 1


async def test_an_interim_answer_is_passed_over(client: HttpClient, peer: Peer) -> None:
    """The final one is the answer."""
    peer.script = [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK]
    reply = await client.send(HttpRequest("POST", peer.url, body=b"{}"))
    assert reply == HttpResponse(200, {"content-length": "2"}, b"ok")


async def test_what_was_said_unasked_answers_nothing(client: HttpClient, peer: Peer) -> None:
    """A second answer to one request is not the next request's."""
    other = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    peer.script = [OK + other, OK]
    for _ in range(2):
        reply = await client.send(HttpRequest("POST", peer.url, body=b"{}"))
        assert reply == HttpResponse(200, {"content-length": "2"}, b"ok")
    assert peer.connections == 2


async def test_what_was_said_while_nobody_asked_answers_nothing(
    client: HttpClient, peer: Peer
) -> None:
    """Nor is one that comes while the connection lies idle."""
    idle, said = asyncio.Event(), asyncio.Event()

    async def mutter(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await idle.wait()
        writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        said.set()

    peer.script = [mutter, OK]
    first = await client.send(HttpRequest("POST", peer.url, body=b"{}"))
    idle.set()
    await said.wait()
    await asyncio.sleep(0)  # the client's loop is ours: let it read what lies there
    second = await client.send(HttpRequest("POST", peer.url, body=b"{}"))
    assert (first, second) == (HttpResponse(200, {"content-length": "2"}, b"ok"),) * 2


async def test_an_answer_before_the_request_was_read_ends_the_connection(
    client: HttpClient, peer: Peer
) -> None:
    """What is left of the body is not the beginning of the next request."""
    left: asyncio.Queue[None] = asyncio.Queue()

    async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        with contextlib.suppress(ConnectionError):
            await reader.read(-1)
        writer.close()
        left.put_nowait(None)

    server = await asyncio.start_server(impatient, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    for _ in range(2):
        reply = await client.send(HttpRequest("POST", url, body=b"x" * 50_000_000))
        assert reply == HttpResponse(200, {"content-length": "2"}, b"ok")
        await left.get()
    assert peer.connections == 2
    server.close()


async def test_giving_up_on_a_call_leaves_the_client_usable(client: HttpClient, peer: Peer) -> None:
    """A cancelled call takes its connection with it and nothing else."""
    reached = asyncio.Event()

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        reached.set()
        await reader.read()

    peer.script = [tell, OK]
    call = asyncio.create_task(client.send(HttpRequest("POST", peer.url, body=b"{}")))
    await reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert isinstance(await client.send(HttpRequest("GET", peer.url)), HttpResponse)
