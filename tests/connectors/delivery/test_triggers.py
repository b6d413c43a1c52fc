"""Which outcomes fire which triggers."""

from __future__ import annotations

from itertools import product

import pytest

from connectors.delivery.triggers import When, fired
from gateway.model.changes import CLEAR, KEEP, Change, Set
from gateway.model.codec import trigger_data
from gateway.model.codes import Code
from gateway.model.event import LeadUpdate, TriggerWishes
from gateway.model.outcome import Kind, Outcome
from gateway.model.trigger import Trigger, TriggerKind
from tests.connectors.delivery.engine import NAME, update

BOTH = [TriggerKind.POST_UPDATED_LEAD, TriggerKind.DISPOSITION_ACTION]
POST, ACTION = [BOTH[0]], [BOTH[1]]


def disposed(change: Change, *, post: bool, actions: bool = True) -> LeadUpdate:
    """An update of the disposition whose authority is NAME."""
    wishes = TriggerWishes(post, actions)
    return update("e1", changes={"disposition": change}, triggers=wishes, authority=NAME)


def outcome(kind: Kind = Kind.APPLIED, connector: str = NAME, *dropped: str) -> Outcome:
    """An outcome of it."""
    return Outcome(
        "e1", connector, kind, Code.OK, "default", "a", dropped=dropped, time="2026-01-01T00:00:00Z"
    )


def kinds(event: LeadUpdate, ended: Outcome, when: When) -> list[TriggerKind]:
    """What is fired."""
    return [trigger.kind for trigger in fired(event, ended, when)]


@pytest.mark.parametrize(
    ("event", "ended", "when", "expected"),
    [
        (disposed(Set("Sale"), post=True), outcome(), "authority", BOTH),
        (disposed(Set("Sale"), post=False), outcome(), "authority", ACTION),
        (disposed(Set("Sale"), post=True, actions=False), outcome(), "authority", POST),
        (disposed(CLEAR, post=True), outcome(), "authority", POST),
        (disposed(KEEP, post=False), outcome(), "authority", []),
        (
            disposed(Set("Sale"), post=True),
            outcome(Kind.APPLIED, NAME, "disposition"),
            "authority",
            POST,
        ),
        (disposed(Set("Sale"), post=True), outcome(Kind.APPLIED, "other"), "authority", []),
        (disposed(Set("Sale"), post=True), outcome(Kind.APPLIED, "other"), "always", BOTH),
        (disposed(Set("Sale"), post=True), outcome(), "never", []),
        (update("e1"), outcome(), "authority", []),
        (update("e1", triggers=TriggerWishes(post_updated_lead=True)), outcome(), "always", POST),
    ],
)
def test_the_connector_that_answers_fires_what_was_asked_for(
    event: LeadUpdate, ended: Outcome, when: When, expected: list[TriggerKind]
) -> None:
    """A disposition fires whatever the caller's wish for the other; one left out fires nothing."""
    assert expected == kinds(event, ended, when)


def test_only_applied_updates_fire() -> None:
    """Never a rejected, condemned, superseded or skipped one, not even where always."""
    event = disposed(Set("Sale"), post=True)
    others = [kind for kind in Kind if kind is not Kind.APPLIED]
    ways: tuple[When, ...] = ("authority", "always")
    seen = [kinds(event, outcome(kind), when) for kind, when in product(others, ways)]
    assert [[]] * (2 * len(others)) == seen


def test_a_trigger_carries_the_whole_update_and_what_was_left_out() -> None:
    """And the outcome's time."""
    event = disposed(Set("Sale"), post=False)
    [trigger] = fired(event, outcome(Kind.APPLIED, NAME, "score"), "authority")
    data = trigger_data(event, ("score",))
    expected = Trigger(
        TriggerKind.DISPOSITION_ACTION, "e1", NAME, "default", "a", data, "2026-01-01T00:00:00Z"
    )
    assert (expected, ["score"]) == (trigger, trigger.data["dropped"])
