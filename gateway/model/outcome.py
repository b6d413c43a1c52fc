"""The verdict on one delivery, and the attempts that led to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.model.codes import Code
from gateway.model.ids import derived_id
from gateway.model.json import JsonObject


class Kind(StrEnum):
    """How a delivery ended; the last word of the outcome's CloudEvents type."""

    APPLIED = "applied"
    REJECTED = "rejected"
    DEAD_LETTERED = "dead_lettered"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    """Settled without being sent, with a code that says why (unrouted, shadowed, …)."""


class Result(StrEnum):
    """How one attempt went."""

    APPLIED = "applied"
    REFUSED = "refused"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    """An answer that says nothing about this lead: 5xx, garbage."""
    CONNECT_FAILED = "connect_failed"
    """The request never left us."""
    ANSWER_UNKNOWN = "answer_unknown"
    """The request left, no answer came: the vendor may have acted."""
    PENDING = "pending"
    """The vendor took it and says later what became of it."""
    MISCONFIGURED = "misconfigured"
    NOT_SENT = "not_sent"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one delivery."""

    number: int
    """From 1; 0 for a try that does not count against the lead."""
    at: str
    """When it began, RFC 3339 UTC."""
    seconds: float
    result: Result
    status: int | None = None
    """HTTP status, where there was an answer."""
    message: str = ""
    """Bounded and redacted."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One verdict per event, connector and round; the first durable one stands."""

    event_id: str
    connector: str
    kind: Kind
    code: Code
    tenant: str
    lead_key: str
    round: int = 1
    """1, and one more per redrive."""
    message: str = ""
    """The vendor's words, bounded and redacted."""
    status: int | None = None
    """The vendor's HTTP status."""
    attempts: tuple[Attempt, ...] = ()
    dropped: tuple[str, ...] = ()
    """What could not be said in the vendor's language and was left out."""
    details: JsonObject = field(default_factory=dict)
    """Structured facts per code (`existing_lead_id`, `field`, `value`). Never logged."""
    snapshot: Mapping[str, object] | None = None
    """The lead as the vendor returned it, in the vendor's own shape."""
    time: str = ""

    @property
    def id(self) -> str:
        """UUIDv5 of event, connector and round: a repeat after a crash has the same id."""
        return outcome_id(self.event_id, self.connector, self.round)

    @property
    def fine(self) -> bool:
        """Whether there is nothing for the caller to do: applied, replaced by a later update, or
        settled with nobody meant to send it."""
        if self.kind is Kind.SKIPPED:
            return self.code in _UNTOLD
        return self.kind in _DONE

    @property
    def type(self) -> str:
        """CloudEvents type."""
        return f"io.leadwire.lead.update.{self.kind}.v1"


_DONE = frozenset({Kind.APPLIED, Kind.SUPERSEDED})
_UNTOLD = frozenset({Code.SHADOWED, Code.UNROUTED})


def outcome_id(event_id: str, connector: str, round: int) -> str:
    """The id of an outcome; a dead letter has its outcome's id."""
    return derived_id(f"{event_id}/{connector}/{round}")
