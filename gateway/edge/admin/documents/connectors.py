"""Connectors."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.edge.admin.documents.document import Document


class ConnectorLine(Document):
    """A connector in a list."""

    name: str
    """Its name."""
    vendor: str | None
    """Whose API it speaks; null for one that is no longer configured."""
    configured: bool
    """Whether it is in the configuration; one that isn't holds retention back until forgotten."""
    shadow: bool
    """Whether it only rehearses: it builds and records, and never sends."""
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
    shadowed: list[ShadowedUpdate]
    """The newest 3 updates that a shadow connector did not send."""


class UnsentRequest(Document):
    """A request that a shadow connector did not send; secrets are `***`."""

    method: str
    """HTTP's."""
    url: str
    """Whole."""
    headers: list[tuple[str, str]]
    """The connector's own, in order."""
    body: str
    """Its first 2,000 bytes."""
    bytes: int
    """How many there are."""


class Unsent(Document):
    """What a shadow connector would have done with an update."""

    would: str
    """How it would have ended if the vendor took it: `applied`, `skipped`, `rejected`,
    `dead_lettered`, or `retried`."""
    code: str
    """Why, as a canonical outcome code."""
    requests: list[UnsentRequest]
    """At most 5."""


class ShadowedUpdate(Document):
    """An update that a shadow connector did not send."""

    event_id: str
    """The update."""
    lead: str
    """The lead's key."""
    time: str
    """When, RFC 3339."""
    details: Unsent
    """What it would have sent; the same as in the details of its outcome."""


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
