"""Every refusal of the front door, over a real socket, in each registered dialect's own words."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

from connectors.vendor import SampleCall
from gateway.clock import SystemClock
from gateway.dialect import Malformed, MethodNotAllowed, Parsed, Refusal, TooLarge, Unauthenticated
from gateway.edge.app import Door
from gateway.edge.paths import Paths
from tests.contracts.spoken import SPOKEN, Spoken
from tests.contracts.vendors import secrets_of
from tests.gateway.edge.front import NOWHERE, Front, front, listening
from tests.gateway.edge.lines import written_lines
from tests.journeys.running import document

LIMIT = 65536
SLOW = Malformed("the body did not come in time")
ENCODED = Malformed("the body's Content-Encoding is not one that is read")
MANY = Malformed("the body holds too many values")
BROKEN = Malformed("the body can't be unpacked")
Change = Callable[[Spoken, SampleCall], SampleCall]


class Case(NamedTuple):
    """A call that is refused, made of a good one."""

    change: Change
    refusal: Refusal | None
    """None: what the dialect itself says of the body."""
    length: int | None = None
    """The `Content-Length` that is claimed; None: the true one."""


def body(made: bytes, **headers: str) -> Change:
    """The call with another body."""
    told = tuple((name.replace("_", "-"), value) for name, value in headers.items())

    def change(_: Spoken, sample: SampleCall) -> SampleCall:
        return replace(sample, body=made, headers=sample.headers + told)

    return change


def keyed(key: str) -> Change:
    """The call with another key, wherever the dialect has it."""

    def change(spoken: Spoken, sample: SampleCall) -> SampleCall:
        def swapped(text: str) -> str:
            for secret in secrets_of(spoken.key):
                text = text.replace(secret, key)
            return text

        headers = tuple((name, swapped(value)) for name, value in sample.headers)
        query = tuple((name, swapped(value)) for name, value in sample.query)
        return replace(sample, headers=headers, query=query)

    return change


def deep(levels: int) -> bytes:
    """Objects in each other."""
    return b'{"a":' * levels + b"1" + b"}" * levels


WRONG = Unauthenticated(presented=True)
CASES = {
    "wrong key": Case(keyed("wrong"), WRONG),
    "Unicode key": Case(keyed("ключ-🔑"), WRONG),
    "long key": Case(keyed("k" * 2000), WRONG),
    "too large": Case(body(b"x"), TooLarge(LIMIT), 10 << 20),
    "bomb": Case(body(gzip.compress(bytes(32 << 20)), Content_Encoding="gzip"), TooLarge(LIMIT)),
    "no gzip": Case(body(b"{}", Content_Encoding="gzip"), BROKEN),
    "brotli": Case(body(b"\x0b\x02\x80{}\x03", Content_Encoding="br"), ENCODED),
    "zstd": Case(body(b"\x28\xb5\x2f\xfd", Content_Encoding="zstd"), ENCODED),
    "two encodings": Case(body(b"{}", Content_Encoding="gzip, gzip"), ENCODED),
    "slow": Case(body(b"{"), SLOW, 100),
    "random bytes": Case(body(b"\x00\xff\xfe" * 50), None),
    "no UTF-8": Case(body(b'{"a":"\xff"}'), None),
    "NUL": Case(body(b'{"a":"b"}\x00'), None),
    "NaN": Case(body(b'{"a":NaN}'), None),
    "half a surrogate": Case(body(b'{"a":"\\ud800"}'), None),
    "deep": Case(body(deep(65)), None),
    "bottomless": Case(body(b"[" * LIMIT), None),
    "many values": Case(body(b"," * 50_001), MANY),
    "array": Case(body(b"[null]"), None),
}
EXACT: dict[str, dict[Refusal, tuple[int, bytes]]] = {
    "noojee": {
        WRONG: (403, b'{"code":-1,"message":"INVALID_API_KEY"}'),
        TooLarge(LIMIT): (400, b'{"code":103,"message":"EXCEPTION"}'),
        ENCODED: (400, b'{"code":103,"message":"EXCEPTION"}'),
    },
    "pollybot": {
        WRONG: (401, b'{"success":false,"error":"Invalid API key","code":"INVALID_API_KEY"}'),
    },
}
"""What stands in the vendors' tables."""

every_dialect = pytest.mark.parametrize("spoken", SPOKEN, ids=lambda spoken: spoken.name)


@pytest.fixture
def door(tmp_path: Path, spoken: Spoken) -> Front:
    """Opened by the dialect's key, for bodies of 64 KiB that come within a moment."""
    told = document(tmp_path, NOWHERE)
    told["server"] |= {"max_body": LIMIT, "body_within": "300ms"}
    made = front(tmp_path, told)
    intake = replace(made.intake, credentials=spoken.credentials)
    old = made.door
    made.door = Door(
        Paths([spoken.dialect]),
        intake,
        old._asking,
        old._explaining,
        old._claiming,
        old._settings,
        SystemClock(),
        old._metrics,
    )
    return made


@pytest.fixture
async def port(door: Front) -> AsyncIterator[int]:
    """Where it listens."""
    async with listening(door) as listener:
        yield listener.port


def request_of(sample: SampleCall, length: int | None = None) -> bytes:
    """The bytes of a call."""
    pairs = [f"{quote(name)}={quote(value)}" for name, value in sample.query]
    target = sample.path + ("?" + "&".join(pairs) if pairs else "")
    lines = [f"{sample.method} {target} HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in sample.headers]
    lines += [f"Content-Length: {len(sample.body) if length is None else length}", "", ""]
    return "\r\n".join(lines).encode() + sample.body


async def said(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            told = await reader.readexactly(int(headers.get("Content-Length", 0)))
    finally:
        writer.close()
    return int(head[0].split(" ")[1]), headers, told


@every_dialect
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_a_refusal(door: Front, port: int, spoken: Spoken, case: Case) -> None:
    """Is the dialect's own, whole; nothing is taken, and one line says so."""
    good = spoken.samples[0]
    sample = case.change(spoken, good)
    refusal = case.refusal
    if refusal is None:
        parsed = spoken.dialect.parse(spoken.call(), sample.body, spoken.caller)
        assert not isinstance(parsed, Parsed)
        refusal = parsed
    expected = spoken.dialect.refuse(spoken.call(), refusal, None)
    with written_lines() as lines:
        status, headers, told = await said(port, request_of(sample, case.length))
        written = [line for line in lines if line["event"] != "call.answered"]
        assert (len(lines), written) == (1, [])
    assert (status, told) == (expected.status, expected.body)
    assert headers["Content-Type"] == expected.content_type
    exact = EXACT.get(spoken.name, {}).get(refusal)
    assert exact in {None, (status, told)}
    assert door.journal.entries == []


@every_dialect
@pytest.mark.parametrize("method", ["GET", "DELETE", "PROPFIND", "OPTIONS"])
async def test_a_method_that_is_not_served(port: int, spoken: Spoken, method: str) -> None:
    """Is told those that are."""
    sample = replace(spoken.samples[0], method=method, body=b"")
    served = {route.method for route in spoken.dialect.routes}
    if method in served:
        return
    status, headers, told = await said(port, request_of(sample))
    allowed = tuple(headers["Allow"].split(", "))
    call = spoken.call()._replace(method=method)
    expected = spoken.dialect.refuse(call, MethodNotAllowed(allowed), None)
    assert (status, told) == (405, expected.body)
    assert spoken.samples[0].method in allowed


@every_dialect
async def test_a_path_that_is_not_served(port: int, spoken: Spoken) -> None:
    """Belongs to no dialect."""
    sample = replace(spoken.samples[0], path="/nowhere" + spoken.samples[0].path)
    status, _, told = await said(port, request_of(sample))
    assert (status, told) == (404, b'{"error":"no such path"}')


@every_dialect
async def test_a_body_is_asked_for_only_with_the_right_key(
    door: Front, port: int, spoken: Spoken
) -> None:
    """A client that first asks whether to send it is told to only then."""
    asks = replace(
        spoken.samples[0], headers=(*spoken.samples[0].headers, ("Expect", "100-continue"))
    )
    status, _, _ = await said(port, request_of(replace(keyed("no")(spoken, asks), body=b""), 99))
    assert 400 <= status < 500
    assert door.journal.entries == []
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request_of(replace(asks, body=b""), len(asks.body)))
    async with asyncio.timeout(10):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(asks.body)
        await reader.readline()
    writer.close()
    assert len(door.journal.entries) == 1
