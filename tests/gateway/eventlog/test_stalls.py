"""When a reader counts as stuck."""

from __future__ import annotations

from gateway.eventlog.stalls import Stalls


def looks(
    *steps: tuple[float, dict[int, int], dict[int, int]], patience: float = 10.0
) -> list[tuple[list[int], list[int]]]:
    """What is due and what has stalled at each time, position and end of the log."""
    stalls = Stalls(patience)
    told = []
    for time, positions, ends in steps:
        due = stalls.due(time, positions)
        told.append((due, stalls.stalled(time, positions, {part: ends[part] for part in due})))
    return told


def test_a_position_that_stays_while_the_log_grows_is_a_stall() -> None:
    """Seen twice, half the patience apart."""
    assert looks(
        (0.0, {0: 5}, {0: 5}),
        (4.9, {0: 5}, {0: 9}),
        (5.4, {0: 5}, {0: 9}),
        (9.9, {0: 5}, {0: 9}),
        (10.5, {0: 5}, {0: 9}),
    ) == [([], []), ([], []), ([0], []), ([], []), ([0], [0])]


def test_a_reader_at_the_end_has_not_stalled() -> None:
    """Nor one that a record came for just then."""
    assert looks(
        (0.0, {0: 5}, {0: 5}),
        (5.0, {0: 5}, {0: 5}),
        (10.0, {0: 5}, {0: 6}),
        (11.0, {0: 6}, {0: 6}),
        (16.0, {0: 6}, {0: 6}),
    ) == [([], []), ([0], []), ([0], []), ([], []), ([0], [])]


def test_each_partition_stalls_for_itself() -> None:
    """While others are read on."""
    assert looks(
        (0.0, {0: 5, 1: 7}, {}),
        (5.0, {0: 5, 1: 8}, {0: 9}),
        (10.0, {0: 5, 1: 9}, {0: 9}),
    ) == [([], []), ([0], []), ([0], [0])]


def test_a_partition_that_nobody_wants_more_of_has_not_stalled() -> None:
    """Its time begins again when somebody does."""
    assert looks(
        (0.0, {0: 5}, {}),
        (5.0, {0: 5}, {0: 9}),
        (6.0, {}, {}),
        (10.0, {0: 5}, {0: 9}),
        (14.0, {0: 5}, {0: 9}),
    ) == [([], []), ([0], []), ([], []), ([], []), ([], [])]


def test_a_reader_that_moved_while_the_end_was_asked_for_has_not_stalled() -> None:
    """Nor one that begins anew."""
    stalls = Stalls(10.0)
    assert [stalls.due(0.0, {0: 5}), stalls.due(5.0, {0: 5})] == [[], [0]]
    assert stalls.stalled(5.0, {0: 5}, {0: 9}) == []
    assert stalls.due(10.0, {0: 5}) == [0]
    assert stalls.stalled(10.1, {0: 6}, {0: 9}) == []
    stalls.forget()
    assert stalls.stalled(10.2, {0: 5}, {0: 9}) == []
