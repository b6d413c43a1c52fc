"""A vendor for the engine's tests: it is told what to answer, and remembers what it received."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import orjson

from connectors.delivery.connector import (
    Applied,
    Conversation,
    Delivery,
    GivenUp,
    Limit,
    Misconfigured,
    NeedsHuman,
    NotLinked,
    Pending,
    Refused,
    Throttled,
    Unavailable,
    Unreachable,
    Verdict,
)
from gateway.model.codes import Code
from gateway.model.json import JsonObject
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)

LATENCY = 0.01
"""Seconds the vendor takes to answer."""


class TestConnector:
    """A vendor that takes a list of updates; it says by status and body what became of them."""

    __test__ = False
    most_in_flight: int | None = None
    limits: tuple[Limit, ...] = ()
    throttle_wait = 1.0
    secrets: tuple[str, ...] = ("hush",)

    def __init__(self, batch_size: int = 1, reads: Iterable[str] = ()) -> None:
        """With batches of up to `batch_size`."""
        self.batch_size = batch_size
        self.reads = frozenset(reads)
        self.key: Callable[[Delivery], Hashable] = lambda _: None
        self.trip: Callable[[Delivery], None] = lambda _: None
        self.seen: list[Delivery] = []
        self.known: list[JsonObject] = []

    def batch_key(self, delivery: Delivery) -> Hashable:
        return delivery.pending is None, self.key(delivery)

    def assumed(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 - the port has it
        return HttpResponse(200, {}, b"")

    def converse(self, deliveries: Sequence[Delivery]) -> Conversation:
        for delivery in deliveries:
            self.trip(delivery)
        self.seen += deliveries
        self.known += [dict(delivery.known) for delivery in deliveries]
        if deliveries[0].event.origin.operation == "unlinked":
            return (NotLinked(),) * len(deliveries)
        sent = [[one.event.lead_key, one.event.id, one.pending] for one in deliveries]
        reply = yield HttpRequest("POST", "https://vendor.example.com/", body=orjson.dumps(sent))
        return _verdicts(reply, len(deliveries))


def _verdicts(reply: HttpReply, count: int) -> tuple[Verdict, ...]:
    if isinstance(reply, ConnectFailed):
        return (Unreachable(reply.reason),) * count
    if isinstance(reply, AnswerUnknown):
        return (Unavailable(reply.reason, answer_unknown=True),) * count
    each = orjson.loads(reply.body) if reply.body else None
    if each is not None:
        return tuple(_verdict(HttpResponse(status, {}, b"")) for status in each)
    return (_verdict(reply),) * count


def _verdict(reply: HttpResponse) -> Verdict:
    status = reply.status
    match status:
        case 200:
            return Applied(status=200)
        case 202:
            return Pending(reply.headers.get("ticket", "a ticket"), 202)
        case 410:
            return GivenUp("a deadlock", 410)
        case 401:
            return Misconfigured(Code.UNAUTHENTICATED, "the key hush is wrong", 401)
        case 409:
            return NeedsHuman(Code.CONFLICT, "somebody has it open", 409)
        case 429:
            after = reply.headers.get("retry-after")
            return Throttled(None if after is None else float(after), status=429)
        case 422:
            return Refused(Code.VALIDATION_FAILED, "no", 422)
        case _:
            return Unavailable("server error", status)


@dataclass(frozen=True)
class Call:
    """A request as the vendor received it."""

    at: float
    """Virtual seconds."""
    events: tuple[str, ...]
    leads: tuple[str, ...]
    tokens: tuple[str | None, ...] = ()
    """By which it is asked about each update; None for one that is sent to it."""

    @property
    def asks(self) -> bool:
        """Whether it only asks what became of its updates."""
        return None not in self.tokens


Answer: TypeAlias = Callable[[Call], HttpReply]


def ok(_: Call) -> HttpReply:
    """A vendor that takes everything."""
    return HttpResponse(200, {}, b"")


def says(status: int, *each: int, **headers: str) -> HttpResponse:
    """An answer for the whole call, or one status for each update."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, names, orjson.dumps(each) if each else b"")


class Vendor:
    """The vendor's server, and the client that reaches it."""

    def __init__(self, answer: Answer = ok) -> None:
        """Answers as `answer` says, after LATENCY seconds."""
        self.answer = answer
        self.latency = LATENCY
        self.calls: list[Call] = []
        self.under_way = 0
        self.most_under_way = 0
        self.clashes = 0
        """Times that two updates of one lead were under way together."""
        self._leads: list[str] = []

    async def send(self, request: HttpRequest) -> HttpReply:
        sent = orjson.loads(request.body)
        loop = asyncio.get_running_loop()
        leads = tuple(lead for lead, _, _ in sent)
        events, tokens = tuple(one for _, one, _ in sent), tuple(token for _, _, token in sent)
        call = Call(round(loop.time(), 3), events, leads, tokens)
        self.calls.append(call)
        self.clashes += bool(set(leads) & set(self._leads)) or len(set(leads)) < len(leads)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        self._leads += leads
        try:
            reply = self.answer(call)
            await asyncio.sleep(self.latency)
        finally:
            self.under_way -= 1
            for lead in leads:
                self._leads.remove(lead)
        return reply

    async def close(self) -> None: ...

    @property
    def received(self) -> list[str]:
        """Event ids in order of receipt."""
        return [event for call in self.calls for event in call.events]

    @property
    def times(self) -> list[float]:
        """When each call came."""
        return [call.at for call in self.calls]


def until(when: float, reply: HttpReply) -> Answer:
    """A vendor that is down until then."""
    return lambda call: reply if call.at < when else ok(call)
