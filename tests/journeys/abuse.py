"""A server as a process of its own, good callers, and somebody who misuses it beside them."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from statistics import median

import orjson

from gateway.clock import SystemClock
from tests.journeys.outage import p99
from tests.journeys.running import ROOT, Caller, Child, document, spawn
from tests.ports import free_port

ABUSING = Path(__file__).with_name("abusing.py")
PACE = 0.01
"""Seconds between good calls."""


class Besieged:
    """Good calls are safe and answered at once; no route wants them, so that all there is in the
    log is what was accepted."""

    def __init__(self, folder: Path, child: Child, caller: Caller) -> None:
        """Made by `besieged`."""
        self.folder, self.child, self._caller = folder, child, caller
        self._clock = SystemClock()
        self.good = 0

    async def window(self, seconds: float) -> float:
        """Good calls for so long; the time that one in a hundred is above."""
        took, end = [], self._clock.monotonic() + seconds
        while (began := self._clock.monotonic()) < end:
            told = await self._caller.noojee("1", {"njDisposition": f"{self.good}"})
            assert told.status == 200
            self.good += 1
            took.append(self._clock.monotonic() - began)
            await asyncio.sleep(max(0.0, PACE - took[-1]))
        return p99(took)

    async def used(self, calls: int) -> None:
        """So many good calls, many at once: what the server keeps of those (the database's pages
        above all) is no growth afterwards."""

        async def some() -> None:
            for _ in range(calls // 32):
                self.good += 1
                told = await self._caller.noojee("1", {"njDisposition": f"{self.good}"})
                assert told.status == 200

        await asyncio.gather(*(some() for _ in range(32)))

    @asynccontextmanager
    async def abuse(self, *numbers: float) -> AsyncIterator[Process]:
        """Somebody who misuses the server, as `abusing` has it."""
        told = [str(self.child.port), *map(str, numbers)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(ABUSING), *told, cwd=ROOT, stdout=PIPE
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    @property
    def memory(self) -> float:
        """Resident MB of the server."""
        status = Path(f"/proc/{self.child.process.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def written(self) -> dict[str, int]:
        """Rows of each table of the file, once the server is gone."""
        with closing(sqlite3.connect(self.folder / "leadwire.db")) as file:
            named = "SELECT name FROM sqlite_master WHERE type = 'table'"
            tables = [name for (name,) in file.execute(named)]
            return {
                name: file.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608 - its own names
                for name in tables
            }


@asynccontextmanager
async def besieged(folder: Path, bounds: dict[str, str] | None = None) -> AsyncIterator[Besieged]:
    """Started, and used a little; `bounds` are settings of the server."""
    port = free_port()
    told = document(folder, "http://127.0.0.1:9")
    told["tenants"]["default"]["credentials"][0]["answer"] = "accepted"
    told["routes"], told["connectors"] = [], {}
    told["server"] |= bounds or {}
    child = await spawn(folder, told, port=port)
    try:
        async with Caller(child.url) as caller:
            made = Besieged(folder, child, caller)
            await made.window(1.0)
            yield made
    finally:
        await child.kill()


async def answers(process: Process) -> dict[str, int]:
    """How the misuse was answered, once it has ended."""
    out, _ = await process.communicate()
    told: dict[str, int] = orjson.loads(out)
    return told


def medians(windows: list[tuple[float, float]]) -> tuple[float, float]:
    """Of quiet windows and of those beside them."""
    return median(quiet for quiet, _ in windows), median(loud for _, loud in windows)
