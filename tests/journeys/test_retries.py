"""Callers that call again: what was answered twice is two updates, what was not is one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.sandbox.faults import Fault
from tests.journeys.running import (
    OK,
    Backends,
    Caller,
    backends,
    document,
    eventually,
    noojee_lead,
    server,
    url_of,
)

SALE = {"njDisposition": "Sale"}
REUSED = b'{"code":103,"message":"EXCEPTION: idempotency_key_reused"}'


@pytest.fixture
async def vendors() -> AsyncIterator[Backends]:
    """Both vendors with a lead."""
    async with backends() as served:
        served.host.seed("noojee", noojee_lead("1"))
        served.host.seed("pollybot", {"id": "lead_1", "name": "One"})
        yield served


@pytest.fixture
async def caller(vendors: Backends, tmp_path: Path) -> AsyncIterator[Caller]:
    """A patient client."""
    told = document(tmp_path, vendors.url)
    async with server(tmp_path, told) as running, Caller(url_of(running)) as client:
        yield client


def slow(vendors: Backends) -> None:
    """The next call takes the vendor a second."""
    vendors.host.add_fault("noojee", Fault(delay=1.0, times=1))


async def give_up(url: str) -> None:
    """A call whose client does not wait for the answer."""
    async with Caller(url, timeout=0.4) as impatient:
        with pytest.raises(TimeoutError):
            await impatient.noojee("1", SALE)


async def test_two_answered_calls_are_two_updates(vendors: Backends, caller: Caller) -> None:
    """The same call five times, each answered: the vendor gets five."""
    told = [await caller.noojee("1", SALE) for _ in range(5)]
    assert [(answer.status, answer.body) for answer in told] == [(200, OK)] * 5
    assert len({answer.events[0] for answer in told}) == 5
    assert len(vendors.host.calls("noojee")) == 5


async def test_a_call_repeated_while_it_runs_is_one_update(
    vendors: Backends, caller: Caller
) -> None:
    """The client gave up and called again before the vendor had answered; only a third call,
    after an answer, is a new update."""
    slow(vendors)
    await give_up(caller.url)
    again = await caller.noojee("1", SALE)
    assert (again.status, again.body, len(vendors.host.calls("noojee"))) == (200, OK, 1)
    third = await caller.noojee("1", SALE)
    assert third.events != again.events
    assert len(vendors.host.calls("noojee")) == 2


async def test_a_call_repeated_after_its_outcome_is_one_update(
    vendors: Backends, caller: Caller
) -> None:
    """The vendor answered meanwhile, but nobody was there to hear it."""
    slow(vendors)
    await give_up(caller.url)
    await eventually(lambda: vendors.host.calls("noojee")[0]["status"] == 200)
    await asyncio.sleep(0.3)
    again = await caller.noojee("1", SALE)
    assert (again.status, again.body, len(vendors.host.calls("noojee"))) == (200, OK, 1)


@pytest.mark.parametrize("settled", [True, False])
async def test_a_call_repeated_at_a_restarted_server_is_one_update(
    vendors: Backends, tmp_path: Path, settled: bool
) -> None:
    """It attaches to the events of the call before, whether they are delivered or not yet."""
    told = document(tmp_path, vendors.url)
    if settled:
        slow(vendors)
    else:
        vendors.host.add_fault("noojee", Fault(status=500))
        told["shutdown_within"] = "1s"
    async with server(tmp_path, told) as running:
        await give_up(url_of(running))
        await eventually(lambda: bool(vendors.host.calls("noojee")))
    before = len(vendors.host.calls("noojee"))
    vendors.host.clear_faults("noojee")
    async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
        again = await caller.noojee("1", SALE)
        third = await caller.noojee("1", SALE)
    assert [(answer.status, answer.body) for answer in (again, third)] == [(200, OK)] * 2
    assert again.events != third.events
    assert len(vendors.host.calls("noojee")) == before + (1 if settled else 2)


async def test_a_keyed_call_is_answered_in_the_same_bytes(
    vendors: Backends, tmp_path: Path
) -> None:
    """Again and again, by another process too; another key is another update."""
    told = document(tmp_path, vendors.url)
    first, other = {"Idempotency-Key": '"one"'}, {"Idempotency-Key": '"two"'}
    answers = []
    for _ in range(2):
        async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
            for _ in range(2):
                answer = await caller.polly("lead_1", {"status": "lost"}, first)
                answers.append((answer.status, answer.body, answer.events))
    assert (answers[0][0], answers) == (200, [answers[0]] * 4)
    assert len(vendors.host.calls("pollybot")) == 1
    async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
        third = await caller.polly("lead_1", {"status": "lost"}, other)
    assert third.events != answers[0][2]
    assert len(vendors.host.calls("pollybot")) == 2


async def test_a_key_with_another_body_is_refused(vendors: Backends, caller: Caller) -> None:
    """In each dialect's nearest words, and the vendor hears nothing."""
    key = {"Idempotency-Key": "one"}
    assert (await caller.noojee("1", SALE, key)).status == 200
    told = await caller.noojee("1", {"njDisposition": "Callback"}, key)
    assert (told.status, told.body, told.events) == (400, REUSED, [])
    assert (await caller.polly("lead_1", {"status": "new"}, key)).status == 200
    told = await caller.polly("lead_1", {"status": "lost"}, key)
    assert (told.status, b'"code":"CONFLICT"' in told.body) == (409, True)
    assert vendors.received("noojee", "njDisposition") == ["Sale"]
    assert vendors.received("pollybot", "status") == ["new"]


async def test_an_empty_key_is_none(vendors: Backends, caller: Caller) -> None:
    """Two calls with `Idempotency-Key:` and nothing behind it are two updates."""
    for key in ("", '""', " "):
        told = await caller.noojee("1", {"njDisposition": f"{key!r}"}, {"Idempotency-Key": key})
        assert (told.status, told.body) == (200, OK)
    assert len(vendors.host.calls("noojee")) == 3


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}])
async def test_identical_calls_at_once_are_one_update(
    vendors: Backends, caller: Caller, headers: dict[str, str]
) -> None:
    """While none has been answered they are one call and its retries."""
    slow(vendors)
    told = await asyncio.gather(*(caller.noojee("1", SALE, headers) for _ in range(8)))
    assert [(answer.status, answer.body) for answer in told] == [(200, OK)] * 8
    assert len({answer.events[0] for answer in told}) == 1
    assert len(vendors.host.calls("noojee")) == 1
