"""The engine as a whole against its promises: random arrivals, a vendor that fails at random,
crashes at random moments, owners that lose the database and are followed by others."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.delivery import lanes, loading
from connectors.delivery.judgement import Policy
from connectors.delivery.owner import Owner
from connectors.delivery.plan import Plan
from gateway.journal.embedded import EmbeddedJournal
from gateway.model.outcome import Outcome
from gateway.store.port import Store
from gateway.transport.port import AnswerUnknown, ConnectFailed, HttpReply
from tests.connectors.delivery.engine import Bench, opened, passed, plan, update
from tests.connectors.delivery.fake_vendor import Call, TestConnector, ok, says
from tests.inline_database import InlineDatabase
from tests.virtual import run_virtual

REPLIES = (
    *("ok", "ok", "ok", "ok", "500", "unreachable", "taken, then dropped", "429", "422"),
    *("later", "later", "given up"),
)
POLICY = Policy(attempts=4, first=0.5, longest=4.0, throttled=0.3)
CUT = 20.0
"""Seconds for which a process is cut off from the store: longer than a lease."""
PATIENCE = 900.0
"""Virtual seconds in which everything must be settled once the vendor is well."""


@dataclass(frozen=True)
class Blow:
    """Something that happens to the process that runs the connector."""

    after: float
    """Seconds after the one before."""
    turns: int
    """And so many turns of the loop, to hit between two awaits."""
    kind: Literal["crash", "cut off"]
    heir: str
    """The process that comes next."""


@dataclass(frozen=True)
class Story:
    """One example."""

    arrivals: list[tuple[float, str]]
    replies: list[str]
    blows: list[Blow]
    batch: int
    concurrency: int


BLOWS = st.builds(
    Blow,
    st.floats(0, 8),
    st.integers(0, 9),
    st.sampled_from(["crash", "cut off"]),
    st.sampled_from(["one", "two"]),
)
STORIES = st.builds(
    Story,
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.5, 4.0]), st.sampled_from("abc")),
        min_size=4,
        max_size=24,
    ),
    st.lists(st.sampled_from(REPLIES), max_size=40),
    st.lists(BLOWS, max_size=3),
    st.sampled_from([1, 3]),
    st.sampled_from([1, 2, 4]),
)


@dataclass
class Witness:
    """What the vendor saw, and what it did."""

    replies: list[str]
    seen: list[tuple[str, str, str, float]] = field(default_factory=list)
    """(lead, event, what the vendor did, when), for all that reached it."""
    tickets: set[tuple[str, str]] = field(default_factory=set)
    """(event, ticket), for all that it took to answer for later."""
    strange: list[tuple[str, str | None]] = field(default_factory=list)
    """(event, ticket), where it was asked by a ticket that it had not given out."""

    def answer(self, call: Call) -> HttpReply:
        """The next scripted answer; then all is well."""
        told, now = self.replies.pop(0) if self.replies else "ok", asyncio.get_running_loop().time()
        if told == "given up" and not call.asks:
            told = "500"
        if told != "unreachable":
            kind = "?" if call.asks else ""
            for lead, event in zip(call.leads, call.events, strict=True):
                self.seen.append((lead, event, kind + told, now))
            asked = zip(call.events, call.tokens, strict=True) if call.asks else ()
            self.strange += [one for one in asked if one not in self.tickets]
        match told:
            case "500" | "422" | "429":
                return says(int(told), retry_after="0.4") if told == "429" else says(int(told))
            case "later":
                ticket = call.tokens[0] or f"ticket {len(self.tickets)}"
                self.tickets |= {(event, ticket) for event in call.events}
                return says(202, ticket=ticket)
            case "given up":
                return says(410)
            case "unreachable":
                return ConnectFailed("refused")
            case "taken, then dropped":
                return AnswerUnknown("the connection was lost")
            case _:
                return ok(call)


class Machine:
    """Processes on one bench, one after the other and some side by side."""

    def __init__(self, bench: Bench, given: Plan) -> None:
        self.bench, self.plan = bench, given
        self.blows: list[tuple[float, float]] = []
        """From when to when something was wrong."""
        self.outcomes: list[Outcome] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._database = bench.database

    def start(self, process: str) -> None:
        """A process begins to run the connector."""
        bench = self.bench
        self._database = InlineDatabase.beside(bench.database)
        ports = bench.ports(process)
        apart = {
            "store": Store(self._database),
            "journal": EmbeddedJournal(self._database, bench.log, bench.clock),
        }
        owner = Owner([self.plan], type(ports)(**{**vars(ports), **apart}))
        self._tasks.append(asyncio.create_task(owner.run()))

    async def suffer(self, blow: Blow) -> None:
        """One blow, and the heir's beginning."""
        await passed(blow.after)
        for _ in range(blow.turns):
            await asyncio.sleep(0)
        now = asyncio.get_running_loop().time()
        self.blows.append((now, now if blow.kind == "crash" else now + CUT))
        self._database.failing = lambda _: True
        if blow.kind == "crash":
            await self.kill()
            await self.bench.boot()
        else:
            cut = self._database
            asyncio.get_running_loop().call_later(CUT, setattr, cut, "failing", lambda _: False)
        self.start(blow.heir if blow.kind == "crash" else f"{blow.heir}, beside")

    async def kill(self) -> None:
        """Every task ends where it stands."""
        here = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not here]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def tell(story: Story, database: InlineDatabase) -> tuple[Witness, Machine, list[str]]:
    """Play a story to its end: what the vendor saw, when blows fell, what was accepted."""
    bench = Bench(database)
    await bench.boot()
    witness = Witness(list(story.replies))
    bench.vendor.answer = witness.answer
    given = plan(
        policy=POLICY,
        concurrency=story.concurrency,
        connector=TestConnector(story.batch),
        open_for=1.0,
        max_open=4.0,
    )
    machine = Machine(bench, given)
    machine.start("one")
    accepted = []
    blows = list(story.blows)
    for number, (pause, lead) in enumerate(story.arrivals):
        await passed(pause)
        event = update(f"e{number:02}", lead)
        await bench.append(event)
        accepted.append(event.id)
        if blows and number % 6 == 5:
            await machine.suffer(blows.pop(0))
    for blow in blows:
        await machine.suffer(blow)
    async with asyncio.timeout(PATIENCE):
        while bench.unsettled() or bench.parked():
            await passed(0.5)
    machine.outcomes = await bench.outcomes()
    await machine.kill()
    return witness, machine, accepted


@pytest.fixture(autouse=True)
def _shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few updates in memory, so that most of them go through the store."""
    monkeypatch.setattr(lanes, "DEPTH", 2)
    monkeypatch.setattr(loading, "BATCH", 2)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STORIES)
def test_the_promises_hold_whatever_happens(story: Story) -> None:
    """Nothing is lost, nothing is settled twice, no lead's update comes after a later one, and
    only what was in flight is repeated; what the vendor took to answer for later is asked about,
    by its own ticket."""
    with opened() as database:
        witness, machine, accepted = run_virtual(tell(story, database))
    assert dict.fromkeys(accepted, 1) == Counter(o.event_id for o in machine.outcomes)
    yes, no = {"ok", "?ok", "taken, then dropped"}, {"422", "?422"}
    took = {event for _, event, what, _ in witness.seen if what in yes}
    said_no = {event for _, event, what, _ in witness.seen if what in no}
    applied = {outcome.event_id for outcome in machine.outcomes if outcome.kind == "applied"}
    rejected = {outcome.event_id for outcome in machine.outcomes if outcome.kind == "rejected"}
    assert (applied - took, rejected - said_no) == (set(), set())
    for lead in "abc":
        order = [event for one, event, _, _ in witness.seen if one == lead]
        assert sorted(order) == order
    assert (witness.strange, _unexcused(witness, machine.blows)) == ([], [])


def _unexcused(
    witness: Witness, blows: list[tuple[float, float]]
) -> list[tuple[str, float, float]]:
    """Repeats of what the vendor had answered well, and sendings of what it had taken, though
    nothing went wrong between."""
    found = []
    done: dict[str, float] = {}
    taken: dict[str, float] = {}
    for _, event, what, at in witness.seen:
        before = done.get(event) if what.startswith("?") else taken.get(event, done.get(event))
        if before is not None and not any(begin <= at and before <= end for begin, end in blows):
            found.append((event, before, at))
        match what:
            case "ok" | "?ok":
                done[event] = at
            case "later":
                taken[event] = at
        if what in {"?ok", "?given up"}:
            taken.pop(event, None)
    return found
