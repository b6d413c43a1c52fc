"""From a verdict to what the engine does: pure, and total over verdicts.

The question that only the engine can answer is whether a 5xx, a time-out or a drop is about the
vendor or about the lead. It is about the lead if another lead got a proper answer since this
lead's last counted attempt (or its first try). A lead has one delivery under way, so any proper
answer counted since then was another lead's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, assert_never

from connectors.delivery.backoff import delay
from connectors.delivery.connector import (
    NOTHING,
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
from gateway.model.codes import Code
from gateway.model.json import JsonObject
from gateway.model.outcome import Kind, Result

QUICK_TRIES = 3
"""Counted attempts made in the lane before the update is parked in the store."""
FIRST_ASK, LONGEST_ASK = 2.0, 60.0
"""Seconds before a vendor is asked what became of an update it took; doubled each time."""
NOT_YET = "the vendor took it and has not said what became of it"
LONGEST_TAKEN = 36_000.0
"""Seconds after which an update that the vendor took is a dead letter: LeadSquared's own tries of
an accepted update last 9 h 10 min (page "Async API")."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How one connector tries again."""

    attempts: int = 8
    first: float = 1.0
    longest: float = 300.0
    max_age: float = 86400.0
    throttled: float = 1.0
    """Wait after being throttled without a Retry-After."""
    skip_unlinked: bool = False


class Situation(NamedTuple):
    """What the engine knows of a delivery when the verdict comes in."""

    counted: int
    """Attempts counted before this one."""
    uncounted: int
    """Tries in a row before this one that did not count."""
    age: float
    """Seconds it has waited while the vendor was able and willing."""
    others_answered: bool
    """Whether another lead got a proper answer since the last counted attempt."""
    jitter: float
    """From 0 to 1."""
    down: bool = False
    """Whether the vendor counts as down, or was asked only to see if it still is."""
    taken_for: float | None = None
    """Seconds since the vendor took the update, where this was a question about it."""
    asks: int = 0
    """Questions about it so far."""


class Finish(NamedTuple):
    """The delivery is over."""

    kind: Kind
    code: Code
    message: str = ""
    status: int | None = None
    dropped: tuple[str, ...] = ()
    details: JsonObject = NOTHING
    snapshot: JsonObject | None = None
    result: Result = Result.REFUSED
    human: bool = False
    """Whether it must become a dead letter although it was the lead's own refusal."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Later, from the lane; `counted` if it was an attempt."""

    after: float
    counted: bool
    result: Result


@dataclass(frozen=True, slots=True)
class Park:
    """Later, from the store; always counted."""

    after: float
    result: Result


@dataclass(frozen=True, slots=True)
class Ask:
    """Later, from the store: the vendor has the update and is asked about it; never counted."""

    after: float
    result: Result


@dataclass(frozen=True, slots=True)
class SlowDown:
    """The whole connector waits; this delivery keeps its turn."""

    after: float


@dataclass(frozen=True, slots=True)
class Stop:
    """The whole connector stops until somebody mends its settings."""

    code: Code
    message: str
    status: int | None


Decision: TypeAlias = Finish | TryAgain | Park | Ask | SlowDown | Stop


def is_proper(verdict: Verdict) -> bool:
    """Whether the vendor gave a proper answer about this lead."""
    return isinstance(verdict, Applied | Refused | NeedsHuman | Pending)


def is_failure(verdict: Verdict) -> bool:
    """Whether it counts towards opening the breaker."""
    return isinstance(verdict, Unreachable | Unavailable)


def applied(verdict: Applied) -> Finish:
    """The end of a delivery that the vendor applied, whatever the situation."""
    return Finish(
        Kind.APPLIED,
        Code.OK,
        "",
        verdict.status,
        verdict.dropped,
        NOTHING,
        verdict.snapshot,
        Result.APPLIED,
    )


def decide(verdict: Verdict, situation: Situation, policy: Policy) -> Decision:
    """What to do now."""
    match verdict:
        case Applied():
            return applied(verdict)
        case Refused():
            return Finish(
                Kind.REJECTED,
                verdict.code,
                verdict.message,
                verdict.status,
                details=verdict.details,
            )
        case NeedsHuman():
            return Finish(
                Kind.DEAD_LETTERED, verdict.code, verdict.message, verdict.status, human=True
            )
        case NotLinked():
            kind = Kind.SKIPPED if policy.skip_unlinked else Kind.DEAD_LETTERED
            return Finish(kind, Code.LEAD_NOT_LINKED, result=Result.NOT_SENT)
        case NothingToSend():
            kind = Kind.SKIPPED if verdict.code is Code.NOTHING_TO_SEND else Kind.REJECTED
            return Finish(kind, verdict.code, dropped=verdict.dropped, result=Result.NOT_SENT)
        case Throttled():
            wait = policy.throttled if verdict.retry_after is None else verdict.retry_after
            return SlowDown(wait)
        case Misconfigured():
            return Stop(verdict.code, verdict.message, verdict.status)
        case Unreachable():
            return _vendor_down(situation, policy, Result.CONNECT_FAILED)
        case Unavailable():
            return _unavailable(verdict, situation, policy)
        case Pending():
            return _ask(situation, Result.PENDING, NOT_YET, verdict.status)
        case GivenUp():
            result = Result.UNAVAILABLE
            return _charge(situation, policy, result, verdict.reason, verdict.status)
        case _:
            assert_never(verdict)


def _vendor_down(situation: Situation, policy: Policy, result: Result) -> TryAgain:
    # The breaker sets the pace while it is open: the lane goes behind those that wait already.
    wait = 0.0
    if not situation.down:
        wait = delay(situation.uncounted + 1, policy.first, policy.longest, situation.jitter)
    return TryAgain(wait, counted=False, result=result)


def _unavailable(verdict: Unavailable, situation: Situation, policy: Policy) -> Decision:
    result = Result.ANSWER_UNKNOWN if verdict.answer_unknown else Result.UNAVAILABLE
    if situation.down or not situation.others_answered:
        return _vendor_down(situation, policy, result)
    if situation.taken_for is not None:
        return _ask(situation, result, verdict.reason, verdict.status)
    return _charge(situation, policy, result, verdict.reason, verdict.status)


def _ask(situation: Situation, result: Result, message: str, status: int | None) -> Finish | Ask:
    left = LONGEST_TAKEN - (situation.taken_for or 0.0)
    if left <= 0.0:
        return Finish(Kind.DEAD_LETTERED, Code.TIMEOUT, message, status, result=result)
    wait = delay(situation.asks + 1, FIRST_ASK, LONGEST_ASK, situation.jitter)
    return Ask(min(wait, left), result)


def _charge(
    situation: Situation, policy: Policy, result: Result, message: str, status: int | None
) -> Finish | TryAgain | Park:
    """It is this lead's: the attempt counts."""
    counted = situation.counted + 1
    if counted >= policy.attempts or situation.age >= policy.max_age:
        code = Code.ATTEMPTS_SPENT if counted >= policy.attempts else Code.EXPIRED
        return Finish(Kind.DEAD_LETTERED, code, message, status, result=result)
    wait = delay(counted, policy.first, policy.longest, situation.jitter)
    if counted < QUICK_TRIES:
        return TryAgain(wait, counted=True, result=result)
    return Park(wait, result)
