"""Holds what callers were promised against what is left of a run. Pure.

*Lost*: a call that was answered 2xx and whose event is not in the log, or has no outcome at a
connector that it is routed to, or is `applied` there though its vendor never said so.

*Reordered*: a vendor received an update of a lead after a later one of it, by the order of the
log; redrives apart.

*Repeats*: a vendor received an update again that it may have applied before. Right after a kill it
is one of those that were under way, of which there are at most `Run.at_once`; otherwise its
outcome has an attempt on record whose answer is unknown. Any other is a fault.

*Longest stall*: the longest time between two recorded calls of a connector while it had something
to deliver, which it has from the moment an answered update was accepted to the vendor's last
receipt of it.

*Triggers*: those that the authority of an applied update had to fire and did not, and those that
nothing called for.

*Actions*: see `heard`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from tests.faults.heard import NOTHING, Heard, between, by_duty, heard
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
)

APPLIED, ANSWER_UNKNOWN = "applied", "answer_unknown"
NO_EVENT, NOT_LOGGED = "answered without an event", "not in the log"
NO_OUTCOME, NOT_RECEIVED = "without an outcome", "applied, and the vendor never said so"
DISPOSITION = "disposition"


class Lost(NamedTuple):
    """A promise that was not kept."""

    what: Answered
    connector: str | None
    why: str


class Reordered(NamedTuple):
    """An update that came after a later one of its lead."""

    place: Place
    at: float
    after: int
    """The number of that later one."""


class Repeat(NamedTuple):
    """An update that came again."""

    place: Place
    before: float
    """When the vendor had received it before."""
    at: float
    kill: float | None
    """The first kill between the two, which explains it."""


class Stall(NamedTuple):
    """A time without a call."""

    connector: str
    seconds: float
    began: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found."""

    accepted: int
    """Calls that were answered 2xx."""
    lost: tuple[Lost, ...]
    reordered: tuple[Reordered, ...]
    repeats: tuple[Repeat, ...]
    """All of them."""
    unexplained: tuple[Repeat, ...]
    """Repeats for which nothing speaks."""
    beyond: Mapping[float, int]
    """Kill -> its repeats, where they are more than could be under way."""
    doubled: tuple[Place, ...]
    """Updates that are more than one event of the log, and what vendors received that is none."""
    unfired: tuple[Fired, ...]
    stray: tuple[Fired, ...]
    kinds: Mapping[str, int]
    """How many deliveries ended how, by their last outcome."""
    stalls: Mapping[str, Stall]
    """The longest of each connector."""
    heard: Heard = NOTHING
    """What became of actions."""

    @property
    def faults(self) -> dict[str, object]:
        """What must not be, by name; empty for a run in which every promise was kept."""
        named = {
            "lost": self.lost,
            "reordered": self.reordered,
            "unexplained": self.unexplained,
            "beyond": self.beyond,
            "doubled": self.doubled,
            "unfired": self.unfired,
            "stray": self.stray,
            **self.heard.faults,
        }
        return {name: found for name, found in named.items() if found}


def check(run: Run) -> Verdict:
    """The verdict on a run."""
    seen = _seen(run)
    repeats = tuple(_repeats(seen, run))
    return Verdict(
        accepted=len(run.answered),
        lost=tuple(_lost(seen, run)),
        reordered=tuple(_reordered(seen, run)),
        repeats=repeats,
        unexplained=tuple(_unexplained(seen, repeats)),
        beyond=_beyond(repeats, run.at_once),
        doubled=tuple(_doubled(seen)),
        unfired=tuple(_unfired(seen)),
        stray=tuple(_stray(seen)),
        kinds=Counter(outcomes[-1].kind for outcomes in seen.outcomes.values()),
        stalls=_stalls(seen, run),
        heard=heard(run),
    )


# --- records by what they are about ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """A run's records, found by what they are about. Of a record that is there twice (a log may
    repeat one after an append whose result was unknown) the first stands."""

    events: Mapping[str, Logged]
    position: Mapping[Place, int]
    """Where an update stands in the log, for every connector that it is routed to."""
    outcomes: Mapping[Duty, Sequence[Settled]]
    """By round."""
    receipts: Mapping[Place, Sequence[Received]]
    """Redrives apart."""
    fired: frozenset[Fired]
    redriven: Mapping[Place, float]


def _seen(run: Run) -> _Seen:
    events: dict[str, Logged] = {}
    for logged in run.logged:
        events.setdefault(logged.event, logged)
    position: dict[Place, int] = {}
    for at, logged in enumerate(events.values()):
        for name in logged.connectors:
            position.setdefault(Place(name, logged.update), at)
    outcomes: defaultdict[Duty, dict[int, Settled]] = defaultdict(dict)
    for settled in run.settled:
        outcomes[settled.duty].setdefault(settled.round, settled)
    redriven = {
        Place(one.duty.connector, events[one.duty.event].update): one.at
        for one in run.redriven
        if one.duty.event in events
    }
    receipts: defaultdict[Place, list[Received]] = defaultdict(list)
    for received in run.received:
        if not _by_redrive(received, redriven):
            receipts[received.place].append(received)
    rounds = {duty: [some[round] for round in sorted(some)] for duty, some in outcomes.items()}
    return _Seen(events, position, rounds, receipts, frozenset(run.fired), redriven)


def _by_redrive(received: Received, redriven: Mapping[Place, float]) -> bool:
    began = redriven.get(received.place)
    return began is not None and received.at >= began


# --- lost -----------------------------------------------------------------------------------


def _lost(seen: _Seen, run: Run) -> Iterator[Lost]:
    applied = {received.place for received in run.received if received.applied}
    for call in run.answered:
        if not call.events:
            yield Lost(call, None, NO_EVENT)
        for event in call.events:
            logged = seen.events.get(event)
            if logged is None:
                yield Lost(call, None, NOT_LOGGED)
                continue
            for name in logged.connectors:
                why = _missing(seen, Duty(event, name), Place(name, logged.update) in applied)
                if why is not None:
                    yield Lost(call, name, why)


def _missing(seen: _Seen, duty: Duty, applied: bool) -> str | None:
    outcomes = seen.outcomes.get(duty)
    if not outcomes:
        return NO_OUTCOME
    said = any(outcome.kind == APPLIED for outcome in outcomes)
    return NOT_RECEIVED if said and not applied else None


# --- order ----------------------------------------------------------------------------------


def _reordered(seen: _Seen, run: Run) -> Iterator[Reordered]:
    newest: dict[tuple[str, str], tuple[int, int]] = {}
    for received in run.received:
        place = received.place
        at = seen.position.get(place)
        if at is None or _by_redrive(received, seen.redriven):
            continue
        lane = place.connector, place.update.lead
        before, number = newest.get(lane, (-1, 0))
        if at < before:
            yield Reordered(place, received.at, number)
        else:
            newest[lane] = at, place.update.number


def _doubled(seen: _Seen) -> Iterator[Place]:
    count = Counter(
        Place(name, logged.update) for logged in seen.events.values() for name in logged.connectors
    )
    yield from (place for place, times in count.items() if times > 1)
    yield from (place for place in seen.receipts if place not in count)


# --- repeats --------------------------------------------------------------------------------


def _repeats(seen: _Seen, run: Run) -> Iterator[Repeat]:
    for place, receipts in seen.receipts.items():
        for before, after in pairwise(receipts):
            if before.taken:
                kill = between(run.kills, before.at, after.at)
                yield Repeat(place, before.at, after.at, kill)


def _unexplained(seen: _Seen, repeats: Sequence[Repeat]) -> Iterator[Repeat]:
    """Those by no kill, beyond the attempts of their update whose answers are unknown."""
    tries = _tries(seen)
    by_place: defaultdict[Place, list[Repeat]] = defaultdict(list)
    for repeat in repeats:
        if repeat.kill is None:
            by_place[repeat.place].append(repeat)
    for place, some in by_place.items():
        unknown = [one for one in tries[place] if one.result == ANSWER_UNKNOWN]
        if all(one.counted for one in unknown):
            yield from some[len(unknown) :]


def _tries(seen: _Seen) -> Mapping[Place, Sequence[Try]]:
    found: defaultdict[Place, list[Try]] = defaultdict(list)
    for duty, outcomes in seen.outcomes.items():
        logged = seen.events.get(duty.event)
        if logged is not None:
            place = Place(duty.connector, logged.update)
            found[place] += (one for outcome in outcomes for one in outcome.tries)
    return found


def _beyond(repeats: Sequence[Repeat], at_once: int) -> dict[float, int]:
    count = Counter(repeat.kill for repeat in repeats if repeat.kill is not None)
    return {kill: times for kill, times in count.items() if times > at_once}


# --- triggers -------------------------------------------------------------------------------


def _due(seen: _Seen) -> frozenset[Fired]:
    """The triggers of what authorities applied."""
    return frozenset(
        Fired(duty, kind)
        for duty, outcomes in seen.outcomes.items()
        for outcome in outcomes
        if outcome.kind == APPLIED and (logged := seen.events.get(duty.event)) is not None
        if logged.authority == duty.connector
        for kind in logged.fires
        if not (kind == "dispositionAction" and DISPOSITION in outcome.dropped)
    )


def _unfired(seen: _Seen) -> list[Fired]:
    return sorted(_due(seen) - seen.fired, key=by_duty)


def _stray(seen: _Seen) -> list[Fired]:
    return sorted(seen.fired - _due(seen), key=by_duty)


# --- stalls ---------------------------------------------------------------------------------


def _stalls(seen: _Seen, run: Run) -> dict[str, Stall]:
    longest: dict[str, Stall] = {}
    for connector, spans in _waits(seen, run).items():
        calls = sorted(run.calls.get(connector, ()))
        for began, ended in _merged(spans):
            points = [began, *(at for at in calls if began < at < ended), ended]
            for before, after in pairwise(points):
                if connector not in longest or after - before > longest[connector].seconds:
                    longest[connector] = Stall(connector, after - before, before)
    return longest


def _waits(seen: _Seen, run: Run) -> Mapping[str, list[tuple[float, float]]]:
    """Connector -> from when to when it had each answered update to deliver."""
    waits: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for call in run.answered:
        for event in call.events:
            logged = seen.events.get(event)
            if logged is None:
                continue
            since = min(max(logged.at, call.began), call.ended)
            for name in logged.connectors:
                receipts = seen.receipts.get(Place(name, logged.update))
                if receipts and receipts[-1].at > since:
                    waits[name].append((since, receipts[-1].at))
    return waits


def _merged(spans: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Spans that touch as one."""
    began: float | None = None
    ended = 0.0
    for first, last in sorted(spans):
        if began is not None and first <= ended:
            ended = max(ended, last)
            continue
        if began is not None:
            yield began, ended
        began, ended = first, last
    if began is not None:
        yield began, ended
