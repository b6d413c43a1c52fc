"""The dashboard is what its table says, and speaks of metrics that there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from connectors.delivery.report import STATES
from deploy import dashboard, panels
from tests.deploy.named import exposed, names_in

UNSHOWN = {
    "leadwire_unclaimed_calls_total": "counts only while a store apart from the log is away",
}
"""Metrics that are on no panel, and why."""


def expressions() -> Iterator[str]:
    """What is asked of Prometheus."""
    for _, _, section in panels.SECTIONS:
        for panel in section:
            for query in panel.queries:
                yield query.expr
    yield from panels.VARIABLES.values()


def test_the_json_is_what_the_table_says() -> None:
    """`python -m deploy.dashboard` writes it anew."""
    assert dashboard.TARGET.read_text("utf-8") == dashboard.written()


def test_every_metric_is_shown() -> None:
    """And none is asked for that there isn't."""
    asked = names_in(" ".join(expressions()))
    known = exposed()
    assert asked - set(known) == set()
    assert {known[name] for name in asked} | set(UNSHOWN) == set(known.values())


def test_every_state_of_a_connector_has_a_number_and_a_colour() -> None:
    """The words are those of `leadwire_connector_state`."""
    numbers = {number for number, _, _ in panels.STATES}
    colours = {colour for _, _, colour in panels.STATES}
    assert sorted(word for _, word, _ in panels.STATES) == sorted(STATES)
    assert len(numbers) == len(colours) == len(STATES)


def test_panels_lie_side_by_side_and_not_on_each_other() -> None:
    """In Grafana's grid of 24 columns, each with a number of its own."""
    told = dashboard.dashboard()["panels"]
    cells = [
        (column, line)
        for place in (one["gridPos"] for one in told)
        for column in range(place["x"], place["x"] + place["w"])
        for line in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(column for column, _ in cells) < dashboard.COLUMNS
    assert [one["id"] for one in told] == list(range(1, len(told) + 1))


def test_grafanas_own_model_loses_nothing_of_it() -> None:
    """Read into the types that Grafana publishes, and written again: they drop what they don't
    know."""
    register_default_plugins()
    ours = dashboard.dashboard()
    read = Dashboard.from_json(json.loads(dashboard.written()))
    theirs = json.loads(JSONEncoder().encode(read))
    assert list(lost(ours, theirs)) == []


def lost(ours: Any, theirs: Any, place: str = "") -> Iterator[str]:
    """Places of what is not the same in theirs; they may have more."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name, value in ours.items():
            yield from lost(value, theirs.get(name), f"{place}.{name}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from lost(one, other, f"{place}[{at}]")
    elif ours != theirs:
        yield f"{place}: {ours!r}, not {theirs!r}"
