"""What every HTTP client promises about what it writes, held over real sockets on the loopback."""

from __future__ import annotations

import pytest

from gateway.transport.port import (
    ConnectFailed,
    HttpClient,
    HttpRequest,
    HttpResponse,
)
from tests.contracts.peers import OK, Peer


async def test_the_request_goes_out_as_written(client: HttpClient, peer: Peer) -> None:
    """Path, query, headers and body reach the other side byte for byte."""
    peer.script = [OK]
    await client.send(
        HttpRequest(
            "PUT", peer.url + "/a%2Fb?k=u%24r%20x", (("X-Api-Key", "k"), ("x-b", "2")), b'{"a":1}'
        )
    )
    lines = peer.requests[0].split(b"\r\n")
    assert lines[0] == b"PUT /a%2Fb?k=u%24r%20x HTTP/1.1"
    assert {b"X-Api-Key: k", b"x-b: 2", b"Content-Length: 7"} <= set(lines)
    assert lines[-1] == b'{"a":1}'


async def test_a_content_type_is_not_made_up(client: HttpClient, peer: Peer) -> None:
    """Only the connector says what the body is."""
    peer.script = [OK]
    await client.send(HttpRequest("POST", peer.url, body=b"x"))
    assert b"content-type" not in peer.requests[0].lower()


@pytest.mark.parametrize("url", ["not a url", "http://", "ftp://example.com/", "http://a:99999/"])
async def test_a_bad_url_never_left(client: HttpClient, url: str) -> None:
    """It is a reply like any other, not an exception."""
    assert isinstance(await client.send(HttpRequest("GET", url)), ConnectFailed)


@pytest.mark.parametrize("header", [("X-A", "1\r\nX-B: 2"), ("X A", "1"), ("", "1"), ("X-A", "\0")])
async def test_a_header_that_cannot_be_written_is_an_error(
    client: HttpClient, peer: Peer, header: tuple[str, str]
) -> None:
    """Nobody smuggles a second header in."""
    with pytest.raises(ValueError, match="can't be written"):
        await client.send(HttpRequest("GET", peer.url, (header,)))
    assert peer.connections == 0


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX-B: 2", "/\u00e4"])
async def test_a_target_that_cannot_be_written_never_left(
    client: HttpClient, peer: Peer, target: str
) -> None:
    """Connectors write what they mean percent-encoded."""
    reply = await client.send(HttpRequest("GET", peer.url + target))
    assert (reply, peer.connections) == (ConnectFailed("the URL cannot be used"), 0)


@pytest.mark.parametrize(
    ("url", "line"),
    [("", b"GET / HTTP/1.1"), ("?a=1#f", b"GET /?a=1 HTTP/1.1"), ("/a#f?x", b"GET /a HTTP/1.1")],
)
async def test_a_target_is_completed(client: HttpClient, peer: Peer, url: str, line: bytes) -> None:
    """A path that isn't there is the root; a fragment stays here."""
    peer.script = [OK]
    await client.send(HttpRequest("GET", peer.url + url))
    assert peer.requests[0].split(b"\r\n")[0] == line


async def test_no_cookie_is_kept(client: HttpClient, peer: Peer) -> None:
    """Deliveries share nothing."""
    peer.script = [b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n", OK]
    for _ in range(2):
        # By name: a jar would not keep the cookies of a bare address.
        url = f"http://localhost:{peer.port}/"
        await client.send(HttpRequest("POST", url, body=b"{}"))
    assert b"cookie" not in peer.requests[1].lower()


async def test_the_environment_changes_nothing(
    client: HttpClient, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would also walk around the guard."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    peer.script = [OK]
    assert isinstance(await client.send(HttpRequest("GET", peer.url)), HttpResponse)


async def test_a_request_shows_no_secret() -> None:
    """What is logged of a request is method and path."""
    request = HttpRequest("POST", "http://v.example.com/p?apiKey=s3cret", (("A", "s3cret"),), b"x")
    assert repr(request) == "HttpRequest(POST http://v.example.com/p)"
