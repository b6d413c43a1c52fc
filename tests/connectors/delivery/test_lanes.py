"""Lanes against a model: a lead's updates come up in log order, one at a time, none is lost,
whatever was spilled, parked, held, redriven or put back in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from connectors.delivery import lanes as module
from connectors.delivery.lanes import Lane, Lanes
from connectors.delivery.queued import Queued
from tests.connectors.delivery.engine import update

LEADS = st.sampled_from("ab")
DEPTH = 3
BATCH = 2


def queued(lead: str, pos: int, *, stored: bool = False) -> Queued:
    """A lead's update at this place of the log."""
    return Queued(update(f"e{pos}", lead), (), b"", 0, pos, 0.0, stored=stored)


@dataclass
class Kept:
    """A parked row."""

    state: str
    due: float = 0.0


@dataclass
class World:
    """What is true of one lead, whatever the lanes believe."""

    open: list[int] = field(default_factory=list)
    """Places not yet finished, in order."""
    over: list[int] = field(default_factory=list)
    """Places finished, that could be redriven."""
    rows: dict[int, Kept] = field(default_factory=dict)
    """Durable rows."""


class LanesMachine(RuleBasedStateMachine):
    """Does to lanes what the worker and the settler do."""

    def __init__(self) -> None:
        super().__init__()
        module.DEPTH = DEPTH
        self.lanes = Lanes()
        self.worlds = {lead: World() for lead in "ab"}
        self.now = 0.0
        self.pos = 0
        self.flying: list[Lane] = []
        self.pending: deque[Callable[[], None]] = deque()
        self.loading: deque[tuple[Lane, list[Queued], int, float]] = deque()

    def teardown(self) -> None:
        """Left alone, all that remains is finished, in order, and no lane stays."""
        self.drain()
        for world in self.worlds.values():
            held = [pos for pos, row in world.rows.items() if row.state == "held"]
            assert [pos for pos in world.open if not held or pos < min(held)] == []
        for lead in self.worlds:
            self.release(lead)
        self.drain()
        for world in self.worlds.values():
            assert world.open == []
        assert (len(self.lanes), self.lanes.held) == (0, 0)
        module.DEPTH = 100

    def drain(self) -> None:
        """Everything that can go on goes on."""
        idle = 0
        while idle < 3:
            before = sum(len(world.open) for world in self.worlds.values())
            self.load_ends()
            while self.pending:
                self.settle()
            self.now += 10.0
            self.wake()
            self.load_ends()
            self.take(3)
            while self.flying:
                self.finish(0, "done")
            while self.pending:
                self.settle()
            left = sum(len(world.open) for world in self.worlds.values())
            idle = idle + 1 if left == before else 0

    # --- what the worker does ---------------------------------------------------------------

    @rule(lead=LEADS, count=st.integers(1, 5))
    def add(self, lead: str, count: int) -> None:
        """Updates come from the log."""
        for _ in range(count):
            self.worlds[lead].open.append(self.pos)
            self.lanes.add(queued(lead, self.pos), self.now)
            self.pos += 1
        self.kick()

    @rule(lead=LEADS)
    def add_follower(self, lead: str) -> None:
        """An update comes that waits in the store whatever is before it."""
        self.worlds[lead].open.append(self.pos)
        self.lanes.store(queued(lead, self.pos))
        self.pos += 1
        self.kick()

    @rule(most=st.integers(1, 3))
    def take(self, most: int) -> None:
        """Lanes begin an attempt: each is its lead's first open update, and the only one."""
        taken = self.lanes.take(most)
        assert len(taken) <= min([most, *(lane.most for lane in taken if lane.most)])
        for lane in taken:
            assert lane.lead not in [flying.lead for flying in self.flying]
            if lane.rewind:
                self.lanes.again(lane, self.now, self.now)
                continue
            assert self.worlds[lane.lead].open[0] == lane.head.pos
            self.flying.append(lane)
        self.kick()

    @precondition(lambda self: self.flying)
    @rule(index=st.integers(0, 9), how=st.sampled_from(["done", "held"]))
    def finish(self, index: int, how: str) -> None:
        """A delivery ends; its settle is under way."""
        lane = self.flying.pop(index % len(self.flying))
        world, head = self.worlds[lane.lead], lane.head

        def durable() -> None:
            world.open.remove(head.pos)
            if how == "held":
                world.rows[head.pos] = Kept("held")
                self.lanes.hold(lane, self.now)
            else:
                world.rows.pop(head.pos, None)
                world.over.append(head.pos)
                self.lanes.done(lane, self.now)
            self.kick()

        self.pending.append(durable)

    @precondition(lambda self: self.flying)
    @rule(index=st.integers(0, 9), after=st.sampled_from([0.0, 2.0]), halve=st.booleans())
    def try_again(self, index: int, after: float, halve: bool) -> None:
        """A try ends without a verdict."""
        lane = self.flying.pop(index % len(self.flying))
        lane.most = 1 if halve else lane.most
        self.lanes.again(lane, self.now + after, self.now)
        self.kick()

    @precondition(lambda self: self.flying)
    @rule(index=st.integers(0, 9), after=st.sampled_from([0.5, 5.0]))
    def park(self, index: int, after: float) -> None:
        """A lane moves into the store."""
        lane = self.flying.pop(index % len(self.flying))
        due = self.now + after
        items = self.lanes.park(lane, due)
        rows = {one.pos: Kept("waiting") for one in items} | {items[0].pos: Kept("retry", due)}
        self.pending.append(lambda: self.spilled(lane.lead, rows))
        self.kick()

    @precondition(lambda self: self.flying)
    @rule()
    def put_back(self) -> None:
        """A lane that was taken can't share the batch."""
        self.lanes.put_back([self.flying.pop()])

    # --- what the store and the clock do ----------------------------------------------------

    @precondition(lambda self: self.pending)
    @rule()
    def settle(self) -> None:
        """The oldest settle becomes durable."""
        self.pending.popleft()()

    def load_begins(self) -> None:
        """The store is asked for a lane's next updates."""
        while self.lanes.to_load:
            lane = self.lanes.to_load.popleft()
            rows = sorted(self.worlds[lane.lead].rows.items())
            ready: list[Queued] = []
            due = 0.0
            for pos, row in rows[:BATCH]:
                due = {"held": inf, "retry": row.due}.get(row.state, 0.0)
                if due > self.now:
                    break
                ready.append(queued(lane.lead, pos, stored=True))
            self.loading.append((lane, ready, len(rows) - len(ready), 0.0 if ready else due))

    @rule()
    def load_ends(self) -> None:
        """Its answers come."""
        while self.loading:
            lane, ready, left, due = self.loading.popleft()
            self.lanes.loaded(lane, ready, left, due, self.now)
        self.kick()

    @rule()
    def pass_time(self) -> None:
        """Timers run out."""
        self.now += 3.0
        self.wake()

    @rule(lead=LEADS, index=st.integers(0, 9))
    def redrive(self, lead: str, index: int) -> None:
        """A finished update is put back before the others."""
        world = self.worlds[lead]
        if world.over:
            pos = world.over.pop(index % len(world.over))
            world.open = sorted([*world.open, pos])
            world.rows[pos] = Kept("retry", self.now)
        self.look()

    @rule(lead=LEADS)
    def release(self, lead: str) -> None:
        """What is held is let go."""
        rows = self.worlds[lead].rows
        for pos in [pos for pos, row in rows.items() if row.state == "held"]:
            del rows[pos]
        self.look()

    @invariant()
    def what_is_held_is_counted(self) -> None:
        """The count of updates in memory is right, and every lane counts all of its rows."""
        every = [self.lanes.lane(lead) for lead in self.worlds if lead in self.lanes._lanes]
        assert sum(len(lane.queue) for lane in every) == self.lanes.held
        assert all(len(lane.queue) <= max(DEPTH, BATCH) for lane in every)

    # --- plumbing ----------------------------------------------------------------------------

    def look(self) -> None:
        """The worker counts what is parked."""
        counts = {lead: len(world.rows) for lead, world in self.worlds.items() if world.rows}
        self.lanes.blocked(counts, self.now)
        self.kick()

    def wake(self) -> None:
        """The clock is looked at."""
        self.lanes.wake(self.now)
        self.kick()

    def kick(self) -> None:
        """Hand what must be stored to the settler."""
        for one in self.lanes.to_store:
            lead, pos = one.event.lead_key, one.pos
            self.pending.append(partial(self.spilled, lead, {pos: Kept("waiting")}))
        self.lanes.to_store.clear()
        self.load_begins()

    def spilled(self, lead: str, rows: dict[int, Kept]) -> None:
        """Rows are durable."""
        self.worlds[lead].rows |= rows
        self.lanes.spilled(lead, len(rows), self.now)
        self.kick()


TestLanes = LanesMachine.TestCase
TestLanes.settings = settings(max_examples=80, stateful_step_count=50)


def loading_lane(lanes: Lanes) -> Lane:
    """The lane of lead "a" while its one stored update is being loaded."""
    lanes.blocked({"a": 1}, 0.0)
    return lanes.to_load.popleft()


def test_a_release_while_the_held_row_is_being_looked_at_is_not_missed() -> None:
    """The answer is older than the release: the store is asked again."""
    lanes = Lanes()
    lane = loading_lane(lanes)
    lanes.blocked({}, 0.0)
    lanes.loaded(lane, [], 1, inf, 0.0)
    assert [lane] == list(lanes.to_load)


def test_a_redrive_while_nothing_was_found_is_not_missed() -> None:
    """As above, for a row that came after the answer."""
    lanes = Lanes()
    lane = loading_lane(lanes)
    lanes.blocked({"a": 1}, 0.0)
    lanes.loaded(lane, [], 0, 0.0, 0.0)
    assert [lane] == list(lanes.to_load)


def test_halves_of_a_failed_batch_are_not_joined() -> None:
    """No lane is part of a batch larger than it may be; the first in line leads."""
    lanes = Lanes()
    for pos, lead in enumerate("abcde"):
        lanes.add(queued(lead, pos), 0.0)
    every = lanes.take(5)
    for lane in every:
        lane.most = 2
        lanes.again(lane, 0.0, 0.0)
    taken = [lanes.take(5), lanes.take(5), lanes.take(5)]
    assert ["".join(lane.lead for lane in lanes) for lanes in taken] == ["ab", "cd", "e"]


def test_nothing_stored_comes_up_before_the_log_was_read_up_to_it() -> None:
    """What the log brings meanwhile goes to the store and must be durable first."""
    lanes = Lanes()
    lanes.loads = False
    lanes.blocked({"a": 2}, 0.0)
    lanes.add(queued("a", 7), 0.0)
    lanes.caught_up(0.0)
    before = list(lanes.to_load)
    lanes.spilled("a", 1, 0.0)
    assert (before, [lane.lead for lane in lanes.to_load]) == ([], ["a"])


@pytest.mark.parametrize("due", [5.0, 0.0])
def test_a_timer_makes_a_lane_ready_and_says_when(due: float) -> None:
    """Not before its time."""
    lanes = Lanes()
    lanes.add(queued("a", 0), 0.0)
    [lane] = lanes.take(1)
    lanes.again(lane, due, 1.0)
    seen = [lanes.next_due, lanes.ready]
    lanes.wake(5.0)
    assert [*seen, lanes.ready] == ([5.0, 0, 1] if due else [inf, 1, 1])


def test_a_verdict_on_a_later_update_does_not_shorten_the_heads_wait() -> None:
    """Only a lane that waits for something to change is looked at."""
    lanes = Lanes()
    lanes.add(queued("a", 0), 0.0)
    [lane] = lanes.take(1)
    lanes.store(queued("a", 1))
    lanes.again(lane, 5.0, 1.0)
    lanes.recheck(["a", "unknown"], 2.0)
    assert (lanes.ready, lane.due) == (0, 5.0)
