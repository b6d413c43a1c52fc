"""How long to wait before a lead's update is tried again."""

from __future__ import annotations

SPREAD = 0.2
"""Jitter reaches this share below and above, so that leads that failed together part ways."""
_DOUBLINGS = 64


def delay(attempt: int, first: float, longest: float, jitter: float) -> float:
    """Seconds to wait after the `attempt`-th counted try (from 1): `first`, doubled with each
    further one, spread by ±20 % and never over `longest`.

    The cap leaves room for the jitter: at the cap waits still differ. `jitter` is the caller's
    random number in [0, 1); 0.5 is the middle.
    """
    doubled = first * 2.0 ** min(attempt - 1, _DOUBLINGS)
    middle = min(doubled, longest / (1 + SPREAD))
    return min(longest, middle * (1 - SPREAD + 2 * SPREAD * jitter))
