"""Updates and leads."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from gateway.edge.admin.documents.document import Document


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
    """Facts that go with the code, without people's data. That, and the lead as the vendor
    returned it, is in the outcome's own event."""
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
