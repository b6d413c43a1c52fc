"""The writer's producer: idempotent, acknowledged by all replicas in sync."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka

from gateway.eventlog.kafka.deadlines import BROKEN, STOPPING, hang_up, is_deaf, within
from gateway.eventlog.port import AppendUnknown, LogUnavailable
from gateway.eventlog.portions import Flight, Outgoing
from gateway.eventlog.writer import Answered

BATCH_BYTES: Final = 256 << 10
REQUEST_BYTES: Final = 8 << 20

# The broker looked at the batch and refused it: nothing of it was appended.
_REFUSALS: Final = (
    kafka.MessageSizeTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.InvalidTimestampError,
    kafka.InvalidTopicError,
    kafka.TopicAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.PolicyViolationError,
    kafka.UnsupportedForMessageFormatError,
)


class KafkaProducer:
    """What `writer` asks of a producer. Never used again once a batch has failed."""

    def __init__(self, options: Mapping[str, Any], compression: str, deadline: float) -> None:
        """`compression` is `lz4`, `zstd` or `none`; `deadline` is in seconds."""
        self.stranded = False
        self._deadline = deadline
        self._producer = AIOKafkaProducer(
            **options,
            enable_idempotence=True,
            acks="all",
            compression_type=None if compression == "none" else compression,
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
            request_timeout_ms=int(deadline * 1000),
        )

    async def start(self, topics: Sequence[str]) -> list[int]:
        """Connect, and learn who leads these topics; how many partitions each has. Raises
        LogUnavailable."""
        try:
            await within(self._deadline, self._producer.start())
            asked = (self._producer.partitions_for(topic) for topic in topics)
            return [len(await within(self._deadline, parts)) for parts in asked]
        except BaseException:
            await self._close(0.0)
            raise

    def leader(self, topic: str, part: int) -> int | None:
        """See the port."""
        client = self._producer.client
        leader: int | None = client.cluster.leader_for_partition(TopicPartition(topic, part))
        if leader is None or leader == -1:
            if is_deaf(client):
                self.stranded = True
            else:
                client.add_topic(topic)
                client.force_metadata_update().add_done_callback(self._asked_who_leads)
            return None
        return leader

    def _asked_who_leads(self, answer: asyncio.Future[bool]) -> None:
        if not answer.cancelled() and answer.exception() is None:
            self.stranded = not answer.result()

    def batch(self, records: Iterable[Outgoing]) -> tuple[Any, int]:
        """See the port."""
        batch, count = self._producer.create_batch(), 0
        for record in records:
            if not _added(batch, record):
                break
            count += 1
        batch.close()
        return batch, count

    async def send(self, flights: Sequence[Flight], answered: Answered) -> None:
        """See the port."""
        for flight in flights:
            lane = flight.lane
            try:
                sent = await self._producer.send_batch(
                    flight.batch, lane.topic, partition=lane.part
                )
            except (kafka.KafkaError, *BROKEN) as error:
                answered(flight, _failure(error))
            else:
                sent.add_done_callback(partial(_landed, flight, answered))

    async def close(self) -> None:
        """See the port."""
        await self._close(STOPPING)

    async def _close(self, patience: float) -> None:
        """`stop` alone would wait for ever for what can't be sent."""
        stopping = asyncio.ensure_future(self._producer.stop())
        await asyncio.wait((stopping,), timeout=patience)
        await hang_up(self._producer.client)
        # There is no public way to give up on what is queued, and `stop` waits for its futures.
        sender = self._producer._sender  # noqa: SLF001 - as above
        queued = self._producer._message_accumulator  # noqa: SLF001 - as above
        await self._end(sender.close())
        for batch in [batch for batches in queued._batches.values() for batch in batches]:  # noqa: SLF001 - as above
            # What was to be sent again fails twice otherwise, and nobody hears it.
            batch.drain_ready()
            queued._pending_batches.add(batch)  # noqa: SLF001 - as above
        queued.fail_all(kafka.ProducerClosed())
        await asyncio.gather(stopping, return_exceptions=True)

    async def _end(self, sending: Coroutine[Any, Any, None]) -> None:
        """Wait for what is being sent to fail: until then it may still arrive. It waits in turn
        for news of the cluster, which a closed client is no longer told."""
        ending = asyncio.ensure_future(sending)
        while not ending.done():
            news = self._producer.client._md_update_fut  # noqa: SLF001 - there is no public way
            if news is not None and not news.done():
                news.set_result(False)
            await asyncio.wait((ending,), timeout=0.1)
        await asyncio.gather(ending, return_exceptions=True)


def _added(batch: Any, record: Outgoing) -> bool:
    headers = [(name, value.encode()) for name, value in record.headers]
    time, key = round(record.time * 1000), record.key.encode()
    added = batch.append(timestamp=time, key=key, value=record.value, headers=headers)
    return added is not None


def _landed(flight: Flight, answered: Answered, sent: asyncio.Future[Any]) -> None:
    """What became of a batch, in the port's words."""
    error = asyncio.CancelledError() if sent.cancelled() else sent.exception()
    if error is not None:
        answered(flight, _failure(error))
    elif sent.result().offset < 0:
        answered(flight, AppendUnknown("Kafka has the batch already and does not say where"))
    else:
        answered(flight, sent.result().offset)


def _failure(error: BaseException) -> LogUnavailable:
    known = isinstance(error, _REFUSALS)
    return LogUnavailable(f"Kafka: {error!r}") if known else AppendUnknown(f"Kafka: {error!r}")
