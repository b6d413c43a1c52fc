"""What commands print for people, whole, at 80 columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.commands import connectors, dead_letters, printed, reach
from gateway.commands.status import story

ID = "01a202bf-6d57-71d2-b48a-d38f85200fde"
LEAD = "ld_f004eb3b0895115574120ede0074fe5a"
TIME = "2026-01-31T08:00:00.000Z"
Read = Callable[[], str]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Read:
    """What was printed, the ends of lines trimmed, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    return lambda: "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())


def tried(result: str, status: int | None) -> dict[str, Any]:
    """A try."""
    return {
        "number": 1, "at": TIME, "seconds": 0.25, "result": result, "status": status, "message": "",
    }  # fmt: skip


def verdict(kind: str, code: str, **more: Any) -> dict[str, Any]:
    """A verdict."""
    told = {"kind": kind, "code": code, "message": "", "status": 200, "time": TIME, "dropped": []}
    return {**told, "attempts": [tried("applied", 200)], **more}


def test_a_story_has_a_row_for_every_verdict_and_for_what_waits(lines: Read) -> None:
    """Refusals in the vendor's words, what was left out, what is on its way."""
    refused = verdict("rejected", "dnc_blocked", status=400, message="Lead is on the DNC list")
    waiting = {
        "reason": "retry", "round": 1, "attempts": 3, "due": TIME,
        "tries": [tried("answer_unknown", None)],
    }  # fmt: skip
    told = {
        "noojee-au": ([refused], None),
        "polly": ([verdict("applied", "ok", dropped=["status", "notes"])], None),
        "nexa": ([], waiting),
        "lsq": ([], None),
    }
    story(
        {
            "id": ID, "time": TIME, "dialect": "noojee", "operation": "updateLeadFast",
            "lead": LEAD, "authority": "noojee-au",
            "deliveries": [
                {"connector": name, "verdicts": verdicts, "waiting": waits}
                for name, (verdicts, waits) in told.items()
            ],
        }
    )  # fmt: skip
    assert (
        lines()
        == f"""\
{ID}  {TIME}
called       noojee updateLeadFast
lead         {LEAD}
answered by  noojee-au
connector  state     code         try  http  when            message
noojee-au  rejected  dnc_blocked  1    400   01-31 08:00:00  Lead is on the DNC
                                                             list
polly      applied   ok           1    200   01-31 08:00:00  without status,
                                                             notes
nexa       waiting   retry        3          01-31 08:00:00  answer_unknown
lsq        pending                                           on its way"""
    )


def test_a_connector_says_what_it_waits_for(lines: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """State and reason, breaker, quota, and who waits longest."""
    blocked = {
        "lead": LEAD, "event_id": ID, "reason": "retry", "attempts": 4, "due": TIME,
        "since": TIME, "updates": 12,
    }  # fmt: skip
    told = {
        "connector": {
            "name": "polly", "vendor": "pollybot", "configured": True, "wish": "run",
            "state": "breaker_open", "reason": "no proper answer from the vendor",
            "backlog": 40, "parked_leads": 1, "oldest": TIME, "shadow": False,
        },
        "told": TIME, "process": "host:1:ab", "lanes": 3, "breaker": "open", "next_probe_in": 7.4,
        "quota_left": [{"requests": 1000, "per": 3600.0, "left": 12}], "blocked": [blocked],
        "shadowed": [],
    }  # fmt: skip
    monkeypatch.setattr(reach, "run", lambda _config, _work: told)
    connectors.show("polly", config=Path("none"))
    assert (
        lines()
        == f"""\
connector     polly
vendor        pollybot
state         breaker_open: no proper answer from the vendor
backlog       40
oldest        {TIME}
parked leads  1
breaker       open, next probe in 7 s
quota left    12 of 1000 per 3600 s
process       host:1:ab
last heard    {TIME}

lead                                 why    tries  due             waits
{LEAD}  retry  4      01-31 08:00:00  12"""
    )


def test_dead_letters_are_listed_by_the_id_to_ask_with(
    lines: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two lines each: an id is never cut."""
    letter = {
        "id": ID, "connector": "polly", "code": "lead_not_linked", "time": TIME, "state": "open",
        "status": None, "message": "",
    }  # fmt: skip
    gone = {**letter, "code": "conflict", "status": 400, "message": "in use", "state": "discarded"}
    monkeypatch.setattr(reach, "run", lambda _config, _work: {"dead_letters": [letter, gone]})
    dead_letters.list_letters(config=Path("none"))
    assert (
        lines()
        == f"""\
{ID}  01-31 08:00:00  polly
  lead_not_linked
{ID}  01-31 08:00:00  polly
  conflict 400: in use  (discarded)
2 dead letters"""
    )


def test_words_in_brackets_are_no_markup(lines: Read) -> None:
    """A vendor's message is printed as it came."""
    printed.table(("message",), [("[red]no[/red]",)])
    assert lines() == "message\n[red]no[/red]"
