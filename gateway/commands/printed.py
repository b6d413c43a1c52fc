"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, TypeAlias

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.model.json import JsonObject

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def document(value: object) -> None:
    """One JSON document, untouched by the terminal's width."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.buffer.flush()


def line(text: str = "") -> None:
    """A line of text, wrapped at the terminal's width and nothing else."""
    Console().print(Text(text), soft_wrap=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows under their columns; long cells are folded, so that nothing is lost."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    Console().print(shown)


def facts(rows: JsonObject) -> None:
    """Names and values."""
    wide = max(map(len, rows), default=0)
    for name, value in rows.items():
        if value not in {None, ""}:
            line(f"{name:<{wide}}  {value}")


def when(text: str | None) -> str:
    """A time of ours to the second, in UTC."""
    if not text:
        return ""
    return datetime.fromisoformat(text).strftime("%m-%d %H:%M:%S")


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 update`, `2 updates`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
