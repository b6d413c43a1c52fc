"""Which deployment the journeys go through."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.journeys import machines, running
from tests.journeys.deployments import CLUSTERED
from tests.kafka import artifacts

if TYPE_CHECKING:
    from tests.journeys.clustered import Cluster


@pytest.fixture(scope="session", autouse=True)
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster | None]:
    """One process with one file, or where it is asked for, several on a cluster."""
    if not CLUSTERED:
        yield None
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
        yield shared


@pytest.fixture(autouse=True)
async def cleared(deployment: Cluster | None) -> AsyncIterator[None]:
    """What a test has left on the cluster is gone before the next begins."""
    yield
    if deployment is not None:
        await deployment.clear()
