"""A vendor that is away for a whole minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.outage import Outage


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("mode", "leads", "away"),
    [("bulk", 1, "polly"), ("bulk", 20, "lsq"), ("bulk", 20, "nexa"), ("async", 200, "lsq")],
)
async def test_a_minute_without_a_vendor(tmp_path: Path, mode: str, leads: int, away: str) -> None:
    """The other vendors' updates are as quick as in the minute before; then the backlog arrives
    whole and in order."""
    async with Outage(tmp_path, leads, mode).running() as outage:
        before = await outage.phase(60.0)
        without = await outage.phase(60.0, away)
        await outage.caught_up(300)
        assert outage.faults() == {}
    held_up = {name for name, took in without.items() if took > 1.3 * before[name] + 0.010}
    assert held_up == set()
