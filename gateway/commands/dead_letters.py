"""`leadwire dead-letters`: what could not be delivered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from gateway.commands import printed, reach
from gateway.commands.configured import DEFAULT, ConfigFile
from gateway.commands.printed import AsJson
from gateway.edge.admin.endpoints import DISCARD, LETTER, LETTERS, REDRIVE, RELEASE, Endpoint

Ids: TypeAlias = Annotated[list[str] | None, typer.Argument(metavar="[ID]...")]
Connector: TypeAlias = Annotated[str | None, typer.Option(help="Of this connector.")]
Code: TypeAlias = Annotated[str | None, typer.Option(help="With this outcome code.")]
Since: TypeAlias = Annotated[
    str | None, typer.Option(metavar="TIME", help="Since a time (RFC 3339), or of an age (1h).")
]
Lead: TypeAlias = Annotated[str | None, typer.Option(metavar="SYSTEM:ID", help="Of this lead.")]
Scope: TypeAlias = Annotated[
    str | None, typer.Option(metavar="KEY=VALUE;…", help="What narrows that id.")
]
Tenant: TypeAlias = Annotated[str | None, typer.Option(help="Whose lead.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    letters = typer.Typer(no_args_is_help=True, help="What could not be delivered.")
    letters.command("list")(list_letters)
    letters.command("show")(show)
    letters.command("redrive")(redrive)
    letters.command("discard")(discard)
    letters.command("release")(release)
    app.add_typer(letters, name="dead-letters")


def list_letters(
    connector: Connector = None,
    code: Code = None,
    since: Since = None,
    lead: Lead = None,
    scope: Scope = None,
    tenant: Tenant = None,
    state: Annotated[str, typer.Option(help="open, redriven, discarded or all.")] = "open",
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """List dead letters."""
    query = _filter(connector, code, since, lead, scope, tenant) | {"state": state}
    found = reach.run(config, lambda operator: operator.ask(LETTERS, query=query))
    if as_json:
        printed.document(found)
        return
    letters = found["dead_letters"]
    if not letters:
        printed.line("no dead letters")
        return
    for letter in letters:
        state_word = "" if letter["state"] == "open" else f"  ({letter['state']})"
        printed.line(f"{letter['id']}  {printed.when(letter['time'])}  {letter['connector']}")
        status = "" if letter["status"] is None else f" {letter['status']}"
        words = f": {letter['message']}" if letter["message"] else ""
        printed.line(f"  {letter['code']}{status}{words}{state_word}")
    printed.line(printed.counted(len(letters), "dead letter"))


def show(
    id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Show a dead letter with its tries and its update."""
    found = reach.run(config, lambda operator: operator.ask(LETTER, {"id": id}))
    if as_json:
        printed.document(found)
        return
    letter, verdict = found["letter"], found["verdict"]
    names = ("id", "state", "connector", "event_id", "lead", "tenant", "code", "status", "message")
    printed.facts({name: letter[name] for name in names} | {"round": letter["round"]})
    printed.table(
        ("try", "when", "result", "http", "seconds", "message"),
        [
            (
                one["number"],
                printed.when(one["at"]),
                one["result"],
                one["status"],
                f"{one['seconds']:.3f}",
                one["message"],
            )
            for one in verdict["attempts"]
        ],
    )
    changes = found["event"]["data"]["changes"] if found["event"] else {}
    if changes:
        printed.table(
            ("field", "asked for"),
            [(name, change.get("value", change["op"])) for name, change in changes.items()],
        )


def redrive(
    ids: Ids = None,
    connector: Connector = None,
    code: Code = None,
    since: Since = None,
    lead: Lead = None,
    scope: Scope = None,
    tenant: Tenant = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also where a later update was applied since.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Send dead letters again, before the lead's waiting updates; none named: all open ones."""
    wanted = _filter(connector, code, since, lead, scope, tenant) | {"ids": ids or []}
    wish = {"filter": wanted, "dry_run": dry_run, "force": force}
    done = _act(config, REDRIVE, wish, as_json=as_json)
    if not as_json:
        verb = "would send" if dry_run else "sends"
        printed.line(f"{verb} {printed.counted(len(done['sent']), 'dead letter')} again")
        for id in done["sent"]:
            printed.line(f"  {id}")
        for refused in done["refused"]:
            printed.line(f"not {refused['id']}: {refused['reason']}")
    if done["refused"]:
        raise typer.Exit(1)


def discard(
    ids: Ids = None,
    connector: Connector = None,
    code: Code = None,
    since: Since = None,
    lead: Lead = None,
    scope: Scope = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Give up dead letters; they stay in the record."""
    wanted = _filter(connector, code, since, lead, scope, tenant)
    if not ids and not wanted:
        raise typer.BadParameter("name ids, or --connector, --code, --since or --lead")
    done = _act(config, DISCARD, {"filter": wanted | {"ids": ids or []}}, as_json=as_json)
    if not as_json:
        printed.line(f"discarded {printed.counted(len(done['discarded']), 'dead letter')}")
        for id in done["unknown"]:
            printed.line(f"not {id}: it is no open dead letter")
    if done["unknown"]:
        raise typer.Exit(1)


def release(
    lead: Annotated[str, typer.Argument(metavar="LEAD", help="SYSTEM:ID, or a lead's key.")],
    connector: Annotated[str, typer.Option(help="Where it is held.")],
    scope: Scope = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """End a hold: the lead's later updates go on."""
    wish = {"lead": lead, "scope": scope or "", "connector": connector, "tenant": tenant}
    done = _act(config, RELEASE, wish, as_json=as_json)
    if not as_json:
        printed.line(f"{done['connector']} goes on with {done['lead']}")


def _act(
    config: Path, endpoint: Endpoint, wish: dict[str, Any], *, as_json: bool
) -> dict[str, Any]:
    done = reach.run(config, lambda operator: operator.ask(endpoint, body=wish))
    if as_json:
        printed.document(done)
    return done


def _filter(
    connector: str | None,
    code: str | None,
    since: str | None,
    lead: str | None,
    scope: str | None,
    tenant: str | None,
) -> dict[str, Any]:
    given = {
        "connector": connector,
        "code": code,
        "since": since,
        "lead": lead,
        "scope": scope,
        "tenant": tenant,
    }
    return {name: text for name, text in given.items() if text is not None}
