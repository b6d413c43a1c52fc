"""Back-off: doubling waits, spread and bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.backoff import delay


def test_waits_double_up_to_the_longest() -> None:
    """In the middle of the jitter; the cap leaves room for it."""
    waits = [delay(attempt, 1.0, 12.0, 0.5) for attempt in range(1, 7)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


@pytest.mark.parametrize(("jitter", "expected"), [(0.0, 3.2), (0.25, 3.6), (0.75, 4.4)])
def test_jitter_reaches_a_fifth_each_way(jitter: float, expected: float) -> None:
    """The caller's random number picks the place in the range."""
    assert expected == pytest.approx(delay(3, 1.0, 300.0, jitter))


@given(
    attempt=st.integers(1, 10_000),
    first=st.floats(0.001, 3600.0),
    longest=st.floats(0.001, 86400.0),
    jitter=st.floats(0.0, 1.0, exclude_max=True),
)
def test_no_wait_is_longer_than_the_longest(
    attempt: int, first: float, longest: float, jitter: float
) -> None:
    """Whatever the attempt's number, and never nothing."""
    assert 0.0 < delay(attempt, first, longest, jitter) <= longest


@given(attempt=st.integers(1, 100), jitter=st.floats(0.0, 1.0, exclude_max=True))
def test_a_later_attempt_never_waits_less(attempt: int, jitter: float) -> None:
    """With the same jitter."""
    assert delay(attempt, 0.5, 60.0, jitter) <= delay(attempt + 1, 0.5, 60.0, jitter)


def test_at_the_cap_waits_still_differ() -> None:
    """Leads that failed together do not come back together."""
    waits = {delay(50, 1.0, 60.0, part / 10) for part in range(10)}
    assert len(waits) == 10
