"""Lists of values inside a statement."""

from __future__ import annotations

import pytest

from gateway.store.lists import MOST, listed

LISTS = {
    0: [],
    1: [1],
    2: [2],
    3: [4],
    300: [512],
    MOST: [MOST],
    MOST + 1: [MOST, 1],
    3 * MOST + 5: [MOST, MOST, MOST, 8],
}


@pytest.mark.parametrize("count", LISTS)
def test_every_value_is_in_a_list_and_no_other(count: int) -> None:
    """In few shapes: the lengths are powers of two."""
    values = list(range(count))
    lists = list(listed(values))
    assert [len(given) for _, given in lists] == LISTS[count]
    assert [marks.count("?") for marks, _ in lists] == LISTS[count]
    assert list(dict.fromkeys(value for _, given in lists for value in given)) == values
