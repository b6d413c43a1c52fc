"""From a verdict and what is known to what is done: the whole table."""

from __future__ import annotations

import pytest

from connectors.delivery.connector import (
    Applied,
    GivenUp,
    Misconfigured,
    NeedsHuman,
    NothingToSend,
    NotLinked,
    Pending,
    Refused,
    Throttled,
    Unavailable,
    Unreachable,
    Verdict,
)
from connectors.delivery.judgement import (
    LONGEST_TAKEN,
    NOT_YET,
    Ask,
    Decision,
    Finish,
    Park,
    Policy,
    Situation,
    SlowDown,
    Stop,
    TryAgain,
    decide,
    is_failure,
    is_proper,
)
from gateway.model.codes import Code
from gateway.model.outcome import Kind, Result

POLICY = Policy(attempts=5, first=1.0, longest=60.0, max_age=100.0, throttled=7.0)
DOWN = Unavailable("bad gateway", 502)
LOST = Unavailable("dropped", answer_unknown=True)


def situation(
    counted: int = 0,
    uncounted: int = 0,
    age: float = 0.0,
    *,
    others: bool = False,
    down: bool = False,
    taken_for: float | None = None,
    asks: int = 0,
) -> Situation:
    """A situation with the middle of the jitter."""
    return Situation(counted, uncounted, age, others, 0.5, down, taken_for, asks)


FIRST = situation()
LAST = situation(counted=4, others=True)

ANSWERS: list[tuple[Verdict, Decision]] = [
    (
        Applied({"id": 1}, ("score",), 200),
        Finish(Kind.APPLIED, Code.OK, "", 200, ("score",), {}, {"id": 1}, Result.APPLIED),
    ),
    (
        Refused(Code.PHONE_INVALID, "no such number", 400, {"field": "phone"}),
        Finish(Kind.REJECTED, Code.PHONE_INVALID, "no such number", 400, (), {"field": "phone"}),
    ),
    (
        NeedsHuman(Code.LOCKED, "open at a desk", 400),
        Finish(Kind.DEAD_LETTERED, Code.LOCKED, "open at a desk", 400, human=True),
    ),
    (NotLinked(), Finish(Kind.DEAD_LETTERED, Code.LEAD_NOT_LINKED, result=Result.NOT_SENT)),
    (
        NothingToSend(("score",)),
        Finish(Kind.SKIPPED, Code.NOTHING_TO_SEND, dropped=("score",), result=Result.NOT_SENT),
    ),
    (
        NothingToSend(("phones.primary",), Code.PHONE_INVALID),
        Finish(
            Kind.REJECTED, Code.PHONE_INVALID, dropped=("phones.primary",), result=Result.NOT_SENT
        ),
    ),
    (Throttled(12.5, status=429), SlowDown(12.5)),
    (Throttled(), SlowDown(7.0)),
    (Misconfigured(Code.FORBIDDEN, "no", 403), Stop(Code.FORBIDDEN, "no", 403)),
    (Unreachable("refused"), TryAgain(1.0, counted=False, result=Result.CONNECT_FAILED)),
]


@pytest.mark.parametrize("told", [FIRST, LAST, situation(age=1e6, others=True)])
@pytest.mark.parametrize(("verdict", "expected"), ANSWERS)
def test_answers_mean_the_same_in_every_situation(
    verdict: Verdict, expected: Decision, told: Situation
) -> None:
    """Neither attempts nor age nor other leads change what a clear word means."""
    assert expected == decide(verdict, told, POLICY)


def test_an_unlinked_lead_is_skipped_where_that_is_configured() -> None:
    """And leaves an outcome."""
    expected = Finish(Kind.SKIPPED, Code.LEAD_NOT_LINKED, result=Result.NOT_SENT)
    assert expected == decide(NotLinked(), FIRST, Policy(skip_unlinked=True))


FAILURES: list[tuple[Unavailable, Situation, Decision]] = [
    # Nobody else was answered: the vendor is down as far as anybody can tell.
    (DOWN, FIRST, TryAgain(1.0, counted=False, result=Result.UNAVAILABLE)),
    (LOST, FIRST, TryAgain(1.0, counted=False, result=Result.ANSWER_UNKNOWN)),
    (DOWN, situation(uncounted=3), TryAgain(8.0, counted=False, result=Result.UNAVAILABLE)),
    (DOWN, situation(uncounted=99), TryAgain(50.0, counted=False, result=Result.UNAVAILABLE)),
    (DOWN, situation(4, 0, 1e6), TryAgain(1.0, counted=False, result=Result.UNAVAILABLE)),
    # Down, or a probe: the breaker sets the pace, and nothing counts.
    (
        DOWN,
        situation(4, 9, 1e6, down=True),
        TryAgain(0.0, counted=False, result=Result.UNAVAILABLE),
    ),
    (
        DOWN,
        situation(4, 9, 1e6, others=True, down=True),
        TryAgain(0.0, counted=False, result=Result.UNAVAILABLE),
    ),
    # Others were answered: it is this lead's.
    (DOWN, situation(0, others=True), TryAgain(1.0, counted=True, result=Result.UNAVAILABLE)),
    (LOST, situation(1, others=True), TryAgain(2.0, counted=True, result=Result.ANSWER_UNKNOWN)),
    (DOWN, situation(2, others=True), Park(4.0, Result.UNAVAILABLE)),
    (LOST, situation(3, others=True), Park(8.0, Result.ANSWER_UNKNOWN)),
    (
        DOWN,
        LAST,
        Finish(
            Kind.DEAD_LETTERED, Code.ATTEMPTS_SPENT, "bad gateway", 502, result=Result.UNAVAILABLE
        ),
    ),
    (
        LOST,
        situation(1, age=100.0, others=True),
        Finish(Kind.DEAD_LETTERED, Code.EXPIRED, "dropped", result=Result.ANSWER_UNKNOWN),
    ),
    (
        DOWN,
        situation(1, age=99.9, others=True),
        TryAgain(2.0, counted=True, result=Result.UNAVAILABLE),
    ),
]


@pytest.mark.parametrize(("verdict", "told", "expected"), FAILURES)
def test_a_failure_is_the_leads_only_where_others_pass(
    verdict: Unavailable, told: Situation, expected: Decision
) -> None:
    """Only then it counts, is parked, and is given up in the end."""
    assert expected == decide(verdict, told, POLICY)


LAST_CALL = LONGEST_TAKEN - 10.0
TAKEN: list[tuple[Verdict, Situation, Decision]] = [
    # Taken, and asked about after 2 s, 4 s, … and a minute in the end, whatever the age.
    (Pending("t", 200), FIRST, Ask(2.0, Result.PENDING)),
    (Pending("t"), situation(4, 3, 1e6, others=True), Ask(2.0, Result.PENDING)),
    (Pending("t"), situation(taken_for=2.0, asks=1), Ask(4.0, Result.PENDING)),
    (Pending("t"), situation(taken_for=900.0, asks=40, down=True), Ask(50.0, Result.PENDING)),
    # To the end of ten hours, and not a second longer.
    (Pending("t"), situation(taken_for=LAST_CALL, asks=99), Ask(10.0, Result.PENDING)),
    (
        Pending("t", 200),
        situation(taken_for=LONGEST_TAKEN, asks=99),
        Finish(Kind.DEAD_LETTERED, Code.TIMEOUT, NOT_YET, 200, result=Result.PENDING),
    ),
    # A question that fails is no attempt, whoever else is answered.
    (
        DOWN,
        situation(4, age=1e6, taken_for=1e6, asks=9),
        TryAgain(1.0, counted=False, result=Result.UNAVAILABLE),
    ),
    (
        DOWN,
        situation(4, age=1e6, others=True, down=True, taken_for=1e6, asks=9),
        TryAgain(0.0, counted=False, result=Result.UNAVAILABLE),
    ),
    (
        Unreachable("refused"),
        situation(4, age=1e6, others=True, taken_for=1e6, asks=9),
        TryAgain(1.0, counted=False, result=Result.CONNECT_FAILED),
    ),
    (DOWN, situation(4, others=True, taken_for=6.0, asks=2), Ask(8.0, Result.UNAVAILABLE)),
    (
        LOST,
        situation(4, age=1e6, others=True, taken_for=60.0, asks=9),
        Ask(50.0, Result.ANSWER_UNKNOWN),
    ),
    (
        DOWN,
        situation(others=True, taken_for=LONGEST_TAKEN, asks=99),
        Finish(Kind.DEAD_LETTERED, Code.TIMEOUT, "bad gateway", 502, result=Result.UNAVAILABLE),
    ),
    # What the vendor gave up is this lead's, whoever else is answered, and is sent again.
    (
        GivenUp("deadlock", 200),
        situation(taken_for=60.0, asks=5),
        TryAgain(1.0, counted=True, result=Result.UNAVAILABLE),
    ),
    (GivenUp("deadlock"), situation(2, taken_for=60.0, asks=5), Park(4.0, Result.UNAVAILABLE)),
    (
        GivenUp("deadlock", 200),
        situation(4, taken_for=60.0, asks=5),
        Finish(Kind.DEAD_LETTERED, Code.ATTEMPTS_SPENT, "deadlock", 200, result=Result.UNAVAILABLE),
    ),
]


@pytest.mark.parametrize(("verdict", "told", "expected"), TAKEN)
def test_what_the_vendor_has_taken_is_asked_about(
    verdict: Verdict, told: Situation, expected: Decision
) -> None:
    """It is given up after ten hours, or sent again where the vendor gave it up."""
    assert expected == decide(verdict, told, POLICY)


def test_what_opens_and_what_closes_the_breaker() -> None:
    """Failures open it, proper answers close it, and the rest does neither."""
    every: list[Verdict] = [*(verdict for verdict, _ in ANSWERS), DOWN, LOST]
    every += [Pending("t"), GivenUp("deadlock")]
    words = {type(one).__name__: (is_proper(one), is_failure(one)) for one in every}
    expected = {
        "Applied": (True, False),
        "Refused": (True, False),
        "NeedsHuman": (True, False),
        "NotLinked": (False, False),
        "NothingToSend": (False, False),
        "Throttled": (False, False),
        "Misconfigured": (False, False),
        "Unreachable": (False, True),
        "Unavailable": (False, True),
        "Pending": (True, False),
        "GivenUp": (False, False),
    }
    assert expected == words
