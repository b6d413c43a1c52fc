"""`leadwire status`: what became of an update."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from gateway.commands import printed, reach, unsent
from gateway.commands.configured import DEFAULT, ConfigFile
from gateway.commands.printed import AsJson
from gateway.edge.admin.endpoints import UPDATE


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID")],
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Say what became of an update: every connector's verdict and every try."""
    found = reach.run(config, lambda operator: operator.ask(UPDATE, {"id": event_id}))
    if as_json:
        printed.document(found)
        return
    story(found)


def story(update: Mapping[str, Any]) -> None:
    """An update with its deliveries, for people; what waits has the time of its next try."""
    printed.line(f"{update['id']}  {update['time']}")
    called = f"{update['dialect']} {update['operation']}"
    answers = update["authority"] or "nobody"
    printed.facts({"called": called, "lead": update["lead"], "answered by": answers})
    if not update["deliveries"]:
        printed.line("no route matched: it goes nowhere")
        return
    printed.table(
        ("connector", "state", "code", "try", "http", "when", "message"),
        [row for delivery in update["deliveries"] for row in _rows(delivery)],
    )
    for delivery in update["deliveries"]:
        for verdict in delivery["verdicts"]:
            if verdict["code"] == "shadowed":
                printed.line(f"\n{delivery['connector']} only rehearses:")
                for line in unsent.lines(verdict["details"]):
                    printed.line(line)


def _rows(delivery: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    name = delivery["connector"]
    for verdict in delivery["verdicts"]:
        tries = max((one["number"] for one in verdict["attempts"]), default=0)
        left_out = f"without {', '.join(verdict['dropped'])}" if verdict["dropped"] else ""
        words = verdict["message"] or left_out
        yield (
            name,
            verdict["kind"],
            verdict["code"],
            tries,
            verdict["status"],
            printed.when(verdict["time"]),
            words,
        )
    waiting = delivery["waiting"]
    if waiting is not None:
        last = waiting["tries"][-1] if waiting["tries"] else {}
        due = printed.when(waiting["due"])
        yield (
            name,
            "waiting",
            waiting["reason"],
            waiting["attempts"],
            last.get("status"),
            due,
            last.get("message") or last.get("result"),
        )
    elif not delivery["verdicts"]:
        yield (name, "pending", "", "", "", "", "on its way")
