"""Which targets are called: judged by the address that is dialled, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import pytest

from connectors.delivery.connector import Applied, Misconfigured, Verdict
from connectors.delivery.plan import Plan
from connectors.webhook.outbound import WebhookSettings
from gateway import wiring
from gateway.clock import SystemClock
from gateway.model.codes import Code
from gateway.settings.model import EgressSettings, Settings
from gateway.transport.aiohttp_client import AiohttpClient
from gateway.transport.guard import Guard
from gateway.transport.port import ConnectFailed, HttpRequest
from tests.connectors.webhook.hooks import VENDOR, delivery, posted, settings, verdict_on

Planned = Callable[[WebhookSettings, EgressSettings], Plan]
OPEN = ["127.0.0.0/8", "::1/128"]


@dataclass
class Target:
    """A receiver on the loopback."""

    port: int
    planned: Planned
    """How its caller is planned."""
    answer: bytes = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    received: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one call."""
        await reader.readuntil(b"\r\n\r\n")
        self.received += 1
        writer.write(self.answer)
        writer.close()


def _connector(own: WebhookSettings, egress: EgressSettings) -> Plan:
    (plan,) = wiring.plans(Settings(connectors={"hook": own}, egress=egress), [VENDOR])
    return plan


def _endpoint(own: WebhookSettings, egress: EgressSettings) -> Plan:
    return wiring.endpoints_of_rules(Settings(egress=egress), [VENDOR])("automations.hook", own)


@pytest.fixture(params=[_connector, _endpoint], ids=["connector", "endpoint of rules"])
async def target(request: pytest.FixtureRequest) -> AsyncIterator[Target]:
    """It listens on two addresses and takes anything."""
    made = Target(0, request.param)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    second = await asyncio.start_server(made.serve, "127.0.0.2", made.port)
    yield made
    server.close()
    second.close()


async def told(target: Target, url: str, allow: Sequence[str] = ()) -> Verdict:
    """The verdict of a real attempt, by a connector and a client as `serve` makes them."""
    client = wiring.client(
        target.planned(settings(url=url, timeout="5s"), EgressSettings(allow=list(allow)))
    )
    try:
        reply = await client.send(posted(delivery(SystemClock().now()), url=url, timeout="5s"))
    finally:
        await client.close()
    return verdict_on(reply, url=url)


def blocked(address: str) -> Verdict:
    """The guard's word on an address, as the connector's reason to stop."""
    why = f"blocked: {address} is not a public address (egress.allow opens ranges)"
    return Misconfigured(Code.FORBIDDEN, why)


LITERALS = {
    "127.0.0.1": "127.0.0.1",
    "0.0.0.0": "0.0.0.0",  # noqa: S104 - an address to be refused, nothing listens on it
    "10.1.2.3": "10.1.2.3",
    "192.168.1.1": "192.168.1.1",
    "100.64.0.1": "100.64.0.1",
    "169.254.169.254": "169.254.169.254",
    "[::1]": "::1",
    "[::ffff:127.0.0.1]": "::ffff:7f00:1",
    "[::ffff:169.254.169.254]": "::ffff:a9fe:a9fe",
    "[2002:7f00:1::]": "2002:7f00:1::",
    "[64:ff9b::127.0.0.1]": "64:ff9b::7f00:1",
    "[fe80::1]": "fe80::1",
    "[fd00::1]": "fd00::1",
}
"""A host as an address is written -> the address that is dialled."""


@pytest.mark.parametrize(("host", "address"), LITERALS.items())
async def test_no_inner_address_is_called(target: Target, host: str, address: str) -> None:
    """Loopback, private, link-local, mapped, 6to4, NAT64: the connector stops and says why."""
    found = await told(target, f"http://{host}:{target.port}/x")
    assert isinstance(found, Misconfigured)
    assert found.code is Code.FORBIDDEN
    word, _, rest = found.message.partition(" is not a public address")
    assert ip_address(word.removeprefix("blocked: ")) == ip_address(address)
    assert rest == " (egress.allow opens ranges)"
    assert target.received == 0


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "2852039166", "0"]
)
async def test_no_other_notation_leads_inwards(target: Target, host: str) -> None:
    """Decimal, hexadecimal, octal and short: whatever the C library makes of them."""
    client = AiohttpClient(1, Guard([]))
    try:
        reply = await client.send(HttpRequest("POST", f"http://{host}:{target.port}/x", timeout=5))
    finally:
        await client.close()
    assert isinstance(reply, ConnectFailed)
    assert target.received == 0


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]"])
async def test_what_the_operator_opens_is_called(target: Target, host: str) -> None:
    """However it is written."""
    assert await told(target, f"http://{host}:{target.port}/x", OPEN) == Applied(None, (), 204)
    assert target.received == 1


async def test_another_range_opens_nothing(target: Target) -> None:
    """Only what is named."""
    allow = ["127.0.0.2/32", "10.0.0.0/8"]
    assert await told(target, f"http://127.0.0.1:{target.port}/x", allow) == blocked("127.0.0.1")
    assert target.received == 0


async def test_a_name_of_the_loopback_is_not_called(target: Target) -> None:
    """Every address that it has is refused."""
    found = await told(target, f"http://localhost:{target.port}/x")
    assert isinstance(found, Misconfigured)
    assert found.message.startswith("blocked: ")
    assert target.received == 0


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: Sequence[str]) -> None:
    """A name server that gives these answers, one a look; the last again and again."""
    left = [list(answer) for answer in answers]
    real = socket.getaddrinfo

    def look(host: str | bytes | None, port: Any, *rest: Any, **named: Any) -> Any:
        if host not in {"hooks.example.com", b"hooks.example.com"}:
            return real(host, port, *rest, **named)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, int(port or 0))) for one in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.9"])
async def test_a_name_of_an_inner_address_is_not_called(
    target: Target, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Whoever's name it is."""
    resolving(monkeypatch, [address])
    assert await told(target, f"http://hooks.example.com:{target.port}/x") == blocked(address)
    assert target.received == 0


async def test_a_name_that_turns_inwards_is_not_called(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: fine at the first look (127.0.0.2 stands for a public address), the loopback
    at the second."""
    resolving(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])
    url = f"http://hooks.example.com:{target.port}/x"
    assert await told(target, url, ["127.0.0.2/32"]) == Applied(None, (), 204)
    assert await told(target, url, ["127.0.0.2/32"]) == blocked("127.0.0.1")
    assert target.received == 1


async def test_of_several_addresses_only_the_open_ones_are_called(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inner address among public ones is passed by."""
    resolving(monkeypatch, ["127.0.0.1", "127.0.0.2"])
    url = f"http://hooks.example.com:{target.port}/x"
    assert await told(target, url, ["127.0.0.2/32"]) == Applied(None, (), 204)


async def test_a_redirect_is_not_followed(target: Target) -> None:
    """Not even to the target itself: it would lead where nobody configured."""
    there = f"http://127.0.0.1:{target.port}/y".encode()
    target.answer = b"HTTP/1.1 307 T\r\nContent-Length: 0\r\nLocation: " + there + b"\r\n\r\n"
    found = await told(target, f"http://127.0.0.1:{target.port}/x", OPEN)
    assert found == Misconfigured(Code.ROUTE_NOT_FOUND, "redirects are not followed", 307)
    assert target.received == 1
