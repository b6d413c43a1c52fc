"""Answers of single updates: accepted, done, the status and metrics calls, and the error envelope.

Pages "Update a Lead (Async)", "Update a Lead", "Get Status of Async API" and "Error
Handling". Key order and the letters of each word are the vendor's; callers compare them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

ACCEPTED = "Request accepted. Please use below request id to check the status"
"""`Status` of an accepted call (page "Update a Lead (Async)")."""


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def is_object(body: bytes) -> bool:
    """Whether an answer is a JSON object: one of the API's, if not of a shape that we know."""
    return _object(body) is not None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def render_accepted(request_id: str) -> bytes:
    """The body of an accepted call. The page's JSON says `RequestID`, its prose `RequestId`."""
    return orjson.dumps({"Status": ACCEPTED, "RequestID": request_id})


def read_accepted(body: bytes) -> str | None:
    """The request id of an accepted call; None where the body is no such answer."""
    return _request_id(_object(body) or {}) or None


def _request_id(value: dict[str, Any]) -> str:
    return next((_text(value[name]) for name in value if name.lower() == "requestid"), "")


def render_done(rows: int = 1) -> bytes:
    """The body of a synchronous update (page "Update a Lead")."""
    return orjson.dumps({"Status": "Success", "Message": {"AffectedRows": rows}})


def read_done(body: bytes) -> int | None:
    """How many leads a synchronous update changed; None where the body is no such answer."""
    value = _object(body)
    if value is None or value.get("Status") != "Success":
        return None
    message = value.get("Message")
    rows = message.get("AffectedRows") if isinstance(message, dict) else None
    return rows if isinstance(rows, int) and not isinstance(rows, bool) else None


# --- status and metrics ---------------------------------------------------------------------


class State(StrEnum):
    """Where an accepted update is (page "Get Status of Async API", in its letters)."""

    IN_QUEUE = "In-Queue"
    SUCCESS = "Success"
    FAILURE = "FAILURE"
    """Refused for what it says (inferred: the page doesn't tell the last two apart)."""
    ERROR = "ERROR"
    """Tried in vain."""


TASK_TYPE = "Lead Update"
LAST_STEP = "In-Process-Queue"
COMPLETED = "Request was successfully completed"
"""`StatusReason` of a success; those of the other states are not public."""


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """The answer of the status call."""

    request_id: str
    state: State
    reason: str
    request_body: str = field(repr=False)
    """The accepted call's body, as a text."""
    message: str | None = None
    """The synchronous twin's answer, as a text; None where there was no success."""
    last_step: str | None = LAST_STEP


def render_status(status: TaskStatus) -> bytes:
    """The body of a status call. `Message` and `RequestBody` are typed Object by the page and
    shown as texts; clients read what is shown."""
    return orjson.dumps(
        {
            "RequestID": status.request_id,
            "TaskStatus": {
                "TaskType": TASK_TYPE,
                "Status": status.state,
                "StatusReason": status.reason,
                "TaskCurrentStep": None,
                "TaskLastStep": status.last_step,
                "RequestBody": status.request_body,
                "Message": status.message,
            },
        }
    )


_STATES = {state.lower(): state for state in State}


def read_status(body: bytes) -> TaskStatus | None:
    """Read a status answer; None for one that is none, or of a state that nobody documents. An
    object where the page shows a text is taken as its JSON."""
    value = _object(body) or {}
    task = value.get("TaskStatus")
    if not isinstance(task, dict):
        return None
    state = _STATES.get(_text(task.get("Status")).lower())
    if state is None:
        return None
    message = task.get("Message")
    last = task.get("TaskLastStep")
    return TaskStatus(
        _request_id(value),
        state,
        _text(task.get("StatusReason")),
        _shown(task.get("RequestBody")),
        None if message is None else _shown(message),
        last if isinstance(last, str) else None,
    )


def _shown(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@dataclass(frozen=True, slots=True)
class Workload:
    """The answer of the metrics call."""

    pending: int
    """Updates without an outcome."""
    delay: float
    """Seconds that the oldest of them has waited."""
    rate: float
    """Updates settled in a minute, over the last ten minutes."""


def render_metrics(workload: Workload) -> bytes:
    """The body of a metrics call."""
    return orjson.dumps(
        {
            "PendingMessages": workload.pending,
            "MaxDelayInSeconds": int(workload.delay),
            "ProcessingRatePerMinute": round(workload.rate, 1),
        }
    )


def read_metrics(body: bytes) -> Workload | None:
    """Read a metrics answer, its names in any case: one page spells the last one otherwise.
    None where one is missing."""
    told = {name.lower(): value for name, value in (_object(body) or {}).items()}
    names = ("pendingmessages", "maxdelayinseconds", "processingrateperminute")
    values = [told.get(name) for name in names]
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return None
    pending, delay, rate = values
    return Workload(int(pending or 0), float(delay or 0), float(rate or 0))


# --- errors ---------------------------------------------------------------------------------


class Exc(StrEnum):
    """Exception types. The vendor publishes no whole list."""

    MANDATORY_MISSING = "MXMandatoryAttributeMissingException"
    """Page "Error Handling"."""
    DUPLICATE = "MXDuplicateEntryException"
    UNKNOWN_ATTRIBUTE = "MXUnknownAttributeException"
    INVALID_INPUT = "MXInvalidInputException"
    RATE_LIMIT = "MXAPIRateLimitExceededException"
    UNAUTHORIZED = "MXUnAuthorizedAccessException"
    AUTHENTICATION_FAILED = "MXAuthenticationFailedException"
    """The other type seen with a 401; neither is proven."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The error envelope."""

    type: str
    message: str
    """The vendor's sentence; it may hold a value of the lead."""


def mandatory(name: str, purpose: str = "updating lead") -> str:
    """The sentence about a parameter or an attribute that is not there; for any but `leadId` it
    is inferred."""
    return f"'{name}' is mandatory for {purpose}"


LEAD_ID_MISSING = Failure(Exc.MANDATORY_MISSING, mandatory("leadId"))
"""Page "Error Handling", its sample."""


def rate_limited(requests: int, per: float) -> Failure:
    """The documented sentence of a 429, with the limit's own numbers."""
    return Failure(
        Exc.RATE_LIMIT, f"API calls exceeded the limit of {requests} in {per:g} second(s)"
    )


def unknown_attributes(names: str) -> str:
    """The sentence about attributes that the account doesn't have."""
    return f"Attribute(s) does not exist - {names}."


def render_failure(failure: Failure) -> bytes:
    """The body of an error, keys in the order of the vendor's sample."""
    return orjson.dumps(
        {
            "Status": "Error",
            "ExceptionType": failure.type,
            "ExceptionMessage": failure.message,
        }
    )


def read_failure(body: bytes) -> Failure | None:
    """Read an error, whatever status it came under; None for a body that says none."""
    value = _object(body)
    if value is None:
        return None
    type_, message = _text(value.get("ExceptionType")), _text(value.get("ExceptionMessage"))
    if not type_ and value.get("Status") != "Error":
        return None
    return Failure(type_, message)
