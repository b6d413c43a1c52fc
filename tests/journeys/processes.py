"""Several `leadwire serve` processes with one configuration: what each runs is told by its roles,
and where it listens by its environment."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from tests.journeys.clusters import until
from tests.journeys.running import ROOT, Caller, Document, written
from tests.ports import free_port

READY_WITHIN = 30.0
LEADWIRE = ("-m", "gateway")


@dataclass
class Member:
    """One process."""

    process: Process
    port: int
    """Where it answers callers, if it has the door."""
    admin_port: int
    admin: Caller = field(init=False)

    def __post_init__(self) -> None:
        """A caller of its admin listener."""
        self.admin = Caller(f"http://127.0.0.1:{self.admin_port}")

    async def ready(self) -> bool:
        """Whether it says so."""
        return await self.status("/readyz") == 200

    async def status(self, path: str) -> int:
        """Of an answer of its admin listener; 0 where there is none."""
        try:
            return (await self.admin.call("GET", path, b"")).status
        except OSError:
            return 0

    async def held(self) -> set[str]:
        """The connectors that it runs, as its metrics say."""
        page = (await self.admin.call("GET", "/metrics", b"")).body.decode()
        return set(re.findall(r'^leadwire_lease_held\{connector="([^"]+)"\} 1', page, re.MULTILINE))

    async def kill(self) -> None:
        """End it as a power cut would."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        """Ask it to end; its exit code."""
        return await self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop it where it is, as a machine that hangs."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    async def _end(self, how: signal.Signals) -> int:
        if self.process.returncode is None:
            self.process.send_signal(how)
        code = await self.process.wait()
        await self.admin.close()
        return code


class Crew:
    """Starts processes, and ends those that are left."""

    def __init__(self, folder: Path, told: Document, program: Sequence[str] = LEADWIRE) -> None:
        """All have this configuration; `program` is how Python runs the command."""
        self._folder, self.config, self._program = folder, written(folder, told), program
        self._members: list[Member] = []

    async def start(self, roles: str, *options: str, port: int | None = None) -> Member:
        """One more process; it is ready."""
        member = await self.launch(roles, *options, port=port)
        await until(member.ready, READY_WITHIN)
        return member

    async def launch(
        self, roles: str, *options: str, port: int | None = None, admin_port: int | None = None
    ) -> Member:
        """One more process."""
        port, admin_port = port or free_port(), admin_port or free_port()
        with (self._folder / "stderr").open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *self._program, "serve", "--config", str(self.config)),
                *("--roles", roles, *options),
                cwd=ROOT,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "LEADWIRE_SERVER__PORT": str(port),
                    "LEADWIRE_ADMIN__PORT": str(admin_port),
                },
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=stderr,
            )
        member = Member(process, port, admin_port)
        self._members.append(member)
        return member

    async def end(self) -> None:
        """Kill those that run."""
        await asyncio.gather(*(member.kill() for member in self._members))


@asynccontextmanager
async def crew(folder: Path, told: Document) -> AsyncIterator[Crew]:
    """Processes that end with the test."""
    started = Crew(folder, told)
    try:
        yield started
    finally:
        await started.end()


def events_of(stderr: Path) -> list[str]:
    """The events of the lines in a file; what is no such line as it is."""
    return [_event(line) for line in stderr.read_bytes().splitlines()]


def _event(line: bytes) -> str:
    try:
        event: str = orjson.loads(line)["event"]
    except (orjson.JSONDecodeError, KeyError):
        return line.decode("utf-8", "replace")
    return event
