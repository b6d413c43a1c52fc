"""What is measured, row by row, as ratios to bare programs in the same run."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.inside import CORE, Child, Kept, leadwire, start
from tests.bench.outside import Backend, Load, lead, leadsquared_call
from tests.bench.prefill import prefill
from tests.ports import free_port

CALLS = 15_000
DELIVERIES = 50_000
LEADS = 5_000
CONNECTIONS = 64
MEASURED = 40_000
"""Deliveries after which memory is read: long enough for every bounded buffer to be full."""
FEW, POISONED = 500, 7
"""Leads of the rows of isolation, and the one whose updates fail."""


@dataclass(frozen=True)
class Bare:
    """What the bare programs did in this run, calls a second."""

    echo: float
    post: float
    """The same bytes to the same URL: what the floors are set against."""
    same: float
    """The measured connector's own calls."""

    def mean(self, other: Bare) -> Bare:
        """Between two measurements: a machine that drifts drifts under both programs."""
        return Bare(
            (self.echo + other.echo) / 2, (self.post + other.post) / 2, (self.same + other.same) / 2
        )

    def both(self, client: float) -> float:
        """One core echoing and calling, one after the other."""
        return 1 / (1 / self.echo + 1 / client)


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder for a database, on a real disk."""
    with tempfile.TemporaryDirectory(prefix="leadwire-bench-") as name:
        yield Path(name)


async def bare() -> Bare:
    """Measure the bare programs."""
    port = free_port()
    echo = await start(["tests.bench.bare", "echo", str(port)], port)
    try:
        rate = await Load(leadsquared_call(LEADS)).saturate(port, CONNECTIONS, CALLS)
    finally:
        await echo.stop()
    return Bare(rate, await _called("post"), await _called("webhook"))


async def _called(how: str) -> float:
    backend = Backend()
    server, where = await backend.serve()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.bare",
        how,
        str(where),
        str(CALLS),
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {CORE}),
    )
    told, _ = await process.communicate()
    server.close()
    return float(told)


def ratios(name: str, figures: dict[str, float], base: Bare) -> dict[str, float]:
    """A row's figures with its ratios to the bare programs, where it has any."""
    match name:
        case "accepted" | "accepted_kafka":
            return {**figures, "ratio": figures["calls/s"] / base.echo}
        case "deliveries" | "deliveries_kafka" if figures:
            rate = figures["deliveries/s"]
            own = {"ratio": rate / base.post, "ratio to the same calls": rate / base.same}
            return {**figures, **own}
        case "end_to_end":
            rate, post, same = figures["events/s"], base.both(base.post), base.both(base.same)
            return {**figures, "ratio": rate / post, "ratio to the same calls": rate / same}
        case _:
            return figures


async def accepted() -> dict[str, float]:
    """Calls answered when safe, gateway role alone."""
    with folder() as place:
        child = await leadwire(place, {"crm": free_port()}, "gateway")
        try:
            load = Load(leadsquared_call(LEADS))
            await load.saturate(child.port, CONNECTIONS, 2_000)
            rate = await load.saturate(child.port, CONNECTIONS, CALLS)
        finally:
            await child.stop()
        _expect(load.refused == 0, f"{load.refused} calls were refused")
    return {"calls/s": rate}


async def deliveries() -> dict[str, float]:
    """One connector working off a backlog, connectors role alone."""
    with folder() as place:
        await prefill(place, DELIVERIES, LEADS, ("crm",))
        backend = Backend()
        server, port = await backend.serve()
        child = await leadwire(place, {"crm": port}, "connectors")
        try:
            await backend.had(DELIVERIES, 180)
        finally:
            await child.stop()
            server.close()
        rate = DELIVERIES / (backend.last - backend.first)
    return {"deliveries/s": rate}


async def end_to_end() -> dict[str, float]:
    """Accept to settled at one vendor, all roles in one process on one core."""
    with folder() as place:
        backend = Backend()
        server, port = await backend.serve()
        child = await leadwire(place, {"crm": port})
        try:
            load = Load(leadsquared_call(LEADS))
            await load.saturate(child.port, CONNECTIONS, CALLS)
            await backend.had(CALLS, 120)
            began = min(load.sent.values())
        finally:
            await child.stop()
            server.close()
        rate = CALLS / (backend.last - began)
    return {"events/s": rate}


async def latency(rate: float) -> dict[str, float]:
    """Accept to the vendor's 2xx, in milliseconds, at an even rate."""
    with folder() as place:
        backend = Backend()
        server, port = await backend.serve()
        child = await leadwire(place, {"crm": port})
        try:
            load = Load(leadsquared_call(LEADS))
            await load.steadily(child.port, rate, 2.0)
            first = load.next
            await load.steadily(child.port, rate, 8.0)
            await backend.had(load.next, 60)
        finally:
            await child.stop()
            server.close()
        took = _ages(load, backend, first)
    return {"at/s": rate, "p50 ms": _at(took, 0.50), "p99 ms": _at(took, 0.99)}


async def isolation(rate: float) -> dict[str, float]:
    """Another connector's p99 while one vendor is dead and one lead is poisoned, by that
    without."""
    calm = await isolated(rate, dead=False)
    storm = await isolated(rate, dead=True)
    return {"p99 ms without": calm, "p99 ms with": storm, "ratio": storm / calm}


async def isolated(
    rate: float, *, dead: bool, kept: Kept | None = None, warming: float = 3.0
) -> float:
    """The p99 in milliseconds at this rate, after so many seconds of it that don't count, whatever
    becomes of the connector beside it."""
    with folder() as place:
        good, other = Backend(), Backend()
        server, port = await good.serve()
        beside, beside_port = await other.serve()
        if dead:
            beside.close()
            good.refuse = lead(POISONED).encode()
        child = await leadwire(place, {"crm": port, "other": beside_port}, kept=kept)
        try:
            load = Load(leadsquared_call(FEW))
            for seconds in (warming, 10.0):
                first = load.next
                await load.steadily(child.port, rate, seconds)
                failing = len(range(POISONED, load.next, FEW)) if dead else 0
                await good.had(load.next - failing, 60)
        finally:
            await child.stop()
            server.close()
            beside.close()
        return _at(_ages(load, good, first), 0.99)


async def memory() -> dict[str, float]:
    """Resident MB while working off 1,000,000 events, less that with 1,000."""
    small, large = await _memory(1_000), await _memory(1_000_000)
    return {"1,000 MB": small, "1,000,000 MB": large, "difference MB": large - small}


async def _memory(count: int) -> float:
    with folder() as place:
        await prefill(place, count, LEADS, ("crm",))
        backend = Backend()
        server, port = await backend.serve()
        child = await leadwire(place, {"crm": port}, "connectors,ledger")
        try:
            await backend.had(min(count, MEASURED), 120)
            return child.memory
        finally:
            await child.stop()
            server.close()


async def ready() -> dict[str, float]:
    """Start to ready, embedded, all roles."""
    with folder() as place:
        child: Child = await leadwire(place, {"crm": free_port()})
        await child.stop()
    return {"seconds": child.started}


def _ages(load: Load, backend: Backend, first: int) -> list[float]:
    return sorted(
        1000 * (at - load.sent[number]) for number, at in backend.arrived.items() if number >= first
    )


def _at(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise RuntimeError(otherwise)


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure over runs."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}
