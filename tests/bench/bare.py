"""Bare programs to compare with: an aiohttp server that echoes, an aiohttp client that calls.

`python -m tests.bench.bare echo PORT` serves; `python -m tests.bench.bare put|post PORT COUNT`
calls and prints calls a second.
"""

from __future__ import annotations

import asyncio
import sys
import time

import aiohttp
import orjson
import uvloop
from aiohttp import web

CONCURRENCY = 64
LEADS = 5_000
BODY = b'{"phone":"+15550100","metadata":{"n":"1"}}'
HEADERS = (
    ("Authorization", "Bearer sk-out"),
    ("Content-Type", "application/json"),
    ("Accept", "application/json"),
)


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


async def put(port: int, count: int) -> float:
    """Make the calls that the measured connector makes, `count` of them, CONCURRENCY at once:
    its method, headers, a path per lead, a JSON body, a JSON answer that is read. Calls a
    second."""
    left = iter(range(count))
    base = f"http://127.0.0.1:{port}/api/v1/leads/"
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def worker() -> None:
            for number in left:
                body = orjson.dumps({"phone": "+15550100", "metadata": {"n": str(number)}})
                url = f"{base}{number % LEADS}"
                async with session.put(url, data=body, headers=HEADERS) as answer:
                    orjson.loads(await answer.read())

        began = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
        return count / (time.perf_counter() - began)


async def post(port: int, count: int) -> float:
    """Post the same bytes to the same URL, `count` times, CONCURRENCY at once: the least a client
    can do. Calls a second."""
    left = iter(range(count))
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def worker() -> None:
            for _ in left:
                async with session.post(f"http://127.0.0.1:{port}/", data=BODY) as answer:
                    await answer.read()

        began = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
        return count / (time.perf_counter() - began)


def main() -> None:
    """Run one of the two."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if sys.argv[1] == "echo":
            runner.run(echo(int(sys.argv[2])))
        else:
            call = post if sys.argv[1] == "post" else put
            rate = runner.run(call(int(sys.argv[2]), int(sys.argv[3])))
            sys.stdout.write(f"{rate}\n")


if __name__ == "__main__":
    main()
