"""How the five topics are laid out on Kafka: what they are made with, and how what is there
differs from that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from gateway.eventlog.port import Topic
from gateway.settings.model import LogSettings

COPIES: Final = 3
"""Copies of each record with which one broker may be lost and another be restarted."""
IN_SYNC: Final = 2
"""Copies that must have a record before it counts as safe, so that losing one loses nothing."""
MOST_BYTES: Final = 2 << 20
"""Longest batch that a topic takes: one record of `writer.RECORD_BYTES` with its headers."""
ANY_TIME: Final = str(2**63 - 1)
"""Milliseconds that a record may be ahead of the broker's clock. Of an hour, which Kafka allows
unless it is told otherwise, a gateway whose clock was set wrong would accept nothing any more."""
REPLIES_KEPT: Final = 86_400.0
"""Most seconds that replies are kept: nobody reads one that is older than a call may wait."""
REPLIES_SEGMENT: Final = 3_600.0


class Layout(NamedTuple):
    """A topic."""

    name: str
    partitions: int
    replication: int
    """Copies of each record, the leader's included."""
    settings: Mapping[str, str]
    """Topic configuration, in Kafka's words."""


class Difference(NamedTuple):
    """Something that is not as a topic would be made."""

    setting: str
    """`partitions`, `replication`, or a name of the topic's configuration."""
    wanted: str
    found: str


State = Literal["missing", "created", "existing"]


class Finding(NamedTuple):
    """A topic after the command."""

    name: str
    state: State
    partitions: int
    replication: int
    differences: tuple[Difference, ...]

    @property
    def refused(self) -> bool:
        """Whether its number of partitions is another: a lead's updates would change partition,
        and with it their order."""
        return any(difference.setting == "partitions" for difference in self.differences)


class Report(NamedTuple):
    """What there is, and what of it an operator should look at."""

    brokers: int
    topics: tuple[Finding, ...]
    warnings: tuple[str, ...]


def layouts(log: LogSettings, brokers: int) -> list[Layout]:
    """The five topics on a cluster of so many brokers. Raises ValueError where it has fewer than
    the copies that are asked for."""
    copies = log.replication or min(COPIES, brokers)
    if copies > brokers:
        has = f"{brokers} broker{'' if brokers == 1 else 's'}"
        raise ValueError(f"log.replication is {copies}, and the cluster has {has}")
    settings = {
        "cleanup.policy": "delete",
        "max.message.bytes": str(MOST_BYTES),
        "message.timestamp.after.max.ms": ANY_TIME,
        "min.insync.replicas": str(max(1, min(IN_SYNC, copies - 1))),
        "retention.ms": _milliseconds(log.retention),
        "unclean.leader.election.enable": "false",
    }
    replies = {
        "retention.ms": _milliseconds(min(log.retention, REPLIES_KEPT)),
        "segment.ms": _milliseconds(REPLIES_SEGMENT),
    }
    return [
        Layout(
            f"{log.prefix}.{topic}",
            log.replies if topic is Topic.REPLIES else log.partitions,
            copies,
            settings | replies if topic is Topic.REPLIES else settings,
        )
        for topic in Topic
    ]


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def differences(wanted: Layout, found: Layout) -> tuple[Difference, ...]:
    """What of a topic is not as it would be made; settings that are not ours are left out."""
    pairs = [
        ("partitions", str(wanted.partitions), str(found.partitions)),
        ("replication", str(wanted.replication), str(found.replication)),
        *((key, value, found.settings.get(key, "")) for key, value in wanted.settings.items()),
    ]
    return tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2])


def warnings(found: Sequence[Layout]) -> tuple[str, ...]:
    """Topics whose records can be lost with a broker, one text for all that are alike."""
    alike: dict[tuple[int, str], list[str]] = {}
    for topic in found:
        in_sync = topic.settings.get("min.insync.replicas", "1")
        if topic.replication < COPIES or int(in_sync) < IN_SYNC:
            alike.setdefault((topic.replication, in_sync), []).append(topic.name)
    return tuple(
        f"{', '.join(names)}: replication {copies} and min.insync.replicas {in_sync}; an accepted"
        f" update survives the loss of a broker from {COPIES} and {IN_SYNC} on"
        for (copies, in_sync), names in alike.items()
    )


def report(
    wanted: Sequence[Layout],
    before: Mapping[str, Layout],
    after: Mapping[str, Layout],
    brokers: int,
) -> Report:
    """Of the topics `before` and `after` the missing ones were made; with nothing made, a topic
    that is missing is shown as it would be."""
    shown = {layout.name: after.get(layout.name, layout) for layout in wanted}
    findings = tuple(
        Finding(
            layout.name,
            _state(layout.name, before, after),
            shown[layout.name].partitions,
            shown[layout.name].replication,
            differences(layout, shown[layout.name]),
        )
        for layout in wanted
    )
    return Report(brokers, findings, warnings([*shown.values()]))


def _state(name: str, before: Mapping[str, Layout], after: Mapping[str, Layout]) -> State:
    if name in before:
        return "existing"
    return "created" if name in after else "missing"
