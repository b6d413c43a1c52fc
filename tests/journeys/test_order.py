"""A lead's updates reach the vendor in the order in which their callers were answered, whatever
the vendor does in between."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connectors.sandbox.faults import Fault
from gateway.clock import SystemClock
from tests.journeys.running import (
    BUSY,
    OK,
    Backends,
    Caller,
    backends,
    document,
    noojee_lead,
    repeated_only_newest,
    server,
    url_of,
)

LEADS, EACH = 50, 40
WITHIN = 90.0


async def update(caller: Caller, lead: str) -> None:
    """A lead's updates, each after the answer to the one before; busy ones are called again, as
    the vendor's page asks."""
    for number in range(1, EACH + 1):
        while True:
            told = await caller.noojee(lead, {"njDisposition": f"{number:03}"})
            if (told.status, told.body) != (400, BUSY):
                break
            await asyncio.sleep(0.05)
        assert (told.status, told.body) == (200, OK)


def disturb(vendors: Backends) -> None:
    """One call in twenty fails, one in twenty is too many, one in fifty gets no answer: half of
    these after it was applied."""
    for fault in (
        Fault(drop="before", probability=0.01, seed=1),
        Fault(drop="after", probability=0.01, seed=2),
        Fault(status=500, probability=0.05, seed=3),
        Fault(status=400, body=BUSY.decode(), probability=0.05, seed=4),
    ):
        vendors.host.add_fault("noojee", fault)


@pytest.mark.timeout(120)
async def test_two_thousand_updates_of_fifty_leads_in_order(tmp_path: Path) -> None:
    """Fifty callers at once; the vendor never receives an update after a later one."""
    leads = [f"lead-{number}" for number in range(LEADS)]
    async with backends() as vendors:
        for lead in leads:
            vendors.host.seed("noojee", noojee_lead(lead))
        disturb(vendors)
        told = document(tmp_path, vendors.url)
        told["connectors"]["noojee-au"]["concurrency"] = 32
        async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
            began = SystemClock().monotonic()
            await asyncio.gather(*(update(caller, lead) for lead in leads))
            took = SystemClock().monotonic() - began
        received = {
            lead: [int(n) for n in vendors.received("noojee", "njDisposition", lead)]
            for lead in leads
        }
        final = {lead["id"]: lead["njDisposition"] for lead in vendors.host.leads("noojee")}
    assert [lead for lead in leads if not repeated_only_newest(received[lead])] == []
    assert {lead: sorted(set(received[lead])) for lead in leads} == {
        lead: list(range(1, EACH + 1)) for lead in leads
    }
    assert final == dict.fromkeys(leads, f"{EACH:03}")
    assert took < WITHIN
