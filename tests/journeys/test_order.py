"""A lead's updates reach all four vendors in the order in which their callers were answered,
whatever the vendors do in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.ordering import Disturbed


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("mode", "leads", "each"), [("bulk", 25, 20), ("async", 40, 4)])
async def test_updates_in_order_at_every_vendor(
    tmp_path: Path, mode: str, leads: int, each: int
) -> None:
    """A caller a lead, all at once: no vendor receives an update after a later one, each ends as
    if all had been applied in order, and nothing is a dead letter."""
    disturbed = Disturbed(tmp_path, mode, leads, each)
    await disturbed.run(within=90.0)
    assert disturbed.faults() == {}
