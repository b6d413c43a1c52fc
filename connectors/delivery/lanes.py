"""One lane per lead: first in, first out, one delivery under way at a time.

A lane is born with a lead's first update and goes with its last. It holds its next updates in
memory; what is deeper than DEPTH, and whatever stands behind a parked update, is in the store
and is loaded when the lane has room for it. In log order, what is in memory always comes before
what is stored.

Pure: time is passed in, and what must be written or loaded is handed to the caller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from math import inf

from connectors.delivery.queued import Queued

DEPTH = 100
"""Updates of one lead held in memory."""


class Lane:
    """The queue of one lead."""

    __slots__ = (
        "busy",
        "due",
        "landed",
        "lead",
        "most",
        "queue",
        "rewind",
        "spilling",
        "stored",
        "wall",
    )

    def __init__(self, lead: str) -> None:
        """An empty lane."""
        self.lead = lead
        self.queue: deque[Queued] = deque()
        self.stored = 0
        """Updates in the store, beside those in `queue`."""
        self.spilling = 0
        """How many of those are still being made durable, so can't be loaded yet."""
        self.wall = 0
        """How many of those must be durable before anything is loaded: what was moved out of
        memory comes before what the store had already."""
        self.landed = 0
        """How many became durable while it was being loaded: the load may have missed them."""
        self.busy = False
        """Whether its head is being tried, settled or loaded."""
        self.due = 0.0
        """Not before this time (monotonic seconds)."""
        self.rewind = False
        """Whether the store has an earlier update than memory: put memory back, then load."""
        self.most: int | None = None
        """Largest batch its head may be part of, while a failed batch is being halved."""

    @property
    def head(self) -> Queued:
        """The update whose turn it is."""
        return self.queue[0]


class Lanes:
    """All lanes of a connector."""

    def __init__(self) -> None:
        """No lanes."""
        self._lanes: dict[str, Lane] = {}
        self._ready: deque[Lane] = deque()
        self._timers: list[tuple[float, int, Lane]] = []
        self._number = 0
        self.to_load: deque[Lane] = deque()
        """Lanes whose next updates must be read from the store."""
        self.to_store: list[Queued] = []
        """Updates that must be parked as waiting before they can be loaded."""
        self.held = 0
        """Updates in memory, over all lanes."""
        self.loads = True
        """Whether stored updates may be loaded: not while the log may still bring earlier ones."""

    def __len__(self) -> int:
        """How many lanes there are."""
        return len(self._lanes)

    @property
    def ready(self) -> int:
        """How many lanes could be tried now."""
        return len(self._ready)

    @property
    def next_due(self) -> float:
        """When the next timer runs out (monotonic seconds); inf for none."""
        return self._timers[0][0] if self._timers else inf

    @property
    def parked(self) -> int:
        """How many lanes wait with updates in the store."""
        return sum(1 for lane in self._lanes.values() if lane.stored)

    @property
    def stored(self) -> int:
        """Updates in the store, over all lanes."""
        return sum(lane.stored for lane in self._lanes.values())

    @property
    def oldest(self) -> float | None:
        """When the oldest update in memory was accepted, unix seconds."""
        return min((lane.head.time for lane in self._lanes.values() if lane.queue), default=None)

    def lane(self, lead: str) -> Lane:
        """The lane of a lead, born if need be."""
        lane = self._lanes.get(lead)
        if lane is None:
            lane = self._lanes[lead] = Lane(lead)
        return lane

    def add(self, queued: Queued, now: float) -> None:
        """A lead's next update has come from the log."""
        lane = self.lane(queued.event.lead_key)
        if lane.stored or len(lane.queue) >= DEPTH:
            self._spill(lane, (queued,))
            return
        lane.queue.append(queued)
        self.held += 1
        if len(lane.queue) == 1 and not lane.busy:
            self._review(lane, now)

    def store(self, queued: Queued) -> None:
        """A lead's next update has come, and must wait in the store whatever is before it."""
        self._spill(self.lane(queued.event.lead_key), (queued,))

    def blocked(self, counts: dict[str, int], now: float) -> None:
        """The store has this many parked updates of these leads, and none of others: look at
        them (again)."""
        for lane in list(self._lanes.values()):
            if lane.lead in counts:
                continue
            lane.rewind = lane.rewind or (lane.busy and lane.stored > 0)
            if lane.due == inf:
                lane.due = 0.0
                self._review(lane, now)
        for lead, count in counts.items():
            lane = self.lane(lead)
            lane.stored = max(lane.stored, count)
            lane.rewind = True
            if not lane.busy:
                lane.due = 0.0
                self._review(lane, now)

    def recheck(self, leads: Iterable[str], now: float) -> None:
        """What the first stored update of these leads waited for may have come."""
        for lead in leads:
            lane = self._lanes.get(lead)
            if lane is not None and not lane.busy and lane.due == inf:
                lane.due = 0.0
                self._review(lane, now)

    def caught_up(self, now: float) -> None:
        """The log brings no more updates that come before those in the store."""
        self.loads = True
        for lane in list(self._lanes.values()):
            if lane.stored:
                lane.wall = lane.spilling
                self._review(lane, now)

    def take(self, most: int) -> list[Lane]:
        """Up to `most` lanes to be tried together, in order of waiting; they are busy until
        `again`, `done` or `park`."""
        taken: list[Lane] = []
        while self._ready and len(taken) < most:
            lane = self._ready[0]
            limit = most if lane.most is None else min(most, lane.most)
            if len(taken) >= limit:
                break
            most = limit
            self._ready.popleft()
            taken.append(lane)
        return taken

    def put_back(self, lanes: Iterable[Lane]) -> None:
        """Taken lanes that were not tried after all: first in line again."""
        self._ready.extendleft(reversed(list(lanes)))

    def again(self, lane: Lane, due: float, now: float) -> None:
        """Its head is to be tried again, not before `due`."""
        lane.busy = False
        lane.due = 0.0 if lane.rewind and lane.queue else due
        self._review(lane, now)

    def done(self, lane: Lane, now: float) -> None:
        """Its head is settled: on to the next."""
        lane.queue.popleft()
        self.held -= 1
        lane.busy = False
        lane.due = 0.0
        lane.most = None
        self._review(lane, now)

    def park(self, lane: Lane, due: float) -> list[Queued]:
        """Move the lane into the store, to be looked at again at `due`; everything it held, head
        first. The caller makes rows of them and then says `spilled`."""
        items = list(lane.queue)
        lane.queue.clear()
        self.held -= len(items)
        lane.stored += len(items)
        lane.spilling += len(items)
        lane.wall = lane.spilling
        lane.due = 0.0 if lane.rewind else due
        lane.busy = False
        lane.most = None
        return items

    def hold(self, lane: Lane, now: float) -> None:
        """Its head is settled as a dead letter whose row stays and keeps the lane back, until
        `blocked` says that the store has changed."""
        lane.queue.popleft()
        self.held -= 1
        lane.stored += 1
        lane.due = 0.0 if lane.rewind else inf
        lane.busy = False
        lane.most = None
        self._rewind(lane)
        self._review(lane, now)

    def spilled(self, lead: str, count: int, now: float) -> None:
        """So many of a lead's updates are now durable in the store."""
        lane = self._lanes.get(lead)
        if lane is not None:
            lane.spilling -= count
            lane.wall = max(0, lane.wall - count)
            lane.landed += count
            self._review(lane, now)

    def loaded(self, lane: Lane, rows: list[Queued], left: int, due: float, now: float) -> None:
        """The store gave a lane's next updates, `left` more are there (beside those still being
        made durable), and nothing is due before `due`."""
        lane.queue.extend(rows)
        self.held += len(rows)
        lane.stored = left + lane.spilling + lane.landed
        lane.busy = False
        lane.due = 0.0 if lane.rewind else due
        self._review(lane, now)

    def wake(self, now: float) -> None:
        """Make lanes ready whose time has come."""
        while self._timers and self._timers[0][0] <= now:
            _, _, lane = heappop(self._timers)
            if self._lanes.get(lane.lead) is lane and not lane.busy and lane.due <= now:
                self._review(lane, now)

    def _spill(self, lane: Lane, items: Iterable[Queued]) -> None:
        for queued in items:
            lane.stored += 1
            lane.spilling += 1
            self.to_store.append(queued)

    def _review(self, lane: Lane, now: float) -> None:
        """Find what a lane that is not busy does next."""
        if lane.busy:
            return
        if lane.rewind:
            self._rewind(lane)
        if not lane.queue and not lane.stored:
            self._lanes.pop(lane.lead, None)
        elif lane.due > now:
            if lane.due < inf:
                self._number += 1
                heappush(self._timers, (lane.due, self._number, lane))
        elif lane.queue:
            lane.busy = True
            self._ready.append(lane)
        elif self.loads and lane.stored > lane.spilling and not lane.wall:
            lane.busy = True
            lane.landed = 0
            self.to_load.append(lane)

    def _rewind(self, lane: Lane) -> None:
        lane.rewind = False
        items = list(lane.queue)
        lane.queue.clear()
        self.held -= len(items)
        lane.stored += sum(1 for queued in items if queued.stored)
        self._spill(lane, (queued for queued in items if not queued.stored))
        lane.wall = lane.spilling
        # Whatever was counted, the store is asked once: the row that calls for this is there.
        lane.stored = max(lane.stored, lane.spilling + 1)


def any_refused(lanes: Sequence[Lane]) -> bool:
    """Whether one's head was refused by its authority. Nearly always it is one lane, for each
    delivery: a generator costs more than the question."""
    return lanes[0].head.refused or (len(lanes) > 1 and any(lane.head.refused for lane in lanes))


def any_rewound(lanes: Sequence[Lane]) -> bool:
    """Whether the store has something that comes before one's head."""
    return lanes[0].rewind or (len(lanes) > 1 and any(lane.rewind for lane in lanes))
