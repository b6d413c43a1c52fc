"""What the topics are made with, and how others differ."""

from __future__ import annotations

import pytest

from gateway.eventlog.layout import (
    Difference,
    Finding,
    Layout,
    Report,
    differences,
    layouts,
    report,
    warnings,
)
from gateway.settings.model import LogSettings

SETTINGS = {
    "cleanup.policy": "delete",
    "max.message.bytes": "2097152",
    "message.timestamp.after.max.ms": "9223372036854775807",
    "min.insync.replicas": "2",
    "retention.ms": "1209600000",
    "unclean.leader.election.enable": "false",
}


def test_the_five_topics() -> None:
    """Replies have partitions of their own, and are kept for a day."""
    replies = SETTINGS | {"retention.ms": "86400000", "segment.ms": "3600000"}
    assert layouts(LogSettings(partitions=12, replies=4, prefix="lw"), 5) == [
        Layout("lw.updates", 12, 3, SETTINGS),
        Layout("lw.outcomes", 12, 3, SETTINGS),
        Layout("lw.triggers", 12, 3, SETTINGS),
        Layout("lw.dead-letters", 12, 3, SETTINGS),
        Layout("lw.replies", 4, 3, replies),
    ]


@pytest.mark.parametrize(
    ("replication", "brokers", "expected"),
    [(None, 1, (1, "1")), (None, 2, (2, "1")), (None, 3, (3, "2")), (None, 9, (3, "2")),
     (1, 3, (1, "1")), (2, 3, (2, "1")), (5, 5, (5, "2"))],
)  # fmt: skip
def test_copies_follow_the_cluster(
    replication: int | None, brokers: int, expected: tuple[int, str]
) -> None:
    """Three where there are three brokers; one of them may be lost and writing goes on."""
    found = layouts(LogSettings(replication=replication), brokers)
    assert {(one.replication, one.settings["min.insync.replicas"]) for one in found} == {expected}


def test_more_copies_than_brokers_are_refused() -> None:
    """The cluster would refuse them, too, in other words."""
    with pytest.raises(ValueError, match=r"^log\.replication is 3, and the cluster has 1 broker$"):
        layouts(LogSettings(replication=3), 1)


def test_differences_are_named_one_by_one() -> None:
    """What only the cluster sets is not ours to mind."""
    wanted = Layout("lw.updates", 12, 3, SETTINGS)
    found = Layout("lw.updates", 6, 2, SETTINGS | {"retention.ms": "1000", "flush.ms": "7"})
    assert differences(wanted, wanted) == ()
    assert differences(wanted, found) == (
        Difference("partitions", "12", "6"),
        Difference("replication", "3", "2"),
        Difference("retention.ms", "1209600000", "1000"),
    )


def test_what_a_lost_broker_could_lose_is_warned_of() -> None:
    """Once for all topics that are alike."""
    safe = Layout("lw.a", 1, 3, SETTINGS)
    thin = {"min.insync.replicas": "1"}
    assert warnings([safe]) == ()
    assert warnings([safe, Layout("lw.b", 1, 3, thin), Layout("lw.c", 1, 3, {})]) == (
        "lw.b, lw.c: replication 3 and min.insync.replicas 1; an accepted update survives the loss"
        " of a broker from 3 and 2 on",
    )
    assert len(warnings([Layout("lw.b", 1, 1, SETTINGS), Layout("lw.c", 1, 2, SETTINGS)])) == 2


def test_a_report_says_what_was_and_what_was_made() -> None:
    """A topic that was not made is shown as it would be."""
    wanted = [Layout(name, 12, 3, SETTINGS) for name in ("lw.a", "lw.b", "lw.c")]
    other = Layout("lw.a", 6, 3, SETTINGS)
    found = report(wanted, {"lw.a": other}, {"lw.a": other, "lw.b": wanted[1]}, 3)
    assert found == Report(
        3,
        (
            Finding("lw.a", "existing", 6, 3, (Difference("partitions", "12", "6"),)),
            Finding("lw.b", "created", 12, 3, ()),
            Finding("lw.c", "missing", 12, 3, ()),
        ),
        (),
    )
    assert [one.refused for one in found.topics] == [True, False, False]
