"""One structured line per unit of work, as JSON on stderr."""

from __future__ import annotations

import logging
import sys

import orjson
import structlog

from gateway.settings.model import LoggingSettings


def configure(settings: LoggingSettings) -> None:
    """Write lines from this level on. Called once, by the command."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
