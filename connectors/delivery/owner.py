"""Who runs a connector: takes its lease, keeps it, and runs a worker while it holds.

Processes share the connectors (`roster`): one that has too many drains one and gives it back.
A worker that ends with an exception is started again from the stored frontier after a pause that
grows; the exception is logged. What was under way is then sent again, as after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial

from connectors.delivery.pacing import Pacing
from connectors.delivery.plan import Plan, Ports
from connectors.delivery.roster import CONNECTORS, LOOK, Roster
from connectors.delivery.worker import Drained, Worker
from gateway import lines
from gateway.clock import from_rfc3339
from gateway.database.port import DatabaseUnavailable
from gateway.eventlog.port import LogUnavailable, Topic
from gateway.store import leases, settling
from gateway.store.leases import RENEW, TTL, LeaseLost
from gateway.store.settling import FrontierRow, Settlement

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0


class Owner:
    """Runs connectors whose lease this process can get."""

    def __init__(self, plans: Sequence[Plan], ports: Ports, role: str = CONNECTORS) -> None:
        """`run` starts them; `role` is that of the processes that share them."""
        self._plans, self._ports = plans, ports
        names = [plan.lease for plan in plans]
        self._roster = Roster(names, ports.store, ports.clock, ports.process, role)
        self._workers: dict[str, Worker] = {}
        self._stopping = asyncio.Event()

    async def introduce(self) -> None:
        """Write down where connectors never seen before begin. Called before the first call is
        accepted: what came in before a connector's beginning would never reach it. Raises
        DatabaseUnavailable, LogUnavailable."""
        for plan in self._plans:
            if not plan.reads_log:
                continue
            begin = await _beginning(plan.start, self._ports)
            await self._ports.store.run(partial(settling.begin, plan.name, Topic.UPDATES, begin))

    async def run(self) -> None:
        """Keep every connector running until `stop`, or this process's share of them."""
        await self._roster.look()
        sharing = asyncio.create_task(self._share())
        try:
            await asyncio.gather(*(self._keep(plan) for plan in self._plans))
        finally:
            sharing.cancel()
            await asyncio.gather(sharing, return_exceptions=True)

    async def stop(self, within: float) -> None:
        """Drain every worker; what is not done `within` seconds is left for the next owner."""
        self._stopping.set()
        for worker in self._workers.values():
            worker.drain()
        deadline = self._ports.clock.monotonic() + within
        while self._workers and self._ports.clock.monotonic() < deadline:
            await self._ports.clock.sleep(0.02)
        await self._roster.leave()

    def poke(self, names: Iterable[str]) -> None:
        """Something was put into the store for these: those that run here look at once, the others
        within a second."""
        for name in names:
            if name in self._workers:
                self._workers[name].poked.set()

    async def _share(self) -> None:
        """See now and then who has what, and let one connector at a time go of too many."""
        going: Worker | None = None
        while True:
            await self._rest(self._roster.pause)
            if self._stopping.is_set():
                return
            await self._roster.look()
            name = self._roster.spare(self._workers)
            if name is not None and going not in self._workers.values():
                lines.info("connector.let_go", connector=name)
                going = self._workers[name]
                going.drain()

    def worker(self, name: str) -> Worker | None:
        """The worker of a connector, while this process runs it."""
        return self._workers.get(name)

    async def _keep(self, plan: Plan) -> None:
        pause = FIRST_PAUSE
        clock = self._ports.clock
        while not self._stopping.is_set():
            if not self._roster.claim(plan.lease):
                await self._rest(LOOK)
                continue
            began, let_go = clock.monotonic(), False
            try:
                let_go = await self._hold(plan)
                pause = FIRST_PAUSE
            except (LeaseLost, DatabaseUnavailable, LogUnavailable) as error:
                lines.warning("connector.interrupted", connector=plan.lease, reason=str(error))
            except Exception:  # noqa: BLE001 - one connector's fault must not stop the others
                lines.exception("connector.failed", connector=plan.lease)
            finally:
                self._roster.drop(plan.lease)
            if clock.monotonic() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            # What was let go is for another process to take.
            await self._rest(RENEW if let_go else pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _hold(self, plan: Plan) -> bool:
        """Run the connector under its lease; True once drained, False if another has it."""
        ports = self._ports
        asked = ports.clock.monotonic()
        epoch = await self._acquire(plan)
        if epoch is None:
            return False
        try:
            frontiers = await first_frontiers(plan, ports, epoch)
            worker = Worker(plan, ports, epoch, frontiers)
            pacing = Pacing(plan.lease, worker.gate.throttle, ports.store, ports.clock)
            await pacing.take_over()
            worker.gate.leased(asked + TTL)
            self._workers[plan.lease] = worker
            await self._work(plan, worker, pacing, epoch)
        except Drained:
            return True
        finally:
            self._workers.pop(plan.lease, None)
            await self._release(plan)
        return False

    async def _work(self, plan: Plan, worker: Worker, pacing: Pacing, epoch: int) -> None:
        working = asyncio.create_task(worker.run())
        renewing = asyncio.create_task(self._renew(plan, worker, pacing, epoch))
        if self._stopping.is_set():
            worker.drain()
        try:
            await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
            for task in (renewing, working):
                if task.done():
                    task.result()
        finally:
            for task in (working, renewing):
                task.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)
            with suppress(DatabaseUnavailable, LeaseLost):
                await pacing.keep(epoch)

    async def _renew(self, plan: Plan, worker: Worker, pacing: Pacing, epoch: int) -> None:
        clock = self._ports.clock
        while True:
            await clock.sleep(RENEW)
            asked = clock.monotonic()
            try:
                held = await self._acquire(plan)
            except DatabaseUnavailable:
                continue
            if held != epoch:
                raise LeaseLost(plan.lease)
            worker.gate.leased(asked + TTL)
            with suppress(DatabaseUnavailable):
                await pacing.keep(epoch)

    async def _acquire(self, plan: Plan) -> int | None:
        ports = self._ports
        now = ports.clock.now()
        watch = self._roster.watch
        return await ports.store.run(lambda: leases.acquire(plan.lease, ports.process, now, watch))

    async def _release(self, plan: Plan) -> None:
        try:
            await self._ports.store.run(lambda: leases.release(plan.lease, self._ports.process))
        except DatabaseUnavailable:
            return

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


async def first_frontiers(plan: Plan, ports: Ports, epoch: int) -> dict[int, FrontierRow]:
    """Where the connector stands in its partitions. On first sight its beginning (`start`) is
    written down before anything is read; one that reads nothing stands nowhere. Raises LeaseLost,
    DatabaseUnavailable."""
    if not plan.reads_log:
        return {}
    mine = [
        part
        for part in range(ports.log.partitions(Topic.UPDATES))
        if part % plan.shards == plan.shard
    ]
    known = await ports.store.run(lambda: settling.frontiers(plan.name, Topic.UPDATES))
    missing = [part for part in mine if part not in known]
    if missing:
        begin = await _beginning(plan.start, ports)
        rows = [FrontierRow(part, begin[part]) for part in missing]
        await ports.store.run(
            lambda: settling.settle(
                Settlement(plan.name, plan.lease, epoch, Topic.UPDATES, frontiers=rows)
            )
        )
        known |= {row.part: row for row in rows}
    return {part: known[part] for part in mine}


async def _beginning(start: str, ports: Ports) -> dict[int, int]:
    extents = await ports.log.extents(Topic.UPDATES)
    if start == "beginning":
        return {part: extent.start for part, extent in extents.items()}
    if start == "end":
        return {part: extent.end for part, extent in extents.items()}
    return await ports.log.offsets_at(Topic.UPDATES, from_rfc3339(start))
