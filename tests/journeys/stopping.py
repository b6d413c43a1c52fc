"""Runs the `leadwire` command so that the process ends, without warning and without cleaning up,
at a chosen step of its work: `python stopping.py STEP:N serve …` ends it at the N-th time.

    before_append  after_append     a call's events go into the log
    before_log     after_log        the same, where it was claimed in a store apart
    before_send    after_send       an update goes to a vendor, whose answer is then in hand
    before_settle  after_settle     an outcome is made durable
    before_tell    after_tell       it goes into the log, where the store is apart
    before_answer                   an answer goes to the caller

The steps are methods of ports, wrapped from outside: the product knows nothing of this.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.cli import main
from gateway.edge.http.request import Request
from gateway.journal.embedded import EmbeddedJournal
from gateway.journal.split import SplitJournal
from gateway.transport.aiohttp_client import AiohttpClient

PLACES: dict[str, list[tuple[type, str]]] = {
    "append": [(EmbeddedJournal, "accept"), (SplitJournal, "accept")],
    "log": [(SplitJournal, "_append")],
    "send": [(AiohttpClient, "send")],
    "settle": [(EmbeddedJournal, "settle"), (SplitJournal, "settle")],
    "tell": [(SplitJournal, "_write")],
    "answer": [(Request, "answer")],
}

Method = Callable[..., Any]


def wrapped(method: Method, when: str, at: int) -> Method:
    """The method, ending the process before its `at`-th call, or after what it then awaits."""
    calls = 0

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls != at:
            return method(*arguments, **named)
        if when == "before":
            os._exit(137)
        return ended(method(*arguments, **named))

    return counted


async def ended(work: Awaitable[Any]) -> None:
    """Do it, and end the process."""
    await work
    os._exit(137)


def stop_at(step: str, at: int) -> None:
    """Wrap what a step names."""
    when, _, what = step.partition("_")
    for owner, name in PLACES[what]:
        setattr(owner, name, wrapped(getattr(owner, name), when, at))


if __name__ == "__main__":
    wanted, _, number = sys.argv[1].partition(":")
    stop_at(wanted, int(number))
    main(sys.argv[2:])
