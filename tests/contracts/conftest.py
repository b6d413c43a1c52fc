"""What the ports' contract suites run on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store.port import Store
from gateway.transport.aiohttp_client import AiohttpClient
from gateway.transport.port import HttpClient
from tests.contracts.peers import BOUND, Peer
from tests.databases import KINDS, opened


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store, on every database."""
    async with opened(request, tmp_path) as database:
        store = Store(database)
        await store.start()
        yield store


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """A scripted server."""
    peer = Peer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    yield peer
    server.close()


@pytest.fixture(params=[AiohttpClient])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[HttpClient]:
    """Every adapter, with a small bound."""
    client: HttpClient = request.param(concurrency=2, max_body=BOUND)
    yield client
    await client.close()
