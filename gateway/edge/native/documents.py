"""What the native API answers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class NativeDocument(BaseModel):
    """A JSON object of the native API."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class NativeOutcome(NativeDocument):
    """A connector's verdict on an update."""

    connector: str
    """Whose verdict; empty where no route wanted the update."""
    kind: str
    """`applied`, `rejected`, `dead_lettered`, `superseded` or `skipped`."""
    code: str
    """Why, as a canonical outcome code."""
    message: str
    """The vendor's words, bounded and redacted."""
    vendor_status: int | None
    """The vendor's HTTP status, where it answered."""
    attempts: int
    """Counted attempts."""
    dropped: list[str]
    """What could not be said in the vendor's language and was left out."""
    details: dict[str, Any]
    """Facts that go with the code."""
    time: str
    """When, RFC 3339."""


class NativeUpdate(NativeDocument):
    """An accepted update."""

    id: str
    """The event id."""
    status: str
    """`pending`, or the kind of the outcome."""
    status_url: str
    """Where to ask what became of it, on this server."""
    outcome: NativeOutcome | None = None
    """The authority's, where the call waited for it."""


class NativeDelivery(NativeDocument):
    """One connector's side of an update."""

    connector: str
    """Its name; empty where no route wanted the update."""
    state: str
    """`pending` (on its way), `waiting` (for a later try, or behind another update of its lead), or
    the kind of the newest verdict."""
    attempts: int
    """Counted attempts so far, over all rounds."""
    due: str | None
    """When it is tried again, where a time is set."""
    outcome: NativeOutcome | None
    """The newest verdict."""


class NativeStatus(NativeDocument):
    """What became of an update."""

    id: str
    """The event id."""
    status: str
    """The kind of the authority's verdict, where nobody answers for the update the worst of all;
    `pending` until then."""
    status_url: str
    """Where this was asked, on this server."""
    time: str
    """When it was accepted, RFC 3339."""
    settled: bool
    """Whether every connector has a verdict and nothing waits."""
    authority: str | None
    """The connector whose verdict answers the caller."""
    deliveries: list[NativeDelivery]
    """One per connector; empty for a moment after the update was accepted."""


class NativeFault(NativeDocument):
    """One thing that is wrong with a body."""

    pointer: str
    """Where in the body (JSON Pointer, RFC 6901); empty for the whole of it."""
    code: str
    """What kind of fault, as a canonical outcome code."""
    detail: str
    """What is wrong, as the rest of a sentence about that place."""


class NativeProblem(NativeDocument):
    """Why a call is not taken (RFC 9457)."""

    type: str
    """`about:blank`: the status says it all."""
    title: str
    """The status in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What is wrong."""
    code: str
    """The same as one word that doesn't change."""
    errors: list[NativeFault] | None = None
    """Each fault of the body, at most 20."""
