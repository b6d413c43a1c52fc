"""The broker that tests ask for by the name `apache`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.kafka import artifacts
from tests.kafka.apache import ApacheKafka


@pytest.fixture(scope="session")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """Apache Kafka, one node; each test has topics of its own. Under CI it is there."""
    lacking = artifacts.lacking()
    if lacking is not None:
        assert os.environ.get("CI") != "true", lacking
        pytest.skip(f"{lacking}: what a mock cluster can say is tested on one")
    with ApacheKafka(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster
