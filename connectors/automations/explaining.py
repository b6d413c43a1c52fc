"""Why a rule did not match, down to the part of its condition that was false. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from connectors.automations.document import VARIABLES
from connectors.automations.facts import Fact
from connectors.automations.rules import Asked, Rule, RuleSet
from gateway.conditions import FALSE, Condition

_OPEN, _CLOSE, _QUOTES = "([{", ")]}", "\"'"


class Said(NamedTuple):
    """What a rule makes of a fact."""

    rule: str
    matches: bool
    why: str
    """Why it does not match; empty where it does."""


def explained(rules: RuleSet, fact: Fact) -> list[Said]:
    """Every rule about the fact's kind, in the file's order."""
    candidates = rules.candidates(fact)
    asked = Asked(fact, candidates)
    return [
        Said(rule.name, not (why := _why_not(rule, fact, rule in candidates, asked)), why)
        for rule in rules.rules
        if rule.settings.on == fact.kind
    ]


def _why_not(rule: Rule, fact: Fact, candidate: bool, asked: Asked) -> str:
    settings = rule.settings
    if not settings.enabled:
        return "it is not enabled"
    if settings.tenants is not None and fact.tenant not in settings.tenants:
        return f"it is for {', '.join(settings.tenants)}, and the lead is {fact.tenant}'s"
    if not candidate:
        said = "none" if fact.disposition is None else repr(fact.disposition)
        wanted = ", ".join(map(repr, settings.dispositions or ()))
        return f"it is for the dispositions {wanted}, and this is {said}"
    why = asked.why_not(rule)
    return _narrowed(settings.when, fact) if why == FALSE else why


def _narrowed(when: str, fact: Fact) -> str:
    """The first part of a conjunction that is false."""
    parts = list(conjuncts(when))
    for part in parts if len(parts) > 1 else ():
        condition = Condition("", part, _nobody, VARIABLES)
        why = condition.why_not(fact.context())
        if why:
            return f"{part} — {why}"
    return f"{when.strip()} — {FALSE}"


def _nobody(_: str, __: str) -> None:
    """Nobody needs to hear of a failure that is told anyway."""


def conjuncts(text: str) -> Iterator[str]:
    """The parts of a CEL expression that `&&` joins at its top; the whole where `||` or `?` do."""
    depth, start, quote, skip = 0, 0, "", False
    parts: list[str] = []
    for place, letter in enumerate(text):
        if skip:
            skip = False
        elif quote:
            skip = letter == "\\"
            quote = "" if letter == quote else quote
        elif letter in _QUOTES:
            quote = letter
        elif letter in _OPEN:
            depth += 1
        elif letter in _CLOSE:
            depth -= 1
        elif depth == 0 and (text.startswith("||", place) or letter == "?"):
            yield text.strip()
            return
        elif depth == 0 and text.startswith("&&", place):
            parts.append(text[start:place])
            start, skip = place + 2, True
    parts.append(text[start:])
    yield from (part.strip() for part in parts)
