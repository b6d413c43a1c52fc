"""Calls that ask what became of updates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.clock import rfc3339
from gateway.dialect import (
    Answer,
    AskedDialect,
    Call,
    Caller,
    DeliveryReport,
    DeliveryState,
    Dialect,
    Invalid,
    Malformed,
    Question,
    Refusal,
    Report,
    StatusOf,
    StatusReport,
    Workload,
    WorkloadReport,
)
from gateway.edge.asking import Asking
from gateway.edge.building import record_of
from gateway.edge.credentials import Registered
from gateway.edge.intake import Intake
from gateway.edge.reply import Reply
from gateway.edge.views import Views
from gateway.eventlog.port import NewRecord, Topic
from gateway.eventlog.sqlite import SqliteLog
from gateway.ledger.projector import Projector
from gateway.model.changes import Set
from gateway.model.codec import outcome_headers, outcome_value
from gateway.model.codes import Code
from gateway.model.event import Attributes, LeadId, LeadUpdate, Origin, TriggerWishes
from gateway.model.ids import first_id_at
from gateway.model.outcome import Attempt, Kind, Outcome, Result
from gateway.settings.model import CredentialSettings
from gateway.store import settling
from gateway.store.port import Store
from gateway.store.settling import ParkedRow
from tests.inline_database import InlineDatabase
from tests.virtual import EPOCH, VirtualClock, in_virtual_time

CALL = Call("GET", "/status", "status", {}, (), {})
CREDENTIAL = CredentialSettings(dialect="curious", system="lsq")
MINUTE = 60.0


class Curious:
    """A dialect that asks what it is told to ask, and keeps what it hears."""

    name = "curious"

    def __init__(self, question: Question | Refusal) -> None:
        self.question = question
        self.heard: list[tuple[Report | None, float]] = []

    def ask(self, call: Call, caller: Caller) -> Question | Refusal:
        assert (call, caller.tenant) == (CALL, "acme")
        return self.question

    def tell(self, call: Call, caller: Caller, report: Report | None, now: float) -> Answer:
        assert (call, caller.tenant) == (CALL, "acme")
        self.heard.append((report, now))
        return Answer(200, b"told")


class Refusing:
    """As much of an intake as asking needs."""

    def __init__(self, store: Store) -> None:
        self.views = Views(store, {"own": "curious", "other": "noojee"})

    def refuse(self, _dialect: Dialect, _call: Call, refusal: Refusal) -> Reply:
        return Reply(Answer(400, b""), refused=type(refusal).__name__)

    def busy(self, _dialect: Dialect, _call: Call) -> Reply:
        return Reply(Answer(503, b""), refused="busy")


@dataclass
class Bench:
    """A ledger and a log, and who asks them."""

    database: InlineDatabase
    store: Store
    log: SqliteLog
    clock: VirtualClock
    asking: Asking

    async def ask(self, question: Question | Refusal) -> tuple[Reply, list[Report | None]]:
        """The answer, and what the dialect was told."""
        dialect = Curious(question)
        caller = Caller("acme", "lsq", "AU", "UTC", CREDENTIAL)
        registered = Registered(caller, CREDENTIAL, {}, None, "acme/curious/0")
        reply = await self.asking.reply(cast(AskedDialect, dialect), CALL, registered)
        assert all(now == self.clock.now() for _, now in dialect.heard)
        return reply, [report for report, _ in dialect.heard]

    async def told(self, question: Question) -> Report | None:
        """What the dialect was told."""
        reply, (report,) = await self.ask(question)
        assert reply == Reply(Answer(200, b"told"))
        return report

    async def accept(self, *events: LeadUpdate, time: float = EPOCH) -> None:
        """They are in the log and in the ledger."""
        await self.log.append([record_of(event, 4, time) for event in events])
        await self.project()

    async def settle(self, *outcomes: Outcome, time: float = EPOCH) -> None:
        """These verdicts are too."""
        await self.log.append(
            [
                NewRecord(Topic.OUTCOMES, 0, "ld_1", outcome_headers(one), outcome_value(one), time)
                for one in outcomes
            ]
        )
        await self.project()

    async def project(self) -> None:
        """The ledger reads the log to its end."""
        await Projector(self.log, self.store, self.clock, "test").catch_up()


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    """With nothing in it."""
    database, clock = InlineDatabase(folder / "asked.db"), VirtualClock()
    store, log = Store(database), SqliteLog(database, 4)
    await store.start()
    await log.start()
    intake = cast(Intake, Refusing(store))
    yield Bench(database, store, log, clock, Asking(intake, store, log, clock))
    await log.close()
    await database.close()


def update(number: int = 1, time: float = EPOCH, **other: Any) -> LeadUpdate:
    """An update of a lead of `acme`, made at a time."""
    event_id = f"{first_id_at(time)[:-4]}{number:04x}"
    made = LeadUpdate(
        event_id, rfc3339(time), "acme", "ld_1", (LeadId("lsq", "1"),), {"note": Set("x")},
        Attributes(), TriggerWishes(), Origin("curious", "update", "lsq"), ("own", "other"), "own",
    )  # fmt: skip
    return replace(made, **other)


def verdict(event: LeadUpdate, connector: str = "own", kind: Kind = Kind.APPLIED) -> Outcome:
    """A verdict on it, after two tries."""
    tries = tuple(Attempt(n, rfc3339(EPOCH), 0.1, Result.REFUSED) for n in (1, 2))
    return Outcome(
        event.id, connector, kind, Code.OK, "acme", "ld_1", attempts=tries,
        details={"existing_lead_id": "9"}, snapshot={"id": "9"}, time=rfc3339(EPOCH),
    )  # fmt: skip


@in_virtual_time
async def test_an_update_is_told_with_each_connectors_side(tmp_path: Path) -> None:
    """On its way, then with its verdicts; what is of another vendor's id space is left out."""
    async with bench(tmp_path) as made:
        event = update()
        await made.accept(event)
        both = (
            DeliveryReport("own", DeliveryState.PENDING),
            DeliveryReport("other", DeliveryState.PENDING),
        )
        expected = StatusReport(event.id, EPOCH, event, "own", both)
        assert await made.told(StatusOf(event.id)) == expected
        assert expected.answering == both[0]
        own, other = verdict(event), verdict(event, "other", Kind.REJECTED)
        await made.settle(own, other)
        stripped = replace(other, details={"existing_lead_id": None}, snapshot=None)
        assert await made.told(StatusOf(event.id.upper())) == replace(
            expected,
            deliveries=(
                DeliveryReport("own", DeliveryState.APPLIED, own, 2),
                DeliveryReport("other", DeliveryState.REJECTED, stripped, 2),
            ),
        )


@in_virtual_time
async def test_a_parked_update_is_told_with_its_next_try(tmp_path: Path) -> None:
    """Tries so far are counted; a held one keeps its verdict."""
    async with bench(tmp_path) as made:
        event = update()
        await made.accept(event)
        row = ParkedRow("ld_1", 0, 0, event.id, 1, "retry", EPOCH + 5, "[3,0,[]]", "[]", "{}", 0.0)
        await made.store.run(lambda: settling.park("own", [row]))
        report = await made.told(StatusOf(event.id))
        assert isinstance(report, StatusReport)
        assert report.answering == DeliveryReport("own", DeliveryState.WAITING, None, 3, EPOCH + 5)
        dead = verdict(event, kind=Kind.DEAD_LETTERED)
        await made.settle(dead)
        held = row._replace(state="held", progress="null")
        await made.store.run(lambda: settling.park("own", [held]))
        report = await made.told(StatusOf(event.id))
        assert isinstance(report, StatusReport)
        assert report.answering == DeliveryReport("own", DeliveryState.DEAD_LETTERED, dead, 2)


@in_virtual_time
async def test_another_tenants_update_is_unknown(tmp_path: Path) -> None:
    """However young its id."""
    async with bench(tmp_path) as made:
        await made.accept(update(tenant="other"))
        assert await made.told(StatusOf(update().id)) is None


@in_virtual_time
async def test_a_young_id_is_known_before_the_ledger_has_seen_it(tmp_path: Path) -> None:
    """For ten minutes; an id that is none is unknown at once."""
    async with bench(tmp_path) as made:
        young = first_id_at(EPOCH)
        assert await made.told(StatusOf(young)) == StatusReport(young, EPOCH)
        await made.clock.sleep(10 * MINUTE - 1)
        assert await made.told(StatusOf(young)) == StatusReport(young, EPOCH)
        await made.clock.sleep(1)
        assert await made.told(StatusOf(young)) is None
        for odd in ("", "x", young[:-1], f"{{{young}}}", first_id_at(EPOCH + 86_400.0)):
            assert await made.told(StatusOf(odd)) is None


@in_virtual_time
async def test_an_update_that_the_log_let_go_of_has_no_event(tmp_path: Path) -> None:
    """The ledger still knows what became of it."""
    async with bench(tmp_path) as made:
        event = update()
        await made.accept(event)
        made.database.connection._db.execute("UPDATE updates SET pos = pos + 1000")
        report = await made.told(StatusOf(event.id))
        assert isinstance(report, StatusReport)
        assert (report.event, report.authority, len(report.deliveries)) == (None, "own", 2)


@in_virtual_time
async def test_a_workload_is_counted(tmp_path: Path) -> None:
    """What the tenant sent by the dialect, and somebody answers for."""
    async with bench(tmp_path) as made:
        ours = [update(number, EPOCH + number) for number in range(5)]
        others = [
            update(10, tenant="other"),
            update(11, origin=Origin("noojee", "update", "n")),
            update(12, authority=None),
        ]
        for event in ours:
            await made.accept(event, time=EPOCH + event.id.encode()[-1] - ord("0"))
        await made.accept(*others)
        await made.clock.sleep(20 * MINUTE)
        now = made.clock.now()
        await made.settle(verdict(ours[0]), time=now - 11 * MINUTE)
        await made.settle(verdict(ours[1]), verdict(ours[2]), time=now - 9 * MINUTE)
        await made.settle(verdict(ours[3], "other"), time=now)
        expected = WorkloadReport(2, 20 * MINUTE - 3, 0.2)
        assert await made.told(Workload()) == expected
        await made.settle(verdict(ours[3]), time=now)
        assert await made.told(Workload()) == expected
        await made.clock.sleep(5)
        assert await made.told(Workload()) == WorkloadReport(1, 20 * MINUTE + 1, 0.3)


@in_virtual_time
async def test_a_workload_is_counted_in_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To its end, and no further than a bound."""
    monkeypatch.setattr("gateway.ledger.queries.CHUNK", 2)
    async with bench(tmp_path) as made:
        await made.accept(*(update(number) for number in range(7)))
        assert await made.told(Workload()) == WorkloadReport(7, 0.0, 0.0)
        await made.clock.sleep(5)
        monkeypatch.setattr("gateway.ledger.queries.MOST_COUNTED", 4)
        assert await made.told(Workload()) == WorkloadReport(4, 5.0, 0.0)


@in_virtual_time
async def test_what_cannot_be_told_is_refused(tmp_path: Path) -> None:
    """By the dialect, or as busy where the store can't say."""
    async with bench(tmp_path) as made:
        for refusal in (Malformed("why"), Invalid(())):
            assert await made.ask(refusal) == (
                Reply(Answer(400, b""), refused=type(refusal).__name__),
                [],
            )
        made.database.failing = lambda _: True
        assert await made.ask(StatusOf(update().id)) == (
            Reply(Answer(503, b""), refused="busy"),
            [],
        )
        made.database.failing = lambda _: False
