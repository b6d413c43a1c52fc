"""What rules made of an update."""

from __future__ import annotations

from typing import Any

from gateway.edge.admin.documents.document import Document


class ActionStory(Document):
    """An action of a rule, and what became of it."""

    id: str
    """UUIDv5 of trigger, rule and action; a webhook's `webhook-id`."""
    consumer: str | None
    """Who carries it out."""
    state: str
    """`pending`, `waiting`, or how it ended."""
    message: str
    """Why, where it did not go well."""


class RuleStory(Document):
    """A rule whose condition held."""

    rule: str
    """Its name."""
    result: str
    """`fired`, `resting`, `throttled`, `not_yet` or `loop_refused`."""
    why: str
    """Why it did not fire; empty where it did."""
    actions: list[ActionStory]
    """What it wanted done."""


class FactStory(Document):
    """A trigger, or an outcome, that rules were asked about."""

    id: str
    """Its id."""
    kind: str
    """`postUpdatedLead`, `dispositionAction` or `outcome`."""
    connector: str
    """Whose it is."""
    time: str
    """When rules were asked."""
    version: str
    """Of the rules."""
    matched: list[RuleStory]
    """Rules whose condition held."""
    fact: dict[str, Any]
    """All that rules were told."""
    rules: str | None
    """The rules as they were then; null where they are no longer kept."""


class FactStories(Document):
    """Everything that rules were asked about one update."""

    event_id: str
    """The update's."""
    facts: list[FactStory]
    """Oldest first."""
