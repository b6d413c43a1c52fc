"""Whether the journeys go through one process, or through several on a cluster."""

from __future__ import annotations

import os

import pytest

CLUSTERED = os.environ.get("LEADWIRE_TEST_DEPLOYMENT") == "cluster"


def alone(reason: str) -> pytest.MarkDecorator:
    """A test of one process, for this reason."""
    return pytest.mark.skipif(CLUSTERED, reason=f"of one process: {reason}")
