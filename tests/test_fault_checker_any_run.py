"""The checker of the fault suite over any run: it finds whatever is done to one that kept its
promises, and nothing in that one itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.faults.checker import NO_OUTCOME, NOT_RECEIVED, Lost, check
from tests.faults.records import (
    Answered,
    Duty,
    Fired,
    Logged,
    Place,
    Received,
    Run,
    Settled,
    Try,
    Update,
)

CONNECTORS = ("one", "two")
FIRES = frozenset({"dispositionAction"})
UNKNOWN = Try("answer_unknown")


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """A run in which every promise was kept: leads in turn, each vendor in an order of its own in
    which a lead's updates stay in order, failures and lost answers before each success."""
    counts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    turns = draw(st.permutations([lead for lead, many in enumerate(counts) for _ in range(many)]))
    order = _numbered(turns)
    logged = tuple(
        Logged(f"e{at}", update, CONNECTORS, "one", FIRES, float(at))
        for at, update in enumerate(order)
    )
    ids = {one.update: one.event for one in logged}
    received: list[Received] = []
    settled: list[Settled] = []
    for name in CONNECTORS:
        for at, update in enumerate(_numbered(draw(st.permutations(turns)))):
            before = draw(st.lists(st.sampled_from([None, 429, 500]), max_size=3))
            place = Place(name, update)
            answers = (*before, 200)
            received += [Received(place, at + i / 8, one) for i, one in enumerate(answers)]
            tries = tuple(UNKNOWN for one in before if one is None)
            settled.append(Settled(Duty(ids[update], name), "applied", 1, tries))
    return Run(
        answered=tuple(
            Answered(one.update, "native", (one.event,), one.at, one.at) for one in logged
        ),
        logged=logged,
        received=tuple(received),
        settled=tuple(settled),
        fired=tuple(Fired(Duty(one.event, "one"), "dispositionAction") for one in logged),
    )


def _numbered(leads: Sequence[int]) -> list[Update]:
    return [Update(f"lead{lead}", leads[: at + 1].count(lead)) for at, lead in enumerate(leads)]


@given(runs())
def test_a_run_that_kept_its_promises_has_no_faults(run: Run) -> None:
    """Whatever came in between."""
    verdict = check(run)
    lost_answers = sum(one.status is None for one in run.received)
    assert (verdict.faults, len(verdict.repeats)) == ({}, lost_answers)


@given(runs(), st.data())
def test_whatever_is_taken_away_is_missed(run: Run, data: st.DataObject) -> None:
    """An outcome, or all of a vendor's successes with an update: that one is lost and no other."""
    duty = data.draw(st.sampled_from([one.duty for one in run.settled]))
    call = next(one for one in run.answered if one.events == (duty.event,))
    place = Place(duty.connector, call.update)
    settled = tuple(one for one in run.settled if one.duty != duty)
    received = tuple(one for one in run.received if one.place != place or not one.applied)
    found = [
        check(replace(run, settled=settled)).lost,
        check(replace(run, received=received)).lost,
    ]
    whys = (NO_OUTCOME, NOT_RECEIVED)
    assert found == [(Lost(call, duty.connector, why),) for why in whys]


@given(runs(), st.data())
def test_whatever_changes_places_is_found(run: Run, data: st.DataObject) -> None:
    """Two receipts of different updates of a lead at one vendor."""
    order = list(run.received)
    pairs = [
        (first, second)
        for second, other in enumerate(order)
        for first, one in enumerate(order[:second])
        if one.place.connector == other.place.connector
        if one.place.update.lead == other.place.update.lead and one.place != other.place
    ]
    assume(pairs)
    first, second = data.draw(st.sampled_from(pairs))
    lead = order[first].place.update.lead
    order[first], order[second] = order[second], order[first]
    found = check(replace(run, received=tuple(order))).reordered
    assert {late.place.update.lead for late in found} == {lead}


@given(runs(), st.data())
def test_whatever_comes_again_needs_a_reason(run: Run, data: st.DataObject) -> None:
    """A kill between is one."""
    order = list(run.received)
    done = [at for at, one in enumerate(order) if one.applied]
    at = data.draw(st.sampled_from(done))
    copy = replace(order[at], at=order[at].at + 0.01)
    doubled = replace(run, received=(*order[: at + 1], copy, *order[at + 1 :]))
    verdict = check(doubled)
    assert [one.place for one in verdict.unexplained] == [copy.place]
    assert verdict.reordered == ()
    killed = replace(doubled, kills=(order[at].at + 0.005,), at_once=len(order))
    assert check(killed).faults == {}


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), min_size=1, max_size=5),
    st.frozensets(st.integers(0, 40), max_size=8),
)
def test_a_stall_is_what_counting_seconds_finds(
    waits: list[tuple[int, int]], calls: frozenset[int]
) -> None:
    """Second by second: in a row of seconds with something to deliver and no call at their
    seams."""
    updates = [Update(f"lead{at}", 1) for at in range(len(waits))]
    run = Run(
        answered=tuple(
            Answered(one, "native", (one.lead,), since, since)
            for one, (since, _) in zip(updates, waits, strict=True)
        ),
        logged=tuple(Logged(one.lead, one, ("one",)) for one in updates),
        received=tuple(
            Received(Place("one", one), since + took)
            for one, (since, took) in zip(updates, waits, strict=True)
        ),
        settled=(),
        calls={"one": tuple(float(at) for at in sorted(calls))},
    )
    longest = row = 0
    for second in range(42):
        busy = any(since <= second < since + took for since, took in waits)
        row = row + 1 if busy and second not in calls else int(busy)
        longest = max(longest, row)
    assert check(run).stalls["one"].seconds == longest
