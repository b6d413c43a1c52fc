"""How appends are batched, and what happens when the producer fails them; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import pytest

from gateway.eventlog.port import AppendUnknown, LogUnavailable, NewRecord, Topic
from gateway.eventlog.portions import Flight, Outgoing
from gateway.eventlog.writer import QUIET, RECORD_BYTES, WAITING, Answered, Producer, Writer
from tests.virtual import VirtualClock, in_virtual_time

DEADLINE = 10.0
FITS = 4
"""Records in a batch."""


@dataclass
class Cluster:
    """What the brokers have, and how they are."""

    log: dict[int, list[str]] = field(default_factory=dict)
    leaderless: set[int] = field(default_factory=set)
    moved: bool = False
    """Whether a producer meets none of the brokers it knows."""
    silent: set[int] = field(default_factory=set)
    """Partitions that never answer, though they append."""
    refused: list[LogUnavailable] = field(default_factory=list)
    """What the next batches are answered."""
    connected: list[float] = field(default_factory=list)
    closed: list[float] = field(default_factory=list)
    reachable: bool = True
    slow: float = 1.0
    """Seconds a batch takes."""
    leads: dict[int, int] = field(default_factory=dict)
    """Who leads a partition, where it has not a broker of its own."""
    rounds: list[list[list[str]]] = field(default_factory=list)
    """The batches that were handed over together."""

    async def connect(self) -> Producer:
        if not self.reachable:
            raise LogUnavailable("nobody there")
        self.connected.append(now())
        return FakeProducer(self)


@dataclass
class FakeProducer:
    cluster: Cluster
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    stranded: bool = False

    def leader(self, topic: str, part: int) -> int | None:  # noqa: ARG002 - the port's
        self.stranded = self.cluster.moved
        return None if part in self.cluster.leaderless else self.cluster.leads.get(part, part)

    def batch(self, records: Iterable[Outgoing]) -> tuple[list[str], int]:
        values = [record.value.decode() for _, record in zip(range(FITS), records, strict=False)]
        return values, len(values)

    async def send(self, flights: Sequence[Flight], answered: Answered) -> None:
        self.cluster.rounds.append([flight.batch for flight in flights])
        await asyncio.gather(*(self._send(flight, answered) for flight in flights))

    async def _send(self, flight: Flight, answered: Answered) -> None:
        if self.cluster.refused:
            answered(flight, self.cluster.refused.pop(0))
        elif flight.lane.part in self.cluster.silent:
            await self.ended.wait()
            answered(flight, AppendUnknown("closed"))
        else:
            await asyncio.sleep(self.cluster.slow)
            log = self.cluster.log.setdefault(flight.lane.part, [])
            log += flight.batch
            answered(flight, len(log) - len(flight.batch))

    async def close(self) -> None:
        await asyncio.sleep(0.5)
        self.ended.set()
        self.cluster.closed.append(now())


def now() -> float:
    """Virtual seconds."""
    return asyncio.get_running_loop().time()


def records(*values: str) -> list[NewRecord]:
    """Records to append."""
    return [NewRecord(Topic.UPDATES, 0, "k", (), value.encode(), 0.0) for value in values]


async def writer_on(cluster: Cluster) -> tuple[Writer, Callable[..., asyncio.Future[list[int]]]]:
    """A writer that is connected, and its append."""
    writer = Writer(cluster.connect, VirtualClock(), DEADLINE)
    await writer.start()

    def append(*values: str, part: int = 0) -> asyncio.Future[list[int]]:
        return writer.add("t", part, records(*values))

    return writer, append


@in_virtual_time
async def test_what_arrives_meanwhile_makes_up_the_next_batch() -> None:
    """One batch at a time, in order, each as full as it may be."""
    cluster = Cluster()
    _, append = await writer_on(cluster)
    first = append("a")
    await asyncio.sleep(0.5)
    rest = [append("b", "c"), append("d", "e", "f"), append("g")]
    assert await first == [0]
    assert await asyncio.gather(*rest) == [[1, 2], [3, 4, 5], [6]]
    assert (cluster.log, now()) == ({0: list("abcdefg")}, 3.0)


@in_virtual_time
async def test_partitions_do_not_wait_for_each_other() -> None:
    """Theirs are sent at the same time."""
    cluster = Cluster()
    _, append = await writer_on(cluster)
    offsets = [*await asyncio.gather(append("a"), append("b", part=1))]
    assert offsets == [[0], [0]]
    assert now() == 1.0


@in_virtual_time
async def test_a_round_has_all_that_waits_for_a_broker() -> None:
    """Whatever arrives in one turn of the event loop, or while a round is on its way."""
    cluster = Cluster(leads={0: 7, 1: 7, 2: 7})
    _, append = await writer_on(cluster)
    first = [append("a"), append("b", part=1), append("c"), append("d", part=3)]
    await asyncio.sleep(0.5)
    rest = [append("e", part=2), append("f"), append("g", part=2)]
    await asyncio.gather(*first, *rest)
    rounds = [[["a", "c"], ["b"]], [["d"]], [["e", "g"], ["f"]]]
    assert (cluster.rounds, now()) == (rounds, 2.0)


@in_virtual_time
async def test_one_partition_that_is_not_answered_does_not_hold_up_its_broker() -> None:
    """The first answer is a sign that it takes more."""
    cluster = Cluster(leads={0: 7, 1: 7}, silent={0})
    _, append = await writer_on(cluster)
    held, other = append("a"), append("b", part=1)
    await other
    assert await append("c", part=1) == [1]
    assert now() == 2.0
    held.cancel()


@in_virtual_time
async def test_no_answer_in_time_is_unknown_and_closes_the_partition() -> None:
    """What waited behind was not sent; nothing is taken until the producer is another one, made
    a second after the old one's connections are closed."""
    cluster = Cluster(silent={0})
    _, append = await writer_on(cluster)
    sent = append("a")
    await asyncio.sleep(1)
    behind = append("b")
    with pytest.raises(AppendUnknown):
        await sent
    assert now() == DEADLINE
    with pytest.raises(LogUnavailable) as refused:
        await behind
    assert type(refused.value) is LogUnavailable
    with pytest.raises(LogUnavailable, match="not known yet"):
        await append("c")
    cluster.silent.clear()
    await asyncio.sleep(0.5 + QUIET + 0.1)
    assert await append("d") == [0]
    assert (cluster.closed, cluster.connected) == ([10.5], [0.0, 11.5])
    assert cluster.log == {0: ["d"]}


@in_virtual_time
async def test_other_partitions_wait_for_the_next_producer() -> None:
    """A second and a half late, and none lost."""
    cluster = Cluster(silent={0})
    _, append = await writer_on(cluster)
    lost = append("a")
    with pytest.raises(AppendUnknown):
        await lost
    assert await append("b", part=1) == [0]
    assert now() == DEADLINE + 0.5 + QUIET + 1.0


@in_virtual_time
async def test_what_was_in_flight_beside_a_failed_batch_is_taken_up_again() -> None:
    """Its result is unknown when the connections close under it; then its partition goes on."""
    cluster = Cluster(silent={1})
    _, append = await writer_on(cluster)
    beside = append("a", part=1)
    await asyncio.sleep(0.1)
    cluster.refused = [LogUnavailable("too large")]
    with pytest.raises(LogUnavailable, match="too large"):
        await append("b")
    with pytest.raises(AppendUnknown):
        await beside
    cluster.silent.clear()
    await asyncio.sleep(QUIET + 0.1)
    assert await append("c", part=1) == [0]


@in_virtual_time
async def test_a_refused_batch_is_known_not_to_be_there() -> None:
    """The producer is replaced all the same: the broker misses its sequence numbers."""
    cluster = Cluster(refused=[LogUnavailable("too large")])
    _, append = await writer_on(cluster)
    with pytest.raises(LogUnavailable) as refused:
        await append("a")
    assert type(refused.value) is LogUnavailable
    assert await append("b") == [0]
    assert (len(cluster.connected), cluster.log) == (2, {0: ["b"]})


@in_virtual_time
async def test_an_append_that_was_sent_in_part_is_unknown() -> None:
    """Some of it is durable."""
    cluster = Cluster()
    _, append = await writer_on(cluster)
    long = append(*"abcdef")
    await asyncio.sleep(0.5)
    cluster.refused = [LogUnavailable("no")]
    with pytest.raises(AppendUnknown):
        await long
    assert cluster.log == {0: list("abcd")}


@in_virtual_time
async def test_a_partition_without_leader_is_refused_at_once() -> None:
    """Nothing was sent, so the producer lives on."""
    cluster = Cluster(leaderless={0})
    _, append = await writer_on(cluster)
    with pytest.raises(LogUnavailable, match="t/0 has no leader"):
        await append("a")
    assert await append("b", part=1) == [0]
    cluster.leaderless.clear()
    assert await append("c") == [0]
    assert len(cluster.connected) == 1


@in_virtual_time
async def test_a_producer_whose_brokers_have_moved_is_replaced() -> None:
    """Without a leader nothing is sent, and so nothing fails."""
    cluster = Cluster(leaderless={0}, moved=True)
    _, append = await writer_on(cluster)
    with pytest.raises(LogUnavailable, match="t/0 has no leader"):
        await append("a")
    cluster.leaderless.clear()
    cluster.moved = False
    assert await append("b") == [0]
    assert len(cluster.connected) == 2


@in_virtual_time
async def test_a_producer_that_met_nobody_once_goes_on_with_those_it_meets_again() -> None:
    """What it heard of one partition then is no word about another that has a leader."""
    cluster = Cluster(moved=True)
    _, append = await writer_on(cluster)
    assert await append("a") == [0]
    assert (len(cluster.connected), now()) == (1, 1.0)


@in_virtual_time
async def test_appends_are_answered_in_time_while_nobody_is_there() -> None:
    """And go through once the cluster is back."""
    cluster = Cluster(refused=[AppendUnknown("lost")])
    _, append = await writer_on(cluster)
    with pytest.raises(AppendUnknown):
        await append("a")
    cluster.reachable = False
    began = now()
    with pytest.raises(LogUnavailable, match="not connected"):
        await append("b", part=1)
    assert now() - began == DEADLINE
    cluster.reachable = True
    await asyncio.sleep(QUIET)
    assert await append("c") == [0]


@in_virtual_time
async def test_too_much_is_refused_before_it_is_sent() -> None:
    """Of one record, and of all that wait."""
    cluster = Cluster()
    _, append = await writer_on(cluster)
    with pytest.raises(LogUnavailable, match="a record of more than"):
        await append("x" * (RECORD_BYTES + 1))
    waiting = append(*["x"] * WAITING)
    with pytest.raises(LogUnavailable, match="too many records wait"):
        await append("y")
    waiting.cancel()
    assert await append("z", part=1) == [0]


@in_virtual_time
async def test_closing_sends_what_waits() -> None:
    """And takes nothing more."""
    cluster = Cluster()
    writer, append = await writer_on(cluster)
    waiting = [append("a"), append("b")]
    await asyncio.sleep(0.5)
    waiting.append(append("c"))
    await writer.close()
    assert await asyncio.gather(*waiting) == [[0], [1], [2]]
    with pytest.raises(LogUnavailable):
        await append("d")
    assert len(cluster.closed) == 1
