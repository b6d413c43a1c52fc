"""How long the cluster may take, and what it says when it can't."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, Final, TypeVar

from aiokafka.errors import KafkaError

from gateway.eventlog.port import LogUnavailable

T = TypeVar("T")

DEADLINE: Final = 15.0
"""Seconds that any answer of the brokers may take."""
STOPPING: Final = 3.0
"""Seconds that what is in flight gets before connections are closed."""


async def within(seconds: float, work: Awaitable[T]) -> T:
    """Raises LogUnavailable past the deadline, and for whatever Kafka says."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError as error:
        raise LogUnavailable(f"no answer from Kafka within {seconds:g} s") from error
    except (KafkaError, OSError) as error:
        raise LogUnavailable(f"Kafka: {error!r}") from error


async def let_go(closing: Coroutine[Any, Any, object]) -> None:
    """Wait for a client's end, not for long, whatever becomes of it. It has a task of its own:
    aiokafka lets out that it was cancelled what it cancels itself."""
    ending = asyncio.create_task(closing)
    await asyncio.wait((ending,), timeout=STOPPING)
    ending.cancel()
    await asyncio.gather(ending, return_exceptions=True)
