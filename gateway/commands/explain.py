"""`leadwire explain`: what would become of a call."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.commands import printed, reach
from gateway.commands.configured import DEFAULT, ConfigFile
from gateway.commands.folded import fold
from gateway.commands.printed import AsJson
from gateway.commands.recorded import Unreadable, read
from gateway.edge.admin.endpoints import EXPLAIN


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)


def explain(
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="A call: raw HTTP/1.1, or JSON.")],
    dialect: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="DIALECT",
            help="Take the first credential of this dialect for the call's own key.",
        ),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Say what would become of a call, to the last byte; nothing is sent, nothing is kept.

    FILE holds a request line, headers and a body, or {"method", "path", "headers", "body"}.
    """
    try:
        given = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        wish = read(given) | {"dialect": dialect}
    except (OSError, Unreadable) as error:
        typer.echo(f"leadwire: {error}", err=True)
        raise typer.Exit(2) from None
    found = reach.run(config, lambda operator: operator.ask(EXPLAIN, body=wish))
    if as_json:
        printed.document(found)
        return
    for line in story(found):
        printed.line(line)


def story(found: Mapping[str, Any]) -> Iterator[str]:
    """What would become of a call, for people, in 80 columns; long lines are folded, so whoever
    wants the bytes asks for JSON."""
    yield from fold(f"{found['dialect']} {found['operation']}: a dry run, nothing is sent or kept")
    answer = found["answer"]
    if answer is not None:
        yield from fold(f"nothing of it would be taken; the caller hears {answer['status']}")
        yield from fold(answer["body"], "  ")
    count = len(found["updates"])
    for number, update in enumerate(found["updates"], 1):
        yield ""
        yield from _update(update, f"update {number} of {count}" if count > 1 else "the update")


def _update(update: Mapping[str, Any], title: str) -> Iterator[str]:
    data = update["event"]["data"]
    yield from fold(f"{title}, of lead {data['lead']['key']}")
    for known in data["lead"]["ids"]:
        scope = ";".join(f"{name}={value}" for name, value in known["scope"].items())
        narrow = f" ({scope})" if scope else ""
        yield from _row("id", f"{known['system']}:{known['id']}{narrow}")
    for name, change in data["changes"].items():
        yield from _row("change", f"{name}: {_change(change)}")
    attributes = data["attributes"]
    for name, value in attributes["patch"].items():
        yield from _row("attribute", f"{name}: {value!r}")
    for route in update["routes"]:
        yield from _row("route", _route(route))
    yield from _row("answer", _answered(update))
    if not update["connectors"]:
        yield from _row("goes to", "nobody: no route matched")
    for side in update["connectors"]:
        yield ""
        yield from _side(side)


def _change(change: Mapping[str, Any]) -> str:
    return repr(change["value"]) if change["op"] == "set" else str(change["op"])


def _route(route: Mapping[str, Any]) -> str:
    if route["matched"]:
        return f"{route['name']} matches"
    return f"{route['name']} does not match: {route['why_not']}: {route['when']}"


def _answered(update: Mapping[str, Any]) -> str:
    authority, waits = update["authority"], update["waits"]
    if authority is None:
        return "at once, when the update is safe: nobody answers for it"
    if waits is None:
        return f"at once, when the update is safe; {authority} has the verdict"
    if not update["able"]:
        return f"busy at once: {authority} can't answer now"
    return f"{authority}'s, for which the caller waits up to {waits:g} s"


def _side(side: Mapping[str, Any]) -> Iterator[str]:
    code = "" if side["code"] == "ok" else f" ({side['code']})"
    yield from fold(f"{side['connector']}, {side['vendor']}: {side['outcome']}{code}")
    for label, text in _remarks(side):
        yield from _row(label, text)
    for number, request in enumerate(side["requests"]):
        if number:
            yield ""
        yield from _request(request)


def _request(request: Mapping[str, Any]) -> Iterator[str]:
    if request["assumed"]:
        yield from fold("then, if the lead is there with nothing else in it:", "  ")
    yield from fold(f"{request['method']} {request['url']}", "  ")
    for name, value in request["headers"]:
        yield from fold(f"{name}: {value}", "  ")
    if request["body"]:
        yield ""
        yield from fold(request["body"], "  ")


def _remarks(side: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if side["message"]:
        yield "why", side["message"]
    if side["shadow"]:
        yield "shadow", "it only rehearses: what is below would not be sent"
    elif not side["requests"]:
        yield "sends", "nothing"
    if side["after"]:
        yield "after", f"{side['after']} has applied it; if that refuses, nothing is sent"
    if side["batch"] > 1 and side["requests"]:
        yield "batch", f"the call may carry up to {side['batch'] - 1} other leads' updates as well"
    if side["pending"]:
        yield "later", "the vendor takes it first, and is asked what became of it"
    if side["dropped"]:
        yield "left out", ", ".join(side["dropped"])
    if side["triggers"]:
        yield "triggers", ", ".join(side["triggers"])


def _row(label: str, text: str) -> Iterator[str]:
    yield from fold(text, f"  {label:<10}", " " * 12)
