"""`leadwire connectors`: how they are, and what they are to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import typer

from gateway.commands import printed, reach, unsent
from gateway.commands.configured import DEFAULT, ConfigFile
from gateway.commands.printed import AsJson
from gateway.edge.admin.endpoints import (
    CONNECTOR,
    CONNECTORS,
    FORGET,
    PAUSE,
    RESUME,
    SEEK,
    Endpoint,
)

Name: TypeAlias = Annotated[str, typer.Argument(metavar="NAME")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    connectors = typer.Typer(no_args_is_help=True, help="How connectors are; pause, move, forget.")
    connectors.command("list")(list_connectors)
    connectors.command()(show)
    connectors.command()(pause)
    connectors.command()(resume)
    connectors.command()(seek)
    connectors.command()(forget)
    app.add_typer(connectors, name="connectors")


def list_connectors(as_json: AsJson = False, config: ConfigFile = DEFAULT) -> None:
    """List every connector that is configured or was ever seen."""
    found = reach.run(config, lambda operator: operator.ask(CONNECTORS))
    if as_json:
        printed.document(found)
        return
    printed.table(
        ("connector", "vendor", "state", "backlog", "parked", "oldest", "why"),
        [
            (
                one["name"],
                one["vendor"] or "not configured",
                f"{one['state']}, shadow" if one["shadow"] else one["state"],
                one["backlog"],
                one["parked_leads"],
                printed.when(one["oldest"]),
                one["reason"],
            )
            for one in found["connectors"]
        ],
    )


def show(name: Name, as_json: AsJson = False, config: ConfigFile = DEFAULT) -> None:
    """Show a connector: its state and reason, its backlog, and who waits longest."""
    found = reach.run(config, lambda operator: operator.ask(CONNECTOR, {"name": name}))
    if as_json:
        printed.document(found)
        return
    line = found["connector"]
    printed.facts(
        {
            "connector": line["name"],
            "vendor": line["vendor"] or "not configured",
            "state": f"{line['state']}: {line['reason']}" if line["reason"] else line["state"],
            "mode": "shadow: it builds and records, and never sends" if line["shadow"] else None,
            "backlog": str(line["backlog"]),
            "oldest": line["oldest"],
            "parked leads": str(line["parked_leads"]),
            "breaker": _breaker(found),
            "quota left": ", ".join(map(_quota, found["quota_left"])),
            "process": found["process"],
            "last heard": found["told"],
        }
    )
    if found["blocked"]:
        printed.line()
        printed.table(
            ("lead", "why", "tries", "due", "waits"),
            [
                (
                    one["lead"],
                    one["reason"],
                    one["attempts"],
                    printed.when(one["due"]),
                    one["updates"],
                )
                for one in found["blocked"]
            ],
        )
    for one in found["shadowed"]:
        printed.line(f"\n{one['event_id']}  {one['time']}")
        printed.line(f"  lead {one['lead']}")
        for text in unsent.lines(one["details"]):
            printed.line(text)


def pause(name: Name, as_json: AsJson = False, config: ConfigFile = DEFAULT) -> None:
    """Send nothing until `resume`; the backlog stays in the log."""
    done = _act(PAUSE, name, config=config, as_json=as_json)
    if not as_json:
        printed.line(f"{done['connector']} pauses within a second")


def resume(name: Name, as_json: AsJson = False, config: ConfigFile = DEFAULT) -> None:
    """Go on: after a pause, after its settings were mended, past a gap in the log."""
    done = _act(RESUME, name, config=config, as_json=as_json)
    if not as_json:
        printed.line(f"{done['connector']} goes on within a second")


def seek(
    name: Name,
    to: Annotated[str, typer.Option(metavar="beginning|end|TIME", help="Where it goes on.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Move a connector's frontier: what lies after it is delivered, again if need be."""
    done = _act(SEEK, name, {"to": to, "dry_run": dry_run}, config=config, as_json=as_json)
    if as_json:
        return
    would = "would read" if dry_run else "reads"
    printed.line(
        f"{done['connector']} {would} {printed.counted(done['again'], 'record')} again"
        f" and passes {done['passed_by']} by"
    )


def forget(name: Name, as_json: AsJson = False, config: ConfigFile = DEFAULT) -> None:
    """Forget a connector that is no longer configured: retention stops waiting for it."""
    done = _act(FORGET, name, config=config, as_json=as_json)
    if not as_json:
        printed.line(f"{done['connector']} is forgotten")


def _act(
    endpoint: Endpoint,
    name: str,
    wish: Mapping[str, Any] | None = None,
    *,
    config: ConfigFile,
    as_json: bool,
) -> dict[str, Any]:
    done = reach.run(config, lambda operator: operator.ask(endpoint, {"name": name}, body=wish))
    if as_json:
        printed.document(done)
    return done


def _breaker(found: Mapping[str, Any]) -> str | None:
    state, wait = found["breaker"], found["next_probe_in"]
    if state == "open" and wait is not None:
        return f"open, next probe in {wait:.0f} s"
    return None if state is None else str(state)


def _quota(left: Mapping[str, Any]) -> str:
    return f"{left['left']} of {left['requests']} per {left['per']:g} s"
