"""Misuse beside good calls; `tests/faults` has the same at length."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.journeys.abuse import answers, besieged
from tests.journeys.abusing import KINDS

STATUSES = {
    "random bytes": "400", "random body": "400", "wrong types": "400", "no object": "400",
    "large": "400", "large, wrong key": "403", "deep": "400", "deep and whole": "400",
    "many": "400", "bomb": "400", "flat bomb": "400", "bomb, wrong key": "403", "slow": "gone",
    "wrong key": "403", "long key": "400", "Unicode key": "401", "no key": "401",
    "no path": "404", "no method": "405",
}  # fmt: skip


@pytest.mark.timeout(120)
async def test_bad_calls_of_all_kinds(tmp_path: Path) -> None:
    """Are refused each in its way; good calls go on, and only they are written down."""
    async with besieged(tmp_path) as port:
        await port.window(1.0)
        before = port.memory
        async with port.abuse(len(KINDS) * 8, 60.0) as process:
            await port.window(2.0)
            told = await answers(process)
        grown = port.memory - before
        assert await port.child.terminate() == 0
    assert told == {f"{kind}: {status}": 8 for kind, status in STATUSES.items()}
    assert grown <= 30.0
    written = port.written()
    assert written["updates"] == port.good
    assert [written[table] for table in ("claims", "parked", "lead_links", "dead_letters")] == [
        0
    ] * 4
    assert port.child.errors.read_text() == ""


@pytest.mark.timeout(120)
async def test_idle_and_slow_connections(tmp_path: Path) -> None:
    """Cost others nothing but their memory; the slow ones are closed."""
    async with besieged(tmp_path, {"head_within": "2s"}) as port:
        async with port.abuse(200, 50, 6.0) as process:
            await asyncio.sleep(2.0)
            await port.window(2.0)
            told = await answers(process)
        assert await port.child.terminate() == 0
    assert told["idle"] == 200
    assert told["slow"] >= 100
    assert "lost" not in told
    assert port.written()["updates"] == port.good
    assert port.child.errors.read_text() == ""
