"""The frontier: what is settled in one partition, through any order, gap and crash."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.frontier import WINDOW, Frontier


@dataclass
class Model:
    """The same as sets of offsets: what the log holds, what was fetched, what was done."""

    log: list[int]
    fetched: set[int] = field(default_factory=set)
    done: set[int] = field(default_factory=set)

    def open(self) -> set[int]:
        """Fetched, and not done."""
        return self.fetched - self.done


logs = st.lists(st.integers(1, 6), min_size=1, max_size=40).map(
    lambda gaps: [sum(gaps[:n]) - 1 for n in range(1, len(gaps) + 1)]
)


@given(log=logs, data=st.data())
def test_it_agrees_with_a_set_of_offsets_through_crashes(
    log: list[int], data: st.DataObject
) -> None:
    """No unsettled offset is lost, no settled one opens again, whatever the order."""
    model, frontier = Model(log), Frontier(0)
    for _ in range(data.draw(st.integers(1, 60), "steps")):
        step = data.draw(st.sampled_from(["fetch", "settle", "crash"]), "step")
        pending = [offset for offset in log if offset >= frontier.next_offset]
        if step == "fetch" and pending:
            frontier.seen(pending[0])
            model.fetched.add(pending[0])
        elif step == "settle" and model.open():
            offset = data.draw(st.sampled_from(sorted(model.open())), "offset")
            frontier.settle(offset)
            model.done.add(offset)
        elif step == "crash":
            frontier = Frontier.decode(*frontier.encode())
            model.fetched = {o for o in model.fetched if o < frontier.base} | model.done
        assert {o for o in log if frontier.is_settled(o)} == model.done
        assert frontier.base <= min((o for o in log if o not in model.done), default=log[-1] + 1)
        assert frontier.above() == len(
            [o for o in model.open() if frontier.base <= o < frontier.next_offset]
        )


@given(log=logs, random=st.randoms(use_true_random=False))
def test_when_all_is_settled_the_base_is_past_the_last(log: list[int], random: Random) -> None:
    """Any order of settles ends in the same place, with nothing above it."""
    frontier = Frontier(0)
    for offset in log:
        frontier.seen(offset)
    shuffled = list(log)
    random.shuffle(shuffled)
    for offset in shuffled:
        frontier.settle(offset)
    assert (log[-1] + 1, b"") == frontier.encode()
    assert (frontier.span, frontier.above()) == (0, 0)


@given(base=st.integers(0, 1 << 40), settled=st.integers(0, 1 << 300))
def test_what_is_encoded_is_decoded(base: int, settled: int) -> None:
    """Base and bitmap come back as they were."""
    encoded = Frontier(base, settled).encode()
    assert encoded == Frontier.decode(*encoded).encode()


def test_an_early_settle_waits_for_the_ones_below() -> None:
    """The base moves over all that touch it, at once."""
    frontier = Frontier(100)
    for offset in (100, 101, 102):
        frontier.seen(offset)
    frontier.settle(102)
    frontier.settle(101)
    assert (
        frontier.base,
        frontier.span,
        frontier.above(),
        frontier.encode(),
    ) == (100, 3, 1, (100, b"\x06"))
    frontier.settle(100)
    assert (frontier.base, frontier.span, frontier.encode()) == (103, 0, (103, b""))


def test_a_gap_in_the_log_is_settled() -> None:
    """Offsets that the log skipped never hold the base back."""
    frontier = Frontier(10)
    frontier.seen(15)
    assert (frontier.base, frontier.next_offset, frontier.above()) == (15, 16, 1)
    frontier.seen(20)
    frontier.settle(15)
    assert (frontier.base, frontier.above()) == (20, 1)


def test_repeats_change_nothing() -> None:
    """A second fetch or settle of an offset is as if it had not been."""
    frontier = Frontier(0)
    for offset in (0, 1, 0, 1):
        frontier.seen(offset)
    for offset in (0, 0):
        frontier.settle(offset)
    assert (frontier.base, frontier.next_offset, frontier.encode()) == (1, 2, (1, b""))


def test_after_a_restart_it_goes_on_past_what_was_settled() -> None:
    """The offset that held the base back is fetched again; those done above it are not."""
    frontier = Frontier(5, 0b110)
    frontier.seen(5)
    assert (
        frontier.next_offset,
        [frontier.is_settled(offset) for offset in (5, 6, 7, 8)],
    ) == (6, [False, True, True, False])
    frontier.settle(5)
    assert (frontier.base, frontier.next_offset, frontier.span) == (8, 8, 0)


def test_it_is_full_at_the_window() -> None:
    """One blocked offset stops the fetching when the window lies above it."""
    frontier = Frontier(0)
    for offset in range(WINDOW - 1):
        frontier.seen(offset)
    for offset in range(1, WINDOW - 1):
        frontier.settle(offset)
    assert (frontier.full, frontier.above()) == (False, 1)
    frontier.seen(WINDOW - 1)
    assert frontier.full
    frontier.settle(0)
    assert (frontier.full, frontier.base) == (False, WINDOW - 1)


@pytest.mark.parametrize(("base", "settled"), [(-1, 0), (0, -1)])
def test_negative_places_are_refused(base: int, settled: int) -> None:
    """A frontier from nowhere would skip or repeat the log."""
    with pytest.raises(ValueError, match="negative"):
        Frontier(base, settled)
