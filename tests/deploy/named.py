"""What the files of `deploy` name: metrics, alerts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from gateway.meters import Histogram
from gateway.metrics import definitions
from tests.deploy.tools import DEPLOY

ALERTS = DEPLOY / "alerts.yaml"
RULES: Sequence[dict[str, Any]] = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"][0]["rules"]


def names_in(text: str) -> set[str]:
    """The names of our metrics in a text."""
    return set(re.findall(r"\bleadwire_\w+", text))


def exposed() -> dict[str, str]:
    """Names as a scrape has them, with the row of the table that each is of."""
    found: dict[str, str] = {}
    for row in definitions().values():
        parts = ("_bucket", "_sum", "_count") if row.kind is Histogram else ("",)
        found |= {row.name + part: row.name for part in parts}
    return found
