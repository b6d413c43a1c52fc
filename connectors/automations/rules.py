"""Rules: found by what they are about, then asked one by one. Pure.

Most facts concern few rules. So rules are kept by kind, tenant and disposition, and only those
under a fact's own are asked in CEL, whose evaluation is by far the dearest part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from connectors.automations.document import (
    VARIABLES,
    ActionSettings,
    Automations,
    DispositionSettings,
    RuleSettings,
)
from connectors.automations.facts import Fact
from gateway.conditions import Condition, prepared
from gateway.model.action import Action, action_id, addressed
from gateway.model.json import JsonValue
from gateway.settings.problems import Path

ANY = "*"
"""In place of a tenant or a disposition: every one."""
ALWAYS = "true"
MOST_ACTIONS = 256
"""Places for the actions of one fact, between its offset and the next."""
CONSUMER = "automations."
"""What the names of those begin with that carry actions out."""


@dataclass(frozen=True)
class Rule:
    """A rule, ready to be asked."""

    settings: RuleSettings
    condition: Condition | None
    """None where it always holds."""
    at: int | None = None
    """Only at the so manyth of its dispositions in a row."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.settings.name


class Verdict(NamedTuple):
    """What a rule said to a fact."""

    rule: str
    result: str
    """`fired`, or why not: `unmatched`, `resting`, `throttled`, `not_yet`, `loop_refused`,
    `failed`."""
    why: str = ""
    """In words; empty where it fired."""
    actions: tuple[str, ...] = ()
    """Ids of what is done."""


class Queued(NamedTuple):
    """An action, and who carries it out."""

    consumer: str
    action: Action


class Written(NamedTuple):
    """A rule as it stands in the file; rows of the table of dispositions are rules too."""

    place: Path
    settings: RuleSettings
    at: int | None = None


def written(automations: Automations) -> Iterator[Written]:
    """Every rule."""
    for number, rule in enumerate(automations.rules):
        yield Written(("rules", number), rule)
    for number, row in enumerate(automations.dispositions):
        yield Written(("dispositions", number), _as_rule(row), row.at)


def _as_rule(row: DispositionSettings) -> RuleSettings:
    name = row.name or f"disposition {', '.join(row.codes)}"
    if row.name is None and row.at is not None:
        name = f"{name} at {row.at}"
    return RuleSettings(
        name=name,
        on="dispositionAction",
        when=row.when,
        tenants=row.tenants,
        dispositions=row.codes,
        do=row.do,
    )


class RuleSet:
    """The rules of one file."""

    def __init__(self, automations: Automations, version: str) -> None:
        """Compile and index; raises ValueError for a condition that is none."""
        self.version = version
        self.max_hops = automations.max_hops
        self.failures: dict[str, str] = {}
        """Rules whose condition could not be evaluated, and why."""
        self.rules = [
            Rule(one.settings, self._condition(one.settings), one.at)
            for one in written(automations)
        ]
        self._index: dict[tuple[str, str, str], list[Rule]] = {}
        for rule in self.rules:
            if rule.settings.enabled:
                for key in _keys(rule.settings):
                    self._index.setdefault(key, []).append(rule)
        self._known: dict[tuple[str, str, str], tuple[Rule, ...]] = {}
        self._order = {id(rule): number for number, rule in enumerate(self.rules)}
        self.counting = [rule for rule in self.rules if rule.at is not None]
        self.remembers = any(
            rule.settings.once_per_lead is not None or rule.at is not None for rule in self.rules
        )
        self.kinds = frozenset(rule.settings.on for rule in self.rules if rule.settings.enabled)

    def most_actions(self) -> int:
        """The most that a fact can call for, should every condition hold."""
        return max(
            (sum(len(rule.settings.do) for rule in self._look_up(*key)) for key in self._index),
            default=0,
        )

    def _condition(self, rule: RuleSettings) -> Condition | None:
        if rule.when.strip() == ALWAYS:
            return None
        return Condition(rule.name, rule.when, self._failed, VARIABLES)

    def _failed(self, rule: str, reason: str) -> None:
        self.failures[rule] = reason

    def candidates(self, fact: Fact) -> tuple[Rule, ...]:
        """Rules about facts of this kind, tenant and disposition, in the file's order."""
        key = (fact.kind, fact.tenant, fact.disposition or "")
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = tuple(self._look_up(*key))
            if len(self._known) > 10_000:  # dispositions are the callers' words
                self._known.clear()
        return found

    def _look_up(self, kind: str, tenant: str, disposition: str) -> Sequence[Rule]:
        rules = [
            rule
            for whose in {tenant, ANY}
            for what in {disposition, ANY}
            for rule in self._index.get((kind, whose, what), ())
        ]
        return sorted(rules, key=lambda rule: self._order[id(rule)])


def _keys(rule: RuleSettings) -> Iterator[tuple[str, str, str]]:
    for tenant in rule.tenants or (ANY,):
        for disposition in rule.dispositions or (ANY,):
            yield rule.on, tenant, disposition


class Asked:
    """A fact, as conditions see it, made once for many."""

    def __init__(self, fact: Fact, rules: Sequence[Rule]) -> None:
        """For these rules."""
        wanted = {name for rule in rules if rule.condition for name in rule.condition.names}
        self._event = prepared(fact.context(), wanted) if wanted else {}

    def why_not(self, rule: Rule) -> str:
        """Why a rule's condition does not hold; empty where it does."""
        return "" if rule.condition is None else rule.condition.why_not(self._event)


def actions_of(rule: Rule, fact: Fact, version: str) -> list[Queued]:
    """What a rule that fires wants done."""
    found = []
    for number, settings in enumerate(rule.settings.do):
        name = settings.name or f"{settings.kind}-{number + 1}"
        consumer = CONSUMER + (settings.webhook or settings.kind)
        id = action_id(fact.id, rule.name, name)
        action = Action(
            addressed(fact.update, id, consumer),
            settings.kind,
            rule.name,
            name,
            version,
            _call(settings),
            fact.told,
            dict(fact.before),
        )
        found.append(Queued(consumer, action))
    return found


def _call(settings: ActionSettings) -> dict[str, JsonValue]:
    told: Mapping[str, JsonValue] = settings.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in told.items() if name != "name"}


def loops(rule: Rule, fact: Fact, most: int) -> bool:
    """Whether the rule would update the lead once more than is allowed from our own updates."""
    updates = any(action.update_lead is not None for action in rule.settings.do)
    return updates and fact.update.origin.hops >= most
