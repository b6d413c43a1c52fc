"""Calls that ask what became of updates, answered from the ledger and the log.

A caller is told of its own tenant's updates only: another tenant's id is one that nobody knows.
The ledger is a moment behind the door, so an id that it has not seen is unknown only when it is
older than ten minutes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable
from gateway.dialect import (
    AskedDialect,
    Call,
    DeliveryReport,
    DeliveryState,
    Question,
    Report,
    Settled,
    StatusOf,
    StatusReport,
    Workload,
    WorkloadReport,
)
from gateway.edge.credentials import Registered
from gateway.edge.intake import Intake
from gateway.edge.reply import Reply
from gateway.eventlog.port import EventLog, LogUnavailable, OffsetOutOfRange, Topic
from gateway.ledger import queries
from gateway.ledger.queries import DeliveryRecord, Story, UpdateRecord
from gateway.model.codec import read_update
from gateway.model.event import LeadUpdate
from gateway.model.ids import made_at, young
from gateway.store.port import Store

LATELY = 600.0
"""Seconds over which the rate of a workload is counted."""
KEPT = 5.0
"""Seconds for which a counted workload is told again: counting reads many rows."""
READ_WITHIN = 2.0
"""Seconds to get a record that is known to be there, from a log that is elsewhere."""
_TIMED = frozenset({"retry", "pending"})
"""States of a parked update that have a time."""
_EVENT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Asking:
    """What answering needs."""

    intake: Intake
    store: Store
    log: EventLog
    clock: Clock
    _counted: dict[tuple[str, str], tuple[float, WorkloadReport]] = field(default_factory=dict)

    async def reply(self, dialect: AskedDialect, call: Call, registered: Registered) -> Reply:
        """The answer to an admitted call."""
        caller = registered.caller
        question = dialect.ask(call, caller)
        if not isinstance(question, Question):
            return self.intake.refuse(dialect, call, question)
        try:
            report = await self._report(dialect, caller.tenant, question)
        except (DatabaseUnavailable, LogUnavailable):
            return self.intake.busy(dialect, call)
        return Reply(dialect.tell(call, caller, report, self.clock.now()))

    async def _report(
        self, dialect: AskedDialect, tenant: str, question: Question
    ) -> Report | None:
        match question:
            case StatusOf(event_id):
                return await self._status(dialect, tenant, event_id.lower())
            case Workload():
                return await self._workload(tenant, dialect.name)

    async def _status(
        self, dialect: AskedDialect, tenant: str, event_id: str
    ) -> StatusReport | None:
        if not _EVENT_ID.fullmatch(event_id):
            return None
        story = await queries.story(self.store, event_id)
        if story is None:
            if not young(event_id, self.clock.now()):
                return None
            return StatusReport(event_id, made_at(event_id) or 0.0)
        update = story.update
        if update.tenant != tenant:
            return None
        return StatusReport(
            event_id,
            update.time,
            await self._event(story),
            update.authority,
            tuple(self._delivery(dialect, each) for each in story.deliveries),
        )

    def _delivery(self, dialect: AskedDialect, record: DeliveryRecord) -> DeliveryReport:
        outcome = record.outcomes[-1] if record.outcomes else None
        if outcome is not None:
            result = self.intake.views.translated(dialect, Settled(outcome.event_id, outcome))
            outcome = result.outcome if isinstance(result, Settled) else None
        parked = record.parked
        due = parked.due if parked is not None and parked.state in _TIMED else None
        state = DeliveryState(record.state)
        return DeliveryReport(record.connector, state, outcome, record.attempts, due)

    async def _event(self, story: Story) -> LeadUpdate | None:
        """The update itself, from the log."""
        place: UpdateRecord = story.update
        try:
            wanted = {place.part: place.pos}
            records = await self.log.fetch(Topic.UPDATES, wanted, 1, READ_WITHIN)
        except OffsetOutOfRange:
            return None
        record = next((each for each in records if each.offset == place.pos), None)
        if record is None:
            return None
        event = record.parsed
        if not isinstance(event, LeadUpdate):
            event = read_update(record.headers, record.value)
        return event if event.id == place.event_id else None

    async def _workload(self, tenant: str, dialect: str) -> WorkloadReport:
        now = self.clock.now()
        at, counted = self._counted.get((tenant, dialect), (0.0, None))
        if counted is not None and 0.0 <= now - at < KEPT:
            return counted
        tally = await queries.tally(self.store, tenant, dialect, now - LATELY)
        oldest = 0.0 if tally.oldest is None else max(0.0, now - tally.oldest)
        report = WorkloadReport(tally.pending, oldest, tally.settled / (LATELY / 60.0))
        self._counted[tenant, dialect] = now, report
        return report
