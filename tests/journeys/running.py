"""Starts what a journey goes through: fake vendors, a server in this process, a server that is a
process of its own and can be killed.

Everything listens on free ports of the loopback and keeps its files under the test's own folder.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import orjson

from connectors.registry import VENDORS
from connectors.sandbox.host import SandboxHost, load
from gateway.clock import SystemClock
from gateway.commands.configured import configured
from gateway.model.event import LeadId
from gateway.serving import ROLES, Server
from gateway.storage import Storage
from gateway.store import leads
from gateway.store.links import Links

ROOT = Path(__file__).absolute().parents[2]
LAUNCHER = Path(__file__).with_name("stopping.py")

NOOJEE_KEY = "f863246a-973e-11e6-8784-08002718f5b5"
"""The key of the vendor's page."""
POLLY_KEY = "sk-workspace_your_api_key"
"""As above."""
NOOJEE_PATH = "/servicemanager/rest/CampaignAPI/updateLeadFast"
READY_WITHIN = 30.0

Document = dict[str, Any]


@dataclass
class Backends:
    """Fake vendor backends in this process."""

    host: SandboxHost
    url: str
    port: int

    def received(self, vendor: str, field: str, lead: str | None = None) -> list[Any]:
        """A field of the body of every received call that has one, in order of receipt."""
        bodies = [call["body"] for call in self.host.calls(vendor, lead)]
        return [body[field] for body in bodies if isinstance(body, dict) and field in body]


@asynccontextmanager
async def backends(port: int = 0, host: SandboxHost | None = None) -> AsyncIterator[Backends]:
    """Serve every vendor's sandbox; a `host` that was served before keeps its state."""
    if host is None:
        modules = {vendor.name: vendor.sandbox for vendor in VENDORS if vendor.sandbox}
        loaded = {name: load(module, faithful=False) for name, module in modules.items()}
        host = SandboxHost(loaded, SystemClock())
    running = await host.serve(port=port)
    try:
        yield Backends(host, running.url, running.port)
    finally:
        await running.close()


QUICK: Document = {
    "limits": [],
    "retry": {"first": "20ms", "throttled": "50ms"},
    "breaker": {"open": "200ms", "max_open": "1s"},
}
"""A connector that loses no time."""


def document(folder: Path, noojee: str, pollybot: str | None = None) -> Document:
    """A configuration with both vendors, each the authority of its own dialect; arguments are
    base URLs of sandboxes without the vendor's prefix."""
    url = f"sqlite:{folder / 'leadwire.db'}"
    return {
        "server": {"host": "127.0.0.1", "port": 0},
        "admin": {"host": "127.0.0.1", "port": 0},
        "log": {"url": url},
        "store": {"url": url},
        "logging": {"level": "warning"},
        "tenants": {
            "default": {
                "region": "AU",
                "timezone": "Australia/Melbourne",
                "credentials": [
                    {"dialect": "noojee", "system": "noojee-au", "api_key": NOOJEE_KEY},
                    {"dialect": "pollybot", "system": "polly", "token": POLLY_KEY},
                ],
            }
        },
        "connectors": {
            "noojee-au": {
                "vendor": "noojee",
                "base_url": f"{noojee}/noojee",
                "api_key": "outbound-noojee",
                **deepcopy(QUICK),
            },
            "polly": {
                "vendor": "pollybot",
                "base_url": f"{pollybot or noojee}/pollybot",
                "token": "sk-workspace_outbound",
                "api": "gen1",
                **deepcopy(QUICK),
            },
        },
        "routes": [
            _route("noojee", "noojee-au"),
            _route("pollybot", "polly"),
        ],
    }


def _route(dialect: str, connector: str) -> Document:
    return {
        "name": dialect,
        "when": f"dialect == '{dialect}'",
        "connectors": [connector],
        "authority": {dialect: connector},
    }


def everywhere(told: Document) -> Document:
    """The configuration with every update going to both vendors."""
    authority = {"noojee": "noojee-au", "pollybot": "polly"}
    route = {"name": "all", "connectors": ["noojee-au", "polly"], "authority": authority}
    return {**told, "routes": [route]}


def written(folder: Path, told: Document) -> Path:
    """The configuration as a file; JSON is YAML."""
    path = folder / "leadwire.yaml"
    path.write_bytes(orjson.dumps(told))
    return path


class Running(Protocol):
    """A server as journeys see it."""

    @property
    def port(self) -> int:
        """Where it answers callers."""

    @property
    def admin_port(self) -> int:
        """Where it answers operators."""

    @property
    def storage(self) -> Storage:
        """Its log and store, to look at."""

    @property
    def links(self) -> Links:
        """Refreshed when a test has changed links."""


@asynccontextmanager
async def server(
    folder: Path, told: Document, roles: tuple[str, ...] = ROLES
) -> AsyncIterator[Running]:
    """A server, drained at the end: in this process, or where the whole run is through several
    processes (`conftest`), these."""
    async with serve(folder, told, roles) as running:
        yield running


@asynccontextmanager
async def serve(
    folder: Path, told: Document, roles: tuple[str, ...] = ROLES
) -> AsyncIterator[Server]:
    """A server in this process, drained at the end."""
    running = Server(configured(written(folder, told)), VENDORS, SystemClock(), roles)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


async def link(running: Running, *sets: tuple[LeadId, ...]) -> None:
    """Say that ids are one lead's."""
    await running.storage.store.run(lambda: leads.link("default", sets))
    await running.links.refresh()


# --- a process of its own --------------------------------------------------------------------


class Child:
    """`leadwire serve` as a process."""

    def __init__(self, process: Process, port: int, errors: Path) -> None:
        """`errors` is the file its stderr goes to."""
        self.process, self.port, self.errors = process, port, errors

    @property
    def url(self) -> str:
        """Where it answers callers."""
        return f"http://127.0.0.1:{self.port}"

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def terminate(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()


async def spawn(folder: Path, told: Document, *, port: int, stop_at: str | None = None) -> Child:
    """Start the command on a known port and wait until it answers, or has ended. `stop_at` is
    `STEP:N`: end without warning at the N-th time of a step (see `stopping`)."""
    told = {**told, "server": {**told["server"], "port": port}}
    path = written(folder, told)
    program = ["-m", "gateway"] if stop_at is None else [str(LAUNCHER), stop_at]
    errors = folder / "stderr"
    with errors.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *program,
            "serve",
            "--config",
            str(path),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=DEVNULL,
            stderr=stderr,
        )
    child = Child(process, port, errors)
    try:
        await eventually(lambda: process.returncode is not None or _listens(port), READY_WITHIN)
    except BaseException:
        await child.kill()
        raise
    return child


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def eventually(true: Callable[[], bool], within: float = 20.0) -> None:
    """Look until it is so; raises TimeoutError."""
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110 - other processes and sockets set no event
            await asyncio.sleep(0.02)


# --- calls -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """An answer, whole."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def events(self) -> list[str]:
        """Ids of the events it stands for."""
        named = self.headers.get("X-Leadwire-Event-Id", "")
        return [name for name in named.split(",") if name]


class Caller:
    """Calls in the vendors' languages, over connections that are kept."""

    def __init__(self, url: str, timeout: float = 60.0) -> None:
        """`timeout` is how long the caller waits for an answer."""
        self.url = url
        connector = aiohttp.TCPConnector(limit=0)
        bound = aiohttp.ClientTimeout(total=timeout)
        self._session = aiohttp.ClientSession(connector=connector, timeout=bound)

    async def __aenter__(self) -> Caller:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()

    async def call(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Told:
        """Any call. Raises aiohttp.ClientError, TimeoutError."""
        told = {"Content-Type": "application/json", **(headers or {})}
        async with self._session.request(
            method, self.url + path, data=body, headers=told, allow_redirects=False
        ) as answer:
            return Told(answer.status, await answer.read(), dict(answer.headers))

    async def noojee(
        self,
        lead: str,
        fields: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        **query: str | None,
    ) -> Told:
        """UpdateLeadFast; parameters of the query can be given, None leaves one out."""
        said = {
            "fTemplateId": "41",
            "fCampaignId": "41",
            "fAllocationId": "38",
            "njExternalLeadId": lead,
            "apiKey": NOOJEE_KEY,
            **query,
        }
        text = "&".join(f"{name}={value}" for name, value in said.items() if value is not None)
        body = orjson.dumps({"FirstPhone": "<No Change>", **fields})
        return await self.call("POST", f"{NOOJEE_PATH}?{text}", body, headers)

    async def polly(
        self, lead: str, fields: object, headers: Mapping[str, str] | None = None
    ) -> Told:
        """PUT a lead; a header given as empty text replaces the key."""
        told = {"Authorization": f"Bearer {POLLY_KEY}", **(headers or {})}
        return await self.call("PUT", f"/api/v1/leads/{lead}", orjson.dumps(fields), told)


OK = b'{"code":0,"message":"OK"}'
BUSY = b'{"code":109,"message":"TIMEOUT_TOO_MANY_CONCURRENT_REQUESTS"}'


def noojee_lead(id: str, **fields: Any) -> Document:
    """A lead that was dialled, as the sandbox is seeded."""
    return {
        "id": id,
        "fAllocationId": "38",
        "fCampaignId": "41",
        "fTemplateId": "41",
        "njDisposition": "New",
        "dialled": True,
        **fields,
    }


def url_of(running: Running) -> str:
    """Where a server in this process answers callers."""
    return f"http://127.0.0.1:{running.port}"


def repeated_only_newest(sequence: list[int]) -> bool:
    """Whether numbers only ever go up, or stay: an update came again, never an older one."""
    return all(before <= after for before, after in pairwise(sequence))
