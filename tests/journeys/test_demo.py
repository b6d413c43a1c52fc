"""`leadwire demo`: what it tells, and how it ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import VENDORS
from connectors.sandbox.faults import Fault
from gateway.commands import demo
from gateway.commands.casting import ROLES
from gateway.commands.staging import backends
from tests.journeys.operating import leadwire
from tests.journeys.running import ROOT, Caller

KEYS = frozenset({"api_key", "access_key", "secret_key", "x_api_key", "token", "secret"})


def secrets() -> Iterator[str]:
    """Every key of the demo, and every key that a page prints."""
    for role in ROLES.values():
        for settings in (role.inbound, role.outbound):
            yield from (str(value) for name, value in settings.items() if name in KEYS)
    for vendor in VENDORS:
        yield from (key for one in vendor.samples for key in one.keys if "-" in key or "_" in key)


def steps(told: str, word: str) -> list[str]:
    """The text of each step with this word, its lines joined."""
    found: list[str] = []
    inside = False
    for line in told.splitlines():
        if re.match(r"  \S", line):
            inside = line[2:14].strip() == word
            found += [line[14:]] if inside else []
        elif inside and line.startswith(" " * 14):
            found[-1] += line[14:]
        else:
            inside = False
    return found


def left_in(folder: Path) -> list[str]:
    """What is in a folder."""
    return [path.name for path in folder.iterdir()]


@pytest.fixture(scope="module")
def told() -> subprocess.CompletedProcess[str]:
    """The demo, run once as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", "demo"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_the_demo_shows_the_whole_path(told: subprocess.CompletedProcess[str]) -> None:
    """Exit 0, nothing wider than a terminal, each call answered in its vendor's own words, and
    every backend reached by each. Dialnexa is read before and after it is written."""
    out = told.stdout
    assert (told.returncode, told.stderr) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    answers = [re.sub(r"^200, after \d+ ms", "", one) for one in steps(out, "answer")]
    assert answers[:3] == [
        '{"code":0,"message":"OK"}',
        '{"Status":"Request accepted. Please use below request id to check the status",'
        f'"RequestID":"{steps(out, "event")[1][:36]}"}}',
        '{"Status":{"TotalCount":2,"SuccessCount":2,"FailureCount":0,"Message":"Processed"},'
        '"Details":{"SuccessfulLeads":['
        '{"Identifier":"EmailAddress","IdentifierValue":"jo…@gmail.com"},'
        '{"Identifier":"EmailAddress","IdentifierValue":"ja…@gmail.com"}]}}',
    ]
    assert [one.partition(",")[0] for one in answers[3:]] == [
        '{"success":true',
        '{"id":"cmp_5tw8vz2rnx1q"',
    ]
    reached = {name: [one.count("-> 200") for one in steps(out, name)] for name in ROLES}
    assert reached == {
        "noojee": [1, 1, 2, 1, 1],
        "leadsquared": [1, 1, 1, 1, 1],
        "pollybot": [1, 1, 2, 1, 1],
        "dialnexa": [3, 3, 6, 3, 3],
        "webhook": [1, 1, 2, 1, 1],
    }


def test_the_demo_ends_with_triggers_and_counts(told: subprocess.CompletedProcess[str]) -> None:
    """One trigger of each kind; the metrics are those of six events at five backends."""
    out = told.stdout
    none = "none: it sets no disposition, and does not ask for automations"
    assert steps(out, "trigger") == [
        "dispositionAction Sale, because noojee applied it",
        "postUpdatedLead, because leadsquared applied it",
        *[none] * 3,
    ]
    counted = sorted(line.strip() for line in out.splitlines() if line.startswith("  leadwire_"))
    accepted, delivered = "leadwire_events_accepted_total", "leadwire_deliveries_total"
    assert counted == sorted(
        [
            *(f'{accepted}{{dialect="{name}"}} 1' for name in ("noojee", "pollybot", "dialnexa")),
            f'{accepted}{{dialect="leadsquared"}} 3',
            *(f'{delivered}{{connector="{name}",outcome="applied"}} 6' for name in ROLES),
            'leadwire_triggers_total{connector="noojee",trigger="dispositionAction"} 1',
            'leadwire_triggers_total{connector="leadsquared",trigger="postUpdatedLead"} 1',
        ]
    )
    assert " ".join(out.splitlines()[-2:]) == (
        "5 of 5 calls went all the way: answered in their vendor's own words, kept, "
        "delivered to 5 backends in order, told to automations, and counted."
    )


def test_the_demo_shows_where_a_loop_ends(told: subprocess.CompletedProcess[str]) -> None:
    """At the bound, refused and on record."""
    hops = [one for number in range(4) for one in steps(told.stdout, f"hop {number}")]
    refused = "loop_refused: it would be the 3. update in a row of our own"
    expected = ["fired", "fired", refused.replace(" ", "")]
    assert [hop.partition(":")[2].replace(" ", "") for hop in hops] == expected


def test_the_demo_tells_no_key(told: subprocess.CompletedProcess[str]) -> None:
    """Neither one of its own nor one that a page prints; each is three stars."""
    out = told.stdout
    flat = re.sub(r"\s+", "", out)
    assert [key for key in secrets() if key in flat] == []
    assert flat.count("=***") == 5


def test_the_demo_tells_nobodys_number_or_address(told: subprocess.CompletedProcess[str]) -> None:
    """None that a page prints, with or without its country: each is shortened."""
    flat = re.sub(r"\s+", "", told.stdout)
    printed = " ".join(one.body.decode() for vendor in VENDORS for one in vendor.samples)
    mails = re.findall(r"[\w.]+@[\w.]+", printed)
    phones = re.findall(r'(?<=")\+?\d{9,}(?=")', printed)
    assert len(mails) == 2
    assert len(phones) >= 4
    ends = [phone[-9:] for phone in phones]
    assert [text for text in (*mails, *phones, *ends) if text in flat] == []
    assert {"jo…@gmail.com", "+91…11"} <= set(re.findall(r'[^":]+…[^",]+', flat))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(status=400, body={"success": False}, times=1), "pollybot did not apply it"),
        (Fault(status=500, body="", times=1), None),
    ],
)
async def test_what_is_missing_is_said(
    fault: Fault,
    said: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A refusal by one backend fails the demo; a failure that passes does not."""

    def faulty(*told: Any) -> Any:
        host = backends(*told)
        host.add_fault("pollybot", fault)
        return host

    monkeypatch.setattr(demo, "backends", faulty)
    assert await demo.run(tmp_path, keep=False) is (said is None)
    out = capsys.readouterr().out
    assert steps(out, "MISSING") == [one for one in [said] if one]
    assert (f"missing: call 1: {said}" in out, "went all the way" in out) == (
        said is not None,
        said is None,
    )


async def test_the_demo_stays_up_where_it_is_told_to(tmp_path: Path) -> None:
    """It says where to look; commands find its server; it ends well when it is interrupted."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "demo", "--keep"),
        cwd=ROOT,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    told = (await process.stdout.readuntil(b"leadwire connectors list\n")).decode()
    try:
        where = dict(re.findall(r"^  (\S+(?: API)?|\S+:) +(http://\S+)", told, re.MULTILINE))
        async with Caller("") as caller:
            for url in (where["metrics"], where["admin API"], where["noojee:"]):
                assert (await caller.call("GET", url, b"")).status == 200
        file = re.search(r"LEADWIRE_CONFIG=(\S+)", told)
        assert file is not None
        code, out, _ = await leadwire(Path(file[1]), "connectors", "list")
        assert (code, [line.split()[0] for line in out.splitlines()[1:]]) == (
            0,
            sorted((*ROLES, "automations.log", "automations.update_lead")),
        )
    finally:
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert (process.returncode, err, left_in(tmp_path)) == (0, b"", [])
