"""A machine whose wall clock is set while updates come in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connectors.sandbox.faults import Fault
from tests.faults.launching import CLOCK
from tests.faults.storage import LEADS, bench

HOURS = 5 * 3600


@pytest.mark.timeout(120)
async def test_a_wall_clock_that_is_set_forward_and_back(tmp_path: Path) -> None:
    """By hours, with a lead that fails and a restart in between: nothing is lost, nothing comes
    out of order or a second time, and callers are answered all the while."""
    async with bench(tmp_path) as made:
        made.told["connectors"]["noojee-au"]["retry"] = {
            "first": "20ms",
            "throttled": "50ms",
            "max": "2s",
            "attempts": 1000,
        }
        async with made.running():
            for ahead in (HOURS, 0, -HOURS, HOURS):
                made.vendors.host.add_fault(
                    "noojee", Fault(status=500, body={"x": 1}, lead=LEADS[0], times=6)
                )
                await made.flow()
                (tmp_path / CLOCK).write_text(str(ahead))
                await asyncio.wait_for(made.flow(80), 20)
            made.process.kill()
            await made.process.wait()
            (tmp_path / CLOCK).write_text(str(-HOURS))
            await made.start()
            await made.flow(80)
        assert made.code == 0
        made.check_delivered()
        assert [line["event"] for line in made.lines("clock.jumped", "storage.unavailable")] == []
