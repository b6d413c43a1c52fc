"""One machine in virtual time: callers, the front door, two connectors, and two vendors of which
one can be made to fail. There are no sockets: a connector's requests are given to the vendor's
sandbox as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple, TypeAlias
from urllib.parse import unquote

import pytest

from connectors.delivery.owner import Owner
from connectors.registry import VENDORS
from connectors.sandbox.host import load
from connectors.sandbox.port import Backend, BackendCall
from gateway import wiring
from gateway.clock import Clock
from gateway.commands.configured import configured
from gateway.dialect import Answer
from gateway.edge.reply import Reply
from gateway.eventlog.port import Record, Topic
from gateway.ledger.projector import Projector
from gateway.model.codec import read_update
from gateway.storage import embedded
from gateway.store import connectors
from gateway.transport.port import HttpReply, HttpRequest, HttpResponse
from tests.connectors.delivery.engine import Bench, opened
from tests.connectors.outages.rows import MARK, Row
from tests.contracts.subjects import WEBHOOK_SECRET
from tests.contracts.vendors import BASE_URL, call_of, sample_of
from tests.journeys.running import Document, written

Role: TypeAlias = Literal["authority", "follower"]
SHAKY, STEADY = "shaky", "steady"
"""The connector whose vendor fails, and the one that is never to notice."""
LATENCY = 0.01
"""Seconds that a vendor takes to answer."""
BEAT, PATIENCE = 10.0, 60.0
"""Seconds between looks at what others changed, and at a log to which nothing came."""


class Sent(NamedTuple):
    """A request on its way to a vendor."""

    at: float
    until: float
    """When it was answered, or given up."""
    marks: tuple[str, ...]
    """Of the updates in it."""
    hit: bool
    """Whether it met the fault."""


Fault: TypeAlias = Callable[["Line", HttpRequest], Awaitable[HttpReply | None]]
"""What becomes of a request; None: the vendor answers it."""


@dataclass
class Line:
    """A connector's way to its vendor, and the vendor."""

    backend: Backend
    clock: Clock
    fault: Fault | None = None
    sent: list[Sent] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)
    """Marks in the order in which the vendor wrote them."""

    async def send(self, request: HttpRequest) -> HttpReply:
        """See the port."""
        at, marks = self.clock.monotonic(), marks_in(request.body)
        reply = None if self.fault is None else await self.fault(self, request)
        hit = reply is not None
        if reply is None:
            reply = await self.serve(request)
        self.sent.append(Sent(round(at, 3), round(self.clock.monotonic(), 3), marks, hit))
        return reply

    async def serve(self, request: HttpRequest) -> HttpResponse:
        """The vendor's own answer."""
        await self.clock.sleep(LATENCY)
        sent = sample_of(request)
        headers = {name.lower(): value for name, value in sent.headers}
        path, now = unquote(sent.path), self.clock.now()
        call = BackendCall(sent.method, path, sent.query, headers, sent.body, now)
        answer = self.backend.handle(call)
        if request.method != "GET" and answer.status < 300:
            self.applied += marks_in(request.body)
        told = {name.lower(): value for name, value in answer.headers}
        return HttpResponse(answer.status, told, answer.body)

    async def close(self) -> None:
        """See the port."""


def marks_in(body: bytes) -> tuple[str, ...]:
    """The marks of the updates in a body, each once."""
    return tuple(dict.fromkeys(MARK.findall(body.decode())))


class Heard(NamedTuple):
    """What a caller was told."""

    answer: Answer
    event: str
    after: float
    """Seconds from its call."""


class Rig:
    """Everything under test for one vendor."""

    def __init__(self, bench: Bench, row: Row, front: wiring.Front, lines: dict[str, Line]) -> None:
        """`running` makes one."""
        self.bench, self.row, self._front = bench, row, front
        self.shaky, self.steady = lines[SHAKY], lines[STEADY]

    async def call(self, mark: str) -> Heard:
        """An update of the lead that a mark begins with."""
        row, intake = self.row, self._front.door._intake
        dialect = wiring.dialects(VENDORS)[row.dialect]
        sample = row.calling(row.id_of(mark[0]), f"mark-{mark}")
        call, began = call_of(dialect, sample), self.bench.clock.monotonic()
        admitted = await intake.admit(dialect, call)
        assert not isinstance(admitted, Reply), admitted.answer
        reply = await intake.take(dialect, call, sample.body, *admitted, began)
        self._front.claiming.answered(reply)
        after = round(self.bench.clock.monotonic() - began, 2)
        return Heard(reply.answer, ",".join(reply.events), after)

    async def marks(self) -> dict[str, str]:
        """Event id to its mark, for every update in the log."""
        found = {}
        for record in await self.bench.everything(Topic.UPDATES):
            (mark,) = marks_in(record.value)
            found[read_update(record.headers, record.value).id] = mark
        return found


@asynccontextmanager
async def running(row: Row, role: Role) -> AsyncIterator[Rig]:
    """A machine where both connectors get every update, and the one with the vendor that may
    fail has this role."""
    with TemporaryDirectory() as folder, opened() as database, _unhurried():
        settings = configured(written(Path(folder), document(Path(folder), row, role)))
        bench = Bench(database)
        await bench.boot()
        _follow_patiently(bench)
        subject = row.subject
        leads = [{**row.seed, "id": row.id_of(lead)} for lead in "ABCD"]
        lines = {
            SHAKY: Line(subject.backend(*leads), bench.clock),
            STEADY: Line(load("connectors.webhook.sandbox", faithful=False), bench.clock),
        }
        ports = replace(bench.ports(), client=lambda plan: lines[plan.name])
        owner = Owner(wiring.plans(settings, VENDORS), ports)
        await owner.introduce()
        front = _front(settings, bench)
        await front.mailbox.start()
        work = (
            owner.run(),
            front.waiting.run(),
            front.claiming.run(),
            Projector(bench.log, bench.store, bench.clock, "one").run(),
            _beat(bench),
        )
        tasks = [asyncio.create_task(each) for each in work]
        try:
            await asyncio.sleep(1.0)
            yield Rig(bench, row, front, lines)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended


def document(folder: Path, row: Row, role: Role) -> Document:
    """The configuration: everything as documented, nothing made quicker."""
    url = f"sqlite:{folder / 'leadwire.db'}"
    subject = row.subject
    address = subject.vendor.sandboxed(BASE_URL)
    shaky = {"vendor": subject.vendor.name, "system": "theirs", **address, **subject.connector}
    steady = {"vendor": "webhook", "url": f"{BASE_URL}/hook", "secret": WEBHOOK_SECRET}
    authority = SHAKY if role == "authority" else STEADY
    tenant = {"region": "AU", "timezone": "Australia/Melbourne"}
    key = {"dialect": row.dialect, **row.credential}
    return {
        "log": {"url": url},
        "store": {"url": url},
        "tenants": {"default": {**tenant, "credentials": [key]}},
        "connectors": {SHAKY: shaky, STEADY: steady},
        "routes": [
            {"name": "all", "connectors": [SHAKY, STEADY], "authority": {"default": authority}}
        ],
    }


def _front(settings: Any, bench: Bench) -> wiring.Front:
    clock, metrics, links, board = bench.clock, bench.metrics, bench.links, bench.board
    storage = embedded(bench.database, bench.log, bench.store, clock, metrics, AsyncExitStack())
    shared = storage, clock, metrics, links, board
    explained = wiring.explaining(settings, VENDORS, *shared)
    return wiring.front(settings, wiring.dialects(VENDORS), *shared, explained, "one")


@contextmanager
def _unhurried() -> Iterator[None]:
    """Look every ten seconds at what others changed, and keep leases: the looks that find nothing
    are most of the work of minutes that pass at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("connectors.delivery.worker.BEAT", BEAT)
        patch.setattr("gateway.ledger.projector.RENEW", PATIENCE)
        for place in ("gateway.store.leases", "connectors.delivery.owner"):
            patch.setattr(f"{place}.TTL", 1e7)
        for place in ("connectors.delivery.owner", "connectors.delivery.roster"):
            patch.setattr(f"{place}.RENEW", 1e6)
            patch.setattr(f"{place}.LOOK", 1e6)
        yield


def _follow_patiently(bench: Bench) -> None:
    """Who follows the log is woken by what comes, and needs no look in between."""
    fetch = bench.log.fetch

    async def patiently(
        topic: Topic, positions: dict[int, int], limit: int, wait: float
    ) -> list[Record]:
        return await fetch(topic, positions, limit, PATIENCE if wait else wait)

    bench.log.fetch = patiently  # type: ignore[method-assign]  # the same log, with more patience


async def _beat(bench: Bench) -> None:
    """As the server does, less often."""
    while True:
        await bench.links.refresh()
        bench.board.read(await bench.store.run(connectors.all_rows))
        await bench.clock.sleep(BEAT)
