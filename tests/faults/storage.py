"""A server that is a process of its own, callers that never rest, and looks at how it is."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.journeys.running import (
    BUSY,
    OK,
    ROOT,
    Backends,
    Caller,
    Document,
    backends,
    document,
    eventually,
    noojee_lead,
    repeated_only_newest,
    written,
)
from tests.ports import free_port

LAUNCHER = Path(__file__).with_name("launching.py")
LEADS = [f"lead-{number}" for number in range(8)]
PADDING = "x" * 2000


class Load:
    """Callers that each send one lead's numbered updates, and call again what got no OK."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.answered: dict[str, list[int]] = {lead: [] for lead in LEADS}
        self.busy = 0
        """Calls that heard busy."""
        self.unanswered = 0
        """Calls that heard nothing."""
        self._stopping = asyncio.Event()
        self._abandoned = False

    @property
    def count(self) -> int:
        """Updates that were answered with OK."""
        return sum(map(len, self.answered.values()))

    async def run(self) -> None:
        """Until `stop`."""
        await asyncio.gather(*(self._lead(lead) for lead in LEADS))

    def stop(self) -> None:
        """Begin no further update."""
        self._stopping.set()

    def abandon(self) -> None:
        """Call no more, also about what got no OK."""
        self._abandoned = True

    async def _lead(self, lead: str) -> None:
        while not self._stopping.is_set():
            number = len(self.answered[lead]) + 1
            while not await self._call(lead, number):
                if self._abandoned:
                    return
                await asyncio.sleep(0.05)
            self.answered[lead].append(number)

    async def _call(self, lead: str, number: int) -> bool:
        fields = {"njDisposition": str(number), "Name": PADDING}
        try:
            told = await self._caller.noojee(lead, fields)
        except (aiohttp.ClientError, TimeoutError):
            self.unanswered += 1
            return False
        if (told.status, told.body) == (400, BUSY):
            self.busy += 1
            return False
        assert (told.status, told.body) == (200, OK)
        return True


class Bench:
    """One server with its callers."""

    def __init__(self, folder: Path, vendors: Backends, told: Document) -> None:
        """`running` starts it."""
        self.folder, self.vendors, self.told = folder, vendors, told
        self.database = folder / "leadwire.db"
        self.errors = folder / "stderr"
        self.code: int | None = None
        """The exit code."""
        self.process: Process
        self.load: Load
        self._session: aiohttp.ClientSession

    @property
    def admin(self) -> str:
        """Where operators ask."""
        return f"http://127.0.0.1:{self.told['admin']['port']}"

    async def start(self) -> None:
        """Start the server and wait until it is ready."""
        with self.errors.open("ab") as stderr:
            self.process = await serve(self.folder, self.told, stderr=stderr)
        await self.ready()

    async def terminate(self) -> int:
        """Ask it to end; its exit code."""
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), 30)

    async def readyz(self) -> tuple[int, str]:
        """Status and reason; 0 while nobody answers."""
        try:
            async with self._session.get(self.admin + "/readyz") as answer:
                told = orjson.loads(await answer.read())
                return answer.status, told["reason"] or ""
        except aiohttp.ClientError:
            return 0, ""

    async def writable(self) -> float:
        """The metric."""
        async with self._session.get(self.admin + "/metrics") as answer:
            text = await answer.text()
        lines = [line for line in text.splitlines() if line.startswith("leadwire_log_writable")]
        return float(lines[0].split()[1])

    async def not_ready(self) -> str:
        """Wait until it says that it isn't; why."""
        return await self._says(503)

    async def ready(self) -> None:
        """Wait until it says that it is."""
        await self._says(200)

    async def _says(self, status: int) -> str:
        async with asyncio.timeout(20):
            while True:
                seen, reason = await self.readyz()
                if seen == status:
                    return reason
                await asyncio.sleep(0.02)

    async def flow(self, more: int = 40) -> None:
        """Wait until so many more updates were answered."""
        wanted = self.load.count + more
        await eventually(lambda: self.load.count >= wanted, 30)

    async def refused(self, more: int = 40) -> None:
        """Wait until so many more calls heard busy."""
        wanted = self.load.busy + more
        await eventually(lambda: self.load.busy >= wanted, 30)

    def lines(self, *events: str) -> list[dict[str, Any]]:
        """What it wrote of these events."""
        rows = [line for line in self.errors.read_bytes().splitlines() if line.startswith(b"{")]
        told = [orjson.loads(row) for row in rows]
        return [row for row in told if row["event"] in events]

    def received(self) -> dict[str, list[int]]:
        """What the vendor got of each lead, in order."""
        received = self.vendors.received
        return {lead: [int(n) for n in received("noojee", "njDisposition", lead)] for lead in LEADS}

    def check_delivered(self) -> None:
        """What was answered was delivered, each lead's in order."""
        got = self.received()
        assert [lead for lead in LEADS if not repeated_only_newest(got[lead])] == []
        assert {lead: sorted(set(got[lead])) for lead in LEADS} == self.load.answered

    @asynccontextmanager
    async def loaded(self) -> AsyncIterator[None]:
        """Callers while the block runs; after it every call that was begun is answered."""
        url = f"http://127.0.0.1:{self.told['server']['port']}"
        async with Caller(url, timeout=20) as caller:
            self.load = Load(caller)
            calling = asyncio.create_task(self.load.run())
            try:
                yield
                self.load.stop()
                await asyncio.wait_for(calling, 30)
            finally:
                calling.cancel()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The server and its callers; it is asked to end when they all have their answers."""
        async with aiohttp.ClientSession() as self._session:
            await self.start()
            try:
                async with self.loaded():
                    yield
                if self.process.returncode is None:
                    self.code = await self.terminate()
            finally:
                if self.process.returncode is None:
                    self.process.kill()
                    await self.process.wait()


@asynccontextmanager
async def bench(folder: Path, data: Path | None = None) -> AsyncIterator[Bench]:
    """A server to be, with its database in `data`, and the vendor with its leads."""
    async with backends() as vendors:
        for lead in LEADS:
            vendors.host.seed("noojee", noojee_lead(lead))
        told = document(data or folder, vendors.url)
        told["server"]["port"], told["admin"]["port"] = free_port(), free_port()
        told["tenants"]["default"]["credentials"][0]["answer_within"] = "10s"
        told["shutdown_within"] = "5s"
        made = Bench(folder, vendors, told)
        made.database = (data or folder) / "leadwire.db"
        yield made


async def serve(folder: Path, told: Document, stderr: Any = PIPE) -> Process:
    """Start `leadwire serve` with the faults of `launching`."""
    command = [sys.executable, str(LAUNCHER), str(folder), "serve"]
    return await asyncio.create_subprocess_exec(
        *command,
        *("--config", str(written(folder, told))),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=stderr,
    )
