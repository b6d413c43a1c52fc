"""Durations are a number and a unit."""

from __future__ import annotations

from math import inf, nan

import pytest

from gateway.settings.durations import seconds, written


@pytest.mark.parametrize(
    ("text", "expected"),
    [("250ms", 0.25), ("5s", 5.0), ("1.5m", 90.0), ("24h", 86400.0), (" 14 d ", 1209600.0)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, expected: float) -> None:
    """In seconds."""
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["5", "", "s", "-1s", "1w", "1 s 2", True, None])
def test_anything_else_is_no_duration(text: object) -> None:
    """The units are named."""
    with pytest.raises(ValueError, match="a duration is a number and ms, s, m, h or d"):
        seconds(text)


@pytest.mark.parametrize(
    "text", ["9" * 400 + "d", "365001d", inf, -1.0, nan, 10**400], ids=lambda text: str(text)[:9]
)
def test_no_duration_is_endless(text: object) -> None:
    """Nor runs backwards: it is added to times."""
    with pytest.raises(ValueError, match="at most a thousand years"):
        seconds(text)


@pytest.mark.parametrize(
    "text", ["1d", "36h", "90m", "61s", "1500ms", "0ms", "1234567.25ms", "0.001ms"]
)
def test_what_is_written_is_the_shortest_form_that_is_read_back(text: str) -> None:
    """A whole number of the largest unit."""
    assert written(seconds(text)) == text
