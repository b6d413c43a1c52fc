"""Holds what actions told against the triggers of a run. Pure.

*Untold*: triggers that a rule had to tell of and did not. *Twofold*: those that its receiver was
told of under two ids. *Needless*: calls under an id that came before, without a kill between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.faults.records import Acted, Duty, Fired, Run


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of actions."""

    calls: int = 0
    again: tuple[Acted, ...] = ()
    """Those of them under an id that came before."""
    untold: tuple[Fired, ...] = ()
    twofold: tuple[tuple[str, Fired], ...] = ()
    """Rules and triggers."""
    needless: tuple[Acted, ...] = ()

    @property
    def faults(self) -> dict[str, object]:
        """What must not be, by name."""
        return {"untold": self.untold, "twofold": self.twofold, "needless": self.needless}


NOTHING = Heard()


def heard(run: Run) -> Heard:
    """The verdict on actions; nothing where there are no rules."""
    if run.acted is None:
        return NOTHING
    again = list(_again(run.acted))
    untold = set(run.fired) - {one.trigger for one in run.acted}
    return Heard(
        calls=len(run.acted),
        again=tuple(one for _, one in again),
        untold=tuple(sorted(untold, key=by_duty)),
        twofold=tuple(_twofold(run.acted)),
        needless=tuple(one for before, one in again if between(run.kills, before, one.at) is None),
    )


def _twofold(acted: Iterable[Acted]) -> Iterator[tuple[str, Fired]]:
    ids: defaultdict[tuple[str, Fired], set[str]] = defaultdict(set)
    for one in acted:
        ids[one.rule, one.trigger].add(one.id)
    yield from (what for what, known in ids.items() if len(known) > 1)


def _again(acted: Iterable[Acted]) -> Iterator[tuple[float, Acted]]:
    """Calls under an id that came before, each with when it did."""
    came: dict[str, float] = {}
    for one in acted:
        if one.id in came:
            yield came[one.id], one
        came[one.id] = one.at


def between(kills: Iterable[float], after: float, until: float) -> float | None:
    """The first kill between two moments."""
    return min((kill for kill in kills if after <= kill <= until), default=None)


def by_duty(fired: Fired) -> tuple[Duty, str]:
    """An order of triggers."""
    return fired.duty, fired.kind
