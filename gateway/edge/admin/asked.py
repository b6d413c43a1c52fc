"""What an operation is asked, what it works on, and how it refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.clock import Clock
from gateway.edge.admin.documents import Explained, ExplainWish
from gateway.eventlog.port import EventLog
from gateway.model.event import LeadId, scope_of
from gateway.model.json import JsonValue
from gateway.settings.durations import seconds
from gateway.settings.model import Settings
from gateway.store.leads import scope_from_text
from gateway.store.links import Links
from gateway.store.port import Store

Explain: TypeAlias = Callable[[ExplainWish], Awaitable[Explained]]
"""Raises Refused, DatabaseUnavailable."""
B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Parts:
    """What operations work on."""

    settings: Settings
    log: EventLog
    store: Store
    clock: Clock
    links: Links
    """Refreshed after links changed, before the operator hears so."""
    explain: Explain
    """Says what would become of a call."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of an operator."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: JsonValue = None


class Refused(Exception):
    """It can't be done; `status` is HTTP's word for why."""

    def __init__(self, status: int, detail: str) -> None:
        """400: wrong words; 404: no such thing; 409: not as things are."""
        super().__init__(detail)
        self.status, self.detail = status, detail


def body_of(asked: Asked, model: type[B]) -> B:
    """The body as a model. Raises Refused, naming each fault by its place."""
    try:
        return model.model_validate(asked.body)
    except ValidationError as error:
        raise Refused(400, _words(error)) from None


def _words(error: ValidationError) -> str:
    said = []
    for row in error.errors(include_input=False, include_url=False):
        place = ".".join(str(part) for part in row["loc"])
        said.append(f"{place}: {row['msg']}" if place else row["msg"])
    return "; ".join(said)


def moment(text: str, now: float, name: str) -> float:
    """Unix seconds of an RFC 3339 time with a zone, or of a duration before `now`. Raises
    Refused."""
    try:
        return now - seconds(text)
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        wanted = "a time with a zone (2026-01-31T08:00:00Z) or an age (90s, 1h, 14d)"
        raise Refused(400, f"{name} is {wanted}, not {text!r}")
    return time.timestamp()


def whole(text: str, name: str, most: int) -> int:
    """A whole number from 1 to `most`. Raises Refused."""
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= most:
        raise Refused(400, f"{name} is a whole number from 1 to {most}, not {text!r}")
    return int(text)


def flag(text: str, name: str) -> bool:
    """`true`, `1` or an empty value, `false` or `0`. Raises Refused."""
    if text in {"", "1", "true"}:
        return True
    if text in {"0", "false"}:
        return False
    raise Refused(400, f"{name} is true or false, not {text!r}")


def tenant_of(parts: Parts, given: str | None) -> str:
    """The tenant meant; may be left out while there is one. Raises Refused."""
    tenants = parts.settings.tenants
    if given is None:
        if len(tenants) == 1:
            return next(iter(tenants))
        raise Refused(400, f"tenant is one of {', '.join(tenants) or 'none: none is configured'}")
    if given not in tenants:
        raise Refused(400, f"there is no tenant {given!r}; there are {', '.join(tenants)}")
    return given


def lead_id(system: str, id: str, scope: Mapping[str, str] | str) -> LeadId:
    """An id as updates carry it: an e-mail address trimmed and in lower case. Raises Refused."""
    try:
        narrow = scope_from_text(scope) if isinstance(scope, str) else scope_of(scope)
    except ValueError as error:
        raise Refused(400, str(error)) from None
    text = id.strip().lower() if system == "email" else id.strip()
    if not system or not text:
        raise Refused(400, "a lead's id has a system and an id")
    if system == "phone" and not (text.startswith("+") and text[1:].isdecimal()):
        raise Refused(400, "a phone number is given in E.164 (+ and digits)")
    return LeadId(system, text, narrow)


def named_lead(text: str, scope: str = "") -> LeadId:
    """The id in `SYSTEM:ID`, narrowed by a scope. Raises Refused."""
    system, colon, id = text.partition(":")
    if not colon:
        raise Refused(400, "a lead is named SYSTEM:ID")
    return lead_id(system, id, scope)
