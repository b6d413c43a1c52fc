"""A credential's sliding window."""

from __future__ import annotations

from gateway.dialect import OverQuota, QuotaState
from gateway.edge.quota import Quota


def test_it_counts_down_and_refuses() -> None:
    """Each call tells what is left; the one too many says when the oldest leaves the window."""
    quota = Quota(2, 10.0)
    assert quota.take(100.0) == QuotaState(2, 1, 1, 110.0, 10.0)
    assert quota.take(104.0) == QuotaState(2, 0, 2, 110.0, 10.0)
    assert quota.take(105.0) == OverQuota(QuotaState(2, 0, 2, 110.0, 10.0), 5.0)


def test_a_refused_call_uses_nothing_up() -> None:
    """However often it is refused, the next window is the same."""
    quota = Quota(1, 10.0)
    taken = [quota.take(now) for now in (0.0, 3.0, 6.0, 9.99, 10.0)]
    assert [isinstance(state, QuotaState) for state in taken] == [True, False, False, False, True]


def test_the_window_slides() -> None:
    """A call leaves it exactly its length later, alone."""
    quota = Quota(2, 10.0)
    quota.take(0.0)
    quota.take(6.0)
    assert quota.take(10.0) == QuotaState(2, 0, 2, 16.0, 10.0)
    assert quota.take(15.9) == OverQuota(QuotaState(2, 0, 2, 16.0, 10.0), 16.0 - 15.9)
