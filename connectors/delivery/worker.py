"""Runs one connector while this process has its lease.

    read -> lane -> gate -> conversation -> decision -> settle -> next of the lane

Four kinds of tasks share the lanes: the reader admits updates, `concurrency` senders make
attempts, the settler makes outcomes durable in groups, the watcher looks at the clock and at
what operators and other processes changed. A lead's next update is sent only when the settle of
the one before it is durable. If any task ends with an exception the worker ends, and its owner
starts another from the stored frontier.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf

from connectors.delivery.attempting import Attempting, Judged
from connectors.delivery.breaker import Breaker
from connectors.delivery.conversing import Speaker
from connectors.delivery.disabling import disable
from connectors.delivery.gate import PAUSED, PLAIN, Gate
from connectors.delivery.judgement import Ask, Finish, Park, TryAgain
from connectors.delivery.lanes import Lane, Lanes, any_refused, any_rewound
from connectors.delivery.loading import Loaded, blocked_leads, load, reach
from connectors.delivery.pausing import happened
from connectors.delivery.plan import Plan, Ports
from connectors.delivery.queued import Queued
from connectors.delivery.reader import Reader
from connectors.delivery.report import Reporter
from connectors.delivery.settlement import Finished, Item, Lost, Parked, Spilled, lost
from connectors.delivery.settler import Settler
from connectors.delivery.throttle import Throttle
from gateway.database.port import DatabaseUnavailable
from gateway.eventlog.port import LogUnavailable, OffsetOutOfRange
from gateway.model.codes import Code
from gateway.model.outcome import Kind
from gateway.store import connectors, parked
from gateway.store.settling import FrontierRow

HELD = 2000
"""Updates in memory, over all lanes, beyond which nothing more is read."""
BEAT = 1.0
"""Seconds between looks at what others changed."""
LOADS = 32
"""Lanes read from the store at a time."""
GAP = "gap"


class Worker:
    """One connector at work. `run` returns after `drain`; any other end is an exception."""

    def __init__(
        self, plan: Plan, ports: Ports, epoch: int, frontiers: dict[int, FrontierRow]
    ) -> None:
        """For one epoch of the lease, from these frontiers on."""
        self.plan, self._ports = plan, ports
        clock = ports.clock
        breaker = Breaker(plan.failures, plan.open_for, plan.max_open)
        waited = ports.metrics.throttle_wait_seconds(plan.name).observe
        self.gate = Gate(clock, breaker, Throttle(plan.limits), waited)
        self.lanes = Lanes()
        self.reader = Reader(ports.log, plan.name, frontiers)
        self._client = plan.client or ports.client(plan)
        speaker = Speaker(plan.connector, self._client, self.gate)
        self._attempting = Attempting(plan, ports, self.gate, speaker)
        self.shadowed = self._attempting.shadowed
        self._settler = Settler(plan, ports, epoch, self.reader, self.gate, self._settled)
        self._reporter = Reporter(plan, ports, self)
        self._idle: deque[asyncio.Future[None]] = deque()
        self._flying: set[asyncio.Task[None]] = set()
        self._loads: set[asyncio.Task[None]] = set()
        self._room, self._sooner = asyncio.Event(), asyncio.Event()
        self._asleep_until = inf
        self._draining, self.poked = asyncio.Event(), asyncio.Event()
        self._wishes = self._resumes = self._loading = self._under_way = 0
        self._reach: dict[int, int] = {}

    # --- life -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Deliver until drained. Raises LeaseLost, and whatever else ends the work."""
        row = await self._ports.store.run(lambda: connectors.row(self.plan.name))
        self._wishes, self._resumes = row.wishes, row.resumes
        if row.wish == PAUSED:
            self.gate.shut(PAUSED)
        self._reach = await self._ports.store.run(lambda: reach(self.plan.name))
        self.lanes.loads = self.reader.is_past(self._reach)
        await self._look_at_parked()
        self._kick()
        tasks = [self._task(self._send()) for _ in range(self.plan.senders)]
        senders = set(tasks)
        others = [self._read(), self._time(), self._watch(), self._settler.run()]
        tasks += [self._task(coroutine) for coroutine in others]
        drained = self._task(self._drain(senders))
        try:
            done, _ = await asyncio.wait({*tasks, drained}, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                if not task.cancelled():
                    task.result()
        finally:
            for task in (*tasks, drained, *self._loads):
                task.cancel()
            await asyncio.gather(*tasks, drained, *self._loads, return_exceptions=True)
            await self._reporter.gone()
            await self._client.close()

    def drain(self) -> None:
        """Send nothing new; `run` returns when what is under way is settled."""
        self._draining.set()

    async def _drain(self, senders: set[asyncio.Task[None]]) -> None:
        await self._draining.wait()
        for sender in senders - self._flying:
            sender.cancel()
        while self._flying:
            await asyncio.wait(set(self._flying), return_when=asyncio.FIRST_COMPLETED)
        await self._settler.finish()
        raise Drained

    def _task(self, coroutine: Coroutine[None, None, None]) -> asyncio.Task[None]:
        return asyncio.create_task(coroutine, name=f"{self.plan.lease} worker")

    def _now(self) -> float:
        return self._ports.clock.monotonic()

    # --- reading --------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            if self._sated():
                self._room.clear()
                await happened(self._room, BEAT)
                continue
            try:
                found = await self.reader.read(BEAT)
            except OffsetOutOfRange as gap:
                self._stop_at(gap)
                continue
            except LogUnavailable:
                await self._ports.clock.sleep(BEAT)
                continue
            self._admit(found)

    def _sated(self) -> bool:
        stopped = self.gate.settings.is_open or self.gate.is_shut(GAP)
        return stopped or self.lanes.held >= HELD or not self.plan.reads_log

    def _admit(self, found: Sequence[Queued]) -> None:
        now = self._now()
        for queued in found:
            if queued.resting == "awaiting" and queued.event.authority != self.plan.name:
                self.lanes.store(queued)
            else:
                self.lanes.add(queued, now)
        if self.reader.unreadable:
            for record in self.reader.unreadable:
                text = f"not a canonical event: {record.topic}/{record.partition}@{record.offset}"
                self._settler.add(
                    lost(self.plan.name, record.partition, record.offset, text, settles=True)
                )
            self.reader.unreadable.clear()
        if not self.lanes.loads and self.reader.is_past(self._reach):
            self.lanes.caught_up(now)
        self._kick()

    def _stop_at(self, gap: OffsetOutOfRange) -> None:
        text = str(gap)
        self.gate.reason = text
        self.gate.shut(GAP)
        self._settler.add(
            lost(self.plan.name, gap.partition, gap.offset, text, settles=False, code=Code.LOG_GAP)
        )

    # --- sending --------------------------------------------------------------------------

    async def _send(self) -> None:
        task, most = asyncio.current_task(), self.plan.connector.batch_size
        assert task is not None  # noqa: S101 - a coroutine that runs is in a task
        while not self._draining.is_set():
            lanes = self.lanes.take(most) if self._free else []
            if not lanes:
                await self._turn()
                continue
            self._under_way += (taken := len(lanes))
            try:
                await self._attempt(lanes, task)
            except DatabaseUnavailable:
                self._again(lanes, BEAT)
            finally:
                self._flying.discard(task)
                self._under_way -= taken
            self._kick()

    @property
    def _free(self) -> int:
        """Conversations that may begin. What is not settled is under way: after a crash it would
        be sent again, and that must not be more than what is held at once."""
        batch = self.plan.connector.batch_size
        return self.plan.senders - -(-self._under_way // batch)

    async def _attempt(self, lanes: list[Lane], task: asyncio.Task[None]) -> None:
        """One attempt at these lanes; those it leaves in `lanes` are its own when it raises
        DatabaseUnavailable."""
        if self.plan.shadow or any_refused(lanes):
            await self._pass_by(lanes)
        if not lanes:
            return
        ticket = PLAIN if self.gate.open_now() else await self.gate.enter()
        # The wait may have been long: an earlier update may have been redriven meanwhile.
        if self._draining.is_set() or any_rewound(lanes):
            self.gate.abandoned(ticket)
            self._again(lanes, 0.0)
            return
        try:
            alone = self._attempting.alone(lanes)
            chosen, deliveries = alone or await self._attempting.prepare(lanes)
        except BaseException:
            self.gate.abandoned(ticket)
            raise
        if len(chosen) < len(lanes):
            self.lanes.put_back([lane for lane in lanes if lane not in chosen])
            lanes[:] = chosen
            self._kick()
        self._flying.add(task)
        for judged in await self._attempting.attempt(chosen, deliveries, ticket):
            self._apply(judged)

    async def _pass_by(self, lanes: list[Lane]) -> None:
        for lane in lanes[:]:
            unsent = await self._attempting.unsent(lane)
            if unsent is not None:
                lanes.remove(lane)
                self._apply(unsent)

    def _again(self, lanes: Sequence[Lane], after: float) -> None:
        now = self._now()
        for lane in lanes:
            self.lanes.again(lane, now + after, now)

    def _apply(self, judged: Judged) -> None:
        lane, now = judged.lane, self._now()
        match judged.decision:
            case Finish() as finish:
                self._finish(lane, finish)
            case Park(after=after) | Ask(after=after):
                due = self._ports.clock.now() + after
                self._settler.add(Parked(lane, self.lanes.park(lane, now + after), due))
            case TryAgain(after=after):
                self.lanes.again(lane, now + after, now)
            case _:
                self.lanes.again(lane, now, now)

    def _finish(self, lane: Lane, finish: Finish) -> None:
        queued = lane.head
        outcome = self._attempting.outcome(queued, finish)
        if finish.kind is Kind.APPLIED:
            self._attempting.applied(queued, finish.dropped)
        event = queued.event
        first = queued.round == 1
        waited_for = first and event.authority == self.plan.name and event.replyto is not None
        dead = finish.kind is Kind.DEAD_LETTERED or (
            finish.kind is Kind.REJECTED and not waited_for
        )
        hold = dead and self.plan.hold
        self._under_way += 1
        self._settler.add(Finished(lane, queued, outcome, dead, hold))

    async def _turn(self) -> None:
        """Wait until a lane is ready."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._idle.append(future)
        await future

    # --- settling -------------------------------------------------------------------------

    def _settled(self, items: Sequence[Item]) -> None:
        now = self._now()
        self._under_way -= sum(isinstance(item, Finished) for item in items)
        for item in items:
            match item:
                case Finished(lane=lane, hold=True):
                    self.lanes.hold(lane, now)
                case Finished(lane=lane):
                    self.lanes.done(lane, now)
                case Parked(lane=lane, items=moved):
                    self.lanes.spilled(lane.lead, len(moved), now)
                case Spilled(queued=queued):
                    self.lanes.spilled(queued.event.lead_key, 1, now)
                case Lost(lane=Lane() as lane):
                    self.lanes.again(lane, now, now)
        self._kick()

    # --- waiting --------------------------------------------------------------------------

    def _kick(self) -> None:
        """After any change of the lanes: hand on what they want done."""
        lanes = self.lanes
        if lanes.to_store:
            for queued in lanes.to_store:
                self._settler.add(Spilled(queued))
            lanes.to_store.clear()
        while lanes.to_load and self._loading < LOADS and lanes.held < HELD:
            self._loading += 1
            task = self._task(self._load(lanes.to_load.popleft()))
            self._loads.add(task)
            task.add_done_callback(self._loads.discard)
        for _ in range(min(lanes.ready, len(self._idle), self._free)):
            future = self._idle.popleft()
            if not future.done():
                future.set_result(None)
        if lanes.held < HELD:
            self._room.set()
        if lanes.next_due < self._asleep_until:
            self._sooner.set()

    async def _load(self, lane: Lane) -> None:
        now, plan = self._ports.clock.now(), self.plan
        try:
            loaded = await self._ports.store.run(
                lambda: load(plan.name, lane.lead, now, plan.policy.longest)
            )
        except DatabaseUnavailable:
            self.lanes.again(lane, self._now() + BEAT, self._now())
        else:
            self._take_in(lane, loaded, now)
        self._loading -= 1
        self._kick()

    def _take_in(self, lane: Lane, loaded: Loaded, now: float) -> None:
        row = loaded.unreadable
        if row is None:
            due = loaded.due if loaded.due == inf else self._now() + max(0.0, loaded.due - now)
            self.lanes.loaded(lane, loaded.ready, loaded.left, due, self._now())
        else:
            text = f"not a canonical event: parked/{row.part}@{row.pos}"
            gone = lost(self.plan.name, row.part, row.pos, text, settles=True)
            self._settler.add(replace(gone, lane=lane))

    async def _time(self) -> None:
        """Make lanes ready when their time comes."""
        while True:
            self.lanes.wake(self._now())
            self._asleep_until = inf
            self._kick()
            self._sooner.clear()
            self._asleep_until = due = self.lanes.next_due
            await happened(self._sooner, due - self._now())

    async def _watch(self) -> None:
        """Look at what operators and other processes changed."""
        while True:
            with suppress(DatabaseUnavailable, LogUnavailable):
                await self._look()
            await happened(self.poked, BEAT)
            self.poked.clear()

    async def _look(self) -> None:
        name, store = self.plan.name, self._ports.store
        row = await store.run(lambda: connectors.row(name))
        if row.wish == PAUSED:
            self.gate.shut(PAUSED)
        else:
            self.gate.reopen(PAUSED)
        if row.resumes != self._resumes:
            await self._resume()
            self._resumes = row.resumes
        if row.wishes != self._wishes:
            await self._look_at_parked()
            self._wishes = row.wishes
        decided = await store.run(lambda: parked.decided(name))
        self.lanes.recheck(decided, self._now())
        self._kick()
        self._settler.flush()
        await disable(self.plan, self._ports, self.gate)
        await self._reporter.report()
        await self._ports.log.tell_frontier(name, self.reader.bases())

    async def _resume(self) -> None:
        """An operator says that what was wrong is mended, and accepts a gap in the log."""
        if self.gate.is_shut(GAP):
            await self.reader.skip_gap()
            self.gate.reopen(GAP)
            self.lanes.caught_up(self._now())
        self.gate.resume()

    async def _look_at_parked(self) -> None:
        blocked = await blocked_leads(self.plan, self._ports)
        self.lanes.blocked(blocked, self._now())


class Drained(Exception):
    """Everything under way is settled."""
