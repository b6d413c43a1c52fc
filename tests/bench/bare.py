"""Bare programs to compare with: an aiohttp server that echoes, an aiohttp client that calls.

`python -m tests.bench.bare echo PORT` serves; `python -m tests.bench.bare post|webhook PORT COUNT`
calls and prints calls a second.
"""

from __future__ import annotations

import asyncio
import hmac
import sys
import time
from base64 import b64encode
from collections.abc import Callable

import aiohttp
import orjson
import uvloop
from aiohttp import web

CONCURRENCY = 64
LEADS = 5_000
BODY = b'{"phone":"+15550100","metadata":{"n":"1"}}'
Made = tuple[bytes, dict[str, str]]


async def echo(port: int) -> None:
    """Answer every POST with what it said."""

    async def handle(request: web.Request) -> web.Response:
        return web.Response(
            body=orjson.dumps(orjson.loads(await request.read())), content_type="application/json"
        )

    app = web.Application()
    app.router.add_post("/{anything:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


def same_bytes(number: int) -> Made:
    """The least a client can do."""
    del number
    return BODY, {}


def webhook(number: int) -> Made:
    """What the measured connector posts, made afresh for each call: an event as JSON, signed."""
    event_id = f"00000000-0000-7000-8000-{number:012x}"
    lead = f"00000000-0000-4000-8000-{number % LEADS:012d}"
    body = orjson.dumps(
        {
            "specversion": "1.0",
            "id": event_id,
            "type": "io.leadwire.lead.update.requested.v1",
            "source": "/default/leadsquared",
            "subject": f"ld_{number % LEADS:032x}",
            "time": "2026-01-01T00:00:00.000Z",
            "datacontenttype": "application/json",
            "data": {
                "lead": {"ids": [{"system": "crm", "scope": {}, "id": lead}]},
                "changes": {"phones.primary": {"op": "set", "value": "+15550100"}},
                "attributes": {"mode": "merge", "patch": {"mx_N": str(number)}},
                "triggers": {"post_updated_lead": False, "disposition_actions": True},
                "origin": {"dialect": "leadsquared", "operation": "updateLeadAsync"},
            },
        }
    )
    moment = str(int(time.time()))
    signed = hmac.digest(b"0" * 24, f"{event_id}.{moment}.".encode() + body, "sha256")
    return body, {
        "Content-Type": "application/cloudevents+json",
        "webhook-id": event_id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{b64encode(signed).decode()}",
    }


async def calls(port: int, count: int, make: Callable[[int], Made]) -> float:
    """Post what is made, `count` times, CONCURRENCY at once; calls a second."""
    left = iter(range(count))
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def worker() -> None:
            for number in left:
                body, headers = make(number)
                url = f"http://127.0.0.1:{port}/hook"
                async with session.post(url, data=body, headers=headers) as answer:
                    await answer.read()

        began = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
        return count / (time.perf_counter() - began)


def main() -> None:
    """Run one of them."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if sys.argv[1] == "echo":
            runner.run(echo(int(sys.argv[2])))
        else:
            make = same_bytes if sys.argv[1] == "post" else webhook
            rate = runner.run(calls(int(sys.argv[2]), int(sys.argv[3]), make))
            sys.stdout.write(f"{rate}\n")


if __name__ == "__main__":
    main()
