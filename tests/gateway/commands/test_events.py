"""An event in one line for people."""

from __future__ import annotations

import orjson
import pytest

from gateway.commands.events import shown

ID = "01a202bf-6d57-71d2-b48a-d38f85200fde"
OUTCOME = {"event_id": ID, "connector": "noojee-au", "kind": "applied", "code": "ok"}
REFUSED = {**OUTCOME, "kind": "rejected", "code": "scope_invalid_allocation"}


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            {
                "id": ID,
                "type": "io.leadwire.lead.update.requested.v1",
                "connectors": "noojee-au,polly",
                "data": {"origin": {"dialect": "noojee"}},
            },
            f"01-31 08:00:00 noojee > noojee-au,polly     {ID}",
        ),
        (
            {
                "id": ID,
                "type": "io.leadwire.lead.update.requested.v1",
                "data": {"origin": {"dialect": "pollybot"}},
            },
            f"01-31 08:00:00 pollybot > unrouted          {ID}",
        ),
        (
            {"id": "other", "type": "io.leadwire.lead.update.applied.v1", "data": OUTCOME},
            f"01-31 08:00:00 noojee-au applied            {ID}",
        ),
        (
            {"id": "other", "type": "io.leadwire.lead.update.rejected.v1", "data": REFUSED},
            f"01-31 08:00:00 noojee-au scope_invalid_all… {ID}",
        ),
        (
            {
                "id": "letter",
                "type": "io.leadwire.lead.update.rejected.v1",
                "data": {**REFUSED, "code": "conflict", "event": None},
            },
            "01-31 08:00:00 noojee-au conflict           letter",
        ),
        (
            {
                "id": "other",
                "type": "io.leadwire.trigger.dispositionAction.v1",
                "data": {"kind": "dispositionAction", "connector": "polly", "event_id": ID},
            },
            f"01-31 08:00:00 dispositionAction polly      {ID}",
        ),
    ],
)
def test_it_fits_80_columns(event: dict[str, object], line: str) -> None:
    """When, what, and the id to ask on with: the update's, of a dead letter its own."""
    told = shown(orjson.dumps({**event, "time": "2026-01-31T08:00:00.000Z"}))
    assert told.decode() == line
    assert len(line) <= 80
