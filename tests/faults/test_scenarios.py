"""The table of scenarios, each lived through once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.scenarios import SCENARIOS, WITHIN, Scenario, live_through


@pytest.mark.timeout(WITHIN + 30)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_every_promise_is_kept(tmp_path: Path, scenario: Scenario) -> None:
    """Nothing that was answered 2xx is lost, nothing comes out of order, what comes again has a
    reason on record, triggers fire when and only when they should, and nobody is held up long."""
    finished = await live_through(scenario, tmp_path)
    assert finished.faults == {}
