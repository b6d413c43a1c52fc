"""The tables of scenarios, each lived through once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.clustered_scenarios import CLUSTERED, deploying
from tests.faults.scenarios import SCENARIOS, Scenario, live_through
from tests.journeys.clustered import Cluster, cluster
from tests.kafka import artifacts


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(one, id=one.name, marks=pytest.mark.timeout(one.within + 30))
        for one in SCENARIOS
    ],
)
async def test_every_promise_is_kept(tmp_path: Path, scenario: Scenario) -> None:
    """Nothing that was answered 2xx is lost, nothing comes out of order, what comes again has a
    reason on record, triggers fire when and only when they should, and nobody is held up long."""
    finished = await live_through(scenario, tmp_path)
    assert finished.faults == {}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes of Apache Kafka and a PostgreSQL."""
    assert artifacts.lacking() is None
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(one, id=one.name, marks=pytest.mark.timeout(one.within + 30, func_only=True))
        for one in CLUSTERED
    ],
)
async def test_and_by_several_processes(
    tmp_path: Path, shared: Cluster, scenario: Scenario
) -> None:
    """The same, of two gateways and three processes with connectors."""
    finished = await live_through(scenario, tmp_path, deploying(shared))
    assert finished.faults == {}
