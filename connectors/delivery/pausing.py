"""Waiting for something to happen, and not for ever."""

from __future__ import annotations

import asyncio
from math import inf


async def happened(event: asyncio.Event, within: float) -> None:
    """Wait for an event, or so many seconds."""
    try:
        async with asyncio.timeout(None if within == inf else max(0.001, within)):
            await event.wait()
    except TimeoutError:
        return
