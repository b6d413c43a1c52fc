"""`leadwire leads`: which ids are one lead."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.commands import printed, reach
from gateway.commands.configured import DEFAULT, ConfigFile
from gateway.commands.printed import AsJson
from gateway.commands.status import story
from gateway.edge.admin.asked import Refused, lead_id, named_lead
from gateway.edge.admin.endpoints import LEAD, LINK
from gateway.edge.admin.records import id_written
from gateway.model.event import LeadId

COLUMNS = ("lead", "system", "scope", "id")
Tenant = Annotated[str | None, typer.Option(help="Whose leads; needed where there are several.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    leads = typer.Typer(no_args_is_help=True, help="Say which ids are one lead, and look at leads.")
    leads.command("link")(link)
    leads.command("show")(show)
    leads.command("import")(import_file)
    app.add_typer(leads, name="leads")


def link(
    ids: Annotated[list[str], typer.Argument(metavar="SYSTEM:ID SYSTEM:ID…")],
    tenant: Tenant = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Make ids one lead. Links change the key of later calls only."""
    if len(ids) < 2:
        raise typer.BadParameter("a link joins two ids or more", param_hint="SYSTEM:ID")
    try:
        known = [named_lead(text) for text in ids]
    except Refused as refused:
        raise typer.BadParameter(refused.detail, param_hint="SYSTEM:ID") from None
    _link([known], tenant, as_json=as_json, config=config)


def show(
    lead: Annotated[str, typer.Argument(metavar="SYSTEM:ID")],
    scope: Annotated[str, typer.Option(metavar="KEY=VALUE;…", help="What narrows the id.")] = "",
    tenant: Tenant = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Show a lead's ids and its newest updates."""
    try:
        wanted = named_lead(lead)
    except Refused as refused:
        raise typer.BadParameter(refused.detail, param_hint="SYSTEM:ID") from None
    query = {"scope": scope} | ({} if tenant is None else {"tenant": tenant})
    path = {"system": wanted.system, "id": wanted.id}
    found = reach.run(config, lambda operator: operator.ask(LEAD, path, query))
    if as_json:
        printed.document(found)
        return
    printed.line(f"{found['lead']}  (tenant {found['tenant']})")
    if found["ids"]:
        printed.table(
            ("system", "id", "scope"),
            [(one["system"], one["id"], _scope(one["scope"])) for one in found["ids"]],
        )
    for update in found["updates"]:
        printed.line()
        story(update)


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv")],
    tenant: Tenant = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Link the ids of a CSV file with the columns lead, system, scope, id: all rows or none.

    Rows with the same label under `lead` are one lead; `scope` is `key=value;key=value` or empty.
    """
    try:
        sets = read(file)
    except BadFile as error:
        typer.echo(f"leadwire: {error}", err=True)
        raise typer.Exit(1) from None
    _link(sets, tenant, as_json=as_json, config=config)


class BadFile(Exception):
    """A file that is not imported; its text begins with the file, and the line where one is to
    blame."""


def read(file: Path) -> list[list[LeadId]]:
    """The ids of each lead in a file, in the order of their first rows. Raises BadFile."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            return _sets(str(file), csv.reader(text, strict=True))
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{file}: {error}") from error


def _sets(file: str, rows: Any) -> list[list[LeadId]]:
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        if sorted(names) != sorted(COLUMNS):
            raise BadFile(f"{file}:1: the columns are {','.join(COLUMNS)}")
        sets: dict[str, list[LeadId]] = {}
        for row in rows:
            if any(cell.strip() for cell in row):
                label, known = _row(dict(zip(names, row, strict=False)), len(row))
                sets.setdefault(label, []).append(known)
    except (Refused, csv.Error) as error:
        raise BadFile(f"{file}:{rows.line_num}: {error}") from None
    if not sets:
        raise BadFile(f"{file}: it has no rows")
    return list(sets.values())


def _row(cells: Mapping[str, str], count: int) -> tuple[str, LeadId]:
    if count != len(COLUMNS):
        raise Refused(400, f"it has {count} cells, not {len(COLUMNS)}")
    label = cells["lead"].strip()
    if not label:
        raise Refused(400, "it has no lead")
    return label, lead_id(cells["system"].strip(), cells["id"], cells["scope"])


def _link(
    sets: Sequence[Sequence[LeadId]], tenant: str | None, *, as_json: bool, config: Path
) -> None:
    wish: dict[str, Any] = {
        "tenant": tenant,
        "leads": [[id_written(one).model_dump(mode="json") for one in ids] for ids in sets],
    }
    done = reach.run(config, lambda operator: operator.ask(LINK, body=wish))
    if as_json:
        printed.document(done)
        return
    ids = sum(len(given) for given in sets)
    printed.line(f"linked {printed.counted(ids, 'id')} to {printed.counted(len(sets), 'lead')}")
    if len(sets) == 1:
        printed.line(f"the lead's key is {done['leads'][0]['lead']}")
    if done["unsettled_ids"]:
        printed.line(
            f"{printed.counted(done['unsettled_ids'], 'of these ids has', 'of these ids have')}"
            f" unsettled updates ({done['unsettled_updates']}): they keep their old key"
        )


def _scope(scope: Mapping[str, str]) -> str:
    return ";".join(f"{name}={value}" for name, value in scope.items())
