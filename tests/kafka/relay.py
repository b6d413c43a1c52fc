"""A relay in front of a broker, which can lose what goes by.

It reads the frames of Kafka's protocol (kafka.apache.org/protocol, "Protocol Primitives"): a
length, then in a request the API's key, its version and a number that the answer repeats.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Relay:
    """Listens at one port of the loopback, and hands on to another."""

    def __init__(self, port: int, broker: int) -> None:
        """Both are ports."""
        self._port, self._broker = port, broker
        self._server: asyncio.Server | None = None
        self._met: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._losing: set[int] = set()
        self.lost = 0
        """Answers that were lost."""

    def lose_answer(self, api: int) -> None:
        """Lose the next answer to a request of this API, and the connection with it."""
        self._losing.add(api)

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", self._port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        for writer in self._met.values():
            writer.transport.abort()
        await asyncio.gather(*self._met)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._met[task] = writer
        there, back = await asyncio.open_connection("127.0.0.1", self._broker)
        asked: dict[bytes, int] = {}
        ways = [
            asyncio.ensure_future(self._requests(reader, back, asked)),
            asyncio.ensure_future(self._answers(there, writer, asked)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            back.close()
            del self._met[task]

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: dict[bytes, int]
    ) -> None:
        while True:
            frame = await _frame(reader)
            asked[frame[8:12]] = int.from_bytes(frame[4:6])
            writer.write(frame)

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: dict[bytes, int]
    ) -> None:
        while True:
            frame = await _frame(reader)
            api = asked.pop(frame[4:8])
            if api in self._losing:
                self._losing.discard(api)
                self.lost += 1
                return
            writer.write(frame)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    length = await reader.readexactly(4)
    return length + await reader.readexactly(int.from_bytes(length))
