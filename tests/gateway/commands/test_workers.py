"""Several server processes on one port: what they need, and their parent."""

from __future__ import annotations

import pytest

from gateway.commands.workers import as_worker, why_not
from gateway.settings.model import Settings

KAFKA = {"log": {"url": "kafka://h"}}
SHARED = {**KAFKA, "store": {"url": "postgresql://h/leadwire"}}
UNSHARED = (
    "--workers needs a log and a store that several processes can share: log.url kafka://… and"
    " store.url postgresql://…"
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, UNSHARED),
        (KAFKA, UNSHARED),
        (SHARED, None),
        (
            {**SHARED, "server": {"port": 0}},
            "--workers needs a server.port: with 0 each would listen on another",
        ),
    ],
)
def test_what_workers_need(given: dict[str, object], expected: str | None) -> None:
    """A log, a store and a port that can be shared."""
    assert why_not(Settings.model_validate(given)) == expected


@pytest.mark.parametrize(("port", "expected"), [(8081, [8081, 8082, 8083]), (0, [0, 0, 0])])
def test_each_worker_has_an_admin_listener_of_its_own(port: int, expected: list[int]) -> None:
    """On the next port."""
    settings = Settings.model_validate({"admin": {"port": port}})
    assert [as_worker(settings, number).admin.port for number in range(3)] == expected
