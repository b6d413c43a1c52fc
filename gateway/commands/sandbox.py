"""`leadwire sandbox`: fake vendor backends to try things against."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import Annotated

import typer
import uvloop

from connectors.registry import VENDORS
from connectors.sandbox.host import ADMIN, SandboxHost, load
from connectors.vendor import Vendor
from gateway.clock import SystemClock
from gateway.commands.casting import cast
from gateway.commands.staging import seed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sandbox")(sandbox)


def sandbox(
    vendors: Annotated[
        list[str] | None, typer.Argument(metavar="[VENDOR]...", help="Which; default all.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8090,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    faithful: Annotated[
        bool, typer.Option("--faithful", help="With the vendors' quotas, floors and locks.")
    ] = False,
    samples: Annotated[
        bool, typer.Option("--samples", help="Knowing the leads of the vendors' sample calls.")
    ] = False,
) -> None:
    """Serve fake vendor backends until interrupted: a prefix per vendor, state, faults on request
    and a record of every call."""
    chosen = _chosen(vendors or [])
    backends = {vendor.name: load(vendor.sandbox, faithful) for vendor in chosen}
    served = SandboxHost(backends, SystemClock(), faithful)
    if samples:
        told = cast()
        for vendor in chosen:
            seed(served, told, vendor)
    try:
        uvloop.run(_serve(served, chosen, host, port))
    except OSError as error:
        typer.echo(f"cannot listen on {host}:{port}: {error.strerror}", err=True)
        raise typer.Exit(1) from error


def _chosen(wanted: Sequence[str]) -> list[Vendor]:
    """Vendors with a sandbox; none wanted means all. Usage error for an unknown one."""
    known = {vendor.name: vendor for vendor in VENDORS if vendor.sandbox}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        names = ", ".join(known)
        raise typer.BadParameter(f"{', '.join(unknown)}: there is {names}", param_hint="VENDOR")
    return [known[name] for name in wanted or known]


async def _serve(served: SandboxHost, vendors: Sequence[Vendor], host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    running = await served.serve(host, port)
    for line in _greeting(running.url, vendors):
        typer.echo(line)
    await stop.wait()
    await running.close()


def _greeting(url: str, vendors: Sequence[Vendor]) -> list[str]:
    """Where a connector finds each backend, and where it is steered."""
    lines = []
    for vendor in vendors:
        name = vendor.name
        where = vendor.sandboxed(f"{url}/{name}")
        lines += [f"{name}: {setting} {value}" for setting, value in where.items()]
        lines += [f"  {url}{ADMIN}/{name}/{what}" for what in ("leads", "calls", "faults")]
    return lines
