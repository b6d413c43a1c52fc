"""`leadwire events`: what is in the log."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import orjson
import typer

from gateway.clock import Clock, SystemClock
from gateway.commands import printed, reach
from gateway.commands.configured import DEFAULT, ConfigFile
from gateway.commands.printed import AsJson
from gateway.commands.reach import Operator
from gateway.edge.admin.topics import NAMES
from gateway.eventlog.port import Topic
from gateway.settings import Settings

PAGE = 200
"""Events asked for at once."""
BEAT = 0.3
"""Seconds between looks at a topic that is followed."""
WIDE = 28


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(events)


def events(
    topic: Annotated[str, typer.Option(help=f"One of {', '.join(NAMES)}.")] = Topic.UPDATES,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="A time (RFC 3339) or an age (1h).")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with whatever comes.")] = False,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Print the events of a topic, oldest first; with --json one CloudEvent a line."""
    printing = Printing(topic, since, limit, as_json=as_json)

    async def work(settings: Settings) -> None:
        await printing.run(settings, SystemClock(), follow=follow)

    try:
        reach.carry_out(config, work)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


class Printing:
    """Prints a topic page by page, and remembers how far it is."""

    def __init__(self, topic: str, since: str | None, limit: int | None, *, as_json: bool) -> None:
        """Nothing printed yet."""
        self._query = {"topic": str(topic)} | ({} if since is None else {"since": since})
        self._left, self._as_json = limit, as_json

    async def run(self, settings: Settings, clock: Clock, *, follow: bool) -> None:
        """Print what there is; following, whatever comes as well. With no server running the
        files are not kept open: one that starts needs them. Raises Failed."""
        while True:
            async with reach.reached(settings, clock) as operator:
                await self._drain(operator)
                while follow and operator.live and self._left != 0:
                    await clock.sleep(BEAT)
                    await self._drain(operator)
            if not follow or self._left == 0:
                return
            typer.echo("leadwire: no server runs; waiting for one", err=True)
            await reach.server_up(settings, clock)

    async def _drain(self, operator: Operator) -> None:
        """Print until the topic has no more. Raises Failed."""
        while self._left != 0:
            limit = PAGE if self._left is None else min(PAGE, self._left)
            page = await operator.events({**self._query, "limit": str(limit)})
            self._query.pop("since", None)
            self._query["position"] = page.position
            if self._left is not None:
                self._left -= len(page.lines)
            for text in page.lines:
                sys.stdout.buffer.write((text if self._as_json else shown(text)) + b"\n")
            sys.stdout.buffer.flush()
            if len(page.lines) < limit:
                return


def shown(text: bytes) -> bytes:
    """A CloudEvent in at most 80 columns: when, what, and the id to ask on with."""
    event = orjson.loads(text)
    what, id = _what(event)
    if len(what) > WIDE:
        what = what[: WIDE - 1] + "…"
    return f"{printed.when(event.get('time')):<14} {what:<{WIDE}} {id}".encode()


def _what(event: dict[str, Any]) -> tuple[str, str]:
    """In a few words, and the id of the update; of a dead letter its own."""
    kind, data = event["type"].removeprefix("io.leadwire."), event["data"]
    if kind.startswith("trigger."):
        return f"{data['kind']} {data['connector']}", data["event_id"]
    if "origin" in data:
        return f"{data['origin']['dialect']} > {event.get('connectors', 'unrouted')}", event["id"]
    id = event["id"] if "event" in data else data["event_id"]
    word = data["kind"] if data["code"] == "ok" else data["code"]
    return f"{data['connector']} {word}", id
