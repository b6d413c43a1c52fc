"""`leadwire serve --workers N`: N server processes that take calls on one port, and their parent.

The parent serves nothing. It starts each worker again when it dies, passes SIGTERM and SIGINT on,
and ends when all have. A worker reads its standard input, a pipe that nobody writes to: its end
is that of the parent, however that came.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path

from gateway import lines
from gateway.clock import Clock
from gateway.settings import Settings
from gateway.settings.checks import many_processes

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a worker that died is started again: doubled each time it dies young."""
YOUNG = 30.0
"""Seconds a worker must have lived to count as one that started well."""
UNUSABLE = 2
"""Exit code of a worker that can't use its configuration: no other start would do better."""


def why_not(settings: Settings) -> str | None:
    """Why this configuration is not for several workers; None where it is."""
    if not many_processes(settings):
        return (
            "--workers needs a log and a store that several processes can share: log.url"
            " kafka://… and store.url postgresql://…"
        )
    if settings.server.port == 0:
        return "--workers needs a server.port: with 0 each would listen on another"
    return None


def as_worker(settings: Settings, number: int) -> Settings:
    """A worker's own settings: its admin listener is on the next port for each; 0 stays 0."""
    admin = settings.admin
    if admin.port:
        admin = admin.model_copy(update={"port": admin.port + number})
    return settings.model_copy(update={"admin": admin})


class Workers:
    """The parent's work."""

    def __init__(self, config: Path, roles: Sequence[str], count: int, clock: Clock) -> None:
        """`run` starts them."""
        self._config, self._roles = config, ",".join(roles)
        self._count, self._clock = count, clock
        self._running: dict[int, Process] = {}
        self._stopping = asyncio.Event()
        self._unusable = False

    async def run(self) -> int:
        """Keep them running until a signal comes; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        codes = await asyncio.gather(*(self._keep(number) for number in range(self._count)))
        if self._unusable:
            return UNUSABLE
        return 1 if any(codes) else 0

    def _stop(self) -> None:
        self._stopping.set()
        for process in self._running.values():
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)

    async def _keep(self, number: int) -> int:
        """Have one run; how it ended once all were asked to."""
        pause, code = FIRST_PAUSE, 0
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            code = await self._one(number)
            if self._stopping.is_set():
                break
            if code == UNUSABLE:
                self._unusable = True
                self._stop()
                break
            lines.error("worker.died", worker=number, code=code)
            lived = self._clock.monotonic() - began
            pause = FIRST_PAUSE if lived > YOUNG else pause
            await self._rest(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        return code

    async def _one(self, number: int) -> int:
        process = self._running[number] = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "serve", "--config", str(self._config)),
            *("--roles", self._roles, "--worker", str(number)),
            stdin=PIPE,
        )
        lines.info("worker.started", worker=number, pid=process.pid)
        if self._stopping.is_set():
            process.send_signal(signal.SIGTERM)
        return await process.wait()

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
