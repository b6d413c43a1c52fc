"""What would become of an event, with nothing done of it: the port by which the front door and
operators ask, kept by whoever knows the connectors."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gateway.model.codes import Code
from gateway.model.event import LeadUpdate
from gateway.model.outcome import Kind
from gateway.model.trigger import TriggerKind
from gateway.transport.port import HttpRequest


class Shown(NamedTuple):
    """A request that a vendor would get, byte for byte but for its secrets, which are masked."""

    request: HttpRequest
    """With every header that goes over the wire, those of the HTTP client too."""
    assumed: bool
    """Whether it rests on answers that nobody gave: a lead that is there, with nothing else in it,
    and a vendor that takes what it is sent."""


class Rehearsed(NamedTuple):
    """One connector's side of an event."""

    connector: str
    shadow: bool
    """Whether the connector only rehearses: its requests would be made and not sent."""
    requests: tuple[Shown, ...]
    """In the order sent; none where nothing would be sent."""
    kind: Kind | None
    """How the delivery would end if the vendor took it; None: it would be tried again."""
    code: Code | None
    message: str
    """Why, where it is no success."""
    dropped: tuple[str, ...]
    """What would be left out."""
    batch: int
    """Updates of how many leads one call may carry."""
    pending: bool
    """Whether the vendor takes an update first, and is asked later what became of it."""
    triggers: tuple[TriggerKind, ...]
    """What would be fired if it is applied."""


class Rehearsal(Protocol):
    """Connectors, held against an event."""

    async def rehearse(self, event: LeadUpdate) -> tuple[Rehearsed, ...]:
        """One for each of the event's connectors, in its order; the lead's links and last applied
        fields are those of now. Raises DatabaseUnavailable."""
