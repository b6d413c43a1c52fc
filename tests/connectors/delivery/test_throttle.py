"""The throttle: no window of the vendor's clock ever holds more than its limit."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.connector import Limit
from connectors.delivery.throttle import Slot, Throttle

SECOND = Limit(2, 1.0)
MINUTE = Limit(3, 60.0)


@dataclass
class Account:
    """A throttle, and a vendor that counts each request when it arrives."""

    throttle: Throttle
    now: float = 1000.0
    under_way: list[tuple[Slot, float]] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)

    def send(self) -> None:
        """Send one if one may be sent now."""
        if self.throttle.wait(self.now) == 0.0:
            self.under_way.append((self.throttle.take(self.now), self.now))

    def answer(self, which: int, arrived: float) -> None:
        """One is answered; it arrived at the given share of its way."""
        if self.under_way:
            slot, sent = self.under_way.pop(which % len(self.under_way))
            self.arrivals.append(sent + math.floor((self.now - sent) * arrived))
            self.throttle.done(slot, self.now)

    def most_in(self, per: float) -> int:
        """The fullest window of this length that the vendor saw, of those that start at an
        arrival (no other can be fuller)."""
        return max(
            (
                sum(start <= other < start + per for other in self.arrivals)
                for start in self.arrivals
            ),
            default=0,
        )


limits_of_an_account = st.lists(
    st.builds(Limit, st.integers(1, 5), st.integers(1, 20).map(float)), min_size=1, max_size=3
)
shares = st.floats(0.0, 1.0)
moves = st.lists(
    st.one_of(
        st.just(("send",)),
        st.tuples(st.just("answer"), st.integers(0, 9), shares),
        st.tuples(st.just("pass"), st.integers(1, 12)),
    ),
    max_size=80,
)


@given(limits=limits_of_an_account, moves=moves)
def test_the_vendor_never_counts_more_than_a_limit(
    limits: list[Limit], moves: list[tuple[object, ...]]
) -> None:
    """Wherever between send and answer a request arrives, in every window at once."""
    account = Account(Throttle(limits))
    for move in moves:
        match move:
            case ("answer", int(which), float(arrived)):
                account.answer(which, arrived)
            case ("pass", int(seconds)):
                account.now += seconds
            case _:
                account.send()
    while account.under_way:
        account.answer(0, 1.0)
    assert all(account.most_in(limit.per) <= limit.requests for limit in limits)


@given(limits=limits_of_an_account, moves=moves)
def test_a_wait_is_exactly_as_long_as_it_must_be(
    limits: list[Limit], moves: list[tuple[object, ...]]
) -> None:
    """After it a request may go, a moment before it may not; without an end only while the
    slots are held by requests under way."""
    account = Account(Throttle(limits))
    for move in moves:
        match move:
            case ("answer", int(which), float(arrived)):
                account.answer(which, arrived)
            case ("pass", int(seconds)):
                account.now += seconds
            case _:
                account.send()
        wait = account.throttle.wait(account.now)
        tightest = min(limit.requests for limit in limits)
        if math.isinf(wait):
            assert len(account.under_way) >= tightest
        elif wait > 0.0:
            just_before = account.now + wait - 0.25
            assert account.throttle.wait(just_before) == 0.25
            account.now += wait
            assert account.throttle.wait(account.now) == 0.0


def test_a_slot_comes_free_one_window_after_the_answer() -> None:
    """Not after the send: the vendor may have counted as late as the answer."""
    throttle = Throttle([Limit(1, 5.0)])
    slot = throttle.take(100.0)
    assert math.inf == throttle.wait(104.0)
    throttle.done(slot, 103.0)
    assert [throttle.wait(now) for now in (103.0, 107.5, 108.0)] == [5.0, 0.5, 0.0]


def test_the_slowest_window_decides() -> None:
    """All limits hold at once."""
    throttle = Throttle([SECOND, MINUTE])
    for now in (0.0, 0.0, 1.0):
        throttle.done(throttle.take(now), now)
    assert (throttle.wait(1.0), throttle.left(1.0)) == (59.0, [(SECOND, 1), (MINUTE, 0)])
    assert (throttle.wait(60.0), throttle.left(60.0)) == (0.0, [(SECOND, 2), (MINUTE, 2)])


def test_what_is_under_way_is_not_left() -> None:
    """A request sent and not answered counts in every window."""
    throttle = Throttle([SECOND, MINUTE])
    throttle.take(0.0)
    assert throttle.left(500.0) == [(SECOND, 1), (MINUTE, 2)]


def test_a_pause_is_kept_to_the_moment_and_never_shortened() -> None:
    """Retry-After holds even with slots free; a shorter one that comes later changes nothing."""
    throttle = Throttle([SECOND])
    throttle.pause(130.0)
    throttle.pause(110.0)
    assert [throttle.wait(now) for now in (100.0, 129.0, 130.0)] == [30.0, 1.0, 0.0]
    throttle.pause(140.0)
    assert throttle.wait(130.0) == 10.0


def test_without_limits_only_a_pause_holds_anything_up() -> None:
    """As many as the connector likes."""
    throttle = Throttle([])
    slots = [throttle.take(1.0) for _ in range(100)]
    assert (len(set(slots)), throttle.wait(1.0), throttle.left(1.0)) == (100, 0.0, [])
    throttle.pause(3.0)
    assert throttle.wait(1.0) == 2.0


def test_an_answer_counts_once() -> None:
    """A slot handed back twice frees nothing twice and holds nothing twice."""
    throttle = Throttle([Limit(2, 10.0)])
    slot = throttle.take(0.0)
    throttle.done(slot, 1.0)
    throttle.done(slot, 2.0)
    assert [(Limit(2, 10.0), 1)] == throttle.left(2.0)


def test_nobody_takes_a_slot_before_the_wait_is_over() -> None:
    """Sending anyway would break the vendor's limit."""
    throttle = Throttle([Limit(1, 1.0)])
    throttle.take(0.0)
    with pytest.raises(ValueError, match="no slot"):
        throttle.take(0.0)
