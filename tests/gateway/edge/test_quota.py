"""A credential's sliding window."""

from __future__ import annotations

from gateway.dialect import OverQuota, QuotaState
from gateway.edge.quota import Quota

UNIX = 1_700_000_000.0
"""The wall clock, when the monotonic one is at 0."""


def test_it_counts_down_and_refuses() -> None:
    """Each call tells what is left; the one too many says when the oldest leaves the window."""
    quota = Quota(2, 10.0)
    assert quota.take(100.0, UNIX + 100.0) == QuotaState(2, 1, 1, UNIX + 110.0, 10.0)
    assert quota.take(104.0, UNIX + 104.0) == QuotaState(2, 0, 2, UNIX + 110.0, 10.0)
    assert quota.take(105.0, UNIX + 105.0) == OverQuota(
        QuotaState(2, 0, 2, UNIX + 110.0, 10.0), 5.0
    )


def test_a_refused_call_uses_nothing_up() -> None:
    """However often it is refused, the next window is the same."""
    quota = Quota(1, 10.0)
    taken = [quota.take(now, UNIX + now) for now in (0.0, 3.0, 6.0, 9.99, 10.0)]
    assert [isinstance(state, QuotaState) for state in taken] == [True, False, False, False, True]


def test_the_window_slides() -> None:
    """A call leaves it exactly its length later, alone."""
    quota = Quota(2, 10.0)
    quota.take(0.0, UNIX + 0.0)
    quota.take(6.0, UNIX + 6.0)
    assert quota.take(10.0, UNIX + 10.0) == QuotaState(2, 0, 2, UNIX + 16.0, 10.0)
    assert quota.take(15.9, UNIX + 15.9) == OverQuota(
        QuotaState(2, 0, 2, UNIX + 16.0, 10.0), 16.0 - 15.9
    )


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    """The window is measured by a clock that doesn't jump; callers read when it ends by theirs."""
    quota = Quota(1, 10.0)
    quota.take(0.0, UNIX)
    back = UNIX - 10_000.0
    assert quota.take(5.0, back) == OverQuota(QuotaState(1, 0, 1, back + 5.0, 10.0), 5.0)
    assert quota.take(10.0, back) == QuotaState(1, 0, 1, back + 10.0, 10.0)
