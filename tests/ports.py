"""Ports for servers that start in a while."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import Final

_OURS: Final = range(10240, 32768)
"""Below those that connections are given (from 32768 on, on Linux): it takes a server seconds to
listen. Meanwhile somebody else could be given one of those, and who knocks until it does could
meet himself."""


def free_ports(count: int) -> list[int]:
    """Different ports that nobody has."""
    with contextlib.ExitStack() as held:
        found: list[int] = []
        for port in random.sample(_OURS, 100 * count):
            one = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                one.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                break
        return found


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]
