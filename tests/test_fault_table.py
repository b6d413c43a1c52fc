"""The table of the fault suite, as people read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.checker import Lost, Stall, Verdict
from tests.faults.clustered_scenarios import CLUSTERED
from tests.faults.records import Answered, Run, Update
from tests.faults.scenarios import SCENARIOS, Finished, Scenario
from tests.faults.table import head, row

README = Path(__file__).parent / "faults" / "README.md"
ABSENT = next(one for one in SCENARIOS if one.name == "dead vendor")
STALLS = {
    "polly": Stall("polly", 8.25, 1.0),
    "lsq": Stall("lsq", 0.31, 2.0),
    "nexa": Stall("nexa", 0.12, 2.0),
}


def finished(scenario: Scenario, outage: float = 0.0) -> Finished:
    """A scenario with one call lost."""
    lost = Lost(Answered(Update("a", 1), "native", (), 0.0, 0.0), None, "gone")
    verdict = Verdict(1234, (lost,), (), (), (), {}, (), (), (), {"applied": 4}, STALLS)
    return Finished(scenario, Run((), (), (), (), outage=outage), verdict)


def test_a_row_says_what_was_found() -> None:
    """The longest stall with its connector; apart from it that of the vendor that was away."""
    told = [row(finished(scenario)) for scenario in (SCENARIOS[0], ABSENT)]
    assert told == [
        "| control: steady load, nothing goes wrong | 1,234 | 1 | 0 | 0 | 0 | 0"
        " | 8.2 s (polly) |\n",
        "| dead vendor: nobody listens at one vendor for 8 s | 1,234 | 1 | 0 | 0 | 0 | 0"
        " | 0.3 s (lsq); the dead one 8.2 s (polly) |\n",
    ]


def test_a_stall_may_last_as_long_as_an_outage_and_some() -> None:
    """The row says how long that was."""
    scenario = SCENARIOS[0]
    ended = [finished(scenario, outage) for outage in (3.0, 3.5)]
    assert [one.faults.get("stalled") for one in ended] == [[STALLS["polly"]], None]
    assert row(ended[1]) == (
        "| control: steady load, nothing goes wrong | 1,234 | 1 | 0 | 0 | 0 | 0"
        " | 8.2 s (polly), 3.5 s of which were the outage |\n"
    )


@pytest.mark.parametrize(
    ("name", "scenarios"), [("scenarios", SCENARIOS), ("clustered", CLUSTERED)]
)
def test_people_read_of_every_scenario(name: str, scenarios: tuple[Scenario, ...]) -> None:
    """In the order of the table."""
    text = README.read_text("utf-8")
    copy = text.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]
    assert copy.startswith(head())
    lines = copy.removeprefix(head()).splitlines()
    told = [line.split("|")[1].strip() for line in lines]
    assert told == [f"{scenario.name}: {scenario.what}" for scenario in scenarios]
    lost_and_reordered = [line.split("|")[3:5] for line in lines]
    assert lost_and_reordered == [[" 0 ", " 0 "]] * len(scenarios)
