"""What each end of a delivery changes in log and store."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from connectors.delivery.lanes import Lane
from connectors.delivery.queued import KEPT_ATTEMPTS, Progress, Queued
from connectors.delivery.settlement import (
    OUTCOME_BYTES,
    Changes,
    Finished,
    Lost,
    Parked,
    Spilled,
    gather,
    lost,
)
from gateway.eventlog.port import NewRecord, Topic
from gateway.model.changes import CLEAR, KEEP, Set
from gateway.model.codec import (
    dead_letter_value,
    outcome_headers,
    outcome_value,
    trigger_data,
    trigger_headers,
    trigger_value,
    update_headers,
    update_value,
)
from gateway.model.codes import Code
from gateway.model.event import Attributes, LeadUpdate
from gateway.model.outcome import Attempt, Kind, Outcome, Result
from gateway.model.trigger import Trigger, TriggerKind
from gateway.store.settling import DeadLetterRow, FieldRow, ParkedRow
from tests.connectors.delivery.engine import NAME, update

NOW = 1000.0
AT = "2026-01-01T00:00:00Z"


def queued(event: LeadUpdate, pos: int = 7, *, stored: bool = False) -> Queued:
    """An event as it came from partition 2 of the log."""
    return Queued(event, update_headers(event), update_value(event), 2, pos, 990.0, stored=stored)


def ended(event: LeadUpdate, kind: Kind, code: Code = Code.OK, *dropped: str) -> Outcome:
    """An outcome of it."""
    return Outcome(
        event.id, NAME, kind, code, event.tenant, event.lead_key, dropped=dropped, time=AT
    )


def nothing() -> Changes:
    """No changes."""
    return Changes([], [], [], [], [], [], [], [])


def written(topic: Topic, outcome: Outcome, part: int = 2) -> NewRecord:
    """An outcome's record."""
    headers, value = outcome_headers(outcome), outcome_value(outcome)
    return NewRecord(topic, part, "a", headers, value, NOW, outcome)


def field(name: str, value: object, pos: int = 7) -> FieldRow:
    """A field's last applied change."""
    return FieldRow("default", "a", name, orjson.dumps(value).decode(), pos)


def test_an_applied_update_is_remembered_told_and_fired() -> None:
    """Outcome, reply, trigger, fields, verdict for its followers; what was left out is not
    remembered."""
    event = update(
        "e0",
        changes={"disposition": Set("Sale"), "email": CLEAR, "score": Set(3), "owner_id": KEEP},
        attributes=Attributes("merge", {"Suite": 8, "Floor": None, "Lift": 1}),
        authority=NAME,
        followers="after_authority",
        replyto="3",
    )
    outcome = ended(event, Kind.APPLIED, Code.OK, "score", "Lift")
    data = trigger_data(event, ("score", "Lift"))
    trigger = Trigger(TriggerKind.DISPOSITION_ACTION, "e0", NAME, "default", "a", data, AT)
    fired = NewRecord(Topic.TRIGGERS, 2, "a", trigger_headers(trigger), trigger_value(trigger), NOW)
    expected = replace(
        nothing(),
        records=[written(Topic.OUTCOMES, outcome), written(Topic.REPLIES, outcome, 3), fired],
        fields=[
            field("disposition", {"op": "set", "value": "Sale"}),
            field("email", {"op": "clear"}),
            field("attributes.Suite", {"op": "set", "value": 8}),
            field("attributes.Floor", {"op": "set", "value": None}),
        ],
        verdicts=[("e0", True, NOW)],
        settled=[(2, 7)],
        triggers=[trigger],
    )
    assert expected == gather(
        [Finished(Lane("a"), queued(event), outcome, False)], "authority", NOW
    )


def letter(outcome: Outcome, one: Queued) -> tuple[NewRecord, DeadLetterRow]:
    """The dead letter of an outcome, in the log and in the store."""
    record = NewRecord(
        Topic.DEAD_LETTERS,
        2,
        "a",
        outcome_headers(outcome),
        dead_letter_value(outcome, one.event),
        NOW,
    )
    row = DeadLetterRow(
        outcome.id,
        "a",
        "default",
        one.event.id,
        1,
        outcome.code,
        NOW,
        2,
        7,
        outcome_value(outcome).decode(),
        orjson.dumps(one.headers).decode(),
        one.value.decode(),
    )
    return record, row


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("stored", [False, True])
def test_a_condemned_update_leaves_the_parked_table_unless_it_holds_its_lead(
    stored: bool, hold: bool
) -> None:
    """Then its row stays, as held."""
    one = queued(update("e0"), stored=stored)
    outcome = ended(one.event, Kind.DEAD_LETTERED, Code.LOCKED)
    record, row = letter(outcome, one)
    expected = replace(
        nothing(),
        records=[written(Topic.OUTCOMES, outcome), record],
        park=[one.row("held", 0.0)] if hold else [],
        unpark=[("a", 7)] if stored and not hold else [],
        dead_letters=[row],
        settled=[(2, 7)],
    )
    assert expected == gather([Finished(Lane("a"), one, outcome, True, hold)], "always", NOW)


def test_a_refused_update_fires_and_remembers_nothing() -> None:
    """Its followers hear of it."""
    event = update("e0", authority=NAME, followers="after_authority")
    outcome = ended(event, Kind.REJECTED, Code.DNC_BLOCKED)
    expected = replace(
        nothing(),
        records=[written(Topic.OUTCOMES, outcome)],
        verdicts=[("e0", False, NOW)],
        settled=[(2, 7)],
    )
    assert expected == gather([Finished(Lane("a"), queued(event), outcome, False)], "always", NOW)


def test_a_follower_says_nothing_to_others() -> None:
    """Neither a verdict nor a reply: those are its authority's."""
    event = update("e0", authority="boss", followers="after_authority", replyto="0")
    outcome = ended(event, Kind.SKIPPED, Code.NOT_SENT_REFUSED)
    expected = replace(nothing(), records=[written(Topic.OUTCOMES, outcome)], settled=[(2, 7)])
    assert expected == gather([Finished(Lane("a"), queued(event), outcome, False)], "always", NOW)


def test_a_parked_lane_goes_to_the_store_head_first() -> None:
    """The head with its due time and its story, the others in the state in which they rest."""
    head, second, third = (queued(update(f"e{i}"), i) for i in range(3))
    head.progress.counted, head.progress.age = 3, 12.5
    head.progress.note(Attempt(3, AT, 0.25, Result.UNAVAILABLE, 500, "no"))
    third.resting = "awaiting"
    seen = gather([Parked(Lane("a"), [head, second, third], 1234.5)], "always", NOW)
    progress = '[3,12.5,[[3,"2026-01-01T00:00:00Z",0.25,"unavailable",500,"no"]]]'
    text = [orjson.dumps(one.headers).decode() for one in (head, second, third)]
    values = [one.value.decode() for one in (head, second, third)]
    rows = [
        ParkedRow("a", 0, 2, "e0", 1, "retry", 1234.5, progress, text[0], values[0], 990.0),
        ParkedRow("a", 1, 2, "e1", 1, "waiting", 0.0, "[0,0.0,[]]", text[1], values[1], 990.0),
        ParkedRow("a", 2, 2, "e2", 1, "awaiting", 0.0, "[0,0.0,[]]", text[2], values[2], 990.0),
    ]
    assert replace(nothing(), park=rows, settled=[(2, 0), (2, 1), (2, 2)]) == seen


def test_a_spilled_update_rests_in_the_store() -> None:
    """And needs no more work in the log."""
    one = queued(update("e0"))
    expected = replace(nothing(), park=[one.row("waiting", 0.0)], settled=[(2, 7)])
    assert expected == gather([Spilled(one)], "always", NOW)


@pytest.mark.parametrize(("settles", "lane"), [(True, None), (False, None), (True, Lane("a"))])
def test_what_can_not_be_read_is_a_dead_letter_without_an_update(
    settles: bool, lane: Lane | None
) -> None:
    """From the log or from the store; a gap settles nothing."""
    gone = replace(lost(NAME, 2, 7, "damaged", settles=settles), lane=lane)
    outcome = Outcome("2@7", NAME, Kind.DEAD_LETTERED, Code.MALFORMED_REQUEST, "", "", 1, "damaged")
    value = outcome_value(outcome).decode()
    code = Code.MALFORMED_REQUEST
    row = DeadLetterRow(outcome.id, "", "", "2@7", 1, code, NOW, 2, 7, value, "[]", "")
    headers = outcome_headers(outcome)
    record = NewRecord(Topic.DEAD_LETTERS, 2, "", headers, dead_letter_value(outcome, None), NOW)
    expected = replace(
        nothing(),
        records=[record],
        unpark=[] if lane is None else [("a", 7)],
        dead_letters=[row],
        settled=[(2, 7)] if settles else [],
    )
    assert (Lost(outcome, 2, 7, settles, lane), expected) == (gone, gather([gone], "always", NOW))


def test_progress_is_read_back_as_it_was_written() -> None:
    """What belongs to one process (its count of answers, its clock) is left behind."""
    progress = Progress(counted=4, uncounted=2, age=9.5, mark=17, since=3.0)
    progress.note(Attempt(4, AT, 0.5, Result.ANSWER_UNKNOWN, None, "dropped"))
    expected = Progress(counted=4, age=9.5, attempts=progress.attempts)
    assert (expected, Progress()) == (Progress.read(progress.text()), Progress.read("{}"))


def test_a_long_story_keeps_its_first_and_its_newest_attempts() -> None:
    """The same uncounted failure again replaces the one before."""
    progress = Progress()
    for number in range(30):
        progress.note(Attempt(number, AT, 0.0, Result.UNAVAILABLE))
    numbers = [0, *range(30 - KEPT_ATTEMPTS + 1, 30)]
    assert numbers == [one.number for one in progress.attempts]
    for seconds in (1.0, 2.0):
        progress.note(Attempt(0, AT, seconds, Result.THROTTLED))
    assert [one.seconds for one in progress.attempts[-2:]] == [0.0, 2.0]
    assert len(progress.attempts) == KEPT_ATTEMPTS


def test_of_an_outcome_that_no_log_would_take_the_verdict_is_kept() -> None:
    """What the vendor returned may be endless; triggers and fields still know what was left out."""
    event = update("e0", changes={"disposition": Set("Sale"), "score": Set(3)}, authority=NAME)
    endless = {"note": "x" * OUTCOME_BYTES}
    outcome = replace(ended(event, Kind.APPLIED, Code.OK, "score"), snapshot=endless)
    changes = gather([Finished(Lane("a"), queued(event), outcome, False)], "authority", NOW)
    kept = ended(event, Kind.APPLIED)
    assert changes.records[0] == written(Topic.OUTCOMES, kept)
    assert changes.fields == [field("disposition", {"op": "set", "value": "Sale"})]
    assert [trigger.data for trigger in changes.triggers] == [trigger_data(event, ("score",))]
