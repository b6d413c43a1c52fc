"""The world outside leadwire, in one process on the other core: callers and a vendor backend.

Both speak HTTP by hand over uvloop, so that they cost less than what they measure. Each update
carries a number, by which a call that was sent is found again when it arrives at the backend.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

NUMBER = re.compile(rb'"mx_N":(?:{[^}]*"value":)?"(\d+)"')
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
MakeCall = Callable[[int], bytes]
"""A whole request with this number in it."""


def lead(number: int) -> str:
    """A lead's id, in LeadSquared's form."""
    return f"00000000-0000-4000-8000-{number:012d}"


def leadsquared_call(leads: int) -> MakeCall:
    """Update a Lead (Async) with two attributes, for one of so many leads."""

    def make(number: int) -> bytes:
        body = (
            b'[{"Attribute":"Phone","Value":"+15550100"},{"Attribute":"mx_N","Value":"%d"}]'
            % number
        )
        return (
            b"POST /lead/update?accessKey=in-access&secretKey=in-secret&leadId=%s"
            b"&postUpdatedLead=false HTTP/1.1\r\nHost: bench\r\nx-api-key: in-key\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (lead(number % leads).encode(), len(body), body)
        )

    return make


class Messages(asyncio.Protocol):
    """Cuts a stream into HTTP messages with a Content-Length (or without a body)."""

    def __init__(self) -> None:
        """An empty buffer."""
        self._buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        while (end := buffer.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(buffer, 0, end)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(buffer) < size:
                break
            self.message(buffer[:size])
            buffer = buffer[size:]
        self._buffer = buffer

    def message(self, whole: bytes) -> None:
        """One message has come; what it means is for the subclass to say."""
        raise TypeError(f"nobody reads these {len(whole)} bytes")


@dataclass
class Backend:
    """A vendor backend that says yes to everything, and when it did."""

    arrived: dict[int, float] = field(default_factory=dict)
    """Number of an update -> when it was answered."""
    calls: int = 0
    first: float = 0.0
    last: float = 0.0
    refuse: bytes = b""
    """Requests with these bytes in them are answered 500."""
    wanted: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, whole: bytes, transport: asyncio.Transport) -> None:
        """Answer one request."""
        now = time.perf_counter()
        if self.refuse and self.refuse in whole:
            transport.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
            return
        self.calls += 1
        if self.calls == self.wanted:
            self.enough.set()
        self.first = self.first or now
        self.last = now
        number = NUMBER.search(whole)
        if number is not None:
            self.arrived[int(number[1])] = now
        transport.write(OK)

    async def had(self, count: int, within: float) -> None:
        """Wait until there were `count` calls in all. Raises TimeoutError."""
        self.wanted = count
        self.enough.clear()
        if self.calls < count:
            async with asyncio.timeout(within):
                await self.enough.wait()

    async def serve(self, port: int = 0) -> tuple[asyncio.Server, int]:
        """Listen on loopback; the server and its port."""
        backend = self

        class Connection(Messages):
            def message(self, whole: bytes) -> None:
                assert self.transport is not None
                backend.take(whole, self.transport)

        loop = asyncio.get_running_loop()
        server = await loop.create_server(Connection, "127.0.0.1", port, backlog=1024)
        return server, server.sockets[0].getsockname()[1]


@dataclass
class Load:
    """Callers on so many connections, each with one call under way."""

    make: MakeCall
    sent: dict[int, float] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)
    refused: int = 0
    next: int = 0

    async def saturate(self, port: int, connections: int, count: int) -> float:
        """Make `count` calls as fast as they are answered; calls a second."""
        done = asyncio.Event()
        last = self.next + count
        left = count
        load = self

        class Caller(Messages):
            number = 0

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                self.call()

            def call(self) -> None:
                if load.next >= last:
                    return
                self.number = load.next
                load.next += 1
                assert self.transport is not None
                load.sent[self.number] = time.perf_counter()
                self.transport.write(load.make(self.number))

            def message(self, whole: bytes) -> None:
                nonlocal left
                load.note(self.number, whole)
                left -= 1
                if left == 0:
                    done.set()
                self.call()

        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        callers = [
            await loop.create_connection(Caller, "127.0.0.1", port) for _ in range(connections)
        ]
        async with asyncio.timeout(120):
            await done.wait()
        took = time.perf_counter() - began
        for transport, _ in callers:
            transport.close()
        return count / took

    async def steadily(self, port: int, rate: float, seconds: float, connections: int = 64) -> None:
        """Make calls at an even rate, whatever the answers do."""
        load = self
        free: asyncio.Queue[Caller] = asyncio.Queue()

        class Caller(Messages):
            number = 0

            def message(self, whole: bytes) -> None:
                load.note(self.number, whole)
                free.put_nowait(self)

        loop = asyncio.get_running_loop()
        transports = []
        for _ in range(connections):
            transport, caller = await loop.create_connection(Caller, "127.0.0.1", port)
            transports.append(transport)
            free.put_nowait(caller)
        began = time.perf_counter()
        for place in range(int(rate * seconds)):
            wait = began + place / rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            caller = await free.get()
            caller.number = self.next
            self.next += 1
            assert caller.transport is not None
            self.sent[caller.number] = time.perf_counter()
            caller.transport.write(self.make(caller.number))
        async with asyncio.timeout(30):
            for _ in range(connections):
                await free.get()
        for transport in transports:
            transport.close()

    def note(self, number: int, whole: bytes) -> None:
        """An answer has come."""
        if whole.startswith(b"HTTP/1.1 2"):
            self.answered[number] = time.perf_counter()
        else:
            self.refused += 1
