"""`leadwire serve`: the server, with all roles or some."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from connectors.registry import VENDORS
from gateway.clock import SystemClock
from gateway.commands.configured import DEFAULT, ConfigFile, configured
from gateway.commands.workers import Workers, as_worker, why_not
from gateway.lines import configure
from gateway.serving import ROLES, Server
from gateway.settings import Settings
from gateway.storage import UNOPENED


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    config: ConfigFile = DEFAULT,
    roles: Annotated[
        str, typer.Option(help="Which parts this process runs, separated by commas.")
    ] = ",".join(ROLES),
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Serve by so many processes on one port, each with these roles; the admin"
            " listener of each is on the next port. Needs Kafka and PostgreSQL.",
        ),
    ] = None,
    worker: Annotated[int | None, typer.Option(min=0, hidden=True)] = None,
) -> None:
    """Accept lead updates and deliver them, until SIGTERM or SIGINT."""
    chosen = tuple(role.strip() for role in roles.split(",") if role.strip())
    unknown = [role for role in chosen if role not in ROLES]
    if unknown or not chosen:
        raise typer.BadParameter(f"roles are {', '.join(ROLES)}, not {', '.join(unknown)}")
    settings = configured(config)
    configure(settings.logging, SystemClock())
    if workers is not None:
        raise typer.Exit(_supervise(settings, config, chosen, workers))
    _spare_the_collector()
    with asyncio.Runner(loop_factory=_loop) as runner:
        failure = runner.run(run(settings, chosen, worker))
    if failure is not None:
        sys.stderr.write(f"leadwire: {failure}\n")
        raise typer.Exit(1)


def _supervise(settings: Settings, config: Path, roles: tuple[str, ...], count: int) -> int:
    reason = why_not(settings)
    if reason is not None:
        sys.stderr.write(f"leadwire: {reason}\n")
        return 2
    return asyncio.run(Workers(config, roles, count, SystemClock()).run())


async def run(settings: Settings, roles: tuple[str, ...], worker: int | None = None) -> str | None:
    """Serve until a signal comes; why it ended otherwise. `worker` is our number among several
    that share the port, whose parent holds the other end of our standard input."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    if worker is not None:
        settings = as_worker(settings, worker)
        loop.add_reader(sys.stdin.fileno(), _orphaned, loop, asked)
    server = Server(settings, VENDORS, SystemClock(), roles, shared=worker is not None)
    try:
        await server.start()
    except UNOPENED as error:
        await server.stop()
        return str(error)
    server.failed.add_done_callback(lambda _: asked.set())
    await asked.wait()
    await server.leave()
    await server.stop()
    if server.failed.done() and not server.failed.cancelled():
        return f"a part of the server failed: {server.failed.exception()!r}"
    return None


def _orphaned(loop: asyncio.AbstractEventLoop, asked: asyncio.Event) -> None:
    """Nobody writes to a worker: what there is to read is the end."""
    loop.remove_reader(sys.stdin.fileno())
    asked.set()


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
