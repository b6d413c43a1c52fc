"""What rules make of some facts, given what is remembered. Pure: time is passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field

import orjson

from connectors.automations.facts import Fact
from connectors.automations.rules import (
    MOST_ACTIONS,
    Asked,
    Queued,
    Rule,
    RuleSet,
    Verdict,
    actions_of,
    loops,
)
from gateway.eventlog.port import Record
from gateway.model.action import action_headers, action_value
from gateway.store.automations import Count, FactRow, Memory, Rest
from gateway.store.settling import ParkedRow

Lead = tuple[str, str, str]
"""Rule, tenant, lead."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A fact with its place in the log."""

    fact: Fact
    record: Record


@dataclass(slots=True)
class Decided:
    """What some facts came to."""

    facts: list[FactRow] = field(default_factory=list)
    rests: list[Rest] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    actions: list[tuple[str, ParkedRow]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    refused: list[Queued] = field(default_factory=list)
    """Actions that would have been one hop too many."""


class Deciding:
    """Decides for one set of rules; remembers only how often each fired of late."""

    def __init__(self, rules: RuleSet) -> None:
        """Nothing has fired."""
        self.rules = rules
        self._fires: dict[str, deque[float]] = {}

    def decide(self, seen: Iterable[Seen], memory: Memory, now: float) -> Decided:
        """Facts in the order of the log; `now` is unix seconds. A fact that fired before comes to
        nothing."""
        decided, ids = Decided(), set(memory.seen)
        rests, counts = dict(memory.rests), dict(memory.counts)
        for one in seen:
            if one.fact.id in ids:
                continue
            ids.add(one.fact.id)
            self._ask(one, rests, counts, now, decided)
        return decided

    def _ask(
        self,
        one: Seen,
        rests: MutableMapping[Lead, float],
        counts: MutableMapping[Lead, int],
        now: float,
        decided: Decided,
    ) -> None:
        fact, rules = one.fact, self.rules.candidates(one.fact)
        asked, verdicts, queued = Asked(fact, rules), list[Verdict](), list[Queued]()
        if fact.kind == "dispositionAction":
            decided.counts += self._interrupted(fact, rules, counts)
        for rule in rules:
            why_not = asked.why_not(rule)
            if why_not:
                verdicts.append(Verdict(rule.name, "unmatched", why_not))
                continue
            held = self._held(rule, fact, rests, counts, now, decided)
            if held is not None:
                verdicts.append(held)
                continue
            actions = actions_of(rule, fact, self.rules.version)
            if loops(rule, fact, self.rules.max_hops):
                decided.refused += actions
                why = f"it would be the {self.rules.max_hops + 1}. update in a row of our own"
                verdicts.append(Verdict(rule.name, "loop_refused", why))
                continue
            self._fired(rule, fact, rests, now, decided)
            verdicts.append(Verdict(rule.name, "fired", "", tuple(q.action.id for q in actions)))
            queued += actions
        decided.verdicts += verdicts
        decided.facts.append(self._row(fact, verdicts, now))
        for number, each in enumerate(queued):
            decided.actions.append((each.consumer, _row(each, one.record, number)))

    def _interrupted(
        self, fact: Fact, rules: tuple[Rule, ...], counts: MutableMapping[Lead, int]
    ) -> Iterator[Count]:
        """Another disposition ends a row of those that a rule counts."""
        if not self.rules.counting:
            return
        asked = {rule.name for rule in rules}
        for rule in self.rules.counting:
            key = (rule.name, fact.tenant, fact.lead)
            if rule.name not in asked and counts.get(key):
                counts[key] = 0
                yield Count(*key, 0)

    def _held(
        self,
        rule: Rule,
        fact: Fact,
        rests: MutableMapping[Lead, float],
        counts: MutableMapping[Lead, int],
        now: float,
        decided: Decided,
    ) -> Verdict | None:
        """Why a rule whose condition holds does not fire now."""
        key = (rule.name, fact.tenant, fact.lead)
        if rule.at is not None:
            counts[key] = counts.get(key, 0) + 1
            decided.counts.append(Count(*key, counts[key]))
            if counts[key] != rule.at:
                why = f"it is number {counts[key]} in a row, and the rule waits for {rule.at}"
                return Verdict(rule.name, "not_yet", why)
        if rule.settings.once_per_lead is not None and rests.get(key, 0.0) > now:
            return Verdict(rule.name, "resting", "it fired for this lead a short while ago")
        throttle = rule.settings.throttle
        if throttle is not None:
            fires = self._fires.setdefault(rule.name, deque())
            while fires and fires[0] <= now - throttle.per:
                fires.popleft()
            if len(fires) >= throttle.fires:
                return Verdict(rule.name, "throttled", "it fired as often as it may")
        return None

    def _fired(
        self,
        rule: Rule,
        fact: Fact,
        rests: MutableMapping[Lead, float],
        now: float,
        decided: Decided,
    ) -> None:
        if rule.settings.throttle is not None:
            self._fires.setdefault(rule.name, deque()).append(now)
        if rule.settings.once_per_lead is not None:
            until = now + rule.settings.once_per_lead
            rests[rule.name, fact.tenant, fact.lead] = until
            decided.rests.append(Rest(rule.name, fact.tenant, fact.lead, until))

    def _row(self, fact: Fact, verdicts: list[Verdict], now: float) -> FactRow:
        matched = [one for one in verdicts if one.result != "unmatched"]
        told = [[one.rule, one.result, one.why, list(one.actions)] for one in matched]
        return FactRow(
            fact.id,
            fact.kind,
            fact.update.id,
            fact.tenant,
            fact.lead,
            fact.connector,
            self.rules.version,
            orjson.dumps(told).decode(),
            orjson.dumps(fact.kept(), default=dict).decode(),
            now,
        )


def _row(queued: Queued, record: Record, number: int) -> ParkedRow:
    action = queued.action
    return ParkedRow(
        action.update.lead_key,
        record.offset * MOST_ACTIONS + number,
        record.partition,
        action.id,
        1,
        "waiting",
        0.0,
        "{}",
        orjson.dumps(action_headers(action)).decode(),
        action_value(action).decode(),
        record.time,
    )
