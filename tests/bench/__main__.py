"""`python -m tests.bench [ROW…] [--runs N]`: every row of the figures to reach, or some."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping

import uvloop

from tests.bench import rows, rows_kafka, rows_rules
from tests.bench.inside import OTHER

RATIOS = frozenset({"accepted", "accepted_kafka", "deliveries", "end_to_end", "deliveries_kafka"})
"""Rows with a ratio to the bare programs, which are measured before and after each of them."""
CALM = 4
"""The isolation row runs at this part of the end-to-end rate: inside what two connectors can do."""

FLOORS = {
    "accepted": "ratio floor 0.40, aim 0.60 of the bare echo",
    "deliveries": "ratio floor 0.50, aim 0.75 of the bare client",
    "end_to_end": "ratio floor 0.40, aim 0.55 of both bare programs in turn",
    "latency": "floor 15 / 60 ms, aim 6 / 20 ms, at half of the end-to-end rate",
    "isolation": "ratio floor 1.3, aim 1.1",
    "memory": "floor 100 MB, aim 40 MB",
    "ready": "floor 2 s, aim 1 s",
    "rules": "floor 2,500, aim 5,000",
    "rules_test": "under 30 s",
    "accepted_kafka": "ratio floor 0.35, aim 0.50 of the bare echo; Apache Kafka beside it",
    "workers": "ratio floor 1.1",
    "deliveries_kafka": "Apache Kafka and PostgreSQL, not judged",
    "isolation_kafka": "ratio floor 1.3, aim 1.1",
}
LONG = {
    "backlog_kafka": "floor 100 MB, and as fast at the end as at the start",
}
"""Rows that take many minutes: only when they are named, and once."""
ONCE = frozenset({"memory", "deliveries_kafka", *LONG})
"""Rows of one run."""
PLAIN: Mapping[str, Callable[[], Awaitable[dict[str, float]]]] = {
    "accepted": rows.accepted,
    "deliveries": rows.deliveries,
    "end_to_end": rows.end_to_end,
    "memory": rows.memory,
    "ready": rows.ready,
    "rules": rows_rules.rules,
    "rules_test": rows_rules.tried,
    "accepted_kafka": rows_kafka.accepted,
    "workers": rows_kafka.workers,
    "deliveries_kafka": rows_kafka.deliveries,
    "isolation_kafka": rows_kafka.isolation,
    "backlog_kafka": rows_kafka.backlog,
}


async def measure(names: list[str], runs: int) -> None:
    """Print each row's figures, run by run and their median."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    bares = [await rows.bare()] if RATIOS.intersection(names) else []
    for _ in range(runs):
        for name in names:
            if name in ONCE and found[name]:
                continue
            figures = await _row(name, found)
            if name in RATIOS:
                bares.append(await rows.bare())
                figures = rows.ratios(name, figures, bares[-2].mean(bares[-1]))
            found[name].append(figures)
            _print(f"  {name}", figures)
    if bares:
        told = [{"echo/s": b.echo, "post/s": b.post, "same calls/s": b.same} for b in bares]
        _print("bare programs (median)", rows.median(told))
    for name in names:
        wanted = (FLOORS | LONG)[name]
        _print(f"{name} (median of {len(found[name])}; {wanted})", rows.median(found[name]))
    if "accepted_kafka" in names:
        _print("accepted on Apache Kafka (one run)", await rows_kafka.accepted_apache())


async def _row(name: str, found: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    match name:
        case "latency":
            return await rows.latency(await _rate(found) / 2)
        case "isolation":
            return await rows.isolation(await _rate(found) / CALM)
        case _:
            return await PLAIN[name]()


async def _rate(found: dict[str, list[dict[str, float]]]) -> float:
    """Events a second, end to end, as last measured."""
    known = found.get("end_to_end") or [await rows.end_to_end()]
    return known[-1]["events/s"]


def _print(title: str, figures: dict[str, float]) -> None:
    told = "  ".join(
        f"{name} {value:,.3g}" if value < 100 else f"{name} {value:,.0f}"
        for name, value in figures.items()
    )
    sys.stdout.write(f"{title}: {told}\n")
    sys.stdout.flush()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("rows", nargs="*", choices=[[], *FLOORS, *LONG], default=[])
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    os.sched_setaffinity(0, {OTHER})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(given.rows or list(FLOORS), given.runs))


if __name__ == "__main__":
    main()
