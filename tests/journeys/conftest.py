"""Which deployment the journeys go through."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

import pytest

from tests.journeys import machines, running
from tests.kafka import artifacts

CLUSTERED = os.environ.get("LEADWIRE_TEST_DEPLOYMENT") == "cluster"


@pytest.fixture(scope="session", autouse=True)
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One process with one file, or where it is asked for, several on a cluster."""
    if not CLUSTERED:
        yield
        return
    from tests.journeys.clustered import cluster  # noqa: PLC0415 - it needs what few have
    from tests.journeys.several import fleet, several  # noqa: PLC0415 - as above

    lacking = artifacts.lacking()
    assert lacking is None, lacking
    with (
        cluster(tmp_path_factory.mktemp("cluster")) as shared,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(running, "serve", partial(several, shared))
        patch.setattr(machines, "opened", partial(fleet, shared))
        yield
