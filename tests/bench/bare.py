"""Bare programs to compare with: an aiohttp server that echoes, an aiohttp client that posts.

`python -m tests.bench.bare echo PORT` serves; `python -m tests.bench.bare post PORT COUNT`
posts and prints calls a second.
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
BODY = b'{"status":"contacted","metadata":{"n":"1"}}'


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


async def post(port: int, count: int) -> float:
    """Post `count` times, CONCURRENCY at once; calls a second."""
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
            rate = runner.run(post(int(sys.argv[2]), int(sys.argv[3])))
            sys.stdout.write(f"{rate}\n")


if __name__ == "__main__":
    main()
