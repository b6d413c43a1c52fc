"""Makes the topics that are missing, and says what is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from gateway.clock import Clock
from gateway.eventlog.kafka.access import client_options
from gateway.eventlog.kafka.deadlines import DEADLINE, let_go, within
from gateway.eventlog.kafka.tokens import tokens
from gateway.eventlog.layout import Layout, Report, layouts, report
from gateway.eventlog.port import LogUnavailable
from gateway.settings.brokers import brokers
from gateway.settings.model import LogSettings

LOOK_EVERY: Final = 0.1
"""Seconds between looks whether a topic that was made has its leaders."""


async def ensure(
    log: LogSettings, clock: Clock, *, dry_run: bool = False, deadline: float = DEADLINE
) -> Report:
    """Make those of the five topics that are missing; change nothing of those that are there.

    Raises ValueError for settings that don't fit the cluster, LogUnavailable where it does not
    answer or refuses.
    """
    cluster = brokers(log.url, log.kafka)
    provider = tokens(cluster.settings, clock)
    options = client_options(cluster, provider)
    admin = AIOKafkaAdminClient(**options, request_timeout_ms=int(deadline * 1000))
    try:
        await within(deadline, admin.start())
        return await _ensure(_Cluster(admin, clock, deadline), log, dry_run=dry_run)
    finally:
        await let_go(admin.close())
        if provider is not None:
            await provider.close()


class _Cluster:
    """What is asked of the brokers; each question has the deadline."""

    def __init__(self, admin: Any, clock: Clock, deadline: float) -> None:
        self._admin, self._clock, self._deadline = admin, clock, deadline

    async def brokers(self) -> int:
        """How many there are."""
        told = await within(self._deadline, self._admin.describe_cluster())
        return len(told["brokers"])

    async def found(self, names: Sequence[str]) -> dict[str, Layout]:
        """Those of the topics that are there."""
        # Asked for by name, a topic could be made by the question.
        told = await within(self._deadline, self._admin.describe_topics())
        there = {topic["topic"]: topic["partitions"] for topic in told if topic["topic"] in names}
        settings = await self._settings(there)
        return {
            name: Layout(name, len(parts), _copies(parts), settings[name])
            for name, parts in there.items()
            if name in settings
        }

    async def _settings(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        if not asked:
            return {}
        (answer,) = await within(self._deadline, self._admin.describe_configs(asked))
        found = {}
        for code, message, _, name, entries in answer.resources:
            if code != UnknownTopicOrPartitionError.errno:
                _check(name, code, message)
                found[name] = {entry[0]: entry[1] or "" for entry in entries}
        return found

    async def make(self, missing: Sequence[Layout]) -> None:
        """Make topics. They are found and led a little later."""
        made = [
            NewTopic(one.name, one.partitions, one.replication, topic_configs=dict(one.settings))
            for one in missing
        ]
        milliseconds = int(self._deadline * 1000)
        answer = await within(self._deadline, self._admin.create_topics(made, milliseconds))
        for name, code, message in answer.topic_errors:
            if code != TopicAlreadyExistsError.errno:
                _check(name, code, message)

    async def led(self, names: Sequence[str]) -> dict[str, Layout]:
        """The topics, once all of their partitions have a leader."""
        return await within(self._deadline, self._until_led(names))

    async def _until_led(self, names: Sequence[str]) -> dict[str, Layout]:
        while True:
            told = await self._admin.describe_topics()
            led = {t["topic"] for t in told if all(p["leader"] >= 0 for p in t["partitions"])}
            # Each question goes to any broker, and some hear of a topic later than others.
            if led.issuperset(names) and len(found := await self.found(names)) == len(names):
                return found
            await self._clock.sleep(LOOK_EVERY)


async def _ensure(cluster: _Cluster, log: LogSettings, *, dry_run: bool) -> Report:
    count = await cluster.brokers()
    wanted = layouts(log, count)
    names = [layout.name for layout in wanted]
    before = await cluster.found(names)
    missing = [layout for layout in wanted if layout.name not in before]
    if missing and not dry_run:
        await cluster.make(missing)
        after = await cluster.led(names)
    else:
        after = before
    return report(wanted, before, after, count)


def _copies(parts: Sequence[Mapping[str, Any]]) -> int:
    return min((len(part["replicas"]) for part in parts), default=0)


def _check(name: str, code: int, message: str | None) -> None:
    if code:
        raise LogUnavailable(f"{name}: {for_code(code).__name__} {message or ''}".rstrip())
