"""The file of rules, and what is said of one that is wrong."""

from __future__ import annotations

import pytest

from gateway.settings import SettingsError
from tests.connectors.automations.rulebook import SECRET, book, rule

GOOD = f"""
endpoints:
  hook: {{url: "https://hooks.example.com/x", secret: {SECRET}, payload: leadsquared}}
rules:
  - name: tell
    on: postUpdatedLead
    do: [{{webhook: hook}}]
"""


def test_rules_are_read_with_their_version() -> None:
    """Which is another for every other text."""
    loaded = book(GOOD)
    assert [rule.name for rule in loaded.rules.rules] == ["tell"]
    assert loaded.rules.version != book(GOOD + "\n# else\n").rules.version
    assert len(loaded.rules.version) == 12
    assert loaded.automations.endpoints["hook"].vendor == "webhook"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("on: post", "onn: post", "6: rules[0].onn: unknown key; the nearest is on"),
        ("postUpdatedLead", "updated", "6: rules[0].on: should be 'postUpdatedLead', "),
        (
            "webhook: hook",
            "webhook: hok",
            "rules[0].do[0].webhook: there is no endpoint 'hok'; the",
        ),
        ("webhook: hook", "webhok: hook", "unknown key; the nearest is webhook"),
        ("webhook: hook", "webhook: hook, log: x", "do[0]: should have exactly one of webhook"),
        ("on: post", "when: 'changes.x =='\n    on: post", "rules[0].when: is not CEL"),
        (
            "on: post",
            "when: 'leed == 1'\n    on: post",
            "speaks of 'leed', which no event has; the",
        ),
        ("payload: leadsquared", "payload: lead", "there is no payload 'lead'; there are"),
        (SECRET, "abc", "endpoints.hook.secret: should begin with whsec_"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, expected: str) -> None:
    """File, line, and the nearest known word."""
    with pytest.raises(SettingsError) as refused:
        book(GOOD.replace(old, new, 1))
    assert "rules.yaml:" in str(refused.value)
    assert expected in str(refused.value)


def test_names_are_used_once() -> None:
    """They make the ids of actions."""
    doubled = GOOD + "  - {name: tell, on: outcome, do: [{name: b, log: x}, {name: b, log: y}]}\n"
    with pytest.raises(SettingsError) as refused:
        book(doubled)
    assert [str(problem).partition(": ")[2] for problem in refused.value.problems] == [
        "rules[1]: there is a rule 'tell' already",
        "rules[1].do[1].name: there is an action 'b' already",
    ]


def test_one_update_is_not_answered_by_a_flood() -> None:
    """Its actions have their places between its own and the next update's."""
    many = [rule(f"r{n}", do=[{"log": "x", "name": str(a)} for a in range(64)]) for n in range(4)]
    book({"rules": [*many, rule("of another kind", "outcome")]})
    with pytest.raises(SettingsError, match="want more than 256 actions for one update"):
        book({"rules": [*many, rule("one more", dispositions=["Sale"])]})


def test_what_is_kept_to_explain_rules_holds_no_secret() -> None:
    """It goes into the store; the rules of it are the same ones."""
    email = "email: {host: mail.example.com, from: a@example.com, password: hush}\n"
    loaded = book(email + GOOD)
    assert [word for word in (SECRET, "hush", "mail.example.com") if word in loaded.text] == []
    again = book(loaded.text)
    assert again.automations.rules == loaded.automations.rules
