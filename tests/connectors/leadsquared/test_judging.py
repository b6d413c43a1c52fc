"""What each of LeadSquared's replies means: the whole table."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from connectors.leadsquared.outbound.judging import accepted, became, done
from connectors.leadsquared.wire import answers
from connectors.leadsquared.wire.answers import Failure, State, TaskStatus
from connectors.leadsquared.wire.bulk import NOT_FOUND
from gateway.model.codes import Code
from gateway.transport.port import AnswerUnknown, ConnectFailed, HttpReply, HttpResponse

SENTENCE = "API calls exceeded the limit of 25 in 5 second(s)"


def failed(status: int, type_: str, message: str = "no", **headers: str) -> HttpResponse:
    """An answer with the error envelope."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, names, answers.render_failure(Failure(type_, message)))


def plain(status: int, body: bytes = b"") -> HttpResponse:
    """An answer with another body."""
    return HttpResponse(status, {}, body)


TROUBLE: list[tuple[HttpReply, Verdict]] = [
    (ConnectFailed("refused"), Unreachable("refused")),
    (AnswerUnknown("dropped"), Unavailable("dropped", answer_unknown=True)),
    # Our keys.
    (plain(401), Misconfigured(Code.UNAUTHENTICATED, "", 401)),
    (
        failed(401, "MXAuthenticationFailedException", "bad keys"),
        Misconfigured(Code.UNAUTHENTICATED, "bad keys", 401),
    ),
    (
        failed(500, "MXUnAuthorizedAccessException"),
        Misconfigured(Code.UNAUTHENTICATED, "no", 500),
    ),
    # Our pace, under whatever status.
    (plain(429), Throttled(None, "", 429)),
    (failed(429, "MXAPIRateLimitExceededException", SENTENCE), Throttled(None, SENTENCE, 429)),
    (failed(403, "MXAPIRateLimitExceededException", SENTENCE), Throttled(None, SENTENCE, 403)),
    (failed(200, "MXAPIRateLimitExceededException", SENTENCE), Throttled(None, SENTENCE, 200)),
    (failed(500, "", SENTENCE), Throttled(None, SENTENCE, 500)),
    (plain(403, SENTENCE.encode()), Throttled(None, "", 403)),
    (failed(429, "", SENTENCE, retry_after="7"), Throttled(7.0, SENTENCE, 429)),
    (failed(429, "", SENTENCE, retry_after="9" * 400), Throttled(3600.0, SENTENCE, 429)),
    (failed(429, "", SENTENCE, retry_after="soon"), Throttled(None, SENTENCE, 429)),
    # Our address.
    (plain(404, b"<html>"), Misconfigured(Code.ROUTE_NOT_FOUND, "", 404)),
    (
        failed(404, "MXInvalidInputException", "The API could not be found."),
        Misconfigured(Code.ROUTE_NOT_FOUND, "The API could not be found.", 404),
    ),
    (plain(301), Misconfigured(Code.ROUTE_NOT_FOUND, "", 301)),
    (plain(405), Misconfigured(Code.ROUTE_NOT_FOUND, "", 405)),
    (plain(410, b"<html>"), Misconfigured(Code.ROUTE_NOT_FOUND, "", 410)),
    # Whoever stands before the API.
    (plain(403, b'{"message":"Forbidden"}'), Misconfigured(Code.FORBIDDEN, "", 403)),
    # The lead's own, for good: an exception is believed whatever its status.
    (
        failed(500, "MXInvalidInputException", NOT_FOUND),
        Refused(Code.LEAD_NOT_FOUND, NOT_FOUND, 500),
    ),
    (failed(200, "MXInvalidInputException"), Refused(Code.VALIDATION_FAILED, "no", 200)),
    (failed(400, ""), Refused(Code.VALIDATION_FAILED, "no", 400)),
    (failed(500, "MXNewOneException"), Refused(Code.VALIDATION_FAILED, "no", 500)),
    (
        failed(500, "MXUnknownAttributeException", "Attribute(s) does not exist - mx_A, mx_B."),
        Refused(
            Code.UNKNOWN_ATTRIBUTE,
            "Attribute(s) does not exist - mx_A, mx_B.",
            500,
            {"field": "mx_A, mx_B"},
        ),
    ),
    (
        failed(500, "MXDuplicateEntryException", "A Lead with same Phone Number already exists."),
        Refused(Code.DUPLICATE_PHONE, "A Lead with same Phone Number already exists.", 500),
    ),
    (
        failed(500, "MXInvalidInputException", "x" * 999),
        Refused(Code.VALIDATION_FAILED, "x" * 200, 500),
    ),
    (plain(400, b"{}"), Refused(Code.MALFORMED_REQUEST, "status 400", 400)),
    (failed(403, "MXInvalidInputException"), Refused(Code.VALIDATION_FAILED, "no", 403)),
    # What may pass.
    (
        failed(500, "MXInternalException", "Deadlock found when trying to get lock"),
        Unavailable("Deadlock found when trying to get lock", 500, code=Code.TIMEOUT),
    ),
    (
        failed(200, "MXInternalException", "Operation timed out"),
        Unavailable("Operation timed out", 200, code=Code.TIMEOUT),
    ),
    (failed(500, "NullReferenceException"), Unavailable("no", 500)),
    (failed(200, "NullReferenceException"), Unavailable("no", 200)),
    (plain(400, b"<html>"), Unavailable("status 400", 400)),
    (plain(500), Unavailable("status 500", 500)),
    (plain(503, b"<html>"), Unavailable("status 503", 503)),
    (plain(408), Unavailable("status 408", 408)),
]


@pytest.mark.parametrize(("reply", "expected"), TROUBLE)
def test_trouble_means_the_same_for_every_update(reply: HttpReply, expected: Verdict) -> None:
    """Sent by the async API or by the synchronous one."""
    assert [expected, expected] == [accepted(reply), done(reply, ())]


def test_a_success_is_read() -> None:
    """And a 200 that says something else is unknown, since the vendor may have acted."""
    ok = plain(200, answers.render_done())
    queued = plain(200, answers.render_accepted("7ba60ab0"))
    assert done(ok, ("score",)) == Applied(None, ("score",), 200)
    assert accepted(queued) == Pending("7ba60ab0", 200)
    unknown = Unavailable("the answer is no success", 200, answer_unknown=True)
    assert [done(queued, ()), done(plain(200, b"{}"), ())] == [unknown, unknown]
    nameless = Unavailable("the answer names no request", 200, answer_unknown=True)
    assert [accepted(ok), accepted(plain(200))] == [nameless, nameless]


# --- what became of a task ------------------------------------------------------------------


def task(state: State, reason: str = "", message: str | None = None) -> HttpResponse:
    """An answer of the status call."""
    return plain(200, answers.render_status(TaskStatus("7ba60ab0", state, reason, "[]", message)))


def envelope(type_: str, message: str) -> str:
    """An exception as a task's message carries it."""
    return answers.render_failure(Failure(type_, message)).decode()


DUPLICATE = "Duplicate entry 'x' for key 'UQ_Prospect_Base_EmailAddress'"
TASKS: list[tuple[HttpReply, Verdict]] = [
    (task(State.IN_QUEUE), Pending("t", 200)),
    (
        task(State.SUCCESS, answers.COMPLETED, answers.render_done().decode()),
        Applied(None, ("score",), 200),
    ),
    (task(State.SUCCESS, answers.COMPLETED), Applied(None, ("score",), 200)),
    # A success that is none.
    (
        task(State.SUCCESS, "", envelope("MXInvalidInputException", "no")),
        Refused(Code.VALIDATION_FAILED, "no", 200),
    ),
    # Refused, by an exception in its message or its reason.
    (
        task(State.FAILURE, "", envelope("MXDuplicateEntryException", DUPLICATE)),
        Refused(Code.DUPLICATE_EMAIL, DUPLICATE, 200),
    ),
    (
        task(State.FAILURE, f"MXDuplicateEntryException: {DUPLICATE}"),
        Refused(Code.DUPLICATE_EMAIL, DUPLICATE, 200),
    ),
    (task(State.FAILURE, NOT_FOUND), Refused(Code.LEAD_NOT_FOUND, NOT_FOUND, 200)),
    (task(State.FAILURE), Refused(Code.VALIDATION_FAILED, "", 200)),
    (
        task(State.ERROR, f"MXDuplicateEntryException: {DUPLICATE}"),
        Refused(Code.DUPLICATE_EMAIL, DUPLICATE, 200),
    ),
    # Given up for something that passes: it is sent again.
    (task(State.ERROR, "gave up after 10 retries"), GivenUp("gave up after 10 retries", 200)),
    (task(State.ERROR), GivenUp("the task ended in ERROR", 200)),
    (task(State.ERROR, "MXInternalException: oops"), GivenUp("oops", 200)),
    (task(State.FAILURE, "MXInternalException: timed out"), GivenUp("timed out", 200)),
    (task(State.FAILURE, f"MXAnyException: {SENTENCE}"), GivenUp(SENTENCE, 200)),
    (task(State.FAILURE, "MXUnAuthorizedAccessException: no"), GivenUp("no", 200)),
    # The question itself went wrong, which says nothing of the update.
    (ConnectFailed("refused"), Unreachable("refused")),
    (AnswerUnknown("dropped"), Unavailable("dropped")),
    (plain(401), Misconfigured(Code.UNAUTHENTICATED, "", 401)),
    (failed(429, "MXAPIRateLimitExceededException", SENTENCE), Throttled(None, SENTENCE, 429)),
    (failed(200, "MXAPIRateLimitExceededException", SENTENCE), Throttled(None, SENTENCE, 200)),
    (plain(404), Unavailable("status 404", 404)),
    (
        failed(500, "MXInvalidInputException", "RequestID does not exist"),
        Unavailable("RequestID does not exist", 500),
    ),
    (plain(200, b"{}"), Unavailable("status 200", 200)),
    (plain(200, answers.render_done()), Unavailable("status 200", 200)),
]


@pytest.mark.parametrize(("reply", "expected"), TASKS)
def test_a_question_brings_what_became_of_the_update(reply: HttpReply, expected: Verdict) -> None:
    """Or nothing, and it is asked again."""
    assert expected == became(reply, "t", ("score",))


@given(st.integers(100, 599), st.binary(max_size=60) | st.text(max_size=20).map(orjson.dumps))
def test_there_is_always_a_verdict(status: int, body: bytes) -> None:
    """Whatever comes."""
    reply = plain(status, body)
    for verdict in (done(reply, ()), accepted(reply), became(reply, "t", ())):
        assert isinstance(verdict, Verdict)
