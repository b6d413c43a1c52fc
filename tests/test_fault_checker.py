"""The checker of the fault suite finds each kind of wrong, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import pytest

from tests.faults.checker import (
    NO_EVENT,
    NO_OUTCOME,
    NOT_LOGGED,
    NOT_RECEIVED,
    Lost,
    Reordered,
    Repeat,
    Stall,
    check,
)
from tests.faults.records import (
    Answered,
    Duty,
    Fired,
    Logged,
    Place,
    Received,
    Redriven,
    Run,
    Settled,
    Try,
    Update,
)

A1, A2, B1 = Update("a", 1), Update("a", 2), Update("b", 1)
EVENTS = {"a1": A1, "a2": A2, "b1": B1}
CONNECTORS = ("one", "two")
FIRES = frozenset({"dispositionAction"})
UNKNOWN = Try("answer_unknown")


def good() -> Run:
    """Three calls, each at both vendors once; `one` is the authority."""
    logged = tuple(
        Logged(event, update, CONNECTORS, "one", FIRES, float(at))
        for at, (event, update) in enumerate(EVENTS.items())
    )
    return Run(
        answered=tuple(
            Answered(update, "native", (event,), float(at), at + 0.5)
            for at, (event, update) in enumerate(EVENTS.items())
        ),
        logged=logged,
        received=tuple(
            Received(Place(name, update), at + 0.25)
            for name in CONNECTORS
            for at, update in enumerate(EVENTS.values())
        ),
        settled=tuple(
            Settled(Duty(event, name), "applied") for name in CONNECTORS for event in EVENTS
        ),
        fired=tuple(Fired(Duty(event, "one"), "dispositionAction") for event in EVENTS),
        calls=dict.fromkeys(CONNECTORS, (0.25, 1.25, 2.25)),
    )


T = TypeVar("T")


def without(some: Sequence[T], gone: T) -> tuple[T, ...]:
    """All but one."""
    assert gone in some
    return tuple(one for one in some if one != gone)


def test_a_good_run_has_no_faults() -> None:
    """And is counted."""
    verdict = check(good())
    assert verdict.faults == {}
    assert (verdict.accepted, verdict.repeats, verdict.kinds) == (3, (), {"applied": 6})


# --- lost -----------------------------------------------------------------------------------


def test_a_call_without_an_outcome_is_lost() -> None:
    """At that connector."""
    run = good()
    broken = replace(run, settled=without(run.settled, Settled(Duty("a2", "two"), "applied")))
    assert check(broken).faults == {"lost": (Lost(run.answered[1], "two", NO_OUTCOME),)}


def test_a_call_that_was_applied_and_never_received_is_lost() -> None:
    """Whatever its outcome says."""
    run = good()
    broken = replace(run, received=without(run.received, Received(Place("two", B1), 2.25)))
    assert check(broken).faults == {"lost": (Lost(run.answered[2], "two", NOT_RECEIVED),)}


@pytest.mark.parametrize("status", [None, 429, 500])
def test_a_call_that_was_applied_and_never_answered_so_is_lost(status: int | None) -> None:
    """An answer that nobody gave can't have been read."""
    run = good()
    received = tuple(
        replace(one, status=status) if one.place == Place("two", B1) else one
        for one in run.received
    )
    found = check(replace(run, received=received)).faults
    assert found == {"lost": (Lost(run.answered[2], "two", NOT_RECEIVED),)}


def test_an_answer_that_no_event_stands_behind_is_lost() -> None:
    """It names none, or one that is not in the log."""
    run = good()
    calls = tuple(replace(run.answered[0], events=events) for events in ((), ("gone",)))
    expected = (Lost(calls[0], None, NO_EVENT), Lost(calls[1], None, NOT_LOGGED))
    assert check(replace(run, answered=calls)).lost == expected


def test_a_refusal_is_not_lost() -> None:
    """A vendor said no, and that is on record."""
    run = good()
    place, duty = Place("two", B1), Duty("b1", "two")
    refused = replace(
        run,
        received=tuple(
            replace(one, status=422) if one.place == place else one for one in run.received
        ),
        settled=tuple(
            replace(one, kind="rejected") if one.duty == duty else one for one in run.settled
        ),
    )
    verdict = check(refused)
    assert (verdict.faults, verdict.kinds) == ({}, {"applied": 5, "rejected": 1})


# --- order ----------------------------------------------------------------------------------


def swapped(run: Run) -> Run:
    """`two` received the first lead's updates the wrong way round."""
    return replace(
        run,
        received=(
            *(one for one in run.received if one.place.connector == "one"),
            Received(Place("two", A2), 0.5),
            Received(Place("two", B1), 0.6),
            Received(Place("two", A1), 0.7),
        ),
    )


def test_a_swapped_pair_is_reordered() -> None:
    """The earlier one is what came too late."""
    expected = {"reordered": (Reordered(Place("two", A1), 0.7, 2),)}
    assert check(swapped(good())).faults == expected


def test_order_is_that_of_the_log() -> None:
    """Not of the numbers: whichever was accepted first goes first."""
    run = good()
    turned = replace(swapped(run), logged=(run.logged[1], run.logged[0], run.logged[2]))
    assert check(turned).reordered == (Reordered(Place("one", A2), 1.25, 1),)


def test_what_was_redriven_may_come_late() -> None:
    """It is sent after what was applied since, and is no repeat; before that it is judged as
    any other."""
    run = swapped(good())
    redriven = (Redriven(Duty("a1", "two"), 0.65),)
    settled = (
        *run.settled,
        Settled(Duty("a1", "two"), "applied", 2),
    )
    first = tuple(
        replace(one, kind="dead_lettered") if one == Settled(Duty("a1", "two"), "applied") else one
        for one in settled
    )
    assert check(replace(run, settled=first, redriven=redriven)).faults == {}
    late = (Redriven(Duty("a1", "two"), 0.75),)
    found = check(replace(run, settled=first, redriven=late)).faults
    assert list(found) == ["reordered"]


# --- repeats --------------------------------------------------------------------------------


def again(run: Run, at: float = 3.0, status: int | None = 200) -> Run:
    """`two` received the last update once more."""
    return replace(run, received=(*run.received, Received(Place("two", B1), at, status)))


REPEAT = Repeat(Place("two", B1), 2.25, 3.0, None)


def with_tries(run: Run, *tries: Try) -> Run:
    """That update's attempts at `two`."""
    duty = Duty("b1", "two")
    return replace(
        run,
        settled=tuple(
            replace(one, tries=tries) if one.duty == duty else one for one in run.settled
        ),
    )


def test_a_repeat_without_a_reason_is_a_fault() -> None:
    """Also where the vendor refused it this time: it had been asked for no more."""
    expected = {"unexplained": (REPEAT,)}
    assert check(again(good())).faults == expected
    assert check(again(good(), status=500)).faults == expected


def test_a_repeat_after_a_lost_answer_is_on_record() -> None:
    """One attempt for each; one that does not count stands for any number."""
    once = with_tries(again(good()), UNKNOWN, Try("applied"))
    verdict = check(once)
    assert (verdict.faults, verdict.repeats) == ({}, (REPEAT,))
    second = Repeat(Place("two", B1), 3.0, 4.0, None)
    assert check(again(once, 4.0)).faults == {"unexplained": (second,)}
    assert check(again(with_tries(once, Try("answer_unknown", counted=False)), 4.0)).faults == {}


def test_another_updates_lost_answer_explains_nothing() -> None:
    """Nor one at another vendor."""
    run = again(good())
    elsewhere = {Duty("b1", "one"), Duty("a2", "two")}
    settled = tuple(
        replace(one, tries=(UNKNOWN,)) if one.duty in elsewhere else one for one in run.settled
    )
    assert check(replace(run, settled=settled)).faults == {"unexplained": (REPEAT,)}


def test_what_the_vendor_refused_is_tried_again_and_not_repeated() -> None:
    """A 500 or a 429 before it was applied."""
    run = good()
    refused = tuple(Received(Place("one", A1), 0.1, status) for status in (500, 429))
    verdict = check(replace(run, received=(*refused, *run.received)))
    assert (verdict.faults, verdict.repeats) == ({}, ())


def test_a_kill_explains_what_was_under_way() -> None:
    """Between the two receipts, and no more than could be under way."""
    run = replace(again(good()), kills=(2.5,), at_once=1)
    verdict = check(run)
    assert (verdict.faults, verdict.repeats) == ({}, (REPEAT._replace(kill=2.5),))
    assert check(replace(run, kills=(2.0, 3.5))).faults == {"unexplained": (REPEAT,)}
    more = replace(run, received=(*run.received, Received(Place("one", B1), 3.1)))
    assert check(more).faults == {"beyond": {2.5: 2}}
    assert check(replace(more, at_once=2)).faults == {}


def test_an_update_that_is_two_events_is_a_fault() -> None:
    """A retry of its call was taken for another one; and so is one that is no event."""
    run = good()
    twice = replace(run, logged=(*run.logged, replace(run.logged[2], event="b1 again")))
    assert check(twice).faults == {"doubled": (Place("one", B1), Place("two", B1))}
    unheard = Received(Place("two", Update("c", 7)), 3.0)
    stray = replace(run, received=(*run.received, unheard))
    assert check(stray).faults == {"doubled": (unheard.place,)}


def test_a_record_that_is_in_the_log_twice_is_one_record() -> None:
    """As after an append whose result was unknown."""
    run = good()
    verdict = check(
        replace(
            run,
            logged=(*run.logged, run.logged[0]),
            settled=(*run.settled, replace(run.settled[0], kind="rejected")),
            fired=(*run.fired, run.fired[0]),
        )
    )
    assert (verdict.faults, verdict.kinds) == ({}, {"applied": 6})


# --- triggers -------------------------------------------------------------------------------


def test_a_trigger_that_did_not_fire() -> None:
    """Unless what would fire it was left out."""
    run = good()
    missing = replace(run, fired=run.fired[1:])
    assert check(missing).faults == {"unfired": (run.fired[0],)}
    dropped = tuple(
        replace(one, dropped=frozenset({"disposition"})) if one.duty == Duty("a1", "one") else one
        for one in run.settled
    )
    assert check(replace(missing, settled=dropped)).faults == {}


def test_a_trigger_that_nothing_called_for() -> None:
    """At a connector that is not the authority, of another kind, of a refused update."""
    run = good()
    strays = (
        Fired(Duty("a1", "one"), "postUpdatedLead"),
        Fired(Duty("a1", "two"), "dispositionAction"),
    )
    assert check(replace(run, fired=(*run.fired, *strays))).faults == {"stray": strays}
    refused = tuple(
        replace(one, kind="rejected") if one.duty == Duty("b1", "one") else one
        for one in run.settled
    )
    assert check(replace(run, settled=refused)).faults == {"stray": (run.fired[2],)}


# --- stalls ---------------------------------------------------------------------------------


def test_the_longest_stall_of_each_connector() -> None:
    """From when an update was accepted to the call that delivered it; a call between, also one
    that carries no update, ends one; nothing to deliver is no stall."""
    run = good()
    received = tuple(
        replace(one, at=7.0) if one.place == Place("two", B1) else one for one in run.received
    )
    run = replace(run, received=received)
    verdict = check(run)
    assert verdict.stalls == {"one": Stall("one", 0.25, 0.0), "two": Stall("two", 4.75, 2.25)}
    asked = {**run.calls, "two": (4.0, 5.5)}
    assert check(replace(run, calls=asked)).stalls["two"] == Stall("two", 2.0, 2.0)


@pytest.mark.parametrize(
    ("wrong", "stall"), [(-18_000.0, Stall("one", 3.0, 0.0)), (18_000.0, Stall("one", 0.5, 0.5))]
)
def test_a_wrong_clock_of_the_product_is_held_to_the_callers(wrong: float, stall: Stall) -> None:
    """An event can't have been accepted before its call began or after it was answered."""
    run = good()
    logged = tuple(replace(one, at=one.at + wrong) for one in run.logged)
    late = tuple(replace(one, at=one.at + 0.75) for one in run.received)
    verdict = check(replace(run, logged=logged, received=late, calls={}))
    assert verdict.stalls["one"] == stall
