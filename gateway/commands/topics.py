"""`leadwire topics`: the log's topics on Kafka."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.clock import SystemClock
from gateway.commands import printed, reach
from gateway.commands.configured import DEFAULT, ConfigFile
from gateway.commands.printed import AsJson
from gateway.eventlog.layout import Finding, Report
from gateway.eventlog.port import LogUnavailable
from gateway.settings import Settings

_STATES = {"missing": "would be created", "created": "created", "existing": "is there"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    topics = typer.Typer(no_args_is_help=True, help="The log's topics on Kafka.")
    topics.command()(ensure)
    app.add_typer(topics, name="topics")


def ensure(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Create the topics that are missing, and say what is not as it would be created.

    Nothing of a topic that is there is changed. Another number of partitions is exit code 1: a
    lead's updates would change partition, and lose their order.
    """
    # Who uses no Kafka need not load its client to use the others.
    from gateway.eventlog.kafka.topics import ensure as make  # noqa: PLC0415 - as above

    async def work(settings: Settings) -> Report:
        if not settings.log.url.startswith("kafka:"):
            raise reach.Failed("log.url names no Kafka cluster: an embedded log makes its own", 2)
        try:
            return await make(settings.log, SystemClock(), dry_run=dry_run)
        except LogUnavailable as error:
            raise reach.Failed(str(error)) from error
        except ValueError as error:
            raise reach.Failed(str(error), 2) from error

    done = reach.carry_out(config, work)
    if as_json:
        printed.document(_json(done, dry_run))
    else:
        _print(done)
    for warning in done.warnings:
        typer.echo(f"warning: {warning}", err=True)
    refused = [finding.name for finding in done.topics if finding.refused]
    if refused:
        text = "partitions are fixed when a topic is created; set log.partitions and log.replies"
        typer.echo(f"leadwire: {', '.join(refused)}: {text} to what is there", err=True)
        raise typer.Exit(1)


def _json(done: Report, dry_run: bool) -> dict[str, Any]:
    topics = [
        finding._asdict() | {"differences": [one._asdict() for one in finding.differences]}
        for finding in done.topics
    ]
    return {
        "dry_run": dry_run,
        "brokers": done.brokers,
        "topics": topics,
        "warnings": list(done.warnings),
    }


def _print(done: Report) -> None:
    columns = ("topic", "", "partitions", "copies", "not as it would be created")
    printed.table(columns, [_row(finding) for finding in done.topics])


def _row(finding: Finding) -> tuple[object, ...]:
    told = [f"{one.setting} {one.found}, not {one.wanted}" for one in finding.differences]
    state = _STATES[finding.state]
    return finding.name, state, finding.partitions, finding.replication, "; ".join(told)
