"""What the LeadSquared tests share: captures, callers, and events as they stand in the log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.dialect import RequestedUpdate
from gateway.model.event import LeadUpdate, Origin, lead_key

CAPTURES = Path(__file__).parent / "captures"
EVENT_ID = "0193503c-79a0-7000-8000-000000000001"

Capture = Callable[[str], bytes]
MakesEvents = Callable[..., LeadUpdate]


@pytest.fixture(scope="session")
def capture() -> Capture:
    """The bytes of a sample of the vendor's pages."""
    return lambda name: (CAPTURES / f"{name}.json").read_bytes()


@pytest.fixture(scope="session")
def event() -> MakesEvents:
    """An update as it stands in the log."""

    def make(
        update: RequestedUpdate, dialect: str = "leadsquared", operation: str = "leadUpdate"
    ) -> LeadUpdate:
        return LeadUpdate(
            id=EVENT_ID,
            time="2026-11-22T00:00:00.000Z",
            tenant="default",
            lead_key=lead_key("default", update.lead),
            ids=(update.lead,),
            changes=update.changes,
            attributes=update.attributes,
            triggers=update.triggers,
            origin=Origin(dialect, operation, "lsq", None, update.scope, update.names),
        )

    return make
