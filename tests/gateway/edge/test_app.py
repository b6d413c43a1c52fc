"""The listener: bodies, faults, connections."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.model.codes import Code
from gateway.model.outcome import Kind, Outcome
from tests.gateway.edge.front import BODY, NOWHERE, Front, front, listening
from tests.gateway.edge.lines import written_lines
from tests.journeys.running import BUSY, NOOJEE_KEY, NOOJEE_PATH, OK, Caller, document, eventually

TARGET = f"{NOOJEE_PATH}?fAllocationId=38&njExternalLeadId=1&apiKey={NOOJEE_KEY}"
MALFORMED = b'{"code":103,"message":"EXCEPTION"}'
LIMIT = 2048


@pytest.fixture
def door(tmp_path: Path) -> Front:
    """Takes bodies of 2 KiB that come within half a second."""
    told = document(tmp_path, NOWHERE)
    told["server"] |= {"max_body": LIMIT, "body_within": "500ms"}
    return front(tmp_path, told)


@pytest.fixture
async def address(door: Front) -> AsyncIterator[str]:
    """Where it listens."""
    async with listening(door) as listener:
        yield f"http://127.0.0.1:{listener.port}"


@pytest.fixture
async def caller(address: str) -> AsyncIterator[Caller]:
    """A client."""
    async with Caller(address) as client:
        yield client


async def raw(address: str, request: bytes) -> bytes:
    """What comes back for these bytes until the connection closes, or a second without any."""
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = b""
    try:
        while True:
            some = await asyncio.wait_for(reader.read(65536), 1.5)
            if not some:
                return answer
            answer += some
    except TimeoutError:
        return answer
    finally:
        writer.close()


async def test_a_call(door: Front, caller: Caller) -> None:
    """Taken, and noted as answered once its answer is out."""
    told = await caller.call("POST", TARGET, BODY)
    assert (told.status, told.body, told.events) == (200, OK, list(door.claiming._done[0].events))


async def test_a_compressed_body_is_read(caller: Caller) -> None:
    """As the vendors' servers do."""
    packed = gzip.compress(BODY)
    told = await caller.call("POST", TARGET, packed, {"Content-Encoding": "gzip"})
    assert (told.status, told.body) == (200, OK)


@pytest.mark.parametrize("packed", [False, True])
async def test_a_body_over_the_bound_is_refused(door: Front, caller: Caller, packed: bool) -> None:
    """However small it is on the way; nothing is taken, and the connection can be used again."""
    large = b'{"Name":"' + b"x" * LIMIT + b'"}'
    headers = {"Content-Encoding": "gzip"} if packed else {}
    body = gzip.compress(large) if packed else large
    told = await caller.call("POST", TARGET, body, headers)
    assert (told.status, told.body, door.journal.entries) == (400, MALFORMED, [])
    assert (await caller.call("POST", TARGET, BODY)).body == OK


async def test_a_body_that_cant_be_unpacked_is_refused(door: Front, caller: Caller) -> None:
    """In the vendor's shape."""
    told = await caller.call("POST", TARGET, b"no gzip", {"Content-Encoding": "gzip"})
    assert (told.status, door.journal.entries) == (400, [])


async def test_a_body_that_does_not_come_is_not_waited_for(door: Front, address: str) -> None:
    """Half of one, and then silence."""
    head = f"POST {TARGET} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{"
    answer = await raw(address, head.encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert (MALFORMED in answer, door.journal.entries) == (True, [])


async def test_a_fault_of_ours_is_busy_and_says_nothing(door: Front, caller: Caller) -> None:
    """No page of the server's; the line tells where it was, and no word of the call."""
    door.journal.standings = [RuntimeError(f"secret {NOOJEE_KEY}")]
    with written_lines() as lines:
        told = await caller.call("POST", TARGET, BODY)
    assert (told.status, told.body, told.events) == (400, BUSY, [])
    assert [line["error"] for line in lines if line["event"] == "call.failed"] == ["RuntimeError"]
    assert NOOJEE_KEY not in repr(lines)


async def test_a_client_that_is_gone_was_not_answered(door: Front, address: str) -> None:
    """Its retry must attach, so the claim stays; nobody makes a noise of it."""
    door.journal.outcome = None
    async with Caller(address, timeout=0.3) as impatient:
        with pytest.raises(TimeoutError):
            await impatient.call("POST", TARGET, BODY)
    ((event, connector),) = door.waiting._futures
    with written_lines() as lines:
        door.waiting._resolve(applied(event, connector))
        await eventually(lambda: any(line["event"] == "call.answered" for line in lines))
    assert door.claiming._done == []


async def test_calls_at_once(tmp_path: Path) -> None:
    """As many as the credential may; the others queue, and go on when one is answered."""
    told = document(tmp_path, NOWHERE)
    told["tenants"]["default"]["credentials"][0]["quota"] = {"concurrent": 2}
    door = front(tmp_path, told)
    door.journal.outcome = None
    async with (
        listening(door) as listener,
        Caller(f"http://127.0.0.1:{listener.port}") as caller,
    ):
        bodies = [BODY + b" " * number for number in range(5)]
        calls = [asyncio.create_task(caller.call("POST", TARGET, body)) for body in bodies]
        await eventually(lambda: len(door.journal.entries) == 2)
        await asyncio.sleep(0.1)
        assert len(door.journal.entries) == 2
        door.journal.outcome = Kind.APPLIED
        for place in list(door.waiting._futures):
            door.waiting._resolve(applied(*place))
        answers = [await call for call in calls]
    assert [(told.status, told.body) for told in answers] == [(200, OK)] * 5
    assert len(door.journal.entries) == 5


def applied(event_id: str, connector: str) -> Outcome:
    """The authority's outcome."""
    return Outcome(event_id, connector, Kind.APPLIED, Code.OK, "default", "ld")


async def test_a_body_that_trickles_in_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before its time is over, it is refused for its pace; one that is quick enough may
    come in many pieces."""
    monkeypatch.setattr("gateway.edge.http.bodies.SLOW_START", 0.3)
    told = document(tmp_path, NOWHERE)
    told["server"] |= {"body_within": "30s", "body_pace": 100}
    door = front(tmp_path, told)
    async with listening(door) as listener:
        for piece, expected in ((1, b"HTTP/1.1 400 "), (20, b"HTTP/1.1 200 ")):
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            body = BODY[:-1] + b',"Name":"' + b"x" * 60 + b'"}'
            head = f"POST {TARGET} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode())
            for at in range(0, len(body), piece):
                await asyncio.sleep(0.08)
                writer.write(body[at : at + piece])
                if reader._buffer:  # type: ignore[attr-defined]  # only looked at
                    break
            async with asyncio.timeout(5):
                assert (await reader.readline()).startswith(expected)
            writer.close()
