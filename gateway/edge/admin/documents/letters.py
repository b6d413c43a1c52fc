"""Dead letters."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from gateway.edge.admin.documents.document import Document
from gateway.edge.admin.documents.updates import Verdict


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
    scope: str = ""
    """What narrows that id: `key=value;key=value`."""
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
    scope: str = ""
    """What narrows the id: `key=value;key=value`."""
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
