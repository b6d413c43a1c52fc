"""Acme's words and ours, as tables, and the two ways over them."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.dialect import Caller, RequestedUpdate
from gateway.model.changes import CLEAR, Change, Clear, Keep, Set
from gateway.model.codes import Code
from gateway.model.event import Attributes, LeadId, LeadUpdate
from gateway.model.json import JsonValue
from tests.example_vendor.wire import AcmeUpdate

DIALECT = "acme"

CANONICAL: Mapping[str, str] = {
    "name": "full_name",
    "email": "email",
    "company": "company",
    "stage": "status",
}
"""Acme's field -> ours. Any other field is an attribute under its own name."""
NAMES: Mapping[str, str] = {ours: theirs for theirs, ours in CANONICAL.items()}

STATUS_IN: Mapping[str, str] = {"Lead": "new", "Customer": "converted", "Lost": "lost"}
STATUS_OUT: Mapping[str, str] = {ours: theirs for theirs, ours in STATUS_IN.items()}

RESULTS: Mapping[Code, str] = {
    Code.UNAUTHENTICATED: "BAD_KEY",
    Code.LEAD_NOT_FOUND: "NO_PERSON",
    Code.RATE_LIMITED: "TOO_FAST",
    Code.TIMEOUT: "DOWN",
    Code.INTERNAL: "DOWN",
}
"""Canonical code -> Acme's result; one without a row is BAD_VALUE about the code."""

REFUSALS: Mapping[str, Code] = {
    "NO_PERSON": Code.LEAD_NOT_FOUND,
    "BAD_VALUE": Code.VALIDATION_FAILED,
}
"""Acme's result -> canonical code, for what is said about a lead."""


def requested(update: AcmeUpdate, caller: Caller) -> RequestedUpdate:
    """A record as a canonical update."""
    changes: dict[str, Change] = {}
    attributes: dict[str, JsonValue] = {}
    for name, value in update.fields.items():
        ours = CANONICAL.get(name)
        if ours is None:
            attributes[name] = value
        elif value is None:
            changes[ours] = CLEAR
        else:
            changes[ours] = Set(STATUS_IN[value], raw=value) if name == "stage" else Set(value)
    names = {ours: NAMES[ours] for ours in changes}
    lead = LeadId(caller.system, update.person)
    return RequestedUpdate(lead, changes, Attributes("merge", attributes), names=names)


def said(
    event: LeadUpdate, renames: Mapping[str, str], *, send_unmapped: bool
) -> tuple[dict[str, str | None], tuple[str, ...]]:
    """The body's fields for an event, and the names of what Acme has no words for.

    `renames` is our field or attribute -> Acme's name. An event that came in by this dialect
    gets its own names and values back.
    """
    own = event.origin.dialect == DIALECT
    rows: list[tuple[str | None, str, JsonValue]] = [
        (NAMES.get(ours) or renames.get(ours), ours, _value(ours, change, own))
        for ours, change in event.changes.items()
        if not isinstance(change, Keep)
    ]
    for ours, value in event.attributes.patch.items():
        rows.append((renames.get(ours, ours if own or send_unmapped else None), ours, value))
    fields: dict[str, str | None] = {}
    dropped: list[str] = []
    for name, ours, value in rows:
        if name is None or not isinstance(value, str | None):
            dropped.append(ours)
        else:
            fields.setdefault(name, value)
    return fields, tuple(dropped)


def _value(ours: str, change: Set | Clear, own: bool) -> JsonValue:
    """Acme's value; one that is no text and not None can't be said."""
    if isinstance(change, Clear):
        return None
    if own:
        return change.received
    return STATUS_OUT.get(str(change.value), False) if ours == "status" else change.value
