"""The checker of actions finds each kind of wrong, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from tests.faults.checker import check
from tests.faults.heard import NOTHING, Heard, heard
from tests.faults.records import Acted, Duty, Fired, Run
from tests.test_fault_checker import good

FIRST = Fired(Duty("a1", "one"), "dispositionAction")


def told() -> Run:
    """Each trigger of a good run was told of once."""
    run = good()
    acted = (Acted(f"action {n}", "tell", one, n + 0.5) for n, one in enumerate(run.fired))
    return replace(run, acted=tuple(acted))


def test_a_good_run_has_no_faults() -> None:
    """And is counted; where there are no rules nothing is due."""
    assert heard(told()) == Heard(3)
    assert check(told()).faults == {}
    assert heard(good()) == NOTHING


def test_a_trigger_that_nobody_told_of_is_found() -> None:
    """By its event."""
    run = told()
    assert run.acted is not None
    assert heard(replace(run, acted=run.acted[1:])).faults["untold"] == (FIRST,)


def test_two_ids_for_one_trigger_are_found() -> None:
    """A receiver could not know them for one; by different rules they are two."""
    run = told()
    assert run.acted is not None
    other = Acted("another", "tell", FIRST, 9.0)
    assert heard(replace(run, acted=(*run.acted, other))).faults["twofold"] == (("tell", FIRST),)
    by_another = replace(other, rule="note")
    assert heard(replace(run, acted=(*run.acted, by_another))).faults["twofold"] == ()


def test_a_call_that_came_again_needs_a_kill_in_between() -> None:
    """Of whatever process."""
    run = told()
    assert run.acted is not None
    again = replace(run.acted[0], at=5.0)
    repeated = replace(run, acted=(*run.acted, again))
    assert heard(repeated) == Heard(4, (again,), needless=(again,))
    assert heard(replace(repeated, kills=(4.0,))) == Heard(4, (again,))
    assert check(repeated).faults == {"needless": (again,)}
