"""How leadwire is started for a scenario, and how its processes are found again to be ended."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias

import aiohttp

from gateway.serving import ROLES
from tests.faults.storage import serve
from tests.journeys.processes import events_of
from tests.journeys.running import Caller, Document, written
from tests.ports import free_port

READY_WITHIN = 20.0
ENDS_WITHIN = 30.0


class Deployment(Protocol):
    """The processes of one leadwire, addressed by the roles of `leadwire serve --roles`. Where one
    process has several roles, what is done to one of them is done to all."""

    doors: tuple[str, ...]
    """Where callers call: the URL of each gateway."""
    admin: str
    """URL of an admin listener."""
    config: Path
    """The configuration, for the commands."""
    patience: float
    """Seconds in which callers are answered again, whatever became of one process."""

    async def start(self) -> None:
        """Start every process that does not run, and wait until each is ready."""

    async def kill(self, role: str) -> None:
        """End a process that has this role as a power cut would."""

    async def terminate(self, role: str) -> int:
        """Ask a process that has this role to end; its exit code."""

    async def end(self) -> set[int]:
        """Ask all that run to end; their exit codes."""

    async def close(self) -> None:
        """Kill what still runs."""

    def inflict(self, fault: str, text: str) -> None:
        """Turn a fault of `launching` on (or off, with what it says for that) in all of them."""

    def lines(self) -> list[str]:
        """The events of the lines that they wrote; what is no such line as it is."""


Deploy: TypeAlias = Callable[[Path, Document], Deployment]
"""Makes a deployment of a folder and a configuration; it picks ports, and where to keep things."""


class Embedded:
    """One process with every role, and one file for log and store."""

    patience = 15.0

    def __init__(self, folder: Path, told: Document) -> None:
        """`start` starts it."""
        port, admin = free_port(), free_port()
        self._folder = folder
        self._told = {
            **told,
            "server": {**told["server"], "port": port},
            "admin": {**told["admin"], "port": admin},
        }
        self.doors: tuple[str, ...] = (f"http://127.0.0.1:{port}",)
        self.admin = f"http://127.0.0.1:{admin}"
        self.config = written(folder, self._told)
        self._process: Process | None = None

    async def start(self) -> None:
        """See the port."""
        if self._process is not None and self._process.returncode is None:
            return
        with (self._folder / "stderr").open("ab") as stderr:
            self._process = await serve(self._folder, self._told, stderr=stderr)
        async with asyncio.timeout(READY_WITHIN), Caller(self.admin) as operator:
            while not await _is_ready(operator):
                if self._process.returncode is not None:
                    raise RuntimeError((self._folder / "stderr").read_text("utf-8"))
                await asyncio.sleep(0.02)

    async def kill(self, role: str) -> None:
        """See the port."""
        process = self._with(role)
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def terminate(self, role: str) -> int:
        """See the port."""
        process = self._with(role)
        if process.returncode is None:
            process.terminate()
        return await asyncio.wait_for(process.wait(), ENDS_WITHIN)

    async def end(self) -> set[int]:
        """See the port."""
        return {await self.terminate(ROLES[0])}

    async def close(self) -> None:
        """See the port."""
        if self._process is not None:
            await self.kill(ROLES[0])

    def inflict(self, fault: str, text: str) -> None:
        """See the port."""
        (self._folder / fault).write_text(text)

    def lines(self) -> list[str]:
        """See the port."""
        return events_of(self._folder / "stderr")

    def _with(self, role: str) -> Process:
        assert role in ROLES
        assert self._process is not None
        return self._process


async def _is_ready(operator: Caller) -> bool:
    try:
        return (await operator.call("GET", "/readyz", b"")).status == 200
    except aiohttp.ClientError:
        return False
