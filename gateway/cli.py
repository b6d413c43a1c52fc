"""The `leadwire` command.

Exit codes: 0 fine, 1 failed, 2 wrong usage or configuration. What goes wrong is said on stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from gateway.commands import (
    config,
    connectors,
    dead_letters,
    demo,
    events,
    leads,
    sandbox,
    serve,
    spec,
    status,
)
from gateway.settings import SettingsError

COMMANDS = (serve, demo, sandbox, config, events, status, leads, dead_letters, connectors, spec)
"""Modules with `register(app)`, in the order of the help."""


def application() -> typer.Typer:
    """The program with all its commands."""
    app = typer.Typer(
        name="leadwire",
        help="Accept lead updates in any vendor's language and deliver them to every vendor.",
        no_args_is_help=True,
        add_completion=False,
        # A crash must not print local variables: they hold keys and people's data.
        pretty_exceptions_enable=False,
        pretty_exceptions_show_locals=False,
    )
    app.callback()(_program)
    for command in COMMANDS:
        command.register(app)
    return app


def _program() -> None:
    """Accept lead updates in any vendor's language and deliver them to every vendor."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; `arguments` default to the process's own. Raises SystemExit."""
    try:
        application()(arguments, prog_name="leadwire")
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
