"""Runs the `leadwire` command with a fault that the test turns on and off: `python launching.py
FOLDER serve …` looks for these files in FOLDER again and again.

    pragma   a statement given to SQLite before each transaction
    clock    seconds that the machine's wall clock is ahead

The product knows nothing of this.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gateway.cli import main
from gateway.clock import SystemClock
from gateway.database.port import Operation
from gateway.database.sqlite import SqliteConnection

PRAGMA, CLOCK = "pragma", "clock"


def said(file: Path) -> str:
    """What a file says; nothing where there is none."""
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def install(folder: Path) -> None:
    """Wrap what the faults are about."""
    transact = SqliteConnection.transact

    def transacting(
        self: SqliteConnection, operations: Iterable[Callable[[], Operation[Any]]]
    ) -> list[Any]:
        pragma = said(folder / PRAGMA)
        if pragma:
            self._db.execute(pragma)
        return transact(self, operations)

    def now(_: SystemClock) -> float:
        return time.time() + float(said(folder / CLOCK) or 0)

    SqliteConnection.transact = transacting  # type: ignore[method-assign]  # the fault
    SystemClock.now = now  # type: ignore[assignment]  # the fault


if __name__ == "__main__":
    install(Path(sys.argv[1]))
    main(sys.argv[2:])
