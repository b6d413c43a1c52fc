"""Clusters that fail when they are told to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.eventlog.failing import create
from tests.kafka_mock import MockCluster


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    """One broker, and the topics of the prefix `lw`."""
    with MockCluster() as cluster:
        create(cluster)
        yield cluster


@pytest.fixture
def elsewhere() -> Iterator[MockCluster]:
    """Where the cluster may move to; nobody is there yet."""
    with MockCluster() as cluster:
        create(cluster)
        cluster.down(1)
        yield cluster
