"""One structured line per unit of work, as JSON on stderr."""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson
import structlog

from gateway.clock import Clock, rfc3339
from gateway.settings.model import LoggingSettings


def configure(settings: LoggingSettings, clock: Clock) -> None:
    """Write lines from this level on. Called once, by the command."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]

    def line(_logger: object, method: str, fields: structlog.typing.EventDict) -> bytes:
        # One processor instead of a chain: a line is written for every call and delivery.
        if fields.pop("exc_info", None):
            fields["exception"] = structlog.processors.format_exc_info(
                None, method, {"exc_info": True}
            ).get("exception")
        written: dict[str, Any] = {"time": rfc3339(clock.now()), "level": method, **fields}
        return orjson.dumps(written, default=str)

    structlog.configure(
        processors=[line],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
