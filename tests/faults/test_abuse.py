"""Misuse beside good calls, at length."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.journeys.abuse import answers, besieged, medians

NOISE = 0.002
"""Seconds that the 99th percentile of a window wanders by itself, where two cores are shared with
the callers, the misuse and whatever else the machine does. Windows alternate, so that what comes
and goes slowly meets both kinds."""
ROUNDS = 5


@pytest.mark.timeout(600)
async def test_ten_thousand_bad_calls(tmp_path: Path) -> None:
    """Good callers do not notice; no memory is kept, and nothing is written but good calls."""
    async with besieged(tmp_path) as port:
        await port.used(9600)
        before, windows, told = port.memory, [], 0
        for _ in range(ROUNDS):
            quiet = await port.window(8.0)
            async with port.abuse(2000, 100.0) as process:
                await asyncio.sleep(1.0)
                loud = await port.window(16.0)
                told += sum((await answers(process)).values())
            windows.append((quiet, loud))
        grown = port.memory - before
        assert await port.child.terminate() == 0
    quiet, loud = medians(windows)
    report(f"p99 {quiet * 1000:.1f} ms quiet, {loud * 1000:.1f} ms beside; grown {grown:.1f} MB")
    assert told == ROUNDS * 2000
    assert port.written()["updates"] == port.good
    assert port.child.errors.read_text() == ""
    assert grown <= 30.0
    assert loud <= 1.5 * quiet + NOISE


@pytest.mark.timeout(600)
async def test_a_thousand_idle_and_two_hundred_slow_connections(tmp_path: Path) -> None:
    """Good callers do not notice."""
    async with besieged(tmp_path) as port:
        await port.window(3.0)
        windows = []
        for _ in range(ROUNDS):
            quiet = await port.window(8.0)
            async with port.abuse(1000, 200, 14.0) as process:
                await asyncio.sleep(4.0)
                loud = await port.window(8.0)
                told = await answers(process)
            assert told["idle"] == 1000
            assert told["slow"] >= 200
            windows.append((quiet, loud))
        assert await port.child.terminate() == 0
    quiet, loud = medians(windows)
    report(f"p99 {quiet * 1000:.1f} ms quiet, {loud * 1000:.1f} ms beside")
    assert port.child.errors.read_text() == ""
    assert loud <= 1.5 * quiet + NOISE


def report(text: str) -> None:
    """What was measured, for whoever runs it with `-s`."""
    print(text)  # noqa: T201 - it is asked for
