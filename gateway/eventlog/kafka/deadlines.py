"""How long the cluster may take, and what it says when it can't."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Coroutine
from typing import Any, Final, TypeVar

from aiokafka.errors import KafkaError

from gateway.eventlog.port import LogUnavailable

T = TypeVar("T")

DEADLINE: Final = 15.0
"""Seconds that any answer of the brokers may take."""
BROKEN: Final = (OSError, RuntimeError)
"""How a connection that is gone is met. uvloop says RuntimeError where asyncio says OSError, and
aiokafka looks for the latter."""
STOPPING: Final = 3.0
"""Seconds that what is in flight gets before connections are closed."""


async def within(seconds: float, work: Awaitable[T]) -> T:
    """Raises LogUnavailable past the deadline, and for whatever Kafka says."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError as error:
        raise LogUnavailable(f"no answer from Kafka within {seconds:g} s") from error
    except (KafkaError, *BROKEN) as error:
        raise LogUnavailable(f"Kafka: {error!r}") from error


async def let_go(closing: Coroutine[Any, Any, object]) -> None:
    """Wait for a client's end, not for long, whatever becomes of it. It has a task of its own:
    aiokafka lets out that it was cancelled what it cancels itself."""
    ending = asyncio.create_task(closing)
    await asyncio.wait((ending,), timeout=STOPPING)
    ending.cancel()
    await asyncio.gather(ending, return_exceptions=True)


def is_deaf(client: Any) -> bool:
    """Whether nobody tells this client any more who leads what: the task that asks has met a
    connection that was gone, and has died of it."""
    asking = client._sync_task  # noqa: SLF001 - there is no public way
    return asking is not None and asking.done()


async def hang_up(client: Any) -> None:
    """Close a client's connections. aiokafka's `close` ends at the first thing that fails, before
    them, where the task has died that looks for news of the cluster."""
    with contextlib.suppress(*BROKEN):
        await client.close()
        return
    client._sync_task = None  # noqa: SLF001 - there is no public way
    await client.close()


async def let_consumer_go(consumer: Any) -> None:
    """As `let_go`, and its connections too, where it fails on the way to them."""
    await let_go(consumer.stop())
    await let_go(hang_up(consumer._client))  # noqa: SLF001 - there is no public way
