"""What a vendor's fake backend is to the host that serves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.dialect import Answer
from gateway.model.json import JsonObject


@dataclass(frozen=True, slots=True)
class BackendCall:
    """A call to a fake backend."""

    method: str
    path: str
    """Without the vendor's prefix; decoded."""
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    now: float
    """Unix seconds."""


class Backend(Protocol):
    """A vendor's server with state, answering by the vendor's page. It does no I/O; the host
    records every call and injects faults before the backend is asked."""

    name: str

    def handle(self, call: BackendCall) -> Answer:
        """Answer a call and change state; unknown paths get the vendor's 404."""

    def leads(self) -> list[JsonObject]:
        """Every lead, as the sandbox keeps it (`id` and the vendor's own fields)."""

    def seed(self, lead: JsonObject) -> None:
        """Create or replace a lead; raises ValueError for one that can't be kept.

        Beside the vendor's fields a lead may carry sandbox switches that the slice's README
        lists (on the do-not-call list, being edited, locked).
        """

    def lead_of(self, call: BackendCall) -> str | None:
        """The id of the lead a call is about, for faults and records of one lead."""
