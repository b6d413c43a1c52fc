"""The table of scenarios, for people: Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tests.faults.checker import Stall
from tests.faults.scenarios import Finished

HEAD = (
    *("scenario", "calls accepted", "lost", "reordered", "repeats", "actions", "repeats"),
    "longest stall",
)


def head() -> str:
    """The first two lines."""
    return _line(HEAD) + _line(["---", *["---:"] * 7])


def row(finished: Finished) -> str:
    """A scenario's line."""
    verdict = finished.verdict
    found = (
        f"{finished.scenario.name}: {finished.scenario.what}",
        f"{verdict.accepted:,}",
        len(verdict.lost),
        len(verdict.reordered),
        len(verdict.repeats),
        f"{verdict.heard.calls:,}",
        len(verdict.heard.again),
        _stalls(verdict.stalls, finished.scenario.apart) + _of_which(finished.run.outage),
    )
    return _line(map(str, found))


def _stalls(stalls: Mapping[str, Stall], apart: frozenset[str]) -> str:
    """The longest, and apart from it that of those whose vendor was away."""
    longest = _longest([stall for name, stall in stalls.items() if name not in apart])
    other = _longest([stall for name, stall in stalls.items() if name in apart])
    return f"{longest}; the dead one {other}" if other else longest


def _longest(stalls: Sequence[Stall]) -> str:
    if not stalls:
        return ""
    longest = max(stalls, key=lambda stall: stall.seconds)
    return f"{longest.seconds:.1f} s ({longest.connector})"


def _of_which(outage: float) -> str:
    return f", {outage:.1f} s of which were the outage" if outage else ""


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
