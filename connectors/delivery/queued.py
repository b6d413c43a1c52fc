"""A delivery as the engine holds it, with what happened to it so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from gateway.eventlog.port import Headers, Record
from gateway.model.action import Action, is_action, read_action
from gateway.model.codec import read_enveloped
from gateway.model.event import LeadUpdate
from gateway.model.outcome import Attempt, Result
from gateway.store.settling import ParkedRow

KEPT_ATTEMPTS = 20
"""Attempts kept of a delivery; of a longer story the first and the newest ones."""


class Taken(NamedTuple):
    """The vendor has the update and has not said what became of it."""

    token: str
    """By which it is asked."""
    age: float
    """How old the delivery was when it was taken."""
    asks: int = 1
    """Questions so far, and the one that is due."""


@dataclass(slots=True)
class Progress:
    """What has been tried. Survives parking; a try that did not count is kept for people."""

    counted: int = 0
    """Attempts that count against the lead."""
    uncounted: int = 0
    """Tries in a row that say nothing about the lead; sets the wait before the next."""
    attempts: list[Attempt] = field(default_factory=list)
    age: float = 0.0
    """Seconds it has waited while the vendor was able and willing."""
    mark: int | None = None
    """Proper answers the connector had at the last counted attempt, or at the first try."""
    since: float | None = None
    """Monotonic seconds of the first try in this lane, less what was impeded before it."""
    taken: Taken | None = None
    """Whether the vendor has it already, so that it must not be sent again."""

    def note(self, attempt: Attempt) -> None:
        """Remember a try; the same uncounted failure again replaces the one before."""
        last = self.attempts[-1] if self.attempts else None
        again = last is not None and last.number == 0 and last.result is attempt.result
        if again and attempt.number == 0:
            self.attempts[-1] = attempt
            return
        self.attempts.append(attempt)
        if len(self.attempts) > KEPT_ATTEMPTS:
            del self.attempts[1]

    def text(self) -> str:
        """As stored in a parked row."""
        tries = [[a.number, a.at, a.seconds, a.result, a.status, a.message] for a in self.attempts]
        return orjson.dumps([self.counted, self.age, tries, *(self.taken or ())]).decode()

    @classmethod
    def read(cls, text: str) -> Progress:
        """From a parked row; `{}` is a fresh start."""
        stored = orjson.loads(text)
        if not stored:
            return cls()
        counted, age, tries, *taken = stored
        attempts = [Attempt(n, at, s, Result(r), status, m) for n, at, s, r, status, m in tries]
        held = Taken(*taken) if taken else None
        return cls(counted=counted, age=age, attempts=attempts, taken=held)


@dataclass(slots=True, eq=False)
class Queued:
    """One event for one connector, waiting or under way."""

    event: LeadUpdate
    headers: Headers
    value: bytes
    part: int
    pos: int
    time: float
    """When the event was accepted, unix seconds."""
    round: int = 1
    stored: bool = False
    """Whether it has a parked row, which its settle must remove."""
    resting: str = "waiting"
    """The state in which it waits in the store: behind others, or `awaiting` its authority."""
    refused: bool = False
    """Whether the authority it waited for has refused the update: it is not to be sent."""
    progress: Progress = field(default_factory=Progress)
    action: Action | None = None
    """What a rule wants done; None for a plain update."""

    @classmethod
    def of_record(cls, record: Record, connector: str, envelope: Mapping[str, str]) -> Queued:
        """From the log, for one connector; `envelope` has the record's headers by name. Raises
        ValueError for a record that is not ours."""
        event = record.parsed
        if not isinstance(event, LeadUpdate):
            event = read_enveloped(envelope, record.value)
        leads = event.followers == "at_once" or event.authority in {None, connector}
        return cls(
            event,
            record.headers,
            record.value,
            record.partition,
            record.offset,
            record.time,
            resting="waiting" if leads else "awaiting",
        )

    @classmethod
    def of_row(cls, row: ParkedRow) -> Queued:
        """From the store. Raises ValueError for a row that is not ours."""
        headers = tuple((name, value) for name, value in orjson.loads(row.headers))
        value = row.value.encode()
        envelope = dict(headers)
        action = read_action(envelope, value) if is_action(envelope) else None
        return cls(
            read_enveloped(envelope, value) if action is None else action.update,
            headers,
            value,
            row.part,
            row.pos,
            row.time,
            row.round,
            stored=True,
            resting="awaiting" if row.state == "awaiting" else "waiting",
            progress=Progress.read(row.progress),
            action=action,
        )

    def row(self, state: str, due: float) -> ParkedRow:
        """As it is parked."""
        event = self.event
        return ParkedRow(
            event.lead_key,
            self.pos,
            self.part,
            event.id,
            self.round,
            state,
            due,
            self.progress.text(),
            orjson.dumps(self.headers).decode(),
            self.value.decode(),
            self.time,
        )
