"""What a group of finished, parked and passed-by deliveries changes in log and store. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import orjson

from connectors.delivery.connector import NOTHING
from connectors.delivery.lanes import Lane
from connectors.delivery.queued import Queued
from connectors.delivery.triggers import When, fired, kinds_of
from gateway.eventlog.port import NewRecord, Topic
from gateway.model.changes import Keep, change_to_json
from gateway.model.codec import (
    dead_letter_value,
    outcome_headers,
    outcome_value,
    trigger_headers,
    trigger_value,
)
from gateway.model.codes import Code
from gateway.model.event import LeadUpdate
from gateway.model.json import JsonObject
from gateway.model.outcome import Kind, Outcome
from gateway.model.trigger import Trigger
from gateway.store.fields import APPLIED
from gateway.store.settling import DeadLetterRow, FieldRow, ParkedRow

OUTCOME_BYTES = 400_000
"""Bytes of an outcome, with what a vendor returned; of a longer one only the verdict is kept, or no
log would take it, nor anything that comes after."""


class Finished(NamedTuple):
    """A delivery with its verdict."""

    lane: Lane
    queued: Queued
    outcome: Outcome
    dead_letter: bool
    hold: bool = False
    """Whether the lead's later updates wait until the dead letter is released."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A lane that moves into the store, head first."""

    lane: Lane
    items: Sequence[Queued]
    due: float
    """Unix seconds of the head's next try."""


@dataclass(frozen=True, slots=True)
class Spilled:
    """An update that waits in the store behind others, or for its authority."""

    queued: Queued


@dataclass(frozen=True, slots=True)
class Lost:
    """Something in the log that can't be delivered: a record that isn't ours, or a gap."""

    outcome: Outcome
    part: int
    pos: int
    settles: bool
    """Whether this offset needs no more work."""
    lane: Lane | None = None
    """Whose first parked row it is; None where it was met in the log."""


Item: TypeAlias = Finished | Parked | Spilled | Lost


def lost(
    connector: str,
    part: int,
    pos: int,
    message: str,
    *,
    settles: bool,
    code: Code = Code.MALFORMED_REQUEST,
) -> Lost:
    """Something at this place of the log that can't be delivered to this connector."""
    outcome = Outcome(f"{part}@{pos}", connector, Kind.DEAD_LETTERED, code, "", "", 1, message)
    return Lost(outcome, part, pos, settles)


@dataclass(slots=True)
class Changes:
    """Rows and records of one settle, gathered item by item."""

    records: list[NewRecord]
    park: list[ParkedRow]
    unpark: list[tuple[str, int]]
    fields: list[FieldRow]
    verdicts: list[tuple[str, bool, float]]
    dead_letters: list[DeadLetterRow]
    settled: list[tuple[int, int]]
    """(partition, offset) that need no more work in the log."""
    triggers: list[Trigger]


Before: TypeAlias = Mapping[str, JsonObject]
"""Event id -> what the connector had last applied of its lead, of events that fire something."""
NONE_BEFORE: Before = {}


def firing(items: Sequence[Item], triggers: When) -> list[LeadUpdate]:
    """Updates among the items that fire something."""
    return [
        item.queued.event
        for item in items
        if isinstance(item, Finished)
        and item.queued.action is None
        and kinds_of(item.queued.event, item.outcome, triggers)
    ]


def gather(
    items: Sequence[Item], triggers: When, now: float, before: Before = NONE_BEFORE
) -> Changes:
    """Everything the items change; `now` is unix seconds."""
    changes = Changes([], [], [], [], [], [], [], [])
    for item in items:
        match item:
            case Finished():
                _finish(item, triggers, now, changes, before)
            case Parked():
                _park(item, changes)
            case Spilled():
                changes.park.append(item.queued.row(item.queued.resting, 0.0))
                changes.settled.append((item.queued.part, item.queued.pos))
            case Lost():
                _lose(item, now, changes)
    return changes


def _lose(item: Lost, now: float, changes: Changes) -> None:
    outcome = item.outcome
    headers, value = outcome_headers(outcome), dead_letter_value(outcome, None)
    changes.records.append(
        NewRecord(Topic.DEAD_LETTERS, item.part, outcome.lead_key, headers, value, now)
    )
    changes.dead_letters.append(
        DeadLetterRow(
            outcome.id,
            outcome.lead_key,
            outcome.tenant,
            outcome.event_id,
            outcome.round,
            outcome.code,
            now,
            item.part,
            item.pos,
            outcome_value(outcome).decode(),
            "[]",
            "",
        )
    )
    if item.lane is not None:
        changes.unpark.append((item.lane.lead, item.pos))
    if item.settles:
        changes.settled.append((item.part, item.pos))


def _park(item: Parked, changes: Changes) -> None:
    for place, queued in enumerate(item.items):
        state = "retry" if queued.progress.taken is None else "pending"
        changes.park.append(
            queued.row(queued.resting, 0.0) if place else queued.row(state, item.due)
        )
        changes.settled.append((queued.part, queued.pos))


def _finish(item: Finished, when: When, now: float, changes: Changes, before: Before) -> None:
    queued, outcome = item.queued, item.outcome
    event = queued.event
    headers, value = outcome_headers(outcome), outcome_value(outcome)
    told = outcome
    if len(value) > OUTCOME_BYTES:
        told = replace(outcome, snapshot=None, details={}, dropped=())
        value = outcome_value(told)
    changes.records.append(
        NewRecord(Topic.OUTCOMES, queued.part, event.lead_key, headers, value, now, told)
    )
    if event.replyto is not None and event.authority == outcome.connector:
        changes.records.append(
            NewRecord(Topic.REPLIES, int(event.replyto), event.lead_key, headers, value, now, told)
        )
    if event.followers == "after_authority" and event.authority == outcome.connector:
        changes.verdicts.append((event.id, outcome.kind is Kind.APPLIED, now))
    if item.hold:
        changes.park.append(queued.row("held", 0.0))
    elif queued.stored:
        changes.unpark.append((event.lead_key, queued.pos))
    changes.settled.append((queued.part, queued.pos))
    if outcome.kind is Kind.APPLIED and queued.action is None:
        _remember(queued, outcome, changes)
        for trigger in fired(event, outcome, when, before.get(event.id, NOTHING)):
            changes.triggers.append(trigger)
            changes.records.append(
                NewRecord(
                    Topic.TRIGGERS,
                    queued.part,
                    event.lead_key,
                    trigger_headers(trigger),
                    trigger_value(trigger),
                    now,
                )
            )
    if item.dead_letter:
        _condemn(queued, told, now, changes)


def _remember(queued: Queued, outcome: Outcome, changes: Changes) -> None:
    event, dropped = queued.event, outcome.dropped
    tenant, lead, pos = event.tenant, event.lead_key, queued.pos
    rows = [
        FieldRow(tenant, lead, name, orjson.dumps(change_to_json(change)).decode(), pos)
        for name, change in event.changes.items()
        if not isinstance(change, Keep) and name not in dropped
    ]
    for name, given in event.attributes.patch.items():
        if name not in dropped:
            value = orjson.dumps({"op": "set", "value": given}).decode()
            rows.append(FieldRow(tenant, lead, f"attributes.{name}", value, pos))
    changes.fields += rows or [FieldRow(tenant, lead, APPLIED, "null", pos)]


def _condemn(queued: Queued, outcome: Outcome, now: float, changes: Changes) -> None:
    event = queued.event
    headers = outcome_headers(outcome)
    changes.records.append(
        NewRecord(
            Topic.DEAD_LETTERS,
            queued.part,
            event.lead_key,
            headers,
            dead_letter_value(outcome, event),
            now,
        )
    )
    changes.dead_letters.append(
        DeadLetterRow(
            outcome.id,
            event.lead_key,
            event.tenant,
            event.id,
            queued.round,
            outcome.code,
            now,
            queued.part,
            queued.pos,
            outcome_value(outcome).decode(),
            orjson.dumps(queued.headers).decode(),
            queued.value.decode(),
        )
    )
