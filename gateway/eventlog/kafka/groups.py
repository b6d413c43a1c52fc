"""How far readers are, as offsets of consumer groups, for tools that watch lag. Nothing of ours
reads them: a frontier lives in the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.commit import OffsetCommitRequest

from gateway import lines
from gateway.clock import Clock
from gateway.eventlog.kafka.deadlines import hang_up, let_go
from gateway.eventlog.kafka.reconnecting import Reconnecting
from gateway.eventlog.port import LogUnavailable

AGAIN: Final = 0.1
"""Seconds between tries."""


class Groups:
    """Commits offsets without being a member of any group, as the tools that reset offsets do."""

    def __init__(self, options: Mapping[str, Any], clock: Clock, deadline: float) -> None:
        """Connects when there is something to commit; `deadline` is in seconds."""
        self._options, self._clock, self._deadline = options, clock, deadline
        self._asking = Reconnecting[Any](self._connect, hang_up, deadline)
        self._coordinators: dict[str, int] = {}
        self._failing: set[str] = set()

    async def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """The next offset to be read of each partition. Best effort: what the cluster does not
        take is told in the log's lines once, until it takes it again."""
        if not offsets:
            return
        parts = [(part, offset, "") for part, offset in offsets.items()]
        request = OffsetCommitRequest(group, -1, "", -1, [(topic, parts)])
        try:
            await self._asking.ask(lambda client: self._send(client, group, request))
        except LogUnavailable as error:
            if group not in self._failing:
                self._failing.add(group)
                lines.warning("log.frontier_untold", group=group, reason=str(error))
        else:
            self._failing.discard(group)

    async def _send(self, client: Any, group: str, request: OffsetCommitRequest) -> None:
        """A group's coordinator moves, and has to be made for the cluster's first group."""
        while True:
            try:
                node = self._coordinators.get(group)
                if node is None:
                    node = await client.coordinator_lookup(CoordinationType.GROUP, group)
                    self._coordinators[group] = node
                answer = await client.send(node, request, group=ConnectionGroup.COORDINATION)
                codes = {code for _, parts in answer.topics for _, code in parts if code}
                if not codes:
                    return
                raise for_code(min(codes))()
            except KafkaError as error:
                self._coordinators.pop(group, None)
                if not error.retriable:
                    raise
            await self._clock.sleep(AGAIN)

    async def _connect(self) -> Any:
        client = AIOKafkaClient(**self._options, request_timeout_ms=int(self._deadline * 1000))
        try:
            await client.bootstrap()
        except BaseException:
            await let_go(hang_up(client))
            raise
        return client

    async def close(self) -> None:
        """Let go of the client."""
        await self._asking.close()
