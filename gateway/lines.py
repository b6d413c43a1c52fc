"""One structured line per unit of work, as JSON on stderr.

There is one for every call, so a line is made in one step, and those of one turn of the event
loop are written together.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import sys
import traceback
from typing import BinaryIO

import orjson

from gateway.clock import Clock, rfc3339
from gateway.settings.model import LoggingSettings

_NOTHING = logging.CRITICAL


class _Output:
    """Where lines go, and from which level on. Until `configure` they go nowhere."""

    def __init__(self) -> None:
        self.lowest = _NOTHING
        self.clock: Clock | None = None
        self.stream: BinaryIO | None = None
        self._waiting: list[bytes] = []

    def put(self, level: str, event: str, fields: dict[str, object]) -> None:
        """Write a line, at the end of this turn or, with no loop running, at once."""
        time = "" if self.clock is None else rfc3339(self.clock.now())
        line = {"time": time, "level": level, "event": event, **fields}
        self._waiting.append(orjson.dumps(line, default=str))
        if len(self._waiting) > 1:
            return
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        if waiting and self.stream is not None:
            self.stream.write(b"\n".join(waiting) + b"\n")
            self.stream.flush()


_output = _Output()
atexit.register(_output.flush)


class _Libraries(logging.Handler):
    """What libraries say of trouble, as lines like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one down; nothing that is said may end who says it."""
        try:
            told: dict[str, object] = {"library": record.name, "text": record.getMessage()}
            if record.exc_info is not None:
                told["exception"] = "".join(traceback.format_exception(*record.exc_info))
            level = "error" if record.levelno >= logging.ERROR else "warning"
            _output.put(level, "library.said", told)
        except Exception:  # noqa: BLE001 - as the standard library's own handlers do
            self.handleError(record)


_libraries = _Libraries()


def configure(settings: LoggingSettings, clock: Clock, stream: BinaryIO | None = None) -> None:
    """Write lines from this level on, to stderr or another stream; those of libraries from
    `warning` on."""
    _output.flush()
    _output.lowest = logging.getLevelNamesMapping()[settings.level.upper()]
    _output.clock, _output.stream = clock, stream or sys.stderr.buffer
    _libraries.setLevel(max(_output.lowest, logging.WARNING))
    logging.getLogger().addHandler(_libraries)


def debug(event: str, **fields: object) -> None:
    """What only a developer wants to know."""
    if _output.lowest <= logging.DEBUG:
        _output.put("debug", event, fields)


def info(event: str, **fields: object) -> None:
    """A unit of work went as it should."""
    if _output.lowest <= logging.INFO:
        _output.put("info", event, fields)


def warning(event: str, **fields: object) -> None:
    """Something an operator may want to look at."""
    if _output.lowest <= logging.WARNING:
        _output.put("warning", event, fields)


def error(event: str, **fields: object) -> None:
    """A fault of ours."""
    if _output.lowest <= logging.ERROR:
        _output.put("error", event, fields)


def exception(event: str, **fields: object) -> None:
    """A fault of ours, with the exception that is being handled."""
    if _output.lowest <= logging.ERROR:
        _output.put("error", event, {**fields, "exception": traceback.format_exc()})
