"""The tail in memory, against a plain list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.eventlog.port import Record, Topic
from gateway.eventlog.tail import OVERHEAD, Tail

PLACES = [(Topic.UPDATES, 0), (Topic.UPDATES, 1), (Topic.OUTCOMES, 0)]


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(PLACES),
            st.integers(0, 2000),
            st.sampled_from([0] * 9 + [3]),
            st.integers(0, 3),
        ),
        max_size=60,
    ),
    most=st.integers(0, 12_000),
)
def test_it_holds_the_newest_contiguous_records_and_no_more_than_it_may(
    steps: list[tuple[tuple[Topic, int], int, int, int]], most: int
) -> None:
    """What it gives is what was added, from the offset asked for and without a gap."""
    tail = Tail(most)
    added: dict[tuple[Topic, int], list[Record]] = {place: [] for place in PLACES}
    for (topic, part), size, gap, headers in steps:
        run = added[topic, part]
        offset = run[-1].offset + 1 + gap if run else 0
        value, texts = b"x" * size, (("name", "value"),) * headers
        run.append(Record(topic, part, offset, "k", texts, value, 0.0))
        tail.add(run[-1])
    held = 0
    for (topic, part), run in added.items():
        start, kept = (run[-1].offset + 1 if run else 0), None
        for number in range(len(run) - 1, -1, -1):
            found = tail.read(topic, part, run[number].offset, 1000)
            if found is None:
                break
            assert found == run[number:]
            assert tail.read(topic, part, run[number].offset, 2) == run[number:][:2]
            start, kept = run[number].offset, found
        assert tail.read(topic, part, start - 1, 10) is None
        held += sum(len(r.value) + OVERHEAD for r in kept or ())
    assert held == tail._bytes <= most
