"""`leadwire events`: what is in the log."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
import typer

from gateway.clock import Clock, SystemClock
from gateway.commands import printed, reach
from gateway.commands.configured import DEFAULT, ConfigFile
from gateway.commands.printed import AsJson
from gateway.commands.reach import Operator
from gateway.edge.admin.topics import NAMES, Page
from gateway.eventlog.port import Topic
from gateway.settings import Settings

PAGE = 200
BEAT = 0.5
WIDE = 28


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(events)


def events(
    topic: Annotated[Topic, typer.Option(help=f"One of {', '.join(NAMES)}.")] = Topic.UPDATES,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="A time (RFC 3339) or an age (1h).")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with whatever comes.")] = False,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Print the events of a topic, oldest first; with --json one CloudEvent a line."""
    wanted = _Wanted(topic, since, limit, follow, as_json)
    try:
        done = reach.run(config, lambda operator, _: wanted.show(operator))
        if follow and not done:
            typer.echo("leadwire: no server runs; waiting for one", err=True)
        while follow and not done:
            done = reach.run(config, lambda _, settings: wanted.resume(settings, SystemClock()))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


class _Wanted:
    """What was asked, and how much of it is printed."""

    def __init__(
        self, topic: str, since: str | None, limit: int | None, follow: bool, as_json: bool
    ) -> None:
        self._query = {"topic": str(topic)} | ({} if since is None else {"since": since})
        self._left, self._follow, self._as_json = limit, follow, as_json
