"""The status call and the metrics call.

Page "Get Status of Async API". Which of our endings is which of its four states is our reading of
them; so are all reasons but that of a success.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.leadsquared.mapping.outcomes import failure_for
from connectors.leadsquared.mapping.rendering import plan, writing
from connectors.leadsquared.mapping.tables import DIALECT
from connectors.leadsquared.wire import answers
from connectors.leadsquared.wire.answers import Exc, Failure, State, TaskStatus
from connectors.leadsquared.wire.attributes import read_parameters, render_attributes
from gateway.dialect import (
    Answer,
    Call,
    DeliveryReport,
    DeliveryState,
    Fault,
    Invalid,
    Question,
    Refusal,
    Report,
    StatusOf,
    StatusReport,
    Workload,
    WorkloadReport,
)
from gateway.model.codes import Code
from gateway.model.event import LeadUpdate
from gateway.model.outcome import Outcome

STATUS, METRICS = "leadUpdateStatus", "leadUpdateMetrics"
"""Operations."""

IN_VAIN = frozenset(
    {
        Code.ATTEMPTS_SPENT,
        Code.EXPIRED,
        Code.TIMEOUT,
        Code.INTERNAL,
        Code.RATE_LIMITED,
        Code.UNAUTHENTICATED,
        Code.ROUTE_NOT_FOUND,
        Code.VENDOR_ENDPOINT_RETIRED,
        Code.LOG_GAP,
    }
)
"""Endings that say nothing about the update: `ERROR`; every other refusal is `FAILURE`."""
IN_QUEUE = "Request is in queue"
UNKNOWN = Failure(Exc.INVALID_INPUT, "RequestID does not exist")
_SETTINGS = writing()


def ask(call: Call) -> Question | Refusal:
    """What a call asks; `RequestID` and `RequestId` are one."""
    if call.operation == METRICS:
        return Workload()
    request_id = read_parameters(call.query).request_id
    return (
        StatusOf(request_id) if request_id else Invalid((Fault(Code.LEAD_ID_MISSING, "RequestID"),))
    )


def tell(call: Call, report: Report | None) -> Answer:
    """The answer; an id that the tenant has no update of is told as bad input (inferred)."""
    if isinstance(report, WorkloadReport):
        workload = answers.Workload(report.pending, report.oldest, report.per_minute)
        return Answer(200, answers.render_metrics(workload))
    if report is None or not _ours(report.event):
        return Answer(500, answers.render_failure(UNKNOWN))
    request_id = read_parameters(call.query).request_id or report.event_id
    return Answer(200, answers.render_status(_status(request_id, report)))


def _ours(event: LeadUpdate | None) -> bool:
    """Whether it came in by this dialect, as far as is known."""
    return event is None or event.origin.dialect == DIALECT


def _status(request_id: str, report: StatusReport) -> TaskStatus:
    body = "" if report.event is None else _body(report.event)
    found = report.answering
    sides: Sequence[DeliveryReport] = report.deliveries if found is None else (found,)
    if not sides or any(side.state in _OPEN for side in sides):
        return TaskStatus(request_id, State.IN_QUEUE, IN_QUEUE, body, last_step=None)
    refused = next((o for side in sides if (o := side.outcome) is not None and not o.fine), None)
    if refused is None:
        done = answers.render_done().decode()
        return TaskStatus(request_id, State.SUCCESS, answers.COMPLETED, body, done)
    state = State.ERROR if refused.code in IN_VAIN else State.FAILURE
    return TaskStatus(request_id, state, _reason(refused), body)


_OPEN = frozenset({DeliveryState.PENDING, DeliveryState.WAITING})


def _reason(outcome: Outcome) -> str:
    failure = failure_for(outcome.code, outcome.message, outcome.details)
    return f"{failure.type}: {failure.message}"


def _body(event: LeadUpdate) -> str:
    """The accepted body: the same attributes; known fields stand before the others."""
    return render_attributes(plan(event, _SETTINGS).fields).decode()
