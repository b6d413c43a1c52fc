"""The canonical event: one requested update of one lead, in a CloudEvents 1.0 envelope."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Literal, TypeAlias

from gateway.model.changes import Changes
from gateway.model.json import JsonObject

UPDATE_REQUESTED = "io.leadwire.lead.update.requested.v1"

Scope: TypeAlias = tuple[tuple[str, str], ...]
"""What narrows an id inside its system, as sorted (name, value) pairs; mostly empty."""
Followers: TypeAlias = Literal["at_once", "after_authority"]


def scope_of(values: Mapping[str, str]) -> Scope:
    """A mapping as a scope."""
    return tuple(sorted(values.items()))


@dataclass(frozen=True, slots=True)
class LeadId:
    """A lead's id in one id space."""

    system: str
    """Whose id this is: a connector's system, `email`, `phone`, or `<system>:<field>`."""
    id: str
    scope: Scope = ()


_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?"
)


def trace_of(given: object) -> str | None:
    """A `traceparent`; None for what can't be one, which is passed over (W3C Trace Context,
    section 3.2.2)."""
    return given if isinstance(given, str) and _TRACEPARENT.fullmatch(given) else None


def lead_key(tenant: str, lead: LeadId) -> str:
    """The key of a lead that is linked to nothing: computed, so that it needs no write."""
    parts = (tenant, lead.system, *(f"{k}={v}" for k, v in lead.scope), lead.id)
    digest = blake2b("\0".join(parts).encode(), digest_size=16)
    return "ld_" + digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Attributes:
    """What has no canonical field, under the caller's own names."""

    mode: Literal["merge", "replace"] = "merge"
    """`merge` is RFC 7396; `replace` gives the whole new set."""
    patch: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TriggerWishes:
    """What the caller wants automations to hear of."""

    post_updated_lead: bool = False
    disposition_actions: bool = True


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the update came from, in the caller's own words."""

    dialect: str
    operation: str
    system: str = ""
    """The id space of the credential that called."""
    batch: str | None = None
    """The id shared by the updates of one call of many."""
    scope: JsonObject = field(default_factory=dict)
    """Everything the call said about place (campaign, template, allocation, chatbot)."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Canonical field -> the caller's own name for it."""
    hops: int = 0
    """How many of our own actions in a row led here; 0 for what somebody called for."""


@dataclass(frozen=True, slots=True)
class LeadUpdate:
    """One requested update. `id`, `time` and routing are fixed when it is accepted."""

    id: str
    """UUIDv7."""
    time: str
    """When it was accepted, RFC 3339 UTC with milliseconds."""
    tenant: str
    lead_key: str
    ids: tuple[LeadId, ...]
    changes: Changes
    attributes: Attributes
    triggers: TriggerWishes
    origin: Origin
    connectors: tuple[str, ...] = ()
    """Who delivers it."""
    authority: str | None = None
    """Whose outcome answers the caller."""
    followers: Followers = "at_once"
    replyto: str | None = None
    """Partition of the replies topic that waits for the authority's outcome."""
    traceparent: str | None = None

    def renamed(self, event_id: str) -> LeadUpdate:
        """The same update under the id an earlier call gave it."""
        return replace(self, id=event_id)

    @property
    def source(self) -> str:
        """CloudEvents `source`."""
        return f"/{self.tenant}/{self.origin.dialect}"
