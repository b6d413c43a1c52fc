"""What is fetched ahead of a reader, whatever order it arrives in."""

from __future__ import annotations

from gateway.eventlog.port import Record, Topic
from gateway.eventlog.readahead import ReadAhead


def run(start: int, end: int, part: int = 0) -> list[Record]:
    """Records `start` ≤ offset < `end`."""
    return [Record(Topic.UPDATES, part, n, "k", (), b"{}", 0.0) for n in range(start, end)]


def test_what_is_fed_is_taken_in_order() -> None:
    """Up to a limit, from the partitions asked for."""
    ahead = ReadAhead(10, 1000)
    ahead.begin({0: 5, 1: 0})
    assert (ahead.feed(0, run(5, 8)), ahead.feed(1, run(0, 2, 1))) == (None, None)
    assert ahead.take({0: 5}, 2) == run(5, 7)
    assert ahead.take({0: 7, 1: 0}, 10) == [*run(7, 8), *run(0, 2, 1)]
    assert (ahead.at({0: 8}), ahead.at({0: 8, 1: 2}), ahead.at({0: 7})) == (True, True, False)


def test_more_is_wanted_while_there_is_room() -> None:
    """Partition by partition."""
    ahead = ReadAhead(3, 1000)
    ahead.begin({0: 0, 1: 0})
    ahead.feed(0, run(0, 3))
    assert ahead.wanted() == [1]
    ahead.take({0: 0}, 1)
    assert ahead.wanted() == [0, 1]


def test_long_records_take_the_room_of_many() -> None:
    """A backlog's length must not be seen in memory, whatever it is made of."""
    ahead = ReadAhead(10, 4)
    ahead.begin({0: 0})
    ahead.feed(0, run(0, 1))
    assert ahead.wanted() == [0]
    ahead.feed(0, run(1, 2))
    assert ahead.wanted() == []
    ahead.take({0: 0}, 1)
    assert ahead.wanted() == [0]


def test_what_was_asked_for_before_is_dropped_or_asked_for_again() -> None:
    """After a seek, neither a repeat nor a gap."""
    ahead = ReadAhead(10, 1000)
    ahead.begin({0: 5})
    assert ahead.feed(0, run(2, 4)) is None
    assert ahead.take({0: 5}, 10) == []
    assert ahead.feed(0, run(9, 12)) == 5
    assert ahead.feed(0, run(3, 7)) is None
    assert ahead.take({0: 5}, 10) == run(5, 7)
    assert ahead.feed(3, run(0, 1, 3)) is None


def test_a_lost_offset_is_told_once_what_came_before_is_taken() -> None:
    """And not for an offset that nobody wants any more."""
    ahead = ReadAhead(10, 1000)
    ahead.begin({0: 0})
    ahead.feed(0, run(0, 2))
    ahead.lose(0, 1)
    assert ahead.wanted() == [0]
    ahead.lose(0, 2)
    assert (ahead.wanted(), ahead.lost({0: 0})) == ([], None)
    ahead.take({0: 0}, 10)
    assert ahead.lost({0: 2}) == 0
    ahead.begin({0: 7})
    assert ahead.lost({0: 7}) is None


def test_a_hole_in_the_log_is_passed_by() -> None:
    """It is one when what was fetched again from there begins after it as well."""
    ahead = ReadAhead(10, 1000)
    ahead.begin({0: 5})
    assert [ahead.feed(0, run(7, 9)), ahead.feed(0, run(7, 9))] == [5, None]
    assert ahead.take({0: 5}, 10) == run(7, 9)
    assert [ahead.ends(), ahead.feed(0, run(12, 13)), ahead.ends()] == [{0: 9}, 9, {0: 9}]
    ahead.begin({0: 9})
    assert ahead.feed(0, run(12, 13)) == 9
