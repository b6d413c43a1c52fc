"""A vendor's call, from its first line to its answer.

    credential -> quota -> body -> parse -> lead key and route -> append -> (wait) -> answer

An update is durable before its caller hears a 2xx. A call that waits, or carries an idempotency
key, first claims its events, so that a retry of it attaches to them instead of making new ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import NamedTuple

from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable
from gateway.dialect import (
    Accepted,
    Answer,
    Answering,
    Busy,
    Call,
    Dialect,
    Fault,
    Invalid,
    KeyReused,
    Parsed,
    QuotaState,
    Refusal,
    Settled,
    TooLarge,
    Unauthenticated,
    UpdateResult,
)
from gateway.edge.building import Builder, Built, records_of, renamed
from gateway.edge.claiming import Claiming
from gateway.edge.credentials import Credentials, Registered
from gateway.edge.patience import Patience, Verdicts
from gateway.edge.reply import Reply
from gateway.edge.views import Views
from gateway.eventlog.port import EventLog, NewRecord, Topic
from gateway.journal.port import Entry, EntryTooLong, Journal, JournalUnavailable
from gateway.metrics import Metrics
from gateway.model.codes import Code
from gateway.model.event import LeadUpdate
from gateway.model.outcome import Kind
from gateway.store.claims import Answered, Attached, Claim, Fresh, Reused

RETRY_AFTER = 5.0
"""Seconds we ask a caller to wait when we are busy."""
LONGEST_ID = 1024
"""Characters of a lead's id; no vendor has longer ones."""
LONGEST_KEY = 255
"""Characters of an idempotency key that are kept as they are."""
_UNWRITABLE = re.compile("[\\x00\\ud800-\\udfff]")
_NO_ID = Invalid((Fault(Code.VALIDATION_FAILED, "id", None, "this is not an id"),))
_QUOTED = '" \t'
_NO_OUTCOMES: Mapping[str, Settled] = {}
EVENT_ID, OUTCOME = "X-Leadwire-Event-Id", "X-Leadwire-Outcome"


@dataclass(frozen=True, slots=True)
class Intake:
    """What handling a call needs."""

    credentials: Credentials
    builder: Builder
    journal: Journal
    log: EventLog
    patience: Patience
    views: Views
    claiming: Claiming
    clock: Clock
    metrics: Metrics

    async def admit(
        self, dialect: Dialect, call: Call
    ) -> tuple[Registered, QuotaState | None] | Reply:
        """Before the body is read: who calls, and may they."""
        found = self.credentials.find(dialect, call)
        if isinstance(found, bool):
            return self._refuse(dialect, call, Unauthenticated(presented=found), None)
        quota = found.quotas.get(call.operation)
        if quota is None:
            return found, None
        taken = await quota.take()
        if isinstance(taken, QuotaState):
            return found, taken
        return self._refuse(dialect, call, taken, taken.quota)

    async def take(
        self,
        dialect: Dialect,
        call: Call,
        body: bytes,
        registered: Registered,
        quota: QuotaState | None,
        began: float,
    ) -> Reply:
        """After the body was read: everything else. `began` is when the call came, monotonic."""
        parsed = dialect.parse(call, body, registered.caller)
        if not isinstance(parsed, Parsed):
            return self._refuse(dialect, call, parsed, quota)
        for update in parsed.updates:
            if no_id(update.lead.id):
                return self._refuse(dialect, call, _NO_ID, quota)
        now = self.clock.now()
        within = dialect.patience(call, registered.settings)
        visit = Visit(dialect, call, registered, quota, parsed, now, began, within)
        if not parsed.updates:
            return await self._answer(visit, (), None, None)
        try:
            built = await self.builder.build(
                dialect.name, call, registered.caller, parsed.updates, now, wait=within is not None
            )
            if built.waits and self.patience.full:
                return self._busy(dialect, call, quota, ())
            claim = self._claim(visit, body, built)
            return await self._append(visit, built, claim)
        except EntryTooLong as error:
            return self._refuse(dialect, call, TooLarge(error.limit), quota)
        except (JournalUnavailable, DatabaseUnavailable):
            return self._busy(dialect, call, quota, ())

    async def _append(self, visit: Visit, built: Built, claim: Claim | None) -> Reply:
        partitions = self.log.partitions(Topic.UPDATES)
        records = [
            record for event in built.events for record in records_of(event, partitions, visit.now)
        ]
        verdicts = self.patience.expect(built.events) if built.waits else None
        try:
            standing = await self.journal.accept(_entry(visit, built, records, claim, partitions))
        except BaseException:
            if verdicts is not None:
                verdicts.forget()
            raise
        match standing:
            case Fresh():
                self.metrics.events_accepted(visit.dialect.name).inc(len(built.events))
                return await self._answer(visit, built.events, verdicts, claim)
            case Attached(events=ids):
                if verdicts is not None:
                    verdicts.forget()
                return await self._attach(visit, built, ids, claim)
            case Answered(events=ids, answer=answer):
                if verdicts is not None:
                    verdicts.forget()
                return Reply(answer, ids)
            case Reused():
                if verdicts is not None:
                    verdicts.forget()
                return self._refuse(visit.dialect, visit.call, KeyReused(), visit.quota)

    async def _attach(
        self, visit: Visit, built: Built, ids: Sequence[str], claim: Claim | None
    ) -> Reply:
        """Wait for (or repeat) the answer of the earlier call that has these events."""
        events = tuple(
            event.renamed(event_id) for event, event_id in zip(built.events, ids, strict=True)
        )
        # What is answered is the earlier call's claim: it names that call's events, not ours.
        claim = None if claim is None else replace(claim, events=tuple(ids))
        verdicts = self.patience.expect(events, ask=True) if built.waits else None
        return await self._answer(visit, events, verdicts, claim)

    async def _answer(
        self,
        visit: Visit,
        events: Sequence[LeadUpdate],
        verdicts: Verdicts | None,
        claim: Claim | None,
    ) -> Reply:
        ids = tuple([event.id for event in events])
        dialect, outcomes = visit.dialect, _NO_OUTCOMES
        results: list[UpdateResult]
        if verdicts is None:
            results = [Accepted(i) for i in ids]
        else:
            within = visit.within or 0.0
            waited = await verdicts.within(within - (self.clock.monotonic() - visit.began))
            if waited is None:
                return self._busy(dialect, visit.call, visit.quota, ids)
            outcomes = waited
            results = [
                self.views.translated(dialect, outcomes[i]) if i in outcomes else Accepted(i)
                for i in ids
            ]
        leads = await self.views.of(dialect, events) if dialect.wants_lead else ()
        answer = dialect.answer(
            Answering(
                visit.call,
                visit.registered.caller,
                visit.parsed,
                results,
                leads,
                visit.quota,
                self.clock.now(),
            )
        )
        headers: tuple[tuple[str, str], ...] = ((EVENT_ID, ",".join(ids)),) if ids else ()
        if outcomes:
            headers += ((OUTCOME, ",".join(map(_told, outcomes.values()))),)
        window = visit.registered.settings.dedupe_window
        return Reply(_with(answer, headers), ids, claim, dedupe_window=window)

    def _claim(self, visit: Visit, body: bytes, built: Built) -> Claim | None:
        """The call's claim on its events; None for a call that neither waits nor has a key."""
        call, registered = visit.call, visit.registered
        given = _key(call) or visit.parsed.key
        if given is None and not built.waits and not registered.settings.dedupe_window:
            return None
        told = _digest(call, body, registered.name)
        key = f"call:{told}" if given is None else f"key:{registered.name}:{_kept(given)}"
        events = tuple(event.id for event in built.events)
        tenant = registered.caller.tenant
        renew = () if given else self.claiming.forgotten(tenant, key)
        return Claim(tenant, key, told, events, keyed=given is not None, renew=renew)

    def _refuse(
        self, dialect: Dialect, call: Call, refusal: Refusal, quota: QuotaState | None
    ) -> Reply:
        reason = _REASONS.get(type(refusal).__name__, "refused")
        self.metrics.refusals(dialect.name, reason).inc()
        return Reply(dialect.refuse(call, refusal, quota), refused=reason)

    def refuse(self, dialect: Dialect, call: Call, refusal: Refusal) -> Reply:
        """Refuse a call whose body could not be read, or whose method is not served."""
        return self._refuse(dialect, call, refusal, None)

    def busy(self, dialect: Dialect, call: Call) -> Reply:
        """Answer a call that could not be looked at, or failed on the way: the caller may try
        again."""
        return self._busy(dialect, call, None, ())

    def _busy(
        self, dialect: Dialect, call: Call, quota: QuotaState | None, ids: tuple[str, ...]
    ) -> Reply:
        reply = self._refuse(dialect, call, Busy(RETRY_AFTER, appended=bool(ids)), quota)
        if not ids:
            return reply
        return Reply(_with(reply.answer, ((EVENT_ID, ",".join(ids)),)), ids, refused="busy")


class Visit(NamedTuple):
    """One call on its way."""

    dialect: Dialect
    call: Call
    registered: Registered
    quota: QuotaState | None
    parsed: Parsed
    now: float
    """When it was read, unix seconds."""
    began: float
    """When it came, monotonic seconds."""
    within: float | None
    """Seconds from then that it waits for its outcome; None: it doesn't."""


def _entry(
    visit: Visit,
    built: Built,
    records: Sequence[NewRecord],
    claim: Claim | None,
    partitions: int,
) -> Entry:
    if claim is None:
        return Entry(records, None)
    again = partial(renamed, built.events, partitions, visit.now)
    return Entry(records, claim, again, optional=not (claim.keyed or built.waits))


_REASONS = {
    "Unauthenticated": "unauthenticated",
    "OverQuota": "over_quota",
    "Malformed": "malformed",
    "TooLarge": "too_large",
    "MethodNotAllowed": "method_not_allowed",
    "Invalid": "invalid",
    "Busy": "busy",
    "KeyReused": "key_reused",
}


def _told(settled: Settled) -> str:
    """Connector and outcome; where nothing was sent, why."""
    outcome = settled.outcome
    word = outcome.code if outcome.kind is Kind.SKIPPED else outcome.kind
    return f"{outcome.connector}={word}"


def _with(answer: Answer, headers: tuple[tuple[str, str], ...]) -> Answer:
    return Answer(answer.status, answer.body, answer.headers + headers, answer.content_type)


def _key(call: Call) -> str:
    """The header `Idempotency-Key`, quoted or bare."""
    return call.headers.get("idempotency-key", "").strip(_QUOTED)


def _digest(call: Call, body: bytes, credential: str) -> str:
    digest = blake2b(digest_size=16)
    for part in (credential, call.method, call.path, *(f"{n}={v}" for n, v in call.query)):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    digest.update(body)
    return digest.hexdigest()


def no_id(text: str) -> bool:
    """Whether no lead of any vendor can have this id: one that is endless, or that can't be
    written down everywhere."""
    return len(text) > LONGEST_ID or (
        _UNWRITABLE.search(text) is not None if not text.isascii() else "\x00" in text
    )


def _kept(key: str) -> str:
    """A caller's key as it is kept: one that is long, or that not every database takes, by its
    digest."""
    if len(key) <= LONGEST_KEY and key.isascii() and key.isprintable():
        return key
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()
