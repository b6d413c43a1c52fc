"""When rules fire, and what they want done."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.model.action import read_action
from gateway.model.ids import derived_id
from gateway.store.automations import Count, Memory, Rest
from tests.connectors.automations.rulebook import HOOK, NOTHING, fact, results, rule, rules, seen

FIRED = [("a", "fired")]


def test_a_rule_fires_with_its_actions() -> None:
    """Each is queued for who carries it out, under an id of trigger, rule and action, in the
    order of the lead; nothing secret is in it."""
    deciding = rules(
        rule(do=[{"webhook": "hook"}, {"name": "note", "log": "said"}]), endpoints={"hook": HOOK}
    )
    decided = deciding.decide(seen(fact(7, before={"disposition": "New"})), NOTHING, 5.0)
    assert [(name, row.lead, row.pos, row.state) for name, row in decided.actions] == [
        ("automations.hook", "ld_42", 0, "waiting"),
        ("automations.log", "ld_42", 1, "waiting"),
    ]
    _, row = decided.actions[1]
    action = read_action(dict(orjson.loads(row.headers)), row.value.encode())
    assert action.id == row.event_id == derived_id("t7/a/note")
    assert (action.rule, action.name, action.call) == ("a", "note", {"log": "said"})
    assert (action.fact["event_id"], action.before) == (fact(7).update.id, {"disposition": "New"})
    assert (action.update.connectors, action.update.authority) == (("automations.log",), None)
    (written,) = decided.facts
    assert (written.id, written.version) == ("t7", deciding.rules.version)
    ids = [derived_id("t7/a/webhook-1"), derived_id("t7/a/note")]
    assert orjson.loads(written.matched) == [["a", "fired", "", ids]]


def test_a_fact_that_was_seen_does_nothing() -> None:
    """Neither one that fired before, nor one that is there twice."""
    deciding = rules(rule())
    assert results(deciding, fact(1), fact(1)) == FIRED
    assert results(deciding, fact(1), memory=Memory(frozenset({"t1"}), {}, {})) == []


@pytest.mark.parametrize(
    ("own", "given", "expected"),
    [
        ({}, {}, FIRED),
        ({"dispositions": ["Sale", "Sold"]}, {}, FIRED),
        ({"dispositions": ["Sold"]}, {}, []),
        ({"dispositions": ["Sale"]}, {"disposition": None}, []),
        ({"tenants": ["default"]}, {}, FIRED),
        ({"tenants": ["other"]}, {}, []),
        ({"on": "postUpdatedLead"}, {}, []),
        ({"on": "postUpdatedLead"}, {"kind": "postUpdatedLead", "disposition": None}, FIRED),
        ({"enabled": False}, {}, []),
        ({"when": 'changes.disposition.value == "Sale"'}, {}, FIRED),
        ({"when": 'attributes.plan == "free"'}, {}, [("a", "unmatched")]),
        ({"when": 'before["status"] == "new"'}, {"before": {"status": "new"}}, FIRED),
        ({"when": 'before["status"] == "new"'}, {}, [("a", "unmatched")]),
        ({"when": 'connector == "crm" && kind == "dispositionAction"'}, {}, FIRED),
    ],
)
def test_what_a_rule_is_about(own: dict[str, Any], given: dict[str, Any], expected: Any) -> None:
    """Kind, tenant and disposition pick the rules that are asked; their condition decides."""
    assert results(rules(rule(**own)), fact(**given)) == expected


def test_it_rests_for_a_lead_after_it_fired() -> None:
    """For so long, whatever process asks; other leads don't matter."""
    deciding = rules(rule(once_per_lead="1h"))
    decided = deciding.decide(seen(fact(1), fact(2), fact(3, lead="43")), NOTHING, 100.0)
    assert [verdict.result for verdict in decided.verdicts] == ["fired", "resting", "fired"]
    until = 100.0 + 3600
    assert decided.rests == [
        Rest("a", "default", "ld_42", until),
        Rest("a", "default", "ld_43", until),
    ]
    memory = Memory(frozenset(), {("a", "default", "ld_42"): until}, {})
    assert results(deciding, fact(4), memory=memory, now=until - 1) == [("a", "resting")]
    assert results(deciding, fact(5), memory=memory, now=until) == FIRED


def test_it_fires_as_often_as_it_may() -> None:
    """Over all leads, in any so long a time."""
    deciding = rules(rule(throttle={"fires": 2, "per": "1m"}))
    some = [fact(number, lead=str(number)) for number in range(3)]
    assert [result for _, result in results(deciding, *some)] == ["fired", "fired", "throttled"]
    assert results(deciding, fact(9), now=60.0) == FIRED


def test_the_table_of_dispositions() -> None:
    """Codes that share actions, several rows for one code, and one that waits for the third in a
    row: another disposition begins anew."""
    deciding = rules(
        dispositions=[
            {"codes": ["Sale", "Sold"], "do": [{"log": "sold"}]},
            {"codes": ["Sale"], "name": "party", "do": [{"log": "party"}]},
            {"codes": ["No Answer"], "at": 3, "name": "third", "do": [{"log": "give up"}]},
        ]
    )
    assert results(deciding, fact(1)) == [("disposition Sale, Sold", "fired"), ("party", "fired")]
    calls = [fact(number, disposition="No Answer") for number in (2, 3)]
    decided = deciding.decide(seen(*calls, fact(4), fact(5, disposition="No Answer")), NOTHING, 0.0)
    thirds = [verdict.result for verdict in decided.verdicts if verdict.rule == "third"]
    assert thirds == ["not_yet", "not_yet", "not_yet"]
    assert decided.counts[-1] == Count("third", "default", "ld_42", 1)
    memory = Memory(frozenset(), {}, {("third", "default", "ld_42"): 2})
    assert results(deciding, fact(6, disposition="No Answer"), memory=memory) == [
        ("third", "fired")
    ]


def test_an_update_of_ours_may_not_follow_from_another_for_ever() -> None:
    """At the bound it is refused, and what else the rule wants with it."""
    deciding = rules(
        rule(do=[{"update_lead": {"changes": {"status": "won"}}}, {"log": "x"}]),
        rule("b"),
        max_hops=2,
    )
    decided = deciding.decide(seen(fact(1, hops=1), fact(2, hops=2)), NOTHING, 0.0)
    told = [(verdict.rule, verdict.result) for verdict in decided.verdicts]
    assert told == [("a", "fired"), ("b", "fired"), ("a", "loop_refused"), ("b", "fired")]
    assert [queued.action.kind for queued in decided.refused] == ["update_lead", "log"]
    assert [name for name, _ in decided.actions] == [
        "automations.update_lead",
        "automations.log",
        "automations.log",
        "automations.log",
    ]


def test_a_condition_that_fails_is_told_of_once() -> None:
    """It does not hold."""
    deciding = rules(rule(when='changes.email.value == "x"'))
    assert results(deciding, fact(1), fact(2)) == [("a", "unmatched")] * 2
    assert deciding.decide(seen(fact(3)), NOTHING, 0.0).verdicts[0].why.startswith("it reads")
