"""A vendor that is away for a whole minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.outage import Outage, p99


@pytest.mark.timeout(300)
@pytest.mark.parametrize("leads", [1, 20])
async def test_a_minute_without_a_vendor(tmp_path: Path, leads: int) -> None:
    """The other vendor's updates are as quick as in the minute before; then the backlog arrives
    whole and in order."""
    async with Outage(tmp_path, leads).running() as outage:
        before = p99(await outage.phase(60.0, dead=False))
        without = p99(await outage.phase(60.0, dead=True))
        await outage.caught_up(120)
        assert outage.in_order()
    assert without <= 1.3 * before + 0.010
