"""Connections that are kept: which are used again, and how many there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.transport import links
from gateway.transport.aiohttp_client import AiohttpClient
from gateway.transport.port import AnswerUnknown, ConnectFailed, HttpReply, HttpRequest
from tests.contracts.peers import OK, Peer, stay_silent
from tests.journeys.running import eventually


@pytest.fixture
async def peers() -> AsyncIterator[list[Peer]]:
    """Two servers that answer whatever comes."""
    made, servers = [Peer([OK] * 20), Peer([OK] * 20)], []
    for peer in made:
        server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
        peer.port = server.sockets[0].getsockname()[1]
        servers.append(server)
    yield made
    for server in servers:
        server.close()


@pytest.fixture
async def client() -> AsyncIterator[AiohttpClient]:
    """Two connections at most."""
    client = AiohttpClient(2)
    yield client
    await client.close()


async def get(client: AiohttpClient, peer: Peer, timeout: float = 5.0) -> HttpReply:
    """One request."""
    return await client.send(HttpRequest("GET", peer.url + "/", timeout=timeout))


async def test_a_connection_is_used_again(client: AiohttpClient, peers: list[Peer]) -> None:
    """By one request after the other; two at once need two."""
    for _ in range(5):
        await get(client, peers[0])
    assert peers[0].connections == 1
    await asyncio.gather(*(get(client, peers[0]) for _ in range(2)))
    assert (peers[0].connections, len(peers[0].requests)) == (2, 7)


async def test_one_that_was_idle_for_long_is_not(
    client: AiohttpClient, peers: list[Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is closed, by itself."""
    monkeypatch.setattr(links, "KEEP_ALIVE", 0.2)
    await get(client, peers[0])
    assert client._links._count == 1
    await eventually(lambda: client._links._count == 0)
    await get(client, peers[0])
    assert peers[0].connections == 2


async def test_another_origin_takes_the_place_of_one_that_is_idle(
    client: AiohttpClient, peers: list[Peer]
) -> None:
    """There are never more than so many."""
    await asyncio.gather(*(get(client, peers[0]) for _ in range(2)))
    await get(client, peers[1])
    assert (client._links._count, peers[1].connections) == (2, 1)
    await get(client, peers[0])
    assert [peer.connections for peer in peers] == [2, 1]


async def test_one_request_more_than_connections_waits(
    client: AiohttpClient, peers: list[Peer]
) -> None:
    """And goes out on the first that is free, also to another origin; one that waited too long
    never left."""
    going = asyncio.Event()

    async def held(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await going.wait()
        writer.write(OK)

    peers[0].script[:2] = [held, held]
    busy = [asyncio.create_task(get(client, peers[0])) for _ in range(2)]
    await eventually(lambda: len(peers[0].requests) == 2)
    assert await get(client, peers[1], 0.1) == ConnectFailed("timed out")
    waiting = [asyncio.create_task(get(client, peer)) for peer in (peers[1], peers[0], peers[1])]
    await asyncio.sleep(0.05)
    assert [len(peer.requests) for peer in peers] == [2, 0]
    going.set()
    await asyncio.gather(*busy, *waiting)
    assert [len(peer.requests) for peer in peers] == [3, 2]
    assert client._links._count <= 2


async def test_a_place_is_free_again_after_whatever_went_wrong(
    client: AiohttpClient, peers: list[Peer]
) -> None:
    """A server that says nothing, one that isn't there, a caller that goes."""
    nobody = Peer()
    nobody.port = 9
    for _ in range(3):
        peers[0].script[:1] = [stay_silent]
        assert await get(client, peers[0], 0.1) == AnswerUnknown("timed out")
        assert isinstance(await get(client, nobody), ConnectFailed)
        peers[0].script[:1] = [stay_silent]
        gone = asyncio.create_task(get(client, peers[0]))
        await asyncio.sleep(0.05)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
    assert client._links._count == 0


async def test_time_runs_anew_for_each_request(client: AiohttpClient, peers: list[Peer]) -> None:
    """On a connection that is used again, whether it has more time or less than before."""

    async def late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(OK)

    peers[0].script[:4] = [late, late, late, stay_silent]
    for timeout in (0.3, 0.3, 5.0):
        assert not isinstance(await get(client, peers[0], timeout), AnswerUnknown)
    async with asyncio.timeout(2):
        assert await get(client, peers[0], 0.1) == AnswerUnknown("timed out")
    assert peers[0].connections == 1
