"""What the front door asks of a vendor's language, on plain records: no vendor file meets
the HTTP server.

A call is handled in this order, cheapest first, and every refusal is a value that the dialect
renders in its vendor's own shape:

    route -> presented secret -> quota -> bounded body -> parse -> append -> answer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from pydantic import BaseModel

from gateway.model.changes import Changes
from gateway.model.codes import Code
from gateway.model.event import Attributes, LeadId, LeadUpdate, TriggerWishes
from gateway.model.json import JsonObject, JsonValue
from gateway.model.making import maker
from gateway.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Route:
    """A path of the vendor's API that we serve. `path` has `{name}` for a path parameter."""

    method: str
    path: str
    operation: str
    asks: bool = False
    """Whether its calls ask what became of updates instead of bringing some; the dialect is then
    an `AskedDialect`."""


class Call(NamedTuple):
    """An inbound call, before its body is read."""

    method: str
    path: str
    operation: str
    parameters: Mapping[str, str]
    """Path parameters, decoded."""
    query: Sequence[tuple[str, str]]
    """Query parameters in the order sent, decoded."""
    headers: Mapping[str, str]
    """Names in lower case."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and how their texts are read."""

    tenant: str
    system: str
    """The id space of this credential."""
    region: str
    """ISO country that reads national phone numbers, e.g. `AU`."""
    timezone: str
    """IANA zone that reads dates without one, e.g. `Australia/Melbourne`."""
    settings: BaseModel
    """The credential's own settings, of the slice's model."""


@dataclass(frozen=True, slots=True)
class QuotaState:
    """How much of a credential's quota is left, for dialects that print it."""

    limit: int
    remaining: int
    used: int
    reset_at: float
    """Unix seconds when the window is empty again."""
    per: float
    """Length of the window in seconds."""


class Answer(NamedTuple):
    """An HTTP answer in the vendor's shape."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


# --- refusals -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unauthenticated:
    """No credential, or one we don't know."""

    presented: bool
    """Whether the call carried any."""


@dataclass(frozen=True, slots=True)
class OverQuota:
    """The credential's quota is spent."""

    quota: QuotaState
    retry_after: float


@dataclass(frozen=True, slots=True)
class Malformed:
    """The body can't be read at all."""

    reason: str
    media_type: bool = False
    """Whether it is the body's type that is not spoken here, not what is in it."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The body is over the bound."""

    limit: int


@dataclass(frozen=True, slots=True)
class MethodNotAllowed:
    """The path is ours, the method is not."""

    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with what the call says."""

    code: Code
    field: str = ""
    value: JsonValue = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Invalid:
    """The call can be read but not accepted; faults in the vendor's order of checks."""

    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Busy:
    """Not now: the caller should try again. The update may already be safe."""

    retry_after: float
    appended: bool


@dataclass(frozen=True, slots=True)
class KeyReused:
    """An idempotency key came again with another body."""


Refusal: TypeAlias = (
    Unauthenticated
    | OverQuota
    | Malformed
    | TooLarge
    | MethodNotAllowed
    | Invalid
    | Busy
    | KeyReused
)


# --- what a call asks ---------------------------------------------------------------------


_NO_ATTRIBUTES = Attributes()
_NO_WISHES = TriggerWishes()


@dataclass(frozen=True, slots=True)
class RequestedUpdate:
    """One update as the caller asked for it, before it has a lead key and a route."""

    lead: LeadId
    changes: Changes
    attributes: Attributes = _NO_ATTRIBUTES
    triggers: TriggerWishes = _NO_WISHES
    names: Mapping[str, str] = field(default_factory=dict)
    """Canonical field -> the caller's own name for it."""
    scope: JsonObject = field(default_factory=dict)
    """Everything else the call said about place."""
    others: tuple[LeadId, ...] = ()
    """The lead's ids in other systems, where the caller gives them; `lead` alone picks its key."""
    traceparent: str | None = None
    """The update's own trace (W3C), where the body carries one; else the call's."""


make_requested = maker(RequestedUpdate)
"""The same at a third of the cost, of all fields in order."""


class Parsed(NamedTuple):
    """A readable call: its updates in order (none where nothing of it can be taken, which the
    answer then says), and what the dialect needs to answer it."""

    updates: tuple[RequestedUpdate, ...]
    memo: object = None
    """Handed back to `answer` untouched."""
    key: str | None = None
    """The caller's own key, where the body carries one, that makes repeats of the call one; the
    header `Idempotency-Key` goes before it."""


class Accepted(NamedTuple):
    """Safe in the log; nobody's outcome was waited for (or none routes it)."""

    event_id: str


class Settled(NamedTuple):
    """The authority's outcome is known."""

    event_id: str
    outcome: Outcome


UpdateResult: TypeAlias = Accepted | Settled

LeadView: TypeAlias = Mapping[str, JsonValue]
"""Last applied canonical fields of a lead with this update on top; unknown fields are absent.
`attributes` holds the caller's attributes, merged; `id` the vendor's id."""


class Answering(NamedTuple):
    """All an answer is rendered from."""

    call: Call
    caller: Caller
    parsed: Parsed
    results: Sequence[UpdateResult]
    """One per update, in order."""
    leads: Sequence[LeadView]
    """One per update, in order; empty unless the dialect `wants_lead`."""
    quota: QuotaState | None
    now: float
    """Unix seconds."""


class Dialect(Protocol):
    """A vendor's API as spoken to us. All methods are pure."""

    name: str
    routes: tuple[Route, ...]
    wants_lead: bool
    """Whether an answer shows the lead."""

    def presented(self, call: Call) -> str | None:
        """The secret a call carries, as `secrets_of` writes it; None where it carries none."""

    def secrets_of(self, settings: BaseModel) -> tuple[str, ...]:
        """A configured credential in every form in which `presented` may return it: operations
        may ask for different parts of it."""

    def quota_of(self, operation: str) -> str:
        """The field of the credential's settings whose quota a call of this operation counts
        against, empty for none; a field that is not set stands for `quota`."""

    def patience(self, call: Call, settings: BaseModel) -> float | None:
        """Seconds that a call waits for its outcome, counted from its first byte; None where it
        is answered as soon as its updates are safe."""

    def parse(self, call: Call, body: bytes, caller: Caller) -> Parsed | Refusal:
        """Bytes to updates, or why not."""

    def answer(self, answering: Answering) -> Answer:
        """Say what became of the call, in the vendor's exact shape."""

    def refuse(self, call: Call, refusal: Refusal, quota: QuotaState | None) -> Answer:
        """Say why a call is not taken, in the vendor's exact shape."""


# --- calls that ask -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StatusOf:
    """What became of an update?"""

    event_id: str
    """As the call has it."""


@dataclass(frozen=True, slots=True)
class Workload:
    """How much of what this caller's tenant sent by this dialect is still to do?"""


Question: TypeAlias = StatusOf | Workload


class DeliveryState(StrEnum):
    """Where one connector is with an update."""

    PENDING = "pending"
    """On its way."""
    WAITING = "waiting"
    """Kept for a later try, or behind another update of its lead."""
    APPLIED = "applied"
    REJECTED = "rejected"
    DEAD_LETTERED = "dead_lettered"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """One connector's side of an update."""

    connector: str
    state: DeliveryState
    outcome: Outcome | None = None
    """The newest verdict; what belongs to another vendor's id space is left out of it."""
    attempts: int = 0
    """Tries so far, those of earlier rounds too."""
    due: float | None = None
    """Unix seconds of the next try, where a time is set."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What became of an update of the caller's tenant."""

    event_id: str
    accepted: float
    """Unix seconds."""
    event: LeadUpdate | None = None
    """None where the ledger has not seen it yet, or the log has let go of it."""
    authority: str | None = None
    """The connector whose verdict answers the caller."""
    deliveries: tuple[DeliveryReport, ...] = ()
    """One per connector (one without a name where no route wanted the update); none where the
    ledger has not seen the update yet."""

    @property
    def answering(self) -> DeliveryReport | None:
        """The authority's side."""
        return next((each for each in self.deliveries if each.connector == self.authority), None)


@dataclass(frozen=True, slots=True)
class WorkloadReport:
    """Updates that an authority answers for."""

    pending: int
    """Those without its verdict."""
    oldest: float
    """Seconds that the oldest of them has waited; 0 where there is none."""
    per_minute: float
    """Verdicts in a minute, over the last ten."""


Report: TypeAlias = StatusReport | WorkloadReport


@runtime_checkable
class AskedDialect(Dialect, Protocol):
    """A dialect with routes that ask. Their calls have a key and a quota like any other; their
    bodies are not read."""

    def ask(self, call: Call, caller: Caller) -> Question | Refusal:
        """What a call asks, or why it can't be told."""

    def tell(self, call: Call, caller: Caller, report: Report | None, now: float) -> Answer:
        """Say it, in the vendor's exact shape; None: the tenant has no such update. `now` is in
        unix seconds."""
