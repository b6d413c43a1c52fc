"""The scenarios, as a table: what goes wrong while callers call, and that it really did.

Each is a run of its own with real processes: callers speak every dialect to four vendors over five
connectors, both of LeadSquared's ways among them. `SCENARIOS` are of one process with one file;
those of several on a cluster are in `clustered_scenarios.py`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.checker import Verdict, check
from tests.faults.deployment import Deploy, Embedded
from tests.faults.disturbing import (
    BROWN_OUT,
    FEWEST,
    HOURS,
    ILL,
    KILLS,
    LOST_ANSWERS,
    SLOW,
    STOPPED,
    Disturb,
    away,
    clock_jumps,
    disk_full,
    ill,
    kills,
    nothing,
    poisoned,
    stops,
)
from tests.faults.evidence import QUEUED
from tests.faults.records import Run
from tests.faults.stage import open_stage
from tests.journeys.everyone import CONNECTORS, DIALECTS

DISK_LINES = frozenset(
    {
        "automations.interrupted",
        "connector.interrupted",
        "ledger.interrupted",
        "retention.interrupted",
        "storage.available",
        "storage.unavailable",
    }
)
"""What operators are told of a disk that is full."""


# --- that it did ----------------------------------------------------------------------------


def _tries(run: Run, result: str) -> int:
    """Attempts on record that went so."""
    return sum(one.result == result for settled in run.settled for one in settled.tries)


def _fewest(run: Run) -> int:
    """Updates received by the connector that had fewest, or accepted of the dialect that had."""
    received = Counter(one.place.connector for one in run.received)
    accepted = Counter(call.dialect for call in run.answered)
    names = (*CONNECTORS, QUEUED)
    return min(*(received[name] for name in names), *(accepted[name] for name in DIALECTS))


def _wrong_times(run: Run, _: Verdict) -> int:
    """Events whose time is hours away from that of the callers."""
    now = run.answered[-1].ended
    return sum(abs(logged.at - now) > HOURS / 2 for logged in run.logged)


@dataclass(frozen=True)
class Scenario:
    """A row of the table."""

    name: str
    what: str
    disturb: Disturb
    met: Callable[[Run, Verdict], int]
    """How often what goes wrong was met."""
    least: int = 1
    """How often it has to be, or nothing was tried."""
    stall: float = 5.0
    """Longest stall, in seconds beside `Run.outage`, of those that are not `apart`."""
    apart: frozenset[str] = frozenset()
    """Connectors whose vendor is away."""
    kinds: frozenset[str] = frozenset({"applied"})
    """How deliveries may end."""
    lines: frozenset[str] = frozenset()
    """What operators are warned of."""
    dialects: tuple[str, ...] = DIALECTS
    attempts: int = 30
    within: float = 60.0
    """Seconds from start to verdict."""

    @property
    def calm(self) -> bool:
        """Whether no call is refused."""
        return self.kinds == {"applied"}


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "control",
        "steady load, nothing goes wrong",
        nothing,
        lambda run, _: _fewest(run),
        least=40,
    ),
    Scenario(
        "kills",
        f"SIGKILL up to {KILLS} times, and a start after each",
        kills,
        lambda run, _: min(len(run.kills), _fewest(run)),
        least=FEWEST,
        stall=20.0,
    ),
    Scenario(
        "stops",
        f"SIGTERM {len(STOPPED)} times, and a start after each",
        stops,
        lambda run, _: run.unanswered,
        stall=15.0,
    ),
    Scenario(
        "brown-out",
        f"every vendor answers a quarter with 500 and a quarter with 429 for {ILL:.0f} s",
        partial(ill, faults=BROWN_OUT),
        lambda run, _: min(_tries(run, "throttled"), _tries(run, "unavailable")),
    ),
    Scenario(
        "slow",
        f"every vendor takes 0.3 s, and 4 s for one in twenty, for {ILL:.0f} s; we wait 3 s",
        partial(ill, faults=SLOW),
        lambda run, _: _tries(run, "answer_unknown"),
        stall=10.0,
    ),
    Scenario(
        "answers lost",
        f"every vendor applies and hangs up for one in seven, for {ILL:.0f} s",
        partial(ill, faults=LOST_ANSWERS),
        lambda _, verdict: len(verdict.repeats),
    ),
    Scenario(
        "poisoned lead",
        f"two vendors fail about one lead for {ILL:.0f} s; its dead letters are redriven",
        poisoned,
        lambda run, _: len(run.redriven),
        kinds=frozenset({"applied", "dead_lettered"}),
        lines=frozenset({"delivery.settled"}),
        attempts=4,
    ),
    Scenario(
        "dead vendor",
        f"nobody listens at one vendor for {ILL:.0f} s",
        partial(away, connector="polly"),
        lambda run, _: _tries(run, "connect_failed"),
        apart=frozenset({"polly"}),
        dialects=tuple(name for name in DIALECTS if name != "pollybot"),
    ),
    Scenario(
        "clock jumps",
        "the wall clock goes by five hours, forward and back, with a kill between",
        clock_jumps,
        _wrong_times,
        stall=10.0,
    ),
    Scenario(
        "disk full",
        f"the database may not grow for {ILL:.0f} s",
        disk_full,
        lambda run, _: run.busy,
        stall=20.0,
        lines=DISK_LINES,
    ),
)


# --- a run ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finished:
    """A scenario that was lived through."""

    scenario: Scenario
    run: Run
    verdict: Verdict

    @property
    def faults(self) -> dict[str, object]:
        """What must not be, by name."""
        scenario, verdict = self.scenario, self.verdict
        found = dict(verdict.faults)
        met = scenario.met(self.run, verdict)
        if met < scenario.least:
            found["met"] = met
        if self.run.refused and scenario.calm:
            found["refused"] = self.run.refused
        if not verdict.kinds.keys() <= scenario.kinds:
            found["kinds"] = dict(verdict.kinds)
        if not set(self.run.lines) <= scenario.lines:
            found["lines"] = sorted(set(self.run.lines) - scenario.lines)
        slow = [
            stall
            for name, stall in verdict.stalls.items()
            if stall.seconds > scenario.stall + self.run.outage and name not in scenario.apart
        ]
        return found | ({"stalled": slow} if slow else {})


async def live_through(scenario: Scenario, folder: Path, deploy: Deploy = Embedded) -> Finished:
    """Run it in a folder of its own. Raises TimeoutError for one that takes too long."""
    async with (
        asyncio.timeout(scenario.within),
        open_stage(folder, deploy, scenario.dialects, scenario.attempts) as stage,
    ):
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.callers.run())
            await scenario.disturb(stage)
            stage.callers.stop()
        await stage.drained()
        run = await stage.records()
        await stage.ended()
    return Finished(scenario, run, check(run))
