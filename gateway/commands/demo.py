"""`leadwire demo`: the whole path on this machine, with the vendors' own sample calls.

Fake backends and a server in one process, on free ports, in a temporary folder. Everything that
is printed was really sent, kept and received; where anything is missing the exit code is 1.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
import typer
import yaml

from connectors.registry import VENDORS
from connectors.sandbox.host import ADMIN, Running, SandboxHost
from gateway import wiring
from gateway.clock import Clock, SystemClock
from gateway.commands.casting import Cast, Part, cast
from gateway.commands.narration import Hop, Told, closing, looped, narrate, opening
from gateway.commands.staging import HOPS, RULE, RULES_FILE, backends, document, rules, write
from gateway.edge.admin import topics
from gateway.edge.admin.asked import Asked, Parts, Refused
from gateway.edge.admin.endpoints import LINK, UPDATE, WHY
from gateway.eventlog.port import Topic
from gateway.lines import configure
from gateway.model.trigger import TriggerKind
from gateway.serving import ROLES, Server
from gateway.settings.model import LoggingSettings
from gateway.transport.aiohttp_client import AiohttpClient
from gateway.transport.port import HttpClient, HttpRequest, HttpResponse

SETTLED_WITHIN, LOOK = 5.0, 0.02
MOVED = (
    "leadwire_events_accepted_total",
    "leadwire_deliveries_total",
    "leadwire_triggers_total",
)
"""Metrics that are shown."""


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
class Stage:
    """Everything that runs."""

    cast: Cast
    host: SandboxHost
    sandbox: Running
    server: Server
    operated: Parts
    client: HttpClient
    clock: Clock
    rules: Path

    @property
    def gateway_url(self) -> str:
        """Where callers post."""
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def admin_url(self) -> str:
        """Where operators look."""
        return f"http://127.0.0.1:{self.server.admin_port}"


async def run(folder: Path, *, keep: bool) -> bool:
    """The demo; whether everything was seen."""
    clock, told = SystemClock(), cast()
    host = backends(told, clock)
    sandbox = await host.serve()
    file = folder / "leadwire.yaml"
    (folder / RULES_FILE).write_text(yaml.safe_dump(rules(enabled=False)), "utf-8")
    settings = write(file, document(told, sandbox.url, 0, 0))
    server = Server(settings, VENDORS, clock, ROLES)
    client = AiohttpClient(1)
    try:
        await server.start()
        operated = wiring.operated(settings, server.storage, clock, server.links, server.explaining)
        stage = Stage(told, host, sandbox, server, operated, client, clock, folder / RULES_FILE)
        missing = await tell(stage)
        write(file, document(told, sandbox.url, server.port, server.admin_port))
        if keep:
            _say_where(stage, file)
            await _interrupted()
        return not missing
    finally:
        await client.close()
        await server.stop()
        await sandbox.close()


async def tell(stage: Stage) -> list[str]:
    """Send each sample and print its story; what was missing."""
    names = [vendor.name for vendor in stage.cast.vendors]
    _say(opening(stage.gateway_url, stage.sandbox.url, names, stage.cast.people))
    await LINK.run(stage.operated, Asked(body={"leads": _links(stage.cast)}))
    missing, stories = [], list[Told]()
    for number, part in enumerate(stage.cast.parts, 1):
        told = await _send(stage, part)
        _say(narrate(number, told))
        stories.append(told)
        missing += [f"call {number}: {text}" for text in told.missing]
    metrics = await _metrics(stage)
    missing += await _missing_at_the_end(stage, stories, metrics)
    missing += await _feed_itself(stage)
    url = f"{stage.admin_url}/metrics"
    _say(closing(list(metrics), url, missing, len(stories), len(names)))
    return missing


def _links(told: Cast) -> list[list[dict[str, Any]]]:
    return [
        [{"system": one.system, "id": one.id, "scope": dict(one.scope)} for one in ids.values()]
        for ids in told.people
    ]


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


# --- a call -------------------------------------------------------------------------------


async def _send(stage: Stage, part: Part) -> Told:
    """Send a sample and gather all that it caused."""
    sample, clock = part.sample, stage.clock
    names = [vendor.name for vendor in stage.cast.vendors]
    before = {name: _newest(stage.host, name) for name in names}
    query = f"?{urlencode(sample.query)}" if sample.query else ""
    url = f"{stage.gateway_url}{sample.path}{query}"
    began = clock.monotonic()
    reply = await stage.client.send(
        HttpRequest(sample.method, url, sample.headers, sample.body, timeout=20.0)
    )
    seconds = clock.monotonic() - began
    answered = reply if isinstance(reply, HttpResponse) else HttpResponse(0, {}, b"")
    said = answered.headers.get("x-leadwire-event-id", "")
    ids = [event.strip() for event in said.split(",") if event.strip()]
    updates = [update for event in ids if (update := await _settled(stage, event)) is not None]
    events = {event["id"]: event for event in await _events(stage, Topic.UPDATES)}
    return Told(
        sample.note,
        line_of(part),
        sample.body,
        answered,
        seconds,
        [events[event] for event in ids if event in events],
        {name: stage.host.calls(name, since=number) for name, number in before.items()},
        updates,
        [one for one in await _events(stage, Topic.TRIGGERS) if one["data"]["event_id"] in ids],
    )


def line_of(part: Part) -> str:
    """A sample's request line, with its keys masked."""
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
    while True:
        try:
            told = await UPDATE.run(stage.operated, Asked({"id": event_id}))
            update = told.model_dump(mode="json")
        except Refused:
            update = None
        if (update is not None and update["settled"]) or clock.monotonic() > until:
            return update
        await clock.sleep(LOOK)


async def _events(stage: Stage, topic: Topic) -> list[dict[str, Any]]:
    page = await topics.page(stage.operated, Asked(query={"topic": topic}))
    return [orjson.loads(line) for line in page.lines]


def _newest(host: SandboxHost, vendor: str) -> int:
    return max((int(str(call["number"])) for call in host.calls(vendor)), default=0)


# --- a rule that feeds itself ---------------------------------------------------------------


async def _feed_itself(stage: Stage) -> list[str]:
    """Put the rule in force, send an update that fires it, and tell where that ends."""
    automating, clock = stage.server.automating, stage.clock
    assert automating is not None  # noqa: S101 - the configuration names a file of rules
    former, until = automating.version, clock.monotonic() + SETTLED_WITHIN
    stage.rules.write_text(yaml.safe_dump(rules(enabled=True)), "utf-8")
    while automating.version == former and clock.monotonic() < until:
        await clock.sleep(LOOK)
    (first, *_) = (await _send(stage, stage.cast.parts[0])).events
    hops = list[Hop]()
    while clock.monotonic() < until and [hop.result for hop in hops][-1:] != ["loop_refused"]:
        await clock.sleep(LOOK)
        updates = await _events(stage, Topic.UPDATES)
        ids = [one["id"] for one in updates]
        hops = [await _hop(stage, one) for one in updates[ids.index(first["id"]) :]]
    _say(looped(RULE, HOPS, hops))
    expected = ["fired"] * HOPS + ["loop_refused"]
    return [] if [hop.result for hop in hops] == expected else ["the end of a loop"]


async def _hop(stage: Stage, event: Mapping[str, Any]) -> Hop:
    """What the rule made of an update of the chain."""
    number = event["data"]["origin"]["hops"]
    try:
        told = (await WHY.run(stage.operated, Asked({"id": event["id"]}))).model_dump(mode="json")
        (verdict,) = told["facts"][0]["matched"]
    except (Refused, ValueError):
        return Hop(event["id"], number, "", "")
    return Hop(event["id"], number, verdict["result"], verdict["why"])


# --- the end ------------------------------------------------------------------------------


async def _metrics(stage: Stage) -> dict[str, float]:
    """The counters to be shown that are not 0, as the admin port tells them."""
    reply = await stage.client.send(HttpRequest("GET", f"{stage.admin_url}/metrics", timeout=20.0))
    text = reply.body.decode() if isinstance(reply, HttpResponse) else ""
    lines = [line for line in text.splitlines() if line.startswith(MOVED)]
    split = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
    return {f"{name} {value:g}": value for name, value in split.items() if value}


async def _missing_at_the_end(
    stage: Stage, stories: Sequence[Told], metrics: Mapping[str, float]
) -> list[str]:
    """What only shows over all calls."""
    missing = []
    fired = {trigger["data"]["kind"] for told in stories for trigger in told.triggers}
    missing += [f"no {kind} trigger" for kind in TriggerKind if kind not in fired]
    wanted = _by_lead((e["subject"], e["id"]) for e in await _events(stage, Topic.UPDATES))
    outcomes = await _events(stage, Topic.OUTCOMES)
    for vendor in stage.cast.vendors:
        own = [one for one in outcomes if one["data"]["connector"] == vendor.name]
        if _by_lead((one["subject"], one["data"]["event_id"]) for one in own) != wanted:
            missing.append(f"the order of the log at {vendor.name}")
    events = sum(len(told.events) for told in stories)
    sums = {name: sum(v for k, v in metrics.items() if k.startswith(name)) for name in MOVED}
    due = (events, events * len(stage.cast.vendors), sum(len(told.triggers) for told in stories))
    missing += [name for name, count in zip(MOVED, due, strict=True) if sums[name] != count]
    return missing


def _by_lead(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Each lead's events in order."""
    lanes = defaultdict[str, list[str]](list)
    for lead, event in pairs:
        lanes[lead].append(event)
    return dict(lanes)


def _say_where(stage: Stage, file: Path) -> None:
    lines = [
        "",
        "Still up, until Ctrl-C. Look at:",
        f"  metrics   {stage.admin_url}/metrics",
        f"  admin API {stage.admin_url}/openapi.json",
    ]
    for vendor in stage.cast.vendors:
        url = f"{stage.sandbox.url}{ADMIN}/{vendor.name}"
        lines.append(f"  {vendor.name}: {url}/leads and /calls")
    lines += [
        f"Callers post to {stage.gateway_url}; its configuration:",
        f"  {file}",
        "In another terminal:",
        f"  export LEADWIRE_CONFIG={file}",
        "  leadwire events",
        "  leadwire connectors list",
        "",
    ]
    _say("\n".join(lines))


async def _interrupted() -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
