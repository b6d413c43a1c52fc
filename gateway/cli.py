"""The `leadwire` command.

Exit codes: 0 fine, 1 failed, 2 wrong usage or configuration. What goes wrong is said on stderr.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from gateway.settings import SettingsError

COMMANDS = (
    *("serve", "demo", "sandbox", "config", "events", "status", "leads", "dead-letters"),
    *("connectors", "topics", "rules", "explain", "spec"),
)
"""Each is a module of `gateway.commands` with `register(app)`, in the order of the help. A command
is loaded when it is asked for: what it needs takes long to import."""


def application(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """The program with these commands."""
    app = typer.Typer(
        name="leadwire",
        help="Accept lead updates in any vendor's language and deliver them to every vendor.",
        no_args_is_help=True,
        # A crash must not print local variables: they hold keys and people's data.
        pretty_exceptions_enable=False,
        pretty_exceptions_show_locals=False,
    )
    app.callback()(_program)
    for command in commands:
        import_module(f"gateway.commands.{command.replace('-', '_')}").register(app)
    return app


def _program() -> None:
    """Accept lead updates in any vendor's language and deliver them to every vendor."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; `arguments` default to the process's own. Raises SystemExit."""
    # Modules leave nothing to collect: looking among them takes a fifth of a start.
    gc.set_threshold(50_000, 20, 100)
    words = sys.argv[1:] if arguments is None else arguments
    asked = [word for word in words[:1] if word in COMMANDS]
    try:
        application(asked or COMMANDS)(words, prog_name="leadwire")
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
