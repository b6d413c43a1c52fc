"""One structured line per unit of work, as JSON on stderr."""

from __future__ import annotations

import asyncio
import atexit
import logging
import sys
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

import orjson
import structlog

from gateway.clock import Clock, rfc3339
from gateway.settings.model import LoggingSettings

LEVELS = ("debug", "info", "warning", "error")


def configure(settings: LoggingSettings, clock: Clock) -> None:
    """Write lines from this level on. Called once, by the command."""
    structlog.configure(
        processors=[],
        wrapper_class=_writer(settings.level, clock),
        logger_factory=_Gathered(sys.stderr.buffer).logger,
        cache_logger_on_first_use=True,
    )


class _Gathered:
    """Writes the lines of one turn of the event loop together: there is one for every call, and
    a flush of its own for each costs more than making it."""

    def __init__(self, stream: BinaryIO) -> None:
        """What is left is written when the process ends."""
        self._stream = stream
        self._lines: list[bytes] = []
        atexit.register(self._flush)

    def logger(self, *_args: object) -> _Gathered:
        """The one logger there is, for structlog."""
        return self

    def msg(self, line: bytes) -> None:
        """Write a line, at the end of this turn or, with no loop running, at once."""
        self._lines.append(line)
        if len(self._lines) > 1:
            return
        try:
            asyncio.get_running_loop().call_soon(self._flush)
        except RuntimeError:
            self._flush()

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._stream.write(b"\n".join(lines) + b"\n")
            self._stream.flush()


def _writer(level: str, clock: Clock) -> type[structlog.BoundLoggerBase]:
    """A logger that makes its line in one go: there is one for every call, and a chain of
    processors costs more than what it writes."""
    lowest = logging.getLevelNamesMapping()[level.upper()]
    methods: dict[str, Callable[..., None]] = {
        name: _method(name, clock)
        if logging.getLevelNamesMapping()[name.upper()] >= lowest
        else _nothing
        for name in LEVELS
    }
    methods["exception"] = _method("error", clock, trace=True)
    return type("Lines", (structlog.BoundLoggerBase,), methods)


def _method(level: str, clock: Clock, *, trace: bool = False) -> Callable[..., None]:
    def write(logger: Any, event: str, **fields: object) -> None:
        line: dict[str, object] = {
            "time": rfc3339(clock.now()),
            "level": level,
            "event": event,
            **fields,
        }
        if trace:
            line["exception"] = traceback.format_exc()
        logger._logger.msg(orjson.dumps(line, default=str))  # noqa: SLF001 - `logger` is self

    return write


def _nothing(_logger: object, _event: str, **_fields: object) -> None:
    """Below the level."""
