"""What operators are told, and what they say: the JSON of the admin API and of `--json`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Document(BaseModel):
    """A JSON object; unknown names are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )


# --- updates and leads --------------------------------------------------------------------


class Id(Document):
    """A lead's id in one id space."""

    system: str
    """Whose id this is."""
    id: str
    """The id itself."""
    scope: dict[str, str] = Field(default_factory=dict)
    """What narrows it; mostly empty."""


class Try(Document):
    """One attempt at a delivery."""

    number: int
    """From 1; 0 for one that does not count against the lead."""
    at: str
    """When it began, RFC 3339."""
    seconds: float
    """How long it took."""
    result: str
    """`applied`, `refused`, `throttled`, `unavailable`, `connect_failed`, `answer_unknown`, …"""
    status: int | None
    """The vendor's HTTP status, where there was an answer."""
    message: str
    """The vendor's words, bounded and redacted."""


class Verdict(Document):
    """How one round of a delivery ended."""

    id: str
    """The outcome's id; a dead letter has the same."""
    round: int
    """1, and one more per redrive."""
    kind: str
    """`applied`, `rejected`, `dead_lettered`, `superseded`, `skipped`."""
    code: str
    """Why, as a canonical outcome code."""
    message: str
    """The vendor's words, bounded and redacted."""
    status: int | None
    """The vendor's HTTP status."""
    time: str
    """When, RFC 3339."""
    dropped: list[str]
    """What could not be said in the vendor's language and was left out."""
    details: dict[str, Any]
    """Facts that go with the code."""
    snapshot: dict[str, Any] | None
    """The lead as the vendor returned it."""
    attempts: list[Try]
    """Every try, oldest first."""


class Waiting(Document):
    """Where a delivery waits in the store."""

    reason: str
    """`retry`, `waiting` behind another, `awaiting` its authority, `held`, `pending`."""
    round: int
    """1, and one more per redrive."""
    attempts: int
    """Counted attempts so far."""
    due: str | None
    """When it is tried again, where a time is set."""
    tries: list[Try]
    """Every try so far, oldest first."""


class Delivery(Document):
    """One connector's side of an update."""

    connector: str
    """Its name."""
    state: str
    """`pending` (on its way), `waiting` (see `waiting`), or the kind of the newest verdict."""
    verdicts: list[Verdict]
    """One per round, oldest first."""
    waiting: Waiting | None
    """Where it waits, if it does."""


class Update(Document):
    """An accepted update and what became of it."""

    id: str
    """The event id."""
    time: str
    """When it was accepted, RFC 3339."""
    tenant: str
    """Whose lead."""
    lead: str
    """The lead's key."""
    dialect: str
    """Whose API it came by."""
    operation: str
    """The dialect's name of the call."""
    authority: str | None
    """Whose outcome answers the caller."""
    settled: bool
    """Whether every connector has a verdict and nothing waits."""
    partition: int
    """Where it is in the log."""
    offset: int
    """Where it is in the partition."""
    deliveries: list[Delivery]
    """One per connector."""


class Lead(Document):
    """A lead's ids and its newest updates."""

    tenant: str
    """Whose lead."""
    lead: str
    """The lead's key."""
    ids: list[Id]
    """Every linked id, first-linked first; empty for a lead that is linked to nothing."""
    updates: list[Update]
    """The newest updates, oldest of them first."""


class LinksWish(Document):
    """Which ids are one lead; all or nothing."""

    tenant: str | None = None
    """Whose leads; may be left out while one tenant is configured."""
    leads: list[list[Id]] = Field(min_length=1)
    """One list of ids per lead; the first of a new lead gives it its key."""


class LinkedLead(Document):
    """A linked lead."""

    lead: str
    """The lead's key."""
    ids: list[Id]
    """Every id it has now."""


class Linked(Document):
    """What linking did."""

    leads: list[LinkedLead]
    """One per list given, in order."""
    unsettled_ids: int
    """How many of these ids still have unsettled updates, which keep their old key."""
    unsettled_updates: int
    """How many updates those are."""


# --- dead letters -------------------------------------------------------------------------


class Letter(Document):
    """A dead letter in a list."""

    id: str
    """Its outcome's id."""
    connector: str
    """Where it could not be delivered."""
    event_id: str
    """The update."""
    tenant: str
    """Whose lead."""
    lead: str
    """The lead's key."""
    code: str
    """Why, as a canonical outcome code."""
    round: int
    """1, and one more per redrive."""
    time: str
    """When it was condemned, RFC 3339."""
    state: str
    """`open`, `redriven` or `discarded`."""
    status: int | None
    """The vendor's HTTP status."""
    message: str
    """The vendor's words, bounded and redacted."""


class Letters(Document):
    """Dead letters, in log order of each lead."""

    dead_letters: list[Letter]
    """Those that match."""


class LetterStory(Document):
    """A dead letter with all it holds."""

    letter: Letter
    """The line of the list."""
    verdict: Verdict
    """The outcome with its attempts."""
    event: dict[str, Any] | None
    """The update as a structured CloudEvent; null for a gap in the log."""


class LetterFilter(Document):
    """Which dead letters; every condition given must hold, and they must be open."""

    ids: list[str] = Field(default_factory=list)
    """These ids."""
    connector: str | None = None
    """Of this connector."""
    code: str | None = None
    """With this code."""
    since: str | None = None
    """Condemned since this time (RFC 3339) or within this age (`1h`)."""
    lead: str | None = None
    """Of this lead, as SYSTEM:ID or as its key."""
    tenant: str | None = None
    """Whose lead; may be left out while one tenant is configured."""


class RedriveWish(Document):
    """Send dead letters again."""

    filter: LetterFilter = LetterFilter()
    """Which ones; none given: all open ones."""
    dry_run: bool = False
    """Only say what would be done."""
    force: bool = False
    """Also those of which a later update was applied since."""


class RefusedLetter(Document):
    """A dead letter that is not sent again."""

    id: str
    """Its id."""
    reason: str
    """Why not."""


class Redriven(Document):
    """What a redrive did, or would do."""

    dry_run: bool
    """Whether nothing was done."""
    sent: list[str]
    """Ids of those sent again."""
    refused: list[RefusedLetter]
    """Those that stay."""


class DiscardWish(Document):
    """Give up dead letters."""

    filter: LetterFilter
    """Which ones; at least one condition."""


class Discarded(Document):
    """What was given up."""

    discarded: list[str]
    """Ids."""
    unknown: list[str]
    """Ids asked for that are not open dead letters."""


class ReleaseWish(Document):
    """End a hold."""

    lead: str
    """SYSTEM:ID, or the lead's key."""
    connector: str
    """Where it is held."""
    tenant: str | None = None
    """Whose lead; may be left out while one tenant is configured."""


class Released(Document):
    """A hold that ended."""

    lead: str
    """The lead's key."""
    connector: str
    """Where it was held."""
    released: int
    """Dead letters that held it."""


# --- connectors ---------------------------------------------------------------------------


class ConnectorLine(Document):
    """A connector in a list."""

    name: str
    """Its name."""
    vendor: str | None
    """Whose API it speaks; null for one that is no longer configured."""
    configured: bool
    """Whether it is in the configuration; one that isn't holds retention back until forgotten."""
    wish: Literal["run", "paused"]
    """What operators asked of it."""
    state: str
    """`running`, `paused`, `breaker_open`, `stopped`, `waiting` (no process runs it)."""
    reason: str
    """Why it does not run."""
    backlog: int
    """Records of the log it has not settled, and updates it has parked."""
    parked_leads: int
    """Leads that wait in the store."""
    oldest: str | None
    """When the oldest update it has not settled was accepted."""


class Connectors(Document):
    """Every connector that is configured or was ever seen."""

    connectors: list[ConnectorLine]
    """By name."""


class QuotaLeft(Document):
    """One rate limit of the vendor."""

    requests: int
    """Calls in a window."""
    per: float
    """Length of the window in seconds."""
    left: int
    """Calls it would still take."""


class BlockedLead(Document):
    """A lead that waits."""

    lead: str
    """The lead's key."""
    event_id: str
    """Its first waiting update."""
    reason: str
    """`retry`, `waiting`, `awaiting`, `held`, `pending`."""
    attempts: int
    """Counted attempts at that update."""
    due: str | None
    """When it is tried again, where a time is set."""
    since: str
    """When that update was accepted."""
    updates: int
    """How many of its updates wait."""


class ConnectorStory(Document):
    """A connector with all that is known of it."""

    connector: ConnectorLine
    """The line of the list."""
    told: str | None
    """When the process that runs it last said how it is."""
    process: str | None
    """Which process that is."""
    lanes: int | None
    """Leads with work in memory."""
    breaker: str | None
    """`closed`, `open` or `half-open`."""
    next_probe_in: float | None
    """Seconds until the next probe of an open breaker."""
    quota_left: list[QuotaLeft]
    """What the vendor's rate limits still take."""
    blocked: list[BlockedLead]
    """The 20 longest-blocked leads."""


class Wished(Document):
    """What a connector was asked; it looks within a second."""

    connector: str
    """Its name."""
    wish: Literal["run", "paused"]
    """What was asked."""


class SeekWish(Document):
    """Move a connector's frontier."""

    to: str
    """`beginning`, `end`, a time (RFC 3339) or an age (`1h`)."""
    dry_run: bool = False
    """Only say what would be done."""


class Move(Document):
    """A frontier that moves."""

    partition: int
    """Of the updates topic."""
    offset: int | None = Field(alias="from")
    """Where it was; null where the connector was never seen."""
    to: int
    """Where it is now."""


class Sought(Document):
    """A frontier that moved, or would."""

    connector: str
    """Its name."""
    dry_run: bool
    """Whether nothing was done."""
    again: int
    """Records that it reads a second time."""
    passed_by: int
    """Records that it never reads."""
    partitions: list[Move]
    """Partitions that move."""


class Forgotten(Document):
    """A connector that is no longer known."""

    connector: str
    """Its name."""


class Readiness(Document):
    """Whether calls can be accepted."""

    ready: bool
    """Whether an append can be made durable."""
    reason: str | None
    """Why not."""


class Problem(Document):
    """Why something can't be done (RFC 9457)."""

    type: str
    """`about:blank`: the status says it all."""
    title: str
    """The status in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What is wrong."""
