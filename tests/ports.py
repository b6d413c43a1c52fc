"""Ports for servers that start in a while.

Below those that connections are given (from 32768 on, on Linux): it takes a server seconds to
listen. Meanwhile somebody else could be given one of those, and who knocks until it does could
meet himself. No port is told twice before all were: two servers of one test would want it.
"""

from __future__ import annotations

import socket
from itertools import cycle
from random import SystemRandom

_FIRST, _LAST = 10240, 32767
# Whoever seeds `random` for each test would have every test begin with the same ones.
_TURNS = cycle(SystemRandom().sample(range(_FIRST, _LAST + 1), _LAST + 1 - _FIRST))


def free_port() -> int:
    """One that nobody has."""
    return next(filter(_is_free, _TURNS))


def free_ports(count: int) -> list[int]:
    """Some of them."""
    return [free_port() for _ in range(count)]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
