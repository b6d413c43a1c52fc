"""The status call and the metrics call, answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from gateway.dialect import (
    Answer,
    DeliveryReport,
    DeliveryState,
    Invalid,
    StatusOf,
    StatusReport,
    Workload,
    WorkloadReport,
)
from gateway.model.codes import Code
from gateway.model.event import LeadUpdate, Origin
from gateway.model.outcome import Kind, Outcome
from tests.connectors.leadsquared.calls import (
    BODY,
    DIALECT,
    EVENT_ID,
    asked,
    asking,
    caller,
    envelope,
    leads,
    single,
    told,
)
from tests.connectors.leadsquared.calls import bulk as bulk_call
from tests.connectors.leadsquared.conftest import MakesEvents

NOW = 1_767_225_600.0
CALL = asking(("RequestID", EVENT_ID))


def task(report: StatusReport) -> dict[str, Any]:
    """The told TaskStatus."""
    answer = DIALECT.tell(CALL, caller(), report, NOW)
    status, body = told(answer)
    assert (status, list(body)) == (200, ["RequestID", "TaskStatus"])
    assert body["RequestID"] == EVENT_ID
    found: dict[str, Any] = body["TaskStatus"]
    return found


def side(
    kind: Kind | None = None, code: Code = Code.OK, message: str = "", connector: str = "lsq"
) -> DeliveryReport:
    """One connector's side."""
    if kind is None:
        return DeliveryReport(connector, DeliveryState.PENDING)
    outcome = Outcome(EVENT_ID, connector, kind, code, "default", "ld_1", message=message)
    return DeliveryReport(connector, DeliveryState(kind), outcome)


@pytest.fixture(scope="session")
def accepted(event: MakesEvents) -> LeadUpdate:
    """An async call's event."""
    return event(asked(single()))


def report(
    event: LeadUpdate, *sides: DeliveryReport, authority: str | None = "lsq"
) -> StatusReport:
    """What became of it."""
    return StatusReport(EVENT_ID, NOW, event, authority, sides)


def test_l_9_a_success_is_the_vendors_bytes(accepted: LeadUpdate) -> None:
    """With the body as it was accepted, and the synchronous answer as a text."""
    answer = DIALECT.tell(CALL, caller(), report(accepted, side(Kind.APPLIED)), NOW)
    assert answer == Answer(
        200,
        b'{"RequestID":"0193503c-79a0-7000-8000-000000000001","TaskStatus":{"TaskType":"Lead '
        b'Update","Status":"Success","StatusReason":"Request was successfully completed",'
        b'"TaskCurrentStep":null,"TaskLastStep":"In-Process-Queue","RequestBody":"'
        + BODY.replace(b'"', b'\\"')
        + b'","Message":"{\\"Status\\":\\"Success\\",\\"Message\\":{\\"AffectedRows\\":1}}"}}',
    )


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.WAITING])
def test_an_update_on_its_way_is_in_the_queue(accepted: LeadUpdate, state: DeliveryState) -> None:
    """Also while it waits for another try, whatever the others did."""
    found = task(report(accepted, DeliveryReport("lsq", state), side(Kind.APPLIED, connector="x")))
    assert found == {
        "TaskType": "Lead Update",
        "Status": "In-Queue",
        "StatusReason": "Request is in queue",
        "TaskCurrentStep": None,
        "TaskLastStep": None,
        "RequestBody": BODY.decode(),
        "Message": None,
    }


def test_an_update_that_is_too_young_to_be_known_is_in_the_queue() -> None:
    """Its body can't be told yet."""
    found = task(StatusReport(EVENT_ID, NOW))
    assert (found["Status"], found["RequestBody"]) == ("In-Queue", "")


@pytest.mark.parametrize(
    ("kind", "code", "message", "state", "reason"),
    [
        (
            Kind.REJECTED,
            Code.DUPLICATE_EMAIL,
            "",
            "FAILURE",
            "MXDuplicateEntryException: A Lead with same EmailAddress already exists.",
        ),
        (
            Kind.DEAD_LETTERED,
            Code.VALIDATION_FAILED,
            "Invalid email",
            "FAILURE",
            "MXInvalidInputException: Invalid email",
        ),
        (
            Kind.DEAD_LETTERED,
            Code.ATTEMPTS_SPENT,
            "",
            "ERROR",
            "MXInvalidInputException: The lead was not updated (attempts_spent)",
        ),
        (
            Kind.DEAD_LETTERED,
            Code.EXPIRED,
            "status 503",
            "ERROR",
            "MXInvalidInputException: status 503 (expired)",
        ),
    ],
)
def test_l_8_a_refused_update_is_a_failure_and_one_tried_in_vain_an_error(
    accepted: LeadUpdate, kind: Kind, code: Code, message: str, state: str, reason: str
) -> None:
    """With the exception in the reason, and no message."""
    found = task(report(accepted, side(kind, code, message), side(Kind.APPLIED, connector="x")))
    assert (found["Status"], found["StatusReason"], found["Message"]) == (state, reason, None)


def test_without_an_authority_all_sides_count(accepted: LeadUpdate) -> None:
    """The first refusal is told; an update that no route wanted is done."""
    applied, refused = side(Kind.APPLIED), side(Kind.REJECTED, Code.DNC_BLOCKED, connector="x")
    unrouted = side(Kind.SKIPPED, Code.UNROUTED, connector="")
    told_states = [
        task(report(accepted, *sides, authority=None))["Status"]
        for sides in ((applied, side()), (applied, refused), (applied,), (unrouted,))
    ]
    assert told_states == ["In-Queue", "FAILURE", "Success", "Success"]


def test_an_id_that_is_no_update_of_the_caller_is_bad_input(accepted: LeadUpdate) -> None:
    """Unknown, another tenant's, or an update of another dialect."""
    other = replace(accepted, origin=Origin("noojee", "updateLeadFast", "n"))
    expected = (500, envelope("MXInvalidInputException", "RequestID does not exist"))
    assert told(DIALECT.tell(CALL, caller(), None, NOW)) == expected
    assert told(DIALECT.tell(CALL, caller(), report(other), NOW)) == expected


def test_a_lead_of_a_bulk_call_can_be_asked_about(event: MakesEvents) -> None:
    """By its event id; its body is told as a list."""
    body = leads([("ProspectId", "1"), ("Age", 3), ("Notes", None)])
    found = task(report(event(asked(bulk_call(), body), operation="leadBulkUpdateV2")))
    assert orjson.loads(found["RequestBody"]) == [
        {"Attribute": "Notes", "Value": ""},
        {"Attribute": "Age", "Value": 3},
    ]


def test_what_a_call_asks() -> None:
    """About one update, or about all."""
    assert DIALECT.ask(CALL, caller()) == StatusOf(EVENT_ID)
    assert DIALECT.ask(asking(metrics=True), caller()) == Workload()
    refusal = DIALECT.ask(asking(), caller())
    assert isinstance(refusal, Invalid)
    assert told(DIALECT.refuse(CALL, refusal, None)) == (
        500,
        envelope(
            "MXMandatoryAttributeMissingException", "'RequestID' is mandatory for getting status"
        ),
    )


def test_metrics_are_the_vendors_bytes() -> None:
    """Its spelling of each key; whole seconds."""
    answer = DIALECT.tell(asking(metrics=True), caller(), WorkloadReport(1, 0.4, 24.8), NOW)
    assert answer == Answer(
        200, b'{"PendingMessages":1,"MaxDelayInSeconds":0,"ProcessingRatePerMinute":24.8}'
    )
