"""When an answer can't be had in time the caller hears busy, in its dialect's words, and an
update that was taken goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.sandbox.faults import Fault
from gateway.clock import SystemClock
from gateway.database.port import Operation, Query
from gateway.serving import Server
from gateway.store import connectors
from gateway.store.board import Board
from tests.journeys.deployments import alone
from tests.journeys.running import (
    BUSY,
    OK,
    Backends,
    Caller,
    Document,
    Running,
    Told,
    backends,
    document,
    eventually,
    noojee_lead,
    server,
    url_of,
)
from tests.ports import free_port

SALE = {"njDisposition": "Sale"}
AT_ONCE = 10.0
"""Seconds; calls below may wait for 30."""


@pytest.fixture
async def vendors() -> AsyncIterator[Backends]:
    """A Noojee server with leads."""
    async with backends() as served:
        for number in range(20):
            served.host.seed("noojee", noojee_lead(str(number)))
        yield served


def within(told: Document, seconds: str) -> Document:
    """The time an answer may take."""
    told["tenants"]["default"]["credentials"][0]["answer_within"] = seconds
    return told


def is_busy(told: Told, events: int) -> bool:
    """Whether an answer is Noojee's busy, for so many events."""
    return (told.status, told.body, len(told.events)) == (400, BUSY, events)


async def settled(caller: Caller, lead: str, fields: dict[str, str]) -> Told:
    """Call until it isn't busy."""
    async with asyncio.timeout(30):
        while True:
            told = await caller.noojee(lead, fields)
            if not is_busy(told, 1):
                return told
            await asyncio.sleep(0.05)


def heard(running: Running) -> Board:
    """What the gateway has heard of connectors."""
    assert isinstance(running, Server)
    return running.board


@alone("it waits for what the gateway has heard")
async def test_a_vendor_that_is_down_is_told_at_once(tmp_path: Path) -> None:
    """The breaker is open: the update is taken and busy is the answer; when the vendor is back,
    a retry gets the OK of the same event."""
    port = free_port()
    told = within(document(tmp_path, f"http://127.0.0.1:{port}"), "30s")
    told["connectors"]["noojee-au"]["breaker"] = {"failures": 1, "open": "300ms", "max_open": "1s"}
    async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
        first = asyncio.create_task(caller.noojee("1", SALE))
        await eventually(lambda: not heard(running).able("noojee-au"))
        began = SystemClock().monotonic()
        second = await caller.noojee("2", SALE)
        assert is_busy(second, 1)
        assert SystemClock().monotonic() - began < AT_ONCE
        async with backends(port) as vendors:
            for lead in ("1", "2"):
                vendors.host.seed("noojee", noojee_lead(lead))
            assert (await first).body == OK
            again = await settled(caller, "2", SALE)
            calls = len(vendors.host.calls("noojee", "2"))
    assert (again.status, again.body, again.events, calls) == (200, OK, second.events, 1)


@alone("it waits for what the gateway has heard")
async def test_a_paused_connector_is_told_at_once(vendors: Backends, tmp_path: Path) -> None:
    """The same; the update goes when an operator resumes it."""
    told = within(document(tmp_path, vendors.url), "30s")
    async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
        await wish(running, "paused")
        await eventually(lambda: not heard(running).able("noojee-au"))
        began = SystemClock().monotonic()
        first = await caller.noojee("1", SALE)
        assert is_busy(first, 1)
        assert SystemClock().monotonic() - began < AT_ONCE
        assert vendors.host.calls("noojee") == []
        await wish(running, "run")
        again = await settled(caller, "1", SALE)
    assert (again.status, again.body, again.events) == (200, OK, first.events)
    assert len(vendors.host.calls("noojee")) == 1


async def wish(running: Running, value: str) -> None:
    """What an operator asks of the connector."""
    await running.storage.store.run(lambda: connectors.wish("noojee-au", value))


@alone("each has a bound of its own")
async def test_more_callers_than_may_wait(vendors: Backends, tmp_path: Path) -> None:
    """Three wait; the others are busy before anything is stored, and can call again."""
    told = within(document(tmp_path, vendors.url), "30s")
    told["server"]["max_waiting"] = 3
    vendors.host.add_fault("noojee", Fault(delay=1.0, times=3))
    async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
        answers = await asyncio.gather(*(caller.noojee(str(n), SALE) for n in range(10)))
        assert sum(is_busy(answer, 0) for answer in answers) == 7
        assert sum((answer.status, answer.body) == (200, OK) for answer in answers) == 3
        assert len(vendors.host.calls("noojee")) == 3
        assert (await caller.noojee("1", {"njDisposition": "Callback"})).body == OK


async def test_a_caller_hears_busy_at_its_deadline(vendors: Backends, tmp_path: Path) -> None:
    """The vendor takes longer; the update is applied once, and the retry hears so."""
    told = within(document(tmp_path, vendors.url), "300ms")
    vendors.host.add_fault("noojee", Fault(delay=1.5, times=1))
    async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
        first = await caller.noojee("1", SALE)
        assert is_busy(first, 1)
        assert vendors.host.calls("noojee")[0]["status"] is None
        again = await settled(caller, "1", SALE)
    assert (again.status, again.body, again.events) == (200, OK, first.events)
    assert len(vendors.host.calls("noojee")) == 1


@alone("it is the file that is full")
async def test_a_full_disk(vendors: Backends, tmp_path: Path) -> None:
    """Nothing can be appended: busy without an event; what was answered before is delivered, and
    with room again everything goes on."""
    told = within(document(tmp_path, vendors.url), "30s")
    async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
        assert (await caller.noojee("1", SALE)).body == OK
        await pages(running, None)
        large = {"Name": "x" * 100_000, "njDisposition": "Sale"}
        refused = [await caller.noojee(str(n), large) for n in range(4)]
        assert [is_busy(answer, 0) for answer in refused] == [True] * 4
        assert len(vendors.host.calls("noojee")) == 1
        await pages(running, 1_000_000_000)
        again = [await caller.noojee(str(n), large) for n in range(4)]
        assert [(answer.status, answer.body) for answer in again] == [(200, OK)] * 4
    assert len(vendors.host.calls("noojee")) == 5


async def pages(running: Running, most: int | None) -> None:
    """Let the file grow to so many pages; None: no more than it has."""

    def operation() -> Operation[None]:
        counted = yield Query("PRAGMA page_count")
        yield Query(f"PRAGMA max_page_count = {most or counted[0][0]}")

    await running.storage.store.run(operation)
