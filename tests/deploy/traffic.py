"""Traffic that goes wrong in every way that the dashboard shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import orjson

from connectors.sandbox.faults import Fault
from tests.journeys.everyone import (
    Everyone,
    everything,
    id_at,
    ids_of,
    key_of,
    seed,
    served,
    with_hook,
)
from tests.journeys.running import Document, backends, link
from tests.ports import free_port

LEADS = ("one", "two", "poisoned")
NOTE = {"name": "note", "on": "dispositionAction", "do": [{"log": "a disposition"}]}
EVERY = 0.1
"""Seconds between a caller's calls."""

Caller = Callable[[Everyone], Awaitable[object]]


def document(folder: Path, url: str) -> Document:
    """All vendors, of which PollyBot fails for one lead, Dialnexa's limit is reached, and the
    endpoint of the webhook is not there."""
    told = with_hook(everything(folder, url, "async"), f"http://127.0.0.1:{free_port()}")
    told["connectors"]["polly"]["retry"] = {"first": "300ms", "attempts": 100, "max": "5s"}
    told["connectors"]["nexa"]["limits"] = [{"requests": 5, "per": "1s"}]
    told["server"]["head_within"] = "100ms"
    told["shutdown_within"] = "1s"
    told["automations"] = str(folder / "rules.yaml")
    (folder / "rules.yaml").write_bytes(orjson.dumps({"rules": [NOTE]}))
    for credential in told["tenants"]["default"]["credentials"]:
        credential["answer_within"] = "2s"
    return told


async def good(e: Everyone) -> None:
    """Updates in every dialect that one vendor after the other applies; triggers fire."""
    await e.speaker.noojee("one", {"njDisposition": "Sale"})
    await e.speaker.leadsquared("one", {"FirstName": "Ada"}, "true")
    await e.speaker.pollybot("two", {"status": "contacted"})
    await e.speaker.native("two", {"full_name": "Ada"}, prefer="")


async def limited(e: Everyone) -> None:
    """More than the limit lets through."""
    await e.speaker.dialnexa("one", {"name": "Ada"})


async def parked(e: Everyone) -> None:
    """Of a lead that fails while others pass; its caller waits, and hears busy."""
    await e.speaker.pollybot("poisoned", {"status": "contacted"})


async def unknown(e: Everyone) -> None:
    """Of a lead that nobody has: refused by the authority, a dead letter at the others."""
    await e.speaker.noojee("nobody", {"njDisposition": "Sale"})


async def uninvited(e: Everyone) -> None:
    """With a key that is none, and a question what would happen."""
    bearer = {"Authorization": "Bearer none"}
    await e.caller.call("PUT", f"/api/v1/leads/{id_at('polly', 'one')}", b"{}", bearer)
    asking = {"Authorization": f"Bearer {key_of('default', 'native')}", "X-Leadwire-Dry-Run": "1"}
    body = {"lead": {"ids": [{"system": "crm", "id": "one"}]}, "changes": {"email": None}}
    await e.caller.call("POST", "/v1/lead-updates", orjson.dumps(body), asking)


async def silent(e: Everyone) -> None:
    """A connection on which nothing comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", e.server.port)
    try:
        await reader.read()
    finally:
        writer.close()


CALLERS: tuple[Caller, ...] = (good, limited, parked, unknown, uninvited, silent)


@asynccontextmanager
async def troubled(folder: Path) -> AsyncIterator[Everyone]:
    """A server in the midst of it; raises what a caller failed with."""
    async with AsyncExitStack() as stack:
        vendors = await stack.enter_async_context(backends())
        for lead in LEADS:
            seed(vendors.host, lead)
        vendors.host.add_fault("pollybot", Fault(status=500, lead=id_at("polly", "poisoned")))
        told = document(folder, vendors.url)
        e = await stack.enter_async_context(served(folder, told, vendors))
        await link(e.server, *map(ids_of, LEADS))
        (folder / "rules.yaml").write_text("rules: 3")
        tasks = [asyncio.create_task(_again_and_again(caller, e)) for caller in CALLERS]
        try:
            yield e
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [one for one in ended if not isinstance(one, asyncio.CancelledError)]
        assert failures == []


async def _again_and_again(caller: Caller, e: Everyone) -> None:
    while True:
        await caller(e)
        await asyncio.sleep(EVERY)
