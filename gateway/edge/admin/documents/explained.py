"""What would become of a call."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gateway.edge.admin.documents.document import Document


class ExplainWish(Document):
    """A call as it would be made to the inbound listener."""

    method: str = "POST"
    """HTTP's."""
    path: str
    """Path and query."""
    headers: dict[str, str] = Field(default_factory=dict)
    """By name, in any case."""
    body: str = ""
    """The body, as text."""
    dialect: str | None = None
    """Whose first configured credential the call is taken to carry; absent: the call has its own
    key."""


class Heard(Document):
    """An answer."""

    status: int
    """HTTP's."""
    headers: list[tuple[str, str]]
    """In order."""
    body: str
    """As text."""


class RouteSide(Document):
    """A route, held against an update."""

    name: str
    """The route's."""
    when: str
    """Its condition."""
    connectors: list[str]
    """Whom it names."""
    matched: bool
    """Whether it matches."""
    why_not: str
    """Why it does not; empty where it does."""


class VendorRequest(Document):
    """A request that a vendor would get; secrets are `***`, anything else is byte for byte."""

    method: str
    """HTTP's."""
    url: str
    """Whole."""
    headers: list[tuple[str, str]]
    """Every one that goes over the wire, in order."""
    body: str
    """As `encoding` says."""
    encoding: Literal["utf-8", "base64"]
    """`base64` for a body that is no text."""
    assumed: bool
    """Whether it rests on answers that nobody gave: a lead that is there, with nothing else in it,
    and a vendor that takes what it is sent."""


class ConnectorSide(Document):
    """What a connector would do with an update."""

    connector: str
    """Its name."""
    vendor: str
    """Whose API it speaks."""
    shadow: bool
    """Whether it only rehearses: the requests are made, and never sent."""
    after: str | None
    """The connector that must have applied the update before; null: at once."""
    outcome: str
    """How it would end if the vendor took it: `applied`, `skipped`, `rejected`, `dead_lettered`,
    or `retried`."""
    code: str
    """Why, as a canonical outcome code."""
    message: str
    """The same in words, where there are some."""
    requests: list[VendorRequest]
    """In the order sent; none where nothing would be sent."""
    dropped: list[str]
    """What would be left out because the vendor's language can't say it."""
    batch: int
    """Updates of how many leads may share one call; 1 where each has its own."""
    pending: bool
    """Whether the vendor takes the update first, and is asked later what became of it."""
    triggers: list[str]
    """What would be fired if it is applied."""


class ExplainedUpdate(Document):
    """What would become of one update."""

    event: dict[str, Any]
    """The canonical event, as a structured CloudEvent; its id and time are this rehearsal's."""
    routes: list[RouteSide]
    """The tenant's, in order."""
    authority: str | None
    """The connector whose outcome answers the caller."""
    waits: float | None
    """Seconds that the caller waits for it at most; null: it is answered when the update is
    safe."""
    able: bool
    """Whether that outcome can come soon; if not, the caller is told busy at once."""
    connectors: list[ConnectorSide]
    """One per connector that the routes name; none: the update is unrouted."""


class Explained(Document):
    """What would become of a call. Nothing was sent and nothing was kept."""

    dialect: str
    """Whose API it speaks."""
    operation: str
    """The dialect's name of the call."""
    tenant: str | None
    """Whose leads; null where the caller is not known."""
    answer: Heard | None
    """What the caller would hear at once because nothing of the call is taken; null where there
    are updates."""
    updates: list[ExplainedUpdate]
    """In the order of the call."""
