"""Quotas both ways: callers are held to theirs in their vendor's words, and no vendor is sent more
than its windows allow, as the vendor counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from connectors.registry import VENDORS
from connectors.sandbox.faults import Fault
from connectors.sandbox.host import SandboxHost, load
from gateway.clock import SystemClock
from tests.journeys import answers
from tests.journeys.everyone import (
    CONNECTORS,
    Everyone,
    Speaker,
    arrived,
    everyone,
    everything,
    ids_of,
    is_settled,
    seed,
    served,
)
from tests.journeys.running import Caller, backends, eventually, link, server, url_of

LEADS = [str(number) for number in range(14)]
LATE = 0.75
"""Seconds that a call may come after it was allowed to, on a machine that does other things."""


async def test_the_twenty_sixth_call_of_leadsquared(tmp_path: Path) -> None:
    """Within five seconds it is 429 with the documented sentence, of both APIs together; the
    status call is not counted."""
    async with backends() as vendors:
        seed(vendors.host, "0")
        told = everything(tmp_path, vendors.url)
        del told["tenants"]["default"]["credentials"][1]["quota"]
        async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
            await link(running, ids_of("0"))
            speaker = Speaker(caller)
            calls = [speaker.leadsquared("0", {"Notes": f"{n}"}) for n in range(25)]
            first = await asyncio.gather(*calls)
            assert [one.status for one in first] == [200] * 25
            for refused in (
                await speaker.leadsquared("0", {"Notes": "x"}),
                await speaker.bulk("0", {"Notes": "x"}),
            ):
                found = refused.status, orjson.loads(refused.body)
                assert (found, refused.events) == (answers.LEADSQUARED_BUSY, [])
            assert (await speaker.status(first[0].events[0])).status == 200


async def test_the_headers_of_pollybot_count_down(tmp_path: Path) -> None:
    """From a thousand an hour, on refused calls too."""
    async with backends() as vendors:
        seed(vendors.host, "0")
        told = everything(tmp_path, vendors.url)
        del told["tenants"]["default"]["credentials"][2]["quota"]
        async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
            calls = [Speaker(caller).pollybot("0", {"status": word}) for word in ("new", "bad")]
            heads = [(await call).headers for call in calls]
        before = int(SystemClock().now())
    rates = [tuple(h[f"X-RateLimit-{n}"] for n in ("Limit", "Remaining", "Used")) for h in heads]
    assert rates == [("1000", "999", "1"), ("1000", "998", "2")]
    resets = {int(head["X-RateLimit-Reset"]) for head in heads}
    assert all(before + 3500 < reset <= before + 3601 for reset in resets)


# --- towards vendors -----------------------------------------------------------------------

WINDOWS: Mapping[str, tuple[int, float]] = {
    "noojee-au": (4, 1.0),
    "polly": (5, 1.0),
    "nexa": (6, 1.0),
}


@asynccontextmanager
async def limited(folder: Path, mode: str) -> AsyncIterator[Everyone]:
    """Small windows for those who publish none, LeadSquared's own, and sandboxes that hold their
    callers to the vendors' quotas."""
    loaded = {v.name: load(v.sandbox, faithful=True) for v in VENDORS if v.name != "webhook"}
    async with backends(host=SandboxHost(loaded, SystemClock(), faithful=True)) as vendors:
        for lead in LEADS:
            seed(vendors.host, lead)
        told = everything(folder, vendors.url, mode)
        told["connectors"]["polly"]["token"] = f"sk-workspace_{'x' * 51}"
        del told["connectors"]["lsq"]["limits"]
        for name, (requests, per) in WINDOWS.items():
            told["connectors"][name]["limits"] = [{"requests": requests, "per": f"{per:g}s"}]
        async with served(folder, told, vendors) as e:
            await link(e.server, *map(ids_of, LEADS))
            yield e


def most(times: Sequence[float], per: float) -> int:
    """Calls in the fullest window."""
    return max(sum(begin <= at < begin + per for at in times) for begin in times)


def times(e: Everyone, connector: str) -> list[float]:
    """When a vendor received each call."""
    calls = e.backends.host.calls(CONNECTORS[connector])
    return [float(str(call["at"])) for call in calls]


@pytest.mark.parametrize(
    ("mode", "leads", "each", "window"), [("bulk", 1, 7, 5), ("async", 14, 1, 25)]
)
async def test_no_window_holds_more_than_it_may(
    tmp_path: Path, mode: str, leads: int, each: int, window: int
) -> None:
    """As counted at the sandboxes, which refuse nothing; LeadSquared's bulk calls one at a time,
    its polls counted with the calls they ask about; and the windows are used."""
    async with limited(tmp_path, mode) as e:
        e.backends.host.add_fault("leadsquared", Fault(delay=0.1))
        for number in range(each):
            for lead in LEADS[:leads]:
                told = await e.speaker.leadsquared(lead, {"Notes": f"{number}", "FirstName": "A",
                                                          "LastName": f"{number}"})  # fmt: skip
                assert told.status == 200
        await e.when("/connectors", is_settled)
        host = e.backends.host
        for lead in LEADS[:leads]:
            assert [len(arrived(host, name, lead)) for name in CONNECTORS] == [each] * 4
        found = {name: most(times(e, name), per) for name, (_, per) in WINDOWS.items()}
        sent = times(e, "lsq")
        statuses = {call["status"] for vendor in CONNECTORS.values() for call in host.calls(vendor)}
    assert statuses == {200}
    assert found == {name: requests for name, (requests, _) in WINDOWS.items()}
    assert most(sent, 5.0) == window
    if mode == "bulk":
        gaps = [after - before for before, after in pairwise(sent)]
        assert min(gaps) >= 0.1


SLOW: Mapping[str, tuple[int, object]] = {
    "noojee-au": answers.NOOJEE_BUSY,
    "lsq": answers.LEADSQUARED_BUSY,
    "polly": (429, answers.polly_error("Rate limit exceeded", "RATE_LIMIT_EXCEEDED")),
    "nexa": answers.DIALNEXA_BUSY,
    "hook": (429, None),
}


@pytest.mark.parametrize("mode", ["bulk", "async"])
async def test_retry_after_is_obeyed(tmp_path: Path, mode: str) -> None:
    """By the whole connector: nothing earlier, whichever lead, and little later; and it is no
    attempt."""
    vendor_of = {**CONNECTORS, "hook": "webhook"}
    async with everyone(tmp_path, LEADS[:3], mode) as e:
        await link(e.server, *map(ids_of, LEADS[:3]))
        host = e.backends.host
        for name, (status, body) in SLOW.items():
            fault = Fault(status=status, body=body, headers={"Retry-After": "2"}, times=1)
            host.add_fault(vendor_of[name], fault)
        names = [{"FirstName": "A", "LastName": lead} for lead in LEADS[:3]]
        await e.speaker.leadsquared(LEADS[0], names[0])
        await eventually(lambda: all(answered(e, vendor, 1) for vendor in vendor_of.values()))
        for lead, fields in zip(LEADS[1:3], names[1:], strict=True):
            await e.speaker.leadsquared(lead, fields)
        await eventually(lambda: all(answered(e, vendor, 2) for vendor in vendor_of.values()))
        waits = {}
        for name, vendor in vendor_of.items():
            first, second = (float(str(call["at"])) for call in host.calls(vendor)[:2])
            waits[name] = second - first
        late = {name: wait for name, wait in waits.items() if not 2.0 <= wait <= 2.0 + LATE}
    assert late == {}


def answered(e: Everyone, vendor: str, calls: int) -> bool:
    """Whether a vendor has answered so many."""
    return sum(call["status"] is not None for call in e.backends.host.calls(vendor)) >= calls
