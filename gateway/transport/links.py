"""Connections to backends that are kept between requests.

aiohttp's `TCPConnector` dials them. What it does besides, to lend each one anew for every request,
took as long as the exchange: here a connection stays lent, `answers` reads one after the
other, and one timer that is set again only when it fires bounds them all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from math import inf

from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from gateway.transport.answers import AnswerReader, Unreadable
from gateway.transport.port import HttpResponse

KEEP_ALIVE = 4.0
"""Seconds an idle connection is kept: below the 5 s after which Node's HTTP server, behind which
several vendors stand, closes one (nodejs.org, `server.keepAliveTimeout`)."""

CLOSES_WITHIN = 1.0
"""Seconds that the other sides have to close theirs, which takes TLS a word each."""

Dial = Callable[[], Awaitable[Connection]]


class Link(asyncio.Protocol):
    """A connection, for one request at a time."""

    __slots__ = (
        "_armed",
        "_connection",
        "_deadline",
        "_dialled",
        "_loop",
        "_reader",
        "_timer",
        "_waiter",
        "expired",
        "gone",
        "origin",
        "since",
        "transport",
    )

    def __init__(self, origin: str, connection: Connection, most: int) -> None:
        """One that was just dialled; of an answer's body at most `most` bytes are kept. Raises
        ConnectionResetError for one that is gone again."""
        dialled, transport = connection.protocol, connection.transport
        if dialled is None or transport is None or dialled.should_close:
            connection.close()
            raise ConnectionResetError
        self.origin, self._connection = origin, connection
        self._dialled: ResponseHandler = dialled
        self.transport: asyncio.Transport = transport
        self._loop = asyncio.get_running_loop()
        self._reader = AnswerReader(most)
        self._waiter: asyncio.Future[HttpResponse] | None = None
        self._deadline = self._armed = inf
        self._timer: asyncio.TimerHandle | None = None
        self.since = 0.0
        """When it became idle, by the loop's clock."""
        self.expired = False
        """Whether a request ran out of time."""
        self.gone = False
        """Whether it was lost, or is being closed."""
        transport.set_protocol(self)

    @property
    def usable(self) -> bool:
        """Whether another request may go out on it: nothing was said since the last answer."""
        return self._reader.usable and not self.gone

    @property
    def closed(self) -> asyncio.Future[None] | None:
        """Done when the other side has closed it too; None where it has."""
        return self._dialled.closed

    def begin(self, message: bytes, until: float, *, bare: bool) -> asyncio.Future[HttpResponse]:
        """Send a request that must be answered by `until`, the loop's clock; to a `bare` one
        answers have no body. The answer: its headers, and its body as it is kept; it raises OSError
        where the connection was lost, and Unreadable."""
        self._waiter = waiter = self._loop.create_future()
        self._reader.expect(bare=bare)
        self._deadline = until
        if until < self._armed:
            self._arm(until)
        self.transport.write(message)
        return waiter

    def end(self) -> None:
        """Its answer was read, whole."""
        self._deadline = inf

    def close(self) -> None:
        """Use it no more."""
        self.gone = True
        self._deadline = inf
        if self._timer is not None:
            self._timer.cancel()
        self._connection.close()

    def abort(self) -> None:
        """Close it, and don't wait until the other side has read what is still to be sent."""
        self.transport.abort()
        self.close()

    # --- the transport's word ----------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Some of an answer."""
        try:
            answer = self._reader.feed(data)
        except Unreadable as error:
            self._fail(error)
        else:
            if answer is not None:
                self._answered(answer)

    def eof_received(self) -> None:
        """The other side says no more; the transport closes."""
        try:
            answer = self._reader.end()
        except Unreadable as error:
            self._fail(error)
        else:
            if answer is not None:
                self._answered(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self.eof_received()
        self.gone = True
        self._fail(exc or ConnectionAbortedError())
        self._reader.close()
        self._dialled.connection_lost(exc)

    def _answered(self, answer: HttpResponse) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(answer)

    def _fail(self, error: Exception) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = when
        self._timer = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        self._timer, self._armed = None, inf
        if self._deadline == inf:
            return
        if self._deadline > self._loop.time():
            self._arm(self._deadline)
            return
        self.expired = True
        # Whoever waits for its answer is told so.
        self.transport.abort()


class Links:
    """Those of one client: at most so many, used or idle."""

    def __init__(self, most: int, most_bytes: int) -> None:
        """None yet; `most_bytes` of an answer's body are kept."""
        self._most, self._most_bytes = most, most_bytes
        self._count = 0
        self._idle: list[Link] = []
        self._queue: deque[asyncio.Future[None]] = deque()
        self._sweeping: asyncio.TimerHandle | None = None

    def idle(self, origin: str, now: float) -> Link | None:
        """An idle one to this origin at `now`, the loop's clock: the one used last."""
        for place in range(len(self._idle) - 1, -1, -1):
            link = self._idle[place]
            if link.origin == origin:
                del self._idle[place]
                if link.since > now - KEEP_ALIVE and link.usable:
                    return link
                self._retire(link)
        return None

    async def dialled(self, origin: str, dial: Dial, within: float) -> Link:
        """A new one, in so many seconds, or one that became idle while it had to be waited for.
        Raises TimeoutError, and what dialling does."""
        async with asyncio.timeout(within):
            while self._count >= self._most and not self._idle:
                turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._queue.append(turn)
                await turn
        idle = self.idle(origin, asyncio.get_running_loop().time())
        if idle is not None:
            return idle
        if self._count >= self._most:
            self._retire(self._idle.pop(0))
        self._count += 1
        try:
            return Link(origin, await dial(), self._most_bytes)
        except BaseException:
            self._left()
            raise

    def give_back(self, link: Link, now: float) -> None:
        """Its answer was read at `now`, the loop's clock; it may have the next request."""
        link.end()
        link.since = now
        self._idle.append(link)
        if self._sweeping is None:
            self._sweep_later(KEEP_ALIVE)
        if self._queue:
            self._wake()

    def drop(self, link: Link) -> None:
        """What was said on it did not come to its end."""
        link.abort()
        self._left()

    def _retire(self, link: Link) -> None:
        link.close()
        self._left()

    def _left(self) -> None:
        self._count -= 1
        self._wake()

    def _wake(self) -> None:
        """Let the first go on that waits and was not given up."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def close(self) -> None:
        """Close those that are idle, for a moment's wait."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        closing = [closed for link in self._idle if (closed := link.closed) is not None]
        while self._idle:
            self._retire(self._idle.pop())
        if closing:
            await asyncio.wait(closing, timeout=CLOSES_WITHIN)

    def _sweep_later(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._sweeping = loop.call_later(seconds, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close those that were idle for too long."""
        self._sweeping = None
        oldest = loop.time() - KEEP_ALIVE
        stale = [link for link in self._idle if link.since <= oldest or not link.usable]
        self._idle = [link for link in self._idle if link not in stale]
        for link in stale:
            self._retire(link)
        if self._idle:
            self._sweep_later(max(0.1, self._idle[0].since - oldest))
