"""A server with both vendors behind it, and an operator in front: by HTTP and by command."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.journeys.running import (
    ROOT,
    Backends,
    Caller,
    Document,
    Running,
    backends,
    document,
    everywhere,
    noojee_lead,
    server,
    url_of,
    written,
)

API = "/admin/v1"
LEAD = "lead=noojee-au:9856&scope=allocation_id%3D38"


@dataclass
class Bench:
    """A running server with both vendors behind it, and who talks to it."""

    server: Running
    backends: Backends
    caller: Caller
    admin: Caller
    config: Path
    """The configuration with the admin port that is served."""

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """A request of the admin API: status and JSON."""
        sent = b"" if body is None else orjson.dumps(body)
        told = await self.admin.call(method, API + path, sent)
        return told.status, orjson.loads(told.body)

    async def until(self, path: str, **wanted: object) -> Any:
        """Ask until the answer has these values."""
        return await self.when(path, lambda told: told | wanted == told)

    async def when(self, path: str, so: Callable[[Any], bool], within: float = 20.0) -> Any:
        """Ask until the answer is so; raises TimeoutError."""
        async with asyncio.timeout(within):
            while True:
                status, told = await self.ask("GET", path)
                if status == 200 and so(told):
                    return told
                await asyncio.sleep(0.02)

    async def settled(self, event_id: str) -> dict[str, str]:
        """Wait for every verdict; states by connector."""
        told = await self.until(f"/updates/{event_id}", settled=True)
        return {one["connector"]: one["state"] for one in told["deliveries"]}


@asynccontextmanager
async def bench(folder: Path, told: Document | None = None) -> AsyncIterator[Bench]:
    """One Noojee lead and one PollyBot lead, and every update goes to both; `told` has further
    settings by the dotted name of their group."""
    async with backends() as vendors:
        vendors.host.seed("noojee", noojee_lead("9856"))
        vendors.host.seed("pollybot", {"id": "lead_1"})
        whole = everywhere(document(folder, vendors.url))
        for place, settings in (told or {}).items():
            group = whole
            for name in place.split("."):
                group = group[name]
            group |= settings
        async with server(folder, whole) as running:
            ported = {**whole, "admin": {**whole["admin"], "port": running.admin_port}}
            url = f"http://127.0.0.1:{running.admin_port}"
            async with Caller(url_of(running)) as caller, Caller(url) as admin:
                yield Bench(running, vendors, caller, admin, written(folder, ported))


async def leadwire(config: Path, *words: str) -> tuple[int, str, str]:
    """Run a command: exit code, stdout with the ends of its lines trimmed, stderr."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "LEADWIRE_CONFIG": str(config)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *words,
        cwd=ROOT,
        stdout=PIPE,
        stderr=PIPE,
        env={**environ, "COLUMNS": "80"},
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    lines = [line.rstrip() for line in out.decode().splitlines()]
    return process.returncode, "\n".join(lines), err.decode()


def linked() -> Document:
    """Both leads are one."""
    noojee = {"system": "noojee-au", "id": "9856", "scope": {"allocation_id": "38"}}
    return {"leads": [[noojee, {"system": "polly", "id": "lead_1"}]]}


async def sold(bench: Bench) -> str:
    """An update by Noojee's API; its id."""
    told = await bench.caller.noojee("9856", {"njDisposition": "Sale"})
    assert told.status == 200
    return told.events[0]
