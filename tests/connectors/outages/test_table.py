"""The table that people read."""

from __future__ import annotations

from pathlib import Path

from tests.connectors.outages.promises import table

README = Path(__file__).parents[2] / "faults" / "README.md"


def test_people_read_the_table_that_is_tested() -> None:
    """The copy in the README is not stale."""
    text = README.read_text("utf-8")
    copy = text.partition("<!-- outages -->\n")[2].partition("<!-- /outages -->")[0]
    assert copy == table()
