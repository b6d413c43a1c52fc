"""`leadwire demo`: the whole path on this machine, with the vendors' own sample calls.

Fake backends and a server in one process, on free ports, in a temporary folder. Everything that
is printed was really sent, kept and received; where anything is missing the exit code is 1.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
import typer
import yaml

from connectors.registry import VENDORS
from connectors.sandbox.host import ADMIN, Running, SandboxHost, load
from connectors.vendor import SampleCall, Vendor
from gateway import wiring
from gateway.clock import Clock, SystemClock
from gateway.commands.narration import WIDE, Told, narrate
from gateway.dialect import Call, Caller, Dialect, Parsed
from gateway.edge.admin import topics
from gateway.edge.admin.asked import Asked, Parts, Refused
from gateway.edge.admin.endpoints import LINK, UPDATE
from gateway.eventlog.port import Topic
from gateway.lines import configure
from gateway.model.event import LeadId
from gateway.serving import ROLES, Server
from gateway.settings import Settings
from gateway.settings.loader import load as load_settings
from gateway.settings.model import LoggingSettings
from gateway.transport.aiohttp_client import AiohttpClient
from gateway.transport.port import HttpClient, HttpRequest, HttpResponse

TENANT = {"region": "AU", "timezone": "Australia/Melbourne"}
KEYS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "noojee": {
        "inbound": {"api_key": "demo-inbound-key"},
        # A template has the fields its owner gave it; these are where the other samples' go.
        "outbound": {
            "api_key": "demo-outbound-key",
            "fields": {"status": "Stage", "notes": "Notes"},
        },
    },
    "pollybot": {
        "inbound": {"token": "sk-workspace_demo_inbound"},
        "outbound": {"token": "sk-workspace_demo_outbound", "api": "gen1"},
    },
    "dialnexa": {
        "inbound": {"token": "demo:inbound-secret"},
        "outbound": {"token": "demo:outbound-secret"},
    },
}
"""Vendors that take part, with keys that open nothing."""
SETTLED_WITHIN, LOOK = 5.0, 0.02


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Stay up, and say where to look.")] = False,
) -> None:
    """Send the vendors' sample calls through a server with fake backends, and tell what happens."""
    configure(LoggingSettings(level="error"), SystemClock())
    with tempfile.TemporaryDirectory(prefix="leadwire-demo-") as folder:
        seen = asyncio.run(run(Path(folder), keep=keep))
    if not seen:
        raise typer.Exit(1)


@dataclass(frozen=True)
class Part:
    """A vendor that takes part."""

    vendor: Vendor
    dialect: Dialect
    sample: SampleCall
    """With our key in place of the page's."""
    lead: LeadId
    """Whom the sample is about, in the vendor's own id space."""


@dataclass(frozen=True)
class Stage:
    """Everything that runs."""

    parts: Sequence[Part]
    host: SandboxHost
    sandbox: Running
    server: Server
    operated: Parts
    client: HttpClient
    clock: Clock


async def run(folder: Path, *, keep: bool) -> bool:
    """The demo; whether everything was seen."""
    clock = SystemClock()
    parts = [part for vendor in VENDORS if vendor.name in KEYS for part in parts_of(vendor)]
    backends = {part.vendor.name: load(part.vendor.sandbox, faithful=False) for part in parts}
    host = SandboxHost(backends, clock)
    for part in parts:
        host.seed(part.vendor.name, {"id": part.lead.id})
    sandbox = await host.serve()
    file = folder / "leadwire.yaml"
    settings = write(file, document(parts, sandbox.url, 0, 0))
    server = Server(settings, VENDORS, clock, ROLES)
    client = AiohttpClient(1)
    try:
        await server.start()
        operated = wiring.operated(settings, server.storage, clock, server.links, server.explaining)
        stage = Stage(parts, host, sandbox, server, operated, client, clock)
        stories = await tell(stage)
        write(file, document(parts, sandbox.url, server.port, server.admin_port))
        if keep:
            _say_where(stage, file)
            await _interrupted()
        return bool(stories) and all(told.complete for told in stories)
    finally:
        await client.close()
        await server.stop()
        await sandbox.close()


async def tell(stage: Stage) -> list[Told]:
    """Send each sample and print its story."""
    sys.stdout.write(
        f"leadwire at http://127.0.0.1:{stage.server.port}, backends at {stage.sandbox.url}\n"
    )
    wish: dict[str, Any] = {
        "leads": [
            [
                {"system": part.lead.system, "id": part.lead.id, "scope": dict(part.lead.scope)}
                for part in stage.parts
            ]
        ]
    }
    linked = (await LINK.run(stage.operated, Asked(body=wish))).model_dump()["leads"][0]
    names = " = ".join(f"{one['system']}:{one['id']}" for one in linked["ids"])
    told_linked = textwrap.fill(f"linked as one lead: {names}", WIDE, subsequent_indent="  ")
    sys.stdout.write(f"{told_linked}\n")
    stories = []
    for number, part in enumerate(stage.parts, 1):
        told = await _send(stage, part)
        sys.stdout.write(narrate(number, told))
        sys.stdout.flush()
        stories.append(told)
    seen = sum(told.complete for told in stories)
    sys.stdout.write(f"\n{seen} of {len(stories)} calls went all the way.\n")
    return stories


async def _send(stage: Stage, part: Part) -> Told:
    """Send a sample and gather all that it caused."""
    sample = part.sample
    before = {one.vendor.name: _newest(stage.host, one.vendor.name) for one in stage.parts}
    query = f"?{urlencode(sample.query)}" if sample.query else ""
    url = f"http://127.0.0.1:{stage.server.port}{sample.path}{query}"
    reply = await stage.client.send(
        HttpRequest(sample.method, url, sample.headers, sample.body, timeout=20.0)
    )
    answered = reply if isinstance(reply, HttpResponse) else HttpResponse(0, {}, b"")
    event_id = answered.headers.get("x-leadwire-event-id", "")
    update = await _settled(stage, event_id)
    triggers = [
        event
        for event in await _events(stage, Topic.TRIGGERS)
        if event["data"]["event_id"] == event_id
    ]
    return Told(
        f"{part.vendor.name}: {sample.note}",
        line_of(part),
        sample.body,
        answered,
        next((e for e in await _events(stage, Topic.UPDATES) if e["id"] == event_id), None),
        {name: stage.host.calls(name, since=number) for name, number in before.items()},
        update,
        triggers,
    )


def line_of(part: Part) -> str:
    """A sample's request line, with its key masked."""
    sample = part.sample
    line = f"{sample.method} {sample.path}"
    if sample.query:
        line += "?" + "&".join(f"{name}={value}" for name, value in sample.query)
    return sample.masked(line)


async def _settled(stage: Stage, event_id: str) -> dict[str, Any] | None:
    """The update's record once every connector has a verdict, or time is up."""
    clock = stage.clock
    until = clock.monotonic() + SETTLED_WITHIN
    update: dict[str, Any] | None = None
    while event_id:
        try:
            told = await UPDATE.run(stage.operated, Asked({"id": event_id}))
            update = told.model_dump(mode="json")
        except Refused:
            update = None
        if (update is not None and update["settled"]) or clock.monotonic() > until:
            break
        await clock.sleep(LOOK)
    return update


async def _events(stage: Stage, topic: Topic) -> list[dict[str, Any]]:
    page = await topics.page(stage.operated, Asked(query={"topic": topic}))
    return [orjson.loads(line) for line in page.lines]


def _newest(host: SandboxHost, vendor: str) -> int:
    return max((int(str(call["number"])) for call in host.calls(vendor)), default=0)


# --- setting up ---------------------------------------------------------------------------


def parts_of(vendor: Vendor) -> list[Part]:
    """A vendor's samples with our keys, and whom they are about. Raises ValueError for a sample
    that its own dialect does not take."""
    dialect, model, name = vendor.dialect, vendor.credential_settings, vendor.name
    if dialect is None or model is None:
        return []
    settings = model.model_validate({"dialect": name, "system": name, **KEYS[name]["inbound"]})
    caller = Caller("default", name, TENANT["region"], TENANT["timezone"], settings)
    parts = []
    for page in vendor.samples:
        sample = page.keyed(settings)
        parsed = dialect.parse(_call(sample, dialect), sample.body, caller)
        if not isinstance(parsed, Parsed):
            raise ValueError(f"{name} does not take its own sample: {parsed}")
        parts.append(Part(vendor, dialect, sample, parsed.updates[0].lead))
    return parts


def _call(sample: SampleCall, dialect: Dialect) -> Call:
    """A sample as the front door sees it; the operation and path parameters by the dialect's
    routes."""
    headers = {name.lower(): value for name, value in sample.headers}
    operation, parameters = "", dict[str, str]()
    for route in dialect.routes:
        found = _matched(route.path, sample.path)
        if found is not None and route.method == sample.method:
            operation, parameters = route.operation, found
            break
    return Call(sample.method, sample.path, operation, parameters, sample.query, headers)


def _matched(template: str, path: str) -> dict[str, str] | None:
    """The path parameters, where a path is of a template."""
    wanted, given = template.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    found = {}
    for want, part in zip(wanted, given, strict=True):
        if want.startswith("{"):
            found[want[1:-1].partition(":")[0]] = part
        elif want != part:
            return None
    return found


def document(parts: Sequence[Part], sandbox: str, port: int, admin_port: int) -> dict[str, Any]:
    """The configuration."""
    names = [part.vendor.name for part in parts]
    return {
        "server": {"host": "127.0.0.1", "port": port},
        "admin": {"host": "127.0.0.1", "port": admin_port},
        "log": {"url": "sqlite:leadwire.db"},
        "store": {"url": "sqlite:leadwire.db"},
        "tenants": {
            "default": {
                **TENANT,
                "credentials": [
                    {"dialect": name, "system": name, **KEYS[name]["inbound"]} for name in names
                ],
            }
        },
        "connectors": {
            name: {"vendor": name, "base_url": f"{sandbox}/{name}", **KEYS[name]["outbound"]}
            for name in names
        },
        "routes": [
            {"name": "everything", "connectors": names, "authority": {name: name for name in names}}
        ],
        "shutdown_within": "2s",
    }


def write(file: Path, tree: Mapping[str, Any]) -> Settings:
    """Write a configuration, and read it as any other; the environment has no say."""
    file.write_text(yaml.safe_dump(tree, sort_keys=False, width=100), "utf-8")
    return load_settings(file, VENDORS, environ={})


def _say_where(stage: Stage, file: Path) -> None:
    port, admin_port = stage.server.port, stage.server.admin_port
    lines = [
        "",
        "Still up, until Ctrl-C:",
        f"  calls     http://127.0.0.1:{port}",
        f"  metrics   http://127.0.0.1:{admin_port}/metrics",
        f"  admin API http://127.0.0.1:{admin_port}/openapi.json",
    ]
    for part in stage.parts:
        url = f"{stage.sandbox.url}{ADMIN}/{part.vendor.name}"
        lines += [f"  {part.vendor.name}  {url}/leads", f"  {part.vendor.name}  {url}/calls"]
    lines += [f"  leadwire events --config {file}", ""]
    sys.stdout.write("\n".join(lines))
    sys.stdout.flush()


async def _interrupted() -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
