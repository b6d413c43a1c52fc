"""The Grafana dashboard as JSON: `python -m deploy.dashboard`, from the top level, writes it.

What is on it stands in `panels.py`; a test fails when the JSON is not what that table says. The
form is Grafana's JSON model of a dashboard, schema version 39.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from deploy.panels import SECTIONS, VARIABLES, Panel, Query, Shape

TARGET = Path(__file__).absolute().with_name("grafana") / "leadwire.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
HEIGHT: dict[Shape, int] = {"stat": 4, "timeseries": 8, "state-timeline": 8}

Json: TypeAlias = dict[str, Any]

OPTIONS: dict[Shape, Json] = {
    "timeseries": {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
    },
    "state-timeline": {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "mergeValues": True,
        "showValue": "auto",
    },
}


def dashboard() -> Json:
    """The whole, in Grafana's form."""
    return {
        "uid": "leadwire",
        "title": "leadwire",
        "description": "Lead updates: accepted, kept, delivered.",
        "tags": ["leadwire"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_source(), *map(_variable, VARIABLES.items())]},
        "panels": list(_placed()),
    }


def _source() -> Json:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
    }


def _variable(row: tuple[str, str]) -> Json:
    name, query = row
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "refresh": 2,
        "sort": 1,
    }


def _placed() -> Iterator[Json]:
    """Headings and panels, numbered from 1, each with its place."""
    number, top = 0, 0
    for title, width, panels in SECTIONS:
        number += 1
        yield _heading(number, title, top)
        top, left, tallest = top + 1, 0, 0
        for panel in panels:
            number += 1
            if left + width > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            place = {"x": left, "y": top, "w": width, "h": HEIGHT[panel.shape]}
            yield _panel(number, panel, place)
            left, tallest = left + width, max(tallest, place["h"])
        top += tallest


def _heading(number: int, title: str, top: int) -> Json:
    place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place}


def _panel(number: int, panel: Panel, place: dict[str, int]) -> Json:
    return {
        "id": number,
        "type": panel.shape,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [_target(at, query) for at, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": OPTIONS[panel.shape],
    }


def _target(at: int, query: Query) -> Json:
    return {
        "refId": chr(ord("A") + at),
        "datasource": SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend,
        "range": True,
    }


def _field(panel: Panel) -> Json:
    told: Json = {"unit": panel.unit}
    if panel.mapping:
        named = {
            str(value): {"text": text, "color": colour, "index": at}
            for at, (value, text, colour) in enumerate(panel.mapping)
        }
        told["mappings"] = [{"type": "value", "options": named}]
        return told
    # Without steps of ours Grafana takes its own: red from 80 on.
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.red is not None:
        steps.append({"color": "red", "value": panel.red})
    return {**told, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}


def written() -> str:
    """The file's text."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(written(), "utf-8")
