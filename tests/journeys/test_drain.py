"""A server that is asked to end answers who waits, settles what is under way, and repeats
nothing when it is started again."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import aiohttp

from connectors.sandbox.faults import Fault
from tests.journeys.running import (
    OK,
    Caller,
    backends,
    document,
    eventually,
    noojee_lead,
    spawn,
)
from tests.ports import free_port

CALLS = 12


async def test_sigterm_with_calls_under_way(tmp_path: Path) -> None:
    """Twelve calls wait for a slow vendor; all are answered, exit 0, and each reached it once."""
    port = free_port()
    async with backends() as vendors, Caller(f"http://127.0.0.1:{port}") as caller:
        for number in range(CALLS):
            vendors.host.seed("noojee", noojee_lead(str(number)))
        vendors.host.add_fault("noojee", Fault(delay=1.0))
        told = document(tmp_path, vendors.url)
        child = await spawn(tmp_path, told, port=port)
        try:
            calls = [
                asyncio.create_task(caller.noojee(str(number), {"njDisposition": "Sale"}))
                for number in range(CALLS)
            ]
            await eventually(lambda: len(vendors.host.calls("noojee")) >= 4)
            code = await asyncio.wait_for(child.terminate(), 30)
            answers = await asyncio.gather(*calls)
            assert code == 0
            assert [(told.status, told.body) for told in answers] == [(200, OK)] * CALLS
            vendors.host.clear_faults("noojee")
            child = await spawn(tmp_path, told, port=port)
            for number in range(CALLS):
                answer = await caller.noojee(str(number), {"njDisposition": "Callback"})
                assert (answer.status, answer.body) == (200, OK)
            assert await child.terminate() == 0
        finally:
            await child.kill()
        received = [
            vendors.received("noojee", "njDisposition", str(number)) for number in range(CALLS)
        ]
    assert received == [["Sale", "Callback"]] * CALLS


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """Exit 1 with the reason, and the file is free for the next."""
    port = free_port()
    async with backends(port) as vendors:
        child = await spawn(tmp_path, document(tmp_path, vendors.url), port=port)
        try:
            code = await asyncio.wait_for(child.process.wait(), 30)
        finally:
            await child.kill()
    assert code == 1
    assert b"address already in use" in child.errors.read_bytes()


async def test_no_new_connections_while_draining(tmp_path: Path) -> None:
    """Who calls after SIGTERM is refused the connection, and so knows that nothing was taken."""
    port = free_port()
    async with backends() as vendors, Caller(f"http://127.0.0.1:{port}") as caller:
        vendors.host.seed("noojee", noojee_lead("1"))
        vendors.host.add_fault("noojee", Fault(delay=1.5))
        child = await spawn(tmp_path, document(tmp_path, vendors.url), port=port)
        try:
            first = asyncio.create_task(caller.noojee("1", {"njDisposition": "Sale"}))
            await eventually(lambda: bool(vendors.host.calls("noojee")))
            ending = asyncio.create_task(child.terminate())
            await eventually(lambda: _refuses(port))
            async with Caller(child.url) as late:
                try:
                    refused = (await late.noojee("1", {"njDisposition": "Late"})).status
                except aiohttp.ClientError:
                    refused = 0
            assert (refused, (await first).body, await ending) == (0, OK, 0)
        finally:
            await child.kill()
        assert vendors.received("noojee", "njDisposition") == ["Sale"]


def _refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
