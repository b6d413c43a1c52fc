"""The file of rules, as its author writes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from gateway.settings.conditions import condition
from gateway.settings.durations import Duration
from gateway.settings.model import ConnectorSettings, Section

VARIABLES = frozenset(
    {"tenant", "dialect", "lead", "changes", "attributes", "triggers", "origin"}
    | {"before", "connector", "kind", "time", "event", "outcome"}
)
"""What a rule's condition may speak of."""
KINDS = ("webhook", "publish", "update_lead", "email", "log")


def _condition(text: str) -> str:
    return condition(text, VARIABLES)


RuleCondition = Annotated[str, AfterValidator(_condition)]
"""CEL over VARIABLES."""


class UpdateSettings(Section):
    """An update of the lead itself, in the native API's words."""

    changes: dict[str, Any] = Field(default_factory=dict)
    """Canonical field -> its value, or null to clear it; `${field}` in a text is filled in."""
    attributes: dict[str, Any] = Field(default_factory=dict)
    """By the caller's own names; merged (RFC 7396)."""
    post_updated_lead: bool = False
    """Whether automations hear of it once it is applied."""


class MessageSettings(Section):
    """A message; `${field}` in its texts is filled in."""

    to: str | list[str]
    """Who gets it; one address, or several."""
    subject: str = Field(min_length=1)
    """Its subject."""
    text: str
    """Its text, plain."""


class EmailSettings(Section):
    """The server that takes messages."""

    host: str = Field(min_length=1)
    """Its name."""
    port: int = Field(587, ge=1, le=65535)
    """Its port."""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted."""
    username: str | None = None
    """Who we are; absent: it asks nobody."""
    password: SecretStr | None = None
    """Of `username`."""
    sender: str = Field(alias="from", pattern=r"^[^\s<>@]+@[^\s<>@]+$")
    """The address that messages come from."""
    timeout: Duration = 30.0
    """Time for one message."""


class ActionSettings(Section):
    """One thing to do; exactly one of `webhook`, `publish`, `update_lead`, `email`, `log`."""

    name: str | None = None
    """By which its id is made: keep it, or what fired before may be done again. Default: what it
    is, and its place among the actions of the rule."""
    webhook: str | None = None
    """Name of an endpoint."""
    publish: str | None = Field(None, pattern=r"^[A-Za-z0-9._-]{1,249}$")
    """A topic on the cluster of the log, by its whole name; it is there already."""
    update_lead: UpdateSettings | None = None
    """A follow-up update of the lead."""
    email: MessageSettings | None = None
    """A message by the server of `email`."""
    log: str | None = None
    """A line for operators; nothing is filled in."""

    @model_validator(mode="after")
    def _one(self) -> ActionSettings:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise ValueError(f"should have exactly one of {', '.join(KINDS)}")
        return self

    @property
    def kind(self) -> str:
        """Which of KINDS it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


class ThrottleSettings(Section):
    """How often a rule may fire, over all leads."""

    fires: int = Field(ge=1)
    """So many times."""
    per: Duration
    """In any so long a time."""


class RuleSettings(Section):
    """When something is to be done, and what."""

    name: str = Field(min_length=1)
    """By which it is known, and its actions' ids are made."""
    on: Literal["postUpdatedLead", "dispositionAction", "outcome"]
    """What is looked at."""
    when: RuleCondition = "true"
    """CEL over `tenant`, `dialect`, `lead`, `changes`, `attributes`, `triggers`, `origin`,
    `before`, `connector`, `kind`, `time`, `event` and, on outcomes, `outcome`."""
    tenants: list[str] | None = None
    """Whose leads; absent: everybody's."""
    dispositions: list[str] | None = None
    """Only updates that set one of these; an index: rules for others cost nothing."""
    once_per_lead: Duration | None = None
    """After it fired for a lead it rests for so long, for that lead."""
    throttle: ThrottleSettings | None = None
    """How often it may fire."""
    enabled: bool = True
    """Whether it is asked at all."""
    do: list[ActionSettings] = Field(min_length=1)
    """What is done, in order."""


class DispositionSettings(Section):
    """A row of the table of dispositions: actions bound to codes, as Noojee binds them."""

    name: str | None = None
    """As a rule's; default `disposition CODE…`."""
    codes: list[str] = Field(min_length=1)
    """Dispositions that share these actions."""
    when: RuleCondition = "true"
    """As a rule's."""
    at: int | None = Field(None, ge=1)
    """Only at the so manyth in a row of these codes for the lead (a *Continuation*)."""
    tenants: list[str] | None = None
    """As a rule's."""
    do: list[ActionSettings] = Field(min_length=1)
    """As a rule's."""


class Automations(Section):
    """The whole file."""

    endpoints: dict[str, ConnectorSettings] = Field(default_factory=dict)
    """Whom webhooks call, by name: settings as of a `webhook` connector."""
    disable_after: Duration = 432_000.0
    """An endpoint that gave no proper answer for so long is paused, as one is at once that answers
    410; `leadwire connectors resume` lets it go on."""
    email: EmailSettings | None = None
    """The server that takes messages."""
    rules: list[RuleSettings] = Field(default_factory=list)
    """What is done when."""
    dispositions: list[DispositionSettings] = Field(default_factory=list)
    """Disposition codes and their actions."""
    max_hops: int = Field(5, ge=0, le=100)
    """How many of our own updates may follow from one another; what would be the next is refused
    as a loop."""
