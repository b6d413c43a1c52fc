"""What every document is, and the two that any part of the listener may answer."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A JSON object; unknown names are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )


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
