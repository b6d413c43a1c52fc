"""leadwire as a child process on its own core, as an operator would start it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

CORE, OTHER = 0, 1
"""The core of what is measured, and that of everything else."""
UNCOMPILED = "PYTHONDONTWRITEBYTECODE"
"""An operator's modules are compiled once, not at every start."""
CONFIG = """
server: {{host: 127.0.0.1, port: {port}}}
admin: {{port: {admin}}}
log: {{url: "{log}"}}
store: {{url: "{store}"}}
logging: {{level: info}}
tenants:
  default:
    region: US
    credentials:
      - {{dialect: leadsquared, system: crm, access_key: in-access, secret_key: in-secret,
         x_api_key: in-key, quota: null}}
egress: {{allow: [127.0.0.0/8]}}
connectors:
{connectors}
routes:
  - {{name: everything, connectors: [{names}], authority: {{default: {first}}}}}
"""
CONNECTOR = (
    "  {name}: {{vendor: webhook, secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz, "
    'concurrency: 64, start: beginning, url: "http://127.0.0.1:{port}/hook"}}'
)


@dataclass
class Child:
    """A process pinned to the measured core."""

    process: asyncio.subprocess.Process
    port: int
    started: float
    """Seconds from start to listening."""
    admin: int = 0
    """Port of the admin API."""

    @property
    def cpu(self) -> float:
        """Seconds of a core that it and the processes it started have used."""
        return sum(map(_used, _family(self.process.pid)))

    @property
    def memory(self) -> float:
        """Resident MB."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    async def stop(self) -> None:
        """End it by SIGTERM, as an operator would; by SIGKILL if that doesn't help."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), 30)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()


def _family(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    told = [(task / "children").read_text(encoding="ascii") for task in tasks.iterdir()]
    children = [int(child) for text in told for child in text.split()]
    return [pid, *(one for child in children for one in _family(child))]


def _used(pid: int) -> float:
    """Nanoseconds on a core are the first number (docs.kernel.org, sched-stats)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    spent = [(task / "schedstat").read_text(encoding="ascii").split()[0] for task in tasks]
    return sum(map(int, spent)) / 1e9


async def start(arguments: list[str], port: int, *, wait: bool = True) -> Child:
    """Run `python -m …` on the measured core and wait until its port listens."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != UNCOMPILED},
        preexec_fn=lambda: os.sched_setaffinity(0, {CORE}),
    )
    child = Child(process, port, 0.0)
    try:
        async with asyncio.timeout(30):
            while wait and not await listens(port):  # noqa: ASYNC110 - a port tells nobody
                await asyncio.sleep(0.01)
    except BaseException:
        await child.stop()
        raise
    child.started = time.perf_counter() - began
    return child


async def listens(port: int) -> bool:
    """Whether somebody listens on a port."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@dataclass(frozen=True)
class Kept:
    """Where log and store are."""

    log: str
    store: str


async def leadwire(
    folder: Path,
    backends: dict[str, int],
    roles: str = "",
    kept: Kept | None = None,
    options: Sequence[str] = (),
    rules: str = "",
) -> Child:
    """A server with one connector per backend port, over a database in `folder` unless it is told
    otherwise, and this file of rules."""
    embedded = f"sqlite:{folder}/leadwire.db"
    kept = kept or Kept(embedded, embedded)
    port, admin = free_port(), free_port()
    lines = [CONNECTOR.format(name=name, port=where) for name, where in backends.items()]
    config = folder / "leadwire.yaml"
    config.write_text(
        CONFIG.format(
            port=port,
            admin=admin,
            log=kept.log,
            store=kept.store,
            connectors="\n".join(lines),
            names=", ".join(backends),
            first=next(iter(backends)),
        )
        + (f"automations: {rules}\n" if rules else ""),
        encoding="utf-8",
    )
    arguments = ["gateway", "serve", "--config", str(config), *options]
    if roles:
        arguments += ["--roles", roles]
    door = "gateway" in roles or not roles
    child = await start(arguments, port, wait=door)
    child.admin = admin
    return child
