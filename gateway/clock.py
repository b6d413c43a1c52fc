"""Time, as a port: nothing else in leadwire reads it or waits for it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """What the time is, and waiting."""

    def now(self) -> float:
        """Unix seconds: for what is written down and compared across processes."""

    def monotonic(self) -> float:
        """Seconds that never jump: for waiting and measuring inside one process."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's time."""

    now = staticmethod(time.time)
    """Unix seconds."""
    monotonic = staticmethod(time.monotonic)
    """Seconds of the machine's monotonic clock."""

    async def sleep(self, seconds: float) -> None:
        """Wait on the running loop."""
        await asyncio.sleep(seconds)


def rfc3339(unix_seconds: float) -> str:
    """UTC with milliseconds, as CloudEvents and people read it."""
    return _to_the_millisecond(int(unix_seconds * 1000))


@lru_cache(maxsize=64)
def _to_the_millisecond(milliseconds: int) -> str:
    """What an update goes through in one millisecond is written down several times."""
    return f"{_to_the_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=16)
def _to_the_second(unix_seconds: int) -> str:
    """Many events share a second, and its text is most of the work."""
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def from_rfc3339(text: str) -> float:
    """Unix seconds of an RFC 3339 time; raises ValueError."""
    return datetime.fromisoformat(text).timestamp()
