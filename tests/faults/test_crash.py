"""A server that is killed forty times."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.crashing import kills


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["bulk", "async"])
async def test_forty_kills_under_load(tmp_path: Path, mode: str) -> None:
    """As the quick one, with more kills."""
    crash = await kills(tmp_path, mode, 40, seed=40)
    assert crash.load.total > 40
    assert crash.faults() == {}
