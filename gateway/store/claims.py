"""Calls that may come again.

A call that waits for an outcome, or carries an idempotency key, claims a row before its events
are appended. A retry finds the row and attaches to those events. Once a final answer was fully
written to a connected client, an unkeyed row goes, so that a second identical call is a second
update; a keyed row keeps its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import orjson

from gateway.database.port import DeleteMany, InsertMany, Operation, Query, Row
from gateway.dialect import Answer
from gateway.store.lists import listed

KEPT = 86400.0
"""Seconds a row is kept: a keyed one after its answer, any other while unanswered."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A call's claim on its events."""

    tenant: str
    key: str
    """The caller's idempotency key, or a digest of the whole call."""
    digest: str
    """Of the body, to tell a retry from a key used again."""
    events: tuple[str, ...]
    """Event ids made for this call."""
    keyed: bool
    """Whether the caller gave the key."""
    renew: tuple[str, ...] = ()
    """Events of a call that was answered and whose row only waits to go: a row that has them
    counts as gone."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """The claim is ours: append."""


@dataclass(frozen=True, slots=True)
class Attached:
    """An earlier call has these events; wait for their outcome."""

    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """An earlier call was answered; repeat it."""

    events: tuple[str, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Reused:
    """The key came with another body."""


Standing: TypeAlias = Fresh | Attached | Answered | Reused


def answer_text(answer: Answer) -> str:
    """An answer as stored."""
    return orjson.dumps(
        [answer.status, answer.body.decode(), answer.headers, answer.content_type]
    ).decode()


def _answer(text: str) -> Answer:
    status, body, headers, content_type = orjson.loads(text)
    return Answer(status, body.encode(), tuple((n, v) for n, v in headers), content_type)


def stand(claims: Sequence[Claim], now: float) -> Operation[list[Standing]]:
    """Claim each; how each stands, in order. Later ones of a batch see the earlier ones."""
    known = yield from _known(claims, now)
    standings: list[Standing] = []
    rows: dict[tuple[str, str], Row] = {}
    for claim in claims:
        place = (claim.tenant, claim.key)
        found = known.get(place)
        if found is None or found[1] == claim.renew:
            known[place] = (claim.digest, claim.events, None)
            events = orjson.dumps(claim.events).decode()
            rows[place] = (*place, claim.digest, events, None, now + KEPT)
            standings.append(Fresh())
        elif found[0] != claim.digest:
            standings.append(Reused())
        elif found[2] is None:
            standings.append(Attached(found[1]))
        else:
            standings.append(Answered(found[1], _answer(found[2])))
    yield InsertMany(
        "INSERT INTO claims (tenant, claim, digest, events, answer, expires)",
        list(rows.values()),
        "ON CONFLICT (tenant, claim) DO UPDATE SET digest = excluded.digest,"
        " events = excluded.events, answer = NULL, expires = excluded.expires",
    )
    return standings


def _known(
    claims: Sequence[Claim], now: float
) -> Operation[dict[tuple[str, str], tuple[str, tuple[str, ...], str | None]]]:
    known: dict[tuple[str, str], tuple[str, tuple[str, ...], str | None]] = {}
    keys: dict[str, list[str]] = {}
    for claim in claims:
        keys.setdefault(claim.tenant, []).append(claim.key)
    for tenant, wanted in keys.items():
        for marks, values in listed(wanted):
            rows = yield Query(
                "SELECT claim, digest, events, answer, expires FROM claims"
                f" WHERE tenant = ? AND claim IN ({marks})",
                (tenant, *values),
            )
            for key, digest, events, answer, expires in rows:
                if expires > now:
                    known[tenant, key] = (digest, tuple(orjson.loads(events)), answer)
    return known


@dataclass(frozen=True, slots=True)
class Answering:
    """A claim whose call was answered."""

    tenant: str
    key: str
    events: tuple[str, ...]
    """The events it was answered for; a claim made anew since then is left alone."""
    answer: Answer | None
    """The answer to repeat; None forgets the claim."""
    expires: float = 0.0


def answered(done: Sequence[Answering]) -> Operation[None]:
    """Note that these calls got their final answer."""
    gone = [_place(claim) for claim in done if claim.answer is None]
    yield DeleteMany("claims", ("tenant", "claim", "events"), gone)
    for claim in done:
        if claim.answer is not None:
            yield Query(
                "UPDATE claims SET answer = ?, expires = ?"
                " WHERE tenant = ? AND claim = ? AND events = ?",
                (answer_text(claim.answer), claim.expires, *_place(claim)),
            )


def _place(claim: Claim | Answering) -> tuple[str, str, str]:
    return claim.tenant, claim.key, orjson.dumps(claim.events).decode()


def expire(now: float, most: int) -> Operation[int]:
    """Delete up to `most` that are past their time; how many."""
    rows = yield Query("SELECT tenant, claim FROM claims WHERE expires <= ? LIMIT ?", (now, most))
    yield DeleteMany("claims", ("tenant", "claim"), rows)
    return len(rows)
