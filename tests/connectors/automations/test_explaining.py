"""Why a rule did not match."""

from __future__ import annotations

import pytest

from connectors.automations.explaining import conjuncts, explained
from connectors.automations.facts import read_kept
from tests.connectors.automations.rulebook import fact, rule, rules


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ["a"]),
        ("a && b", ["a", "b"]),
        ("a && (b && c) && d", ["a", "(b && c)", "d"]),
        ("a || b && c", ["a || b && c"]),
        ("a && b ? c : d", ["a && b ? c : d"]),
        ('a == "x && \\" || y" && b', ['a == "x && \\" || y"', "b"]),
        ("[1, 2].exists(x, x > 1 && x < 3) && a", ["[1, 2].exists(x, x > 1 && x < 3)", "a"]),
    ],
)
def test_what_joins_a_condition(text: str, parts: list[str]) -> None:
    """Only `&&` at its top, and not where `||` or `?` stand beside it."""
    assert list(conjuncts(text)) == parts


def test_every_rule_of_the_kind_says_why() -> None:
    """From the index, from a tenant, from the part of the condition that was false."""
    deciding = rules(
        rule("matches"),
        rule("off", enabled=False),
        rule("theirs", tenants=["other"]),
        rule("sold", dispositions=["Sold"]),
        rule("free", when='connector == "crm" && attributes.plan == "free" && kind == "x"'),
        rule("absent", when='changes.email.value == "x"'),
        rule("else", on="postUpdatedLead"),
    )
    kept = read_kept(fact(1).kept())
    assert kept == fact(1)
    assert [tuple(said) for said in explained(deciding.rules, kept)] == [
        ("matches", True, ""),
        ("off", False, "it is not enabled"),
        ("theirs", False, "it is for other, and the lead is default's"),
        ("sold", False, "it is for the dispositions 'Sold', and this is 'Sale'"),
        ("free", False, 'attributes.plan == "free" — it is false'),
        ("absent", False, "it reads the key 'email', which this event has not; ask has(…) first"),
    ]
