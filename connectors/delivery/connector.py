"""What the engine asks of a vendor's outbound half.

One attempt is a *conversation*: a generator that yields requests, receives replies, and returns
one verdict per delivery. It does no I/O, so a whole attempt (read, merge, write, verify) is
tested by feeding it replies, and what would be sent can be shown without sending it.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from gateway.model.action import Action
from gateway.model.codes import Code
from gateway.model.event import LeadId, LeadUpdate
from gateway.model.json import JsonObject, JsonValue
from gateway.transport.port import HttpReply, HttpRequest, HttpResponse

NOTHING: JsonObject = {}
"""An empty object, shared; nobody writes into it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `requests` in any window of `per` seconds."""

    requests: int
    per: float


class Delivery(NamedTuple):
    """One event for one connector, as a conversation sees it."""

    event: LeadUpdate
    ids: tuple[LeadId, ...]
    """This lead's ids in the connector's system, the event's own first; may be empty."""
    other_ids: tuple[LeadId, ...] = ()
    """Its linked ids in other systems (`email`, `phone`, …), for a vendor's own search."""
    known: Mapping[str, JsonValue] = NOTHING
    """Last applied values of the fields the connector `reads`."""
    now: float = 0.0
    """When this attempt begins, unix seconds: a conversation reads no clock."""
    pending: str | None = None
    """The token of a `Pending` verdict on this update: the vendor has it, and the conversation
    only asks what became of it, and sends it no more."""
    action: Action | None = None
    """What a rule wants done, where this is an action and no plain update; `event` is then its
    trigger's, under the action's id."""


# --- verdicts -----------------------------------------------------------------------------


class Applied(NamedTuple):
    """The vendor did it."""

    snapshot: JsonObject | None = None
    """The lead as the vendor returned it, in the vendor's shape."""
    dropped: tuple[str, ...] = ()
    """What was left out because the vendor's language can't say it."""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The vendor said no to this lead's update, for good."""

    code: Code
    message: str = ""
    status: int | None = None
    details: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NeedsHuman:
    """Repeating it could overwrite somebody's work: a dead letter at once."""

    code: Code
    message: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Throttled:
    """The vendor asks us to slow down; never an attempt."""

    retry_after: float | None = None
    """Seconds, where the vendor said; else the slice's documented wait."""
    message: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The request never left us."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """5xx, a time-out, a dropped connection, an answer that can't be read. Whether it is the
    vendor or the lead is for the engine to tell."""

    reason: str
    status: int | None = None
    answer_unknown: bool = False
    """The request left and no answer came: the vendor may have acted."""
    code: Code = Code.INTERNAL


@dataclass(frozen=True, slots=True)
class Pending:
    """The vendor took it and will say later what became of it. It is asked again and again;
    whatever the questions come to, the update is not sent again."""

    token: str
    """By which the next conversation asks (`Delivery.pending`)."""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The vendor gave up an update it had taken, for a reason that may pass: it is sent again
    from the start, and this was a counted attempt."""

    reason: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """Our settings are wrong (key, scope) or the endpoint is gone: the connector stops."""

    code: Code
    message: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class NotLinked:
    """There is no id of this lead in the vendor's system, and no way to find one."""


@dataclass(frozen=True, slots=True)
class NothingToSend:
    """Nothing of the update can be said in the vendor's language."""

    dropped: tuple[str, ...]
    code: Code = Code.NOTHING_TO_SEND


Verdict: TypeAlias = (
    Applied
    | Refused
    | NeedsHuman
    | Throttled
    | Unreachable
    | Unavailable
    | Pending
    | GivenUp
    | Misconfigured
    | NotLinked
    | NothingToSend
)

Conversation: TypeAlias = Generator[HttpRequest, HttpReply, tuple[Verdict, ...]]


class Connector(Protocol):
    """A configured client of one vendor backend."""

    batch_size: int
    """Most deliveries one conversation may carry; 1 where the vendor has no batches."""
    most_in_flight: int | None
    """Most conversations at once that the vendor takes from one account; None: as configured."""
    reads: frozenset[str]
    """Canonical fields whose last applied value a conversation needs."""
    throttle_wait: float
    """The documented wait in seconds after being throttled without a Retry-After."""
    limits: tuple[Limit, ...]
    """The vendor's documented limits, used where none are configured."""
    secrets: tuple[str, ...]
    """What must be masked wherever a request or an answer is shown."""

    def batch_key(self, delivery: Delivery) -> Hashable:
        """Deliveries with equal keys may share a conversation."""

    def converse(self, deliveries: Sequence[Delivery]) -> Conversation:
        """One attempt at these deliveries (each of another lead), one verdict each, in order.
        One that fails as a whole gives every delivery the same verdict."""

    def assumed(self, request: HttpRequest) -> HttpResponse:
        """What the vendor would answer to one of this connector's requests if it had the lead, with
        nothing else in it, and took what it is sent: so a conversation can be shown to its end."""
