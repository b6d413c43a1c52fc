"""Thousands of updates in order, while every vendor fails, throttles and hangs up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.ordering import Disturbed


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("mode", "leads", "each"), [("bulk", 50, 40), ("async", 50, 20)])
async def test_thousands_of_updates_in_order_at_every_vendor(
    tmp_path: Path, mode: str, leads: int, each: int
) -> None:
    """As the quick one, with more of everything."""
    disturbed = Disturbed(tmp_path, mode, leads, each)
    await disturbed.run(within=500.0)
    assert disturbed.faults() == {}
