"""`leadwire serve`: the server, with all roles or some."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from typing import Annotated

import typer

from connectors.registry import VENDORS
from gateway.clock import SystemClock
from gateway.commands.configured import DEFAULT, ConfigFile, configured
from gateway.database.files import ForeignDatabase
from gateway.database.port import DatabaseUnavailable
from gateway.lines import configure
from gateway.serving import ROLES, Server
from gateway.settings import Settings
from gateway.store.schema import NewerStore


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    config: ConfigFile = DEFAULT,
    roles: Annotated[
        str, typer.Option(help="Which parts this process runs, separated by commas.")
    ] = ",".join(ROLES),
) -> None:
    """Accept lead updates and deliver them, until SIGTERM or SIGINT."""
    chosen = tuple(role.strip() for role in roles.split(",") if role.strip())
    unknown = [role for role in chosen if role not in ROLES]
    if unknown or not chosen:
        raise typer.BadParameter(f"roles are {', '.join(ROLES)}, not {', '.join(unknown)}")
    settings = configured(config)
    _spare_the_collector()
    configure(settings.logging, SystemClock())
    with asyncio.Runner(loop_factory=_loop) as runner:
        failure = runner.run(run(settings, chosen))
    if failure is not None:
        sys.stderr.write(f"leadwire: {failure}\n")
        raise typer.Exit(1)


async def run(settings: Settings, roles: tuple[str, ...]) -> str | None:
    """Serve until a signal comes; why it ended otherwise."""
    server = Server(settings, VENDORS, SystemClock(), roles)
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    try:
        await server.start()
    except (ForeignDatabase, NewerStore, DatabaseUnavailable, OSError) as error:
        await server.stop()
        return str(error)
    server.failed.add_done_callback(lambda _: asked.set())
    await asked.wait()
    await server.stop()
    if server.failed.done() and not server.failed.cancelled():
        return f"a part of the server failed: {server.failed.exception()!r}"
    return None


def _spare_the_collector() -> None:
    """Almost nothing here is garbage in cycles: look for it seldom, and never among modules."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop  # noqa: PLC0415 - it does not exist for Windows

    return uvloop.new_event_loop()
