"""`leadwire spec`: the contracts that others build on."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Annotated, Any

import orjson
import typer

from gateway.commands.asyncapi import asyncapi
from gateway.settings.model import LogSettings

SCHEMAS = ("lead-update.v1", "outcome.v1", "trigger.v1")
"""The published JSON Schemas, each of a structured CloudEvent."""


def schema(name: str) -> dict[str, Any]:
    """One of `SCHEMAS`, complete in itself: what it refers to in the others is embedded under
    `$defs` by its `$id` (JSON Schema 2020-12, core, section 9.3)."""
    found = published(name)
    for other in SCHEMAS:
        embedded = published(other)
        if other != name and _refers(found, embedded["$id"]):
            found["$defs"][embedded["$id"]] = embedded
    return found


def register(app: typer.Typer) -> None:
    """Add the commands."""
    spec = typer.Typer(no_args_is_help=True, help="Print the contracts that others build on.")
    spec.command("openapi")(print_openapi)
    spec.command("asyncapi")(print_asyncapi)
    spec.command("schema")(print_schema)
    app.add_typer(spec, name="spec")


def print_openapi() -> None:
    """Print the OpenAPI document: the native API and the admin API."""
    # What it is made of takes long to import.
    from gateway.edge.openapi import document  # noqa: PLC0415

    _print(document())


def print_asyncapi(
    prefix: Annotated[str, typer.Option(help="As of `log.prefix`.")] = LogSettings().prefix,
) -> None:
    """Print the AsyncAPI document of the log's topics, for those who read them on Kafka."""
    _print(asyncapi(prefix, {name: published(name) for name in SCHEMAS}))


def print_schema(
    name: Annotated[str | None, typer.Argument(help=f"One of {', '.join(SCHEMAS)}.")] = None,
) -> None:
    """Print a JSON Schema of what is in the log; without a name all of them, by name."""
    if name is None:
        _print({known: schema(known) for known in SCHEMAS})
        return
    known = name.removesuffix(".json")
    if known not in SCHEMAS:
        raise typer.BadParameter(f"there is no schema {name!r}; there are {', '.join(SCHEMAS)}")
    _print(schema(known))


def published(name: str) -> dict[str, Any]:
    """A schema as it is published with the package."""
    text = files("gateway.model").joinpath("schemas", f"{name}.json").read_bytes()
    document: dict[str, Any] = orjson.loads(text)
    return document


def _refers(document: dict[str, Any], target: str) -> bool:
    """Whether anything in `document` is a reference into `target`."""
    return f'"$ref":"{target}'.encode() in orjson.dumps(document)


def _print(document: dict[str, Any]) -> None:
    """JSON to standard output, untouched by the terminal's width."""
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
