"""From what LeadSquared answers to a verdict.

The body is believed before the status: refusals come as 500 with an MX exception, and the same
envelope was seen under 200; the rate exception under 429, 403 and 200. An error that is no MX
exception is the server's own; a 403 without one is of whoever stands before the API (the gateway
that looks at `x-api-key`, a firewall), since the API itself refuses leads by exceptions.
"""

from __future__ import annotations

import re

from connectors.delivery.connector import (
    Applied,
    GivenUp,
    Misconfigured,
    Pending,
    Refused,
    Throttled,
    Unavailable,
    Unreachable,
    Verdict,
)
from connectors.leadsquared.mapping.outcomes import code_of, code_of_reason, details_of
from connectors.leadsquared.wire.answers import (
    Failure,
    State,
    TaskStatus,
    is_object,
    read_accepted,
    read_done,
    read_failure,
    read_status,
)
from gateway.model.codes import Code
from gateway.transport.port import AnswerUnknown, ConnectFailed, HttpReply, HttpResponse
from gateway.transport.waits import asked_wait

LONGEST_MESSAGE = 200
_READ = 2000
"""Bytes of a body that is no envelope in which the rate sentence is looked for."""
_AGAIN = frozenset({408, 425})
_ABSENT = frozenset({404, 405, 410})
_EXCEPTION = re.compile(r"\s*(MX\w*Exception)\b[\s:.-]*(.*)", re.DOTALL)


def trouble(reply: HttpReply) -> Verdict | None:
    """The verdict on a reply that is no success; None for a 2xx without an exception. Total."""
    if isinstance(reply, ConnectFailed):
        return Unreachable(reply.reason)
    if isinstance(reply, AnswerUnknown):
        return Unavailable(reply.reason, answer_unknown=True)
    status, failure = reply.status, read_failure(reply.body)
    about_us = _about_us(reply, failure)
    if about_us is not None:
        return about_us
    theirs = 400 <= status < 500 and status not in _AGAIN
    if failure is not None and (theirs or failure.type.startswith("MX")):
        return refused(failure, status)
    if 200 <= status < 300 and failure is None:
        return None
    if theirs and is_object(reply.body):
        return Refused(Code.MALFORMED_REQUEST, f"status {status}", status)
    return Unavailable(_message(failure) or f"status {status}", status)


def _about_us(reply: HttpResponse, failure: Failure | None) -> Throttled | Misconfigured | None:
    """What is wrong with our pace, our keys or our address, and not with the update."""
    status = reply.status
    said = failure
    if said is None:
        text = "" if 200 <= status < 300 else reply.body[:_READ].decode(errors="replace")
        said = Failure("", text)
    code, message = code_of(said), _message(failure)
    if status == 401 or code is Code.UNAUTHENTICATED:
        return Misconfigured(Code.UNAUTHENTICATED, message, status)
    if status == 429 or code is Code.RATE_LIMITED:
        return Throttled(asked_wait(reply), message, status)
    elsewhere = status in _ABSENT and code is not Code.LEAD_NOT_FOUND
    if elsewhere or 300 <= status < 400:
        return Misconfigured(Code.ROUTE_NOT_FOUND, message, status)
    if status == 403 and failure is None:
        return Misconfigured(Code.FORBIDDEN, "", status)
    return None


def refused(failure: Failure, status: int) -> Refused | Unavailable:
    """An exception about an update: for good, unless it speaks of something that passes."""
    code = code_of(failure)
    if code is Code.TIMEOUT:
        return Unavailable(_message(failure), status, code=code)
    return Refused(code, _message(failure), status, dict(details_of(failure)))


def refused_for(reason: str, status: int, otherwise: Code) -> Verdict:
    """The reason of one lead in a bulk answer; `otherwise` where none is given."""
    if not reason.strip():
        return Refused(otherwise, "", status)
    code, message = code_of_reason(reason), reason[:LONGEST_MESSAGE]
    if code is Code.RATE_LIMITED:
        return Throttled(None, message, status)
    if code is Code.TIMEOUT:
        return Unavailable(message, status, code=code)
    return Refused(code, message, status, dict(details_of(Failure("", reason))))


def done(reply: HttpReply, dropped: tuple[str, ...]) -> Verdict:
    """What a reply to the synchronous update means."""
    verdict = trouble(reply)
    if verdict is not None:
        return verdict
    assert isinstance(reply, HttpResponse)  # noqa: S101 - no other reply is without trouble
    if read_done(reply.body) is None:
        return Unavailable("the answer is no success", reply.status, answer_unknown=True)
    return Applied(None, dropped, reply.status)


def accepted(reply: HttpReply) -> Verdict:
    """What a reply to the async update means."""
    verdict = trouble(reply)
    if verdict is not None:
        return verdict
    assert isinstance(reply, HttpResponse)  # noqa: S101 - no other reply is without trouble
    request_id = read_accepted(reply.body)
    if request_id is None:
        return Unavailable("the answer names no request", reply.status, answer_unknown=True)
    return Pending(request_id, reply.status)


def became(reply: HttpReply, token: str, dropped: tuple[str, ...]) -> Verdict:
    """What a reply to the status call means for the update. Whatever is wrong with the call
    itself says nothing about the update, which is asked about again."""
    if isinstance(reply, ConnectFailed):
        return Unreachable(reply.reason)
    if isinstance(reply, AnswerUnknown):
        return Unavailable(reply.reason)
    task = read_status(reply.body) if 200 <= reply.status < 300 else None
    if task is None:
        failure = read_failure(reply.body)
        about_us = _about_us(reply, failure)
        if about_us is not None and reply.status not in _ABSENT:
            return about_us
        return Unavailable(_message(failure) or f"status {reply.status}", reply.status)
    if task.state is State.IN_QUEUE:
        return Pending(token, reply.status)
    failure = failure_of(task)
    if task.state is State.SUCCESS and failure is None:
        return Applied(None, dropped, reply.status)
    return _ended(task.state, failure or Failure("", task.reason), reply.status)


def failure_of(task: TaskStatus) -> Failure | None:
    """The exception of a task: in its message, as an envelope, or in its reason, by name."""
    for text in (task.message or "", task.reason):
        failure = read_failure(text.encode())
        if failure is not None:
            return failure
        named = _EXCEPTION.fullmatch(text)
        if named is not None:
            return Failure(named[1], named[2])
    return None


_PASSING = frozenset({Code.RATE_LIMITED, Code.TIMEOUT, Code.UNAUTHENTICATED})


def _ended(state: State, failure: Failure, status: int) -> Refused | GivenUp:
    """A task that came to nothing: `ERROR` was tried in vain, and may do better when it is sent
    again, unless its exception is about the lead."""
    code = code_of(failure)
    vain = state is State.ERROR and code is Code.VALIDATION_FAILED
    if vain or code in _PASSING:
        return GivenUp(_message(failure) or f"the task ended in {state}", status)
    return Refused(code, _message(failure), status, dict(details_of(failure)))


def _message(failure: Failure | None) -> str:
    return "" if failure is None else (failure.message or failure.type)[:LONGEST_MESSAGE]
