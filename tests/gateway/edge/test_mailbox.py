"""Which partition of the replies a process reads, and that it keeps one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from gateway.edge.mailbox import LINGER, Mailbox
from gateway.edge.patience import Patience
from gateway.edge.waiting import Waiting
from gateway.eventlog.port import NewRecord, Topic
from gateway.eventlog.sqlite import SqliteLog
from gateway.model.codec import outcome_headers, outcome_value
from gateway.model.codes import Code
from gateway.model.outcome import Kind, Outcome
from gateway.store import leases
from gateway.store.board import Board
from gateway.store.leases import TTL
from gateway.store.port import Store
from tests.connectors.delivery.engine import opened, passed, update
from tests.inline_database import InlineDatabase
from tests.virtual import VirtualClock, in_virtual_time

OUTCOME = Outcome("e1", "crm", Kind.APPLIED, Code.OK, "default", "ld")


@dataclass
class Machine:
    """A log whose replies have two partitions, and a store."""

    database: InlineDatabase
    log: SqliteLog
    store: Store
    clock: VirtualClock

    def process(self, name: str) -> tuple[Waiting, Mailbox]:
        """A process with the door."""
        waiting = Waiting(self.log, self.store, self.clock)
        return waiting, Mailbox(waiting, self.log, self.store, self.clock, name)

    async def reply(self, partition: int) -> None:
        """A connector's copy of an outcome."""
        headers, value = outcome_headers(OUTCOME), outcome_value(OUTCOME)
        now = self.clock.now()
        await self.log.append([NewRecord(Topic.REPLIES, partition, "ld", headers, value, now)])

    async def seize(self, partition: int) -> None:
        """Another process takes a partition whose lease ran out."""
        name, later = f"replies/{partition}", self.clock.now() + TTL
        assert await self.store.run(lambda: leases.acquire(name, "them", later)) is not None


async def machine(database: InlineDatabase) -> Machine:
    """Both open."""
    log, store = SqliteLog(database, 1, replies=2), Store(database)
    await store.start()
    await log.start()
    return Machine(database, log, store, VirtualClock())


@in_virtual_time
async def test_each_process_has_a_partition_of_its_own() -> None:
    """And the third has none, until one of the others gives its own back."""
    with opened() as database:
        made = await machine(database)
        processes = [made.process(name) for name in ("one", "two", "three")]
        for _, mailbox in processes:
            await mailbox.start()
        told = [waiting.replyto for waiting, _ in processes]
        assert (sorted(told[:2], key=str), told[2]) == (["0", "1"], None)
        running = asyncio.create_task(processes[2][1].run())
        await processes[0][1].stop()
        await passed(4.0)
        running.cancel()
        assert processes[2][0].replyto == told[0]


@in_virtual_time
async def test_what_is_sent_to_it_is_heard_and_what_came_before_is_not() -> None:
    """Nor does what is no reply at all do any harm."""
    with opened() as database:
        made = await machine(database)
        await made.reply(0)
        await made.reply(1)
        waiting, mailbox = made.process("one")
        await mailbox.start()
        assert waiting.replyto is not None
        reading = asyncio.create_task(waiting.run())
        future = waiting.expect("e1", "crm")
        await passed(2.0)
        assert not future.done()
        partition, now = int(waiting.replyto), made.clock.now()
        await made.log.append([NewRecord(Topic.REPLIES, partition, "probe", (), b'"p"', now)])
        await made.reply(partition)
        assert await asyncio.wait_for(future, 2.0) == OUTCOME
        reading.cancel()


@in_virtual_time
async def test_a_process_that_lost_its_partition_takes_another() -> None:
    """And still hears what was sent to the first, for as long as a call may wait."""
    with opened() as database:
        made = await machine(database)
        waiting, mailbox = made.process("one")
        await mailbox.start()
        first = int(waiting.replyto or "-1")
        tasks = [asyncio.create_task(waiting.run()), asyncio.create_task(mailbox.run())]
        database.failing = lambda _: True
        await passed(TTL + 1.0)
        database.failing = lambda _: False
        await made.seize(first)
        await passed(4.0)
        assert waiting.replyto == str(1 - first)
        for partition in (first, 1 - first):
            future = waiting.expect("e1", "crm")
            await made.reply(partition)
            assert await asyncio.wait_for(future, 2.0) == OUTCOME
        await passed(LINGER + 4.0)
        unheard = waiting.expect("e1", "crm")
        await made.reply(first)
        await passed(2.0)
        assert not unheard.done()
        for task in tasks:
            task.cancel()


@in_virtual_time
async def test_with_no_partition_a_call_asks_the_ledger() -> None:
    """The store is away: the door opens all the same."""
    with opened() as database:
        made = await machine(database)
        waiting, mailbox = made.process("one")
        database.failing = lambda _: True
        await mailbox.start()
        database.failing = lambda _: False
        assert waiting.replyto is None
        event = update("e1", authority="crm")
        assert Patience(waiting, Board(), 9).expect([event])._ask is True
        waiting.replyto = "0"
        assert Patience(waiting, Board(), 9).expect([event])._ask is False
