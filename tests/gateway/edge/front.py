"""A front door over a fake journal: what it appended is seen, what it is told is chosen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from connectors.registry import VENDORS
from gateway import wiring
from gateway.clock import Clock, SystemClock
from gateway.commands.configured import configured
from gateway.dialect import Call
from gateway.edge.app import Door
from gateway.edge.asking import Asking
from gateway.edge.building import Builder
from gateway.edge.claiming import Claiming
from gateway.edge.credentials import Credentials, Registered
from gateway.edge.http.bounds import Bounds
from gateway.edge.http.connections import Connections
from gateway.edge.http.listener import Listener
from gateway.edge.intake import Intake
from gateway.edge.paths import Paths
from gateway.edge.patience import Patience
from gateway.edge.quota import counted_here
from gateway.edge.reply import Reply
from gateway.edge.views import Views
from gateway.edge.waiting import Waiting
from gateway.eventlog.port import EventLog, Topic
from gateway.journal.port import Entry
from gateway.metrics import Metrics
from gateway.model.codes import Code
from gateway.model.outcome import Kind, Outcome
from gateway.routes import Routes
from gateway.storage import Storage
from gateway.store.board import Board
from gateway.store.claims import Fresh, Standing
from gateway.store.links import Links
from gateway.store.port import Store
from gateway.wiring import dialects
from tests.journeys.running import NOOJEE_KEY, NOOJEE_PATH, Document, document, written

NOWHERE = "http://127.0.0.1:9"
BODY = b'{"FirstPhone":"<No Change>","njDisposition":"Sale"}'


class FakeLog:
    """As much of a log as the front door asks."""

    def partitions(self, topic: Topic) -> int:  # noqa: ARG002 - the port has it
        return 4


@dataclass
class FakeJournal:
    """Remembers entries, and answers each with the next of `standings`: a standing, or an
    exception to raise."""

    standings: list[Standing | Exception] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    outcome: Kind | None = Kind.APPLIED
    """What the authority settles at once; None: nothing."""
    waiting: Waiting | None = None

    async def accept(self, entry: Entry) -> Standing:
        standing = self.standings.pop(0) if self.standings else Fresh()
        if isinstance(standing, Exception):
            raise standing
        self.entries.append(entry)
        if self.waiting is not None and self.outcome is not None:
            for event, connector in list(self.waiting._futures):
                code = Code.OK if self.outcome is Kind.APPLIED else Code.DNC_BLOCKED
                outcome = Outcome(event, connector, self.outcome, code, "default", "ld")
                self.waiting._resolve(outcome)
        return standing

    async def settle(self, *_: Any) -> None:
        raise AssertionError("the front door settles nothing")


@dataclass
class Front:
    """The parts a test looks at."""

    intake: Intake
    journal: FakeJournal
    waiting: Waiting
    board: Board
    claiming: Claiming
    door: Door

    async def noojee(self, body: bytes = BODY, **headers: str) -> Reply:
        """A call of UpdateLeadFast, from its first line on."""
        call = noojee_call(headers)
        dialect = dialects(VENDORS)["noojee"]
        admitted = await self.intake.admit(dialect, call)
        if isinstance(admitted, Reply):
            return admitted
        registered, quota = admitted
        assert isinstance(registered, Registered)
        began = self.intake.clock.monotonic()
        return await self.intake.take(dialect, call, body, registered, quota, began)


def noojee_call(headers: dict[str, str], key: str = NOOJEE_KEY) -> Call:
    """A call about lead 1."""
    query = (("fAllocationId", "38"), ("njExternalLeadId", "1"), ("apiKey", key))
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Call("POST", NOOJEE_PATH, "updateLeadFast", {}, query, told)


def front(folder: Path, told: Document | None = None, clock: Clock | None = None) -> Front:
    """A door for a configuration, by default with both vendors."""
    settings = configured(written(folder, told or document(folder, NOWHERE)))
    clock = clock or SystemClock()
    spoken, metrics, board = dialects(VENDORS), Metrics(), Board()
    log, store = cast(EventLog, FakeLog()), cast(Store, None)
    waiting = Waiting(log, store, clock)
    waiting.replyto = "0"
    journal = FakeJournal(waiting=waiting)
    claiming = Claiming(store, clock)
    intake = Intake(
        Credentials(settings.tenants, spoken, counted_here(clock)),
        Builder(Routes(settings.routes, settings.tenants, _ignored), Links(store), lambda: "0"),
        journal,
        log,
        Patience(waiting, board, settings.server.max_waiting),
        Views(store, {name: told.vendor for name, told in settings.connectors.items()}),
        claiming,
        clock,
        metrics,
    )
    asking = Asking(intake, store, log, clock)
    storage = cast(Storage, SimpleNamespace(store=store))
    explaining = wiring.explaining(settings, VENDORS, storage, clock, metrics, Links(store), board)
    door = Door(
        Paths(spoken.values()),
        intake,
        asking,
        explaining,
        claiming,
        settings.server,
        clock,
        metrics,
    )
    return Front(intake, journal, waiting, board, claiming, door)


@asynccontextmanager
async def listening(
    front: Front, connections: Connections | None = None
) -> AsyncIterator[Listener]:
    """A listener before the door, on a free port; its connections have the usual bounds."""
    if connections is None:
        connections = Connections(Bounds(), SystemClock(), Metrics())
    listener = Listener(front.door.serve, "127.0.0.1", 0, None, connections)
    await listener.open()
    try:
        yield listener
    finally:
        await listener.close(1.0)


def _ignored(route: str, reason: str) -> None:
    raise AssertionError(f"route {route} failed: {reason}")
