"""A program that misuses a server: `abusing PORT CALLS RATE`, or `abusing PORT IDLE SLOW SECONDS`.

It stands apart from the test, so that what it does costs the callers beside it no time of their
own process. It speaks plain sockets, and prints how its calls were answered.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import sys
import zlib
from collections import Counter
from collections.abc import Callable

KEY = "f863246a-973e-11e6-8784-08002718f5b5"
PATH = "/servicemanager/rest/CampaignAPI/updateLeadFast"
AWAY = "gone"
"""How a call ends whose connection is closed without an answer."""
_BOMB = gzip.compress(bytes(256 << 20))
_FLAT = zlib.compress(bytes(64 << 20))
_LARGE = b'{"Name":"' + b"x" * (10 << 20) + b'"}'


def _post(body: bytes, key: str = KEY, headers: str = "", length: int | None = None) -> bytes:
    target = f"{PATH}?fAllocationId=38&njExternalLeadId=1&apiKey={key}"
    size = len(body) if length is None else length
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {size}\r\n"
    return (head + "Connection: close\r\n\r\n").encode() + body


def _put(body: bytes, key: str) -> bytes:
    head = f"PUT /api/v1/leads/lead_1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


_GZIP = "Content-Encoding: gzip\r\n"
KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "random bytes": lambda r: r.randbytes(r.randrange(1, 2000)) + b"\r\n\r\n",
    "random body": lambda r: _post(r.randbytes(500)),
    "wrong types": lambda _: _post(b'{"FirstPhone":[{}],"njDisposition":{"a":1},"njPriority":"x"}'),
    "no object": lambda _: _post(b'[[{"FirstPhone":1}]]'),
    "large": lambda _: _post(_LARGE),
    "large, wrong key": lambda _: _post(_LARGE, key="wrong"),
    "deep": lambda _: _post(b'{"a":' * 150_000),
    "deep and whole": lambda _: _post(b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"),
    "many": lambda _: _post(b'{"a":[' + b"{}," * 300_000 + b"{}]}"),
    "bomb": lambda _: _post(_BOMB, headers=_GZIP),
    "flat bomb": lambda _: _post(_FLAT, headers="Content-Encoding: deflate\r\n"),
    "bomb, wrong key": lambda _: _post(_BOMB, key="wrong", headers=_GZIP),
    "slow": lambda _: _post(b"{", length=1000),
    "wrong key": lambda r: _post(b"{}", key=r.randbytes(16).hex()),
    "long key": lambda _: _put(b"{}", "k" * 65536),
    "Unicode key": lambda _: _put(b"{}", "ключ"),
    "no key": lambda _: _put(b"{}", ""),
    "no path": lambda _: b"GET /nowhere?apiKey=k HTTP/1.1\r\nHost: x\r\n\r\n",
    "no method": lambda _: b"DELETE /api/v1/leads/a HTTP/1.1\r\nHost: x\r\n\r\n",
}  # fmt: skip


async def _call(port: int, kind: str, request: bytes) -> str:
    """One call; the status of its answer."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return AWAY
    try:
        writer.write(request)
        async with asyncio.timeout(1.0 if kind == "slow" else 30.0):
            line = await reader.readline()
    except (OSError, TimeoutError):
        return AWAY
    finally:
        writer.transport.abort()
    return line.decode("latin-1").split(" ")[1] if b" " in line else AWAY


async def calls(port: int, count: int, rate: float) -> Counter[str]:
    """So many calls of every kind in turn, so many a second."""
    loop = asyncio.get_running_loop()
    chance, began = random.Random(1), loop.time()
    kinds, under_way, told = list(KINDS.items()), set[asyncio.Task[None]](), Counter[str]()

    async def one(kind: str, request: bytes) -> None:
        told[f"{kind}: {await _call(port, kind, request)}"] += 1

    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
        kind, make = kinds[number % len(kinds)]
        task = asyncio.create_task(one(kind, make(chance)))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    return told


async def hold(port: int, idle: int, slow: int, seconds: float) -> Counter[str]:
    """So many connections that do nothing after a first call, and so many whose request comes
    byte by byte; those that are closed are opened again."""
    opened = Counter[str]()

    async def idling() -> None:
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            opened["idle"] += 1
            writer.write(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
            while await reader.read(4096):
                pass
            writer.close()

    async def trickling() -> None:
        head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"x" * 1000
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            opened["slow"] += 1
            for at in range(len(head)):
                writer.write(head[at : at + 1])
                try:
                    async with asyncio.timeout(0.5):
                        await reader.read(1)
                except TimeoutError:
                    continue
                break
            writer.close()

    async def again(what: Callable[[], object]) -> None:
        while True:
            try:
                await what()  # type: ignore[misc]  # one of the two above
            except OSError:
                opened["lost"] += 1
                await asyncio.sleep(0.5)

    tasks = [asyncio.create_task(again(idling)) for _ in range(idle)]
    tasks += [asyncio.create_task(again(trickling)) for _ in range(slow)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return opened


def main() -> None:
    """Do it, behind everybody else on this machine: who misuses a server does so from another, and
    takes no time of its cores."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    port, *numbers = sys.argv[1:]
    if len(numbers) == 2:
        told = asyncio.run(calls(int(port), int(numbers[0]), float(numbers[1])))
    else:
        idle, slow, seconds = numbers
        told = asyncio.run(hold(int(port), int(idle), int(slow), float(seconds)))
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
