"""Prints the table for `tests/faults/README.md`."""

from __future__ import annotations

import sys

from tests.connectors.outages.promises import table

sys.stdout.write(table())
