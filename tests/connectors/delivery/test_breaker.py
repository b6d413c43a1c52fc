"""The breaker: what opens it, who may probe, and what closes it."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.breaker import Breaker, Permit, State


def opened(now: float = 100.0) -> Breaker:
    """A breaker that has just opened: three failures, 5 s, at most 12 s."""
    breaker = Breaker(3, 5.0, 12.0)
    for _ in range(3):
        breaker.failed(now, Permit.SEND)
    return breaker


def probing(now: float = 105.0) -> Breaker:
    """A breaker whose first probe is under way."""
    breaker = opened(now - 5.0)
    assert breaker.permit(now) is Permit.PROBE
    return breaker


def test_it_opens_at_the_last_of_the_failures_in_a_row() -> None:
    """One fewer leaves it closed."""
    breaker = Breaker(3, 5.0, 12.0)
    seen = []
    for now in (1.0, 2.0, 3.0):
        breaker.failed(now, Permit.SEND)
        seen.append((breaker.state, breaker.is_open, breaker.permit(3.0)))
    closed = (State.CLOSED, False, Permit.SEND)
    assert [closed, closed, (State.OPEN, True, 5.0)] == seen


def test_a_proper_answer_between_starts_the_count_anew() -> None:
    """Only failures in a row count."""
    breaker = Breaker(2, 5.0, 12.0)
    seen = []
    for now in (1.0, 2.0, 3.0):
        breaker.failed(now, Permit.SEND)
        seen.append(breaker.state)
        breaker.answered()
    assert seen == [State.CLOSED, State.CLOSED, State.CLOSED]


def test_there_is_one_probe_at_a_time() -> None:
    """While it is under way the others wait for its end."""
    breaker = opened()
    assert [breaker.permit(now) for now in (100.0, 104.0)] == [5.0, 1.0]
    assert breaker.permit(105.0) is Permit.PROBE
    assert (State.HALF_OPEN, True, math.inf) == (
        breaker.state,
        breaker.is_open,
        breaker.permit(900.0),
    )


def test_the_wait_doubles_while_probes_fail() -> None:
    """Up to the longest."""
    breaker, now, waits = opened(), 100.0, []
    for _ in range(4):
        waits.append(breaker.wait(now))
        now += waits[-1]
        assert breaker.permit(now) is Permit.PROBE
        breaker.failed(now, Permit.PROBE)
    assert waits == [5.0, 10.0, 12.0, 12.0]


@pytest.mark.parametrize("down", [opened, probing])
def test_any_proper_answer_closes_it(down: Callable[[], Breaker]) -> None:
    """The probe's, or that of a request sent before it opened; the waits start anew."""
    breaker = down()
    breaker.answered()
    assert (breaker.state, breaker.permit(100.0)) == (State.CLOSED, Permit.SEND)
    for _ in range(3):
        breaker.failed(200.0, Permit.SEND)
    assert breaker.wait(200.0) == 5.0


def test_stragglers_neither_lengthen_the_wait_nor_end_the_probe() -> None:
    """Requests under way when it opened fail later, and say nothing new."""
    breaker = opened(100.0)
    breaker.failed(103.0, Permit.SEND)
    assert breaker.wait(103.0) == 2.0
    assert breaker.permit(105.0) is Permit.PROBE
    breaker.failed(106.0, Permit.SEND)
    assert (State.HALF_OPEN, math.inf) == (breaker.state, breaker.wait(106.0))


def test_an_abandoned_probe_makes_room_for_the_next() -> None:
    """Shutdown of its sender is not the vendor's failure."""
    breaker = probing(105.0)
    breaker.probe_abandoned()
    assert (breaker.state, breaker.permit(105.0)) == (State.OPEN, Permit.PROBE)


def test_abandoning_after_it_closed_changes_nothing() -> None:
    """Another request's answer may come before the probe is given up."""
    breaker = probing()
    breaker.answered()
    breaker.probe_abandoned()
    assert State.CLOSED is breaker.state


@given(
    moves=st.lists(st.sampled_from(["ask", "fail", "straggle", "answer", "abandon", "pass"])),
)
def test_it_never_sticks_and_never_sends_while_open(moves: list[str]) -> None:
    """Whatever happens: at most one probe is out, and once it ends a permit is at most the
    longest wait away."""
    breaker, now, probe_out = Breaker(2, 1.0, 4.0), 0.0, False
    for move in moves:
        if move == "ask":
            permit = breaker.permit(now)
            assert not (probe_out and permit is Permit.PROBE)
            assert not (breaker.is_open and permit is Permit.SEND)
            probe_out = probe_out or permit is Permit.PROBE
        elif move == "fail" and probe_out:
            breaker.failed(now, Permit.PROBE)
            probe_out = False
        elif move == "straggle":
            breaker.failed(now, Permit.SEND)
        elif move == "answer":
            breaker.answered()
            probe_out = False
        elif move == "abandon" and probe_out:
            breaker.probe_abandoned()
            probe_out = False
        else:
            now += 0.5
    if not probe_out:
        assert breaker.wait(now) <= 4.0
