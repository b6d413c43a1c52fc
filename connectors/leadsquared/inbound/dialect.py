"""Both lead updates as spoken to us, and the calls that ask about them.

Checks, in this order: keys (401), rate (429), the body's shape (400), what it says (500 with an MX
exception). What only the account can know (an unknown lead, a duplicate) is told where the vendor
tells it: by the status call for async updates, lead by lead for bulk ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never, cast

from pydantic import BaseModel

from connectors.leadsquared.inbound import bulk, status
from connectors.leadsquared.inbound.credential import (
    PER,
    REQUESTS,
    LeadSquaredCredential,
    presented_asking,
    presented_async,
    presented_bulk,
)
from connectors.leadsquared.mapping.outcomes import failure_for
from connectors.leadsquared.mapping.reading import requested, without_id
from connectors.leadsquared.mapping.tables import ASYNC, BULK, DIALECT, wished
from connectors.leadsquared.wire import answers, attributes
from connectors.leadsquared.wire.answers import Exc, Failure
from connectors.leadsquared.wire.attributes import Unreadable, parse_attributes, read_parameters
from gateway.dialect import (
    Accepted,
    Answer,
    Answering,
    Busy,
    Call,
    Caller,
    Fault,
    Invalid,
    KeyReused,
    Malformed,
    MethodNotAllowed,
    OverQuota,
    Parsed,
    Question,
    QuotaState,
    Refusal,
    Report,
    Route,
    TooLarge,
    Unauthenticated,
)
from gateway.model.codes import Code
from gateway.model.json import JsonObject
from gateway.model.making import make_id

_NOWHERE: JsonObject = {}


class LeadSquaredDialect:
    """LeadSquared's lead updates as spoken to us."""

    name = DIALECT
    routes: tuple[Route, ...] = (
        Route("POST", attributes.UPDATE_PATH, ASYNC),
        Route("POST", attributes.BULK_PATH, BULK),
        Route("GET", attributes.STATUS_PATH, status.STATUS, asks=True),
        Route("GET", attributes.STATUS_ALIAS, status.STATUS, asks=True),
        Route("GET", attributes.METRICS_PATH, status.METRICS, asks=True),
    )
    wants_lead = False

    def presented(self, call: Call) -> str | None:
        """The keys that a call of this kind carries."""
        if call.operation == ASYNC:
            return presented_async(call)
        return presented_bulk(call) if call.operation == BULK else presented_asking(call)

    def secrets_of(self, settings: BaseModel) -> tuple[str, ...]:
        """A configured key set as each kind of call presents it."""
        return cast(LeadSquaredCredential, settings).presented

    def quota_of(self, operation: str) -> str:
        """Bulk calls may have their own; status and metrics calls are not counted."""
        return _QUOTAS.get(operation, "")

    def patience(self, call: Call, settings: BaseModel) -> float | None:
        """As configured, else by the kind of call."""
        return cast(LeadSquaredCredential, settings).waits(call.operation)

    def parse(self, call: Call, body: bytes, caller: Caller) -> Parsed | Refusal:
        """One update, or those of a bulk call's leads."""
        if call.operation == BULK:
            return bulk.parse(call, body, caller)
        try:
            said = parse_attributes(body)
        except Unreadable as error:
            return Malformed(str(error))
        parameters = read_parameters(call.query)
        lead_id = parameters.lead_id
        if not lead_id:
            return _MISSING_ID
        settings = cast(LeadSquaredCredential, caller.settings)
        asked = requested(
            make_id(caller.system, lead_id, ()),
            without_id(said, lead_id),
            settings.reading,
            caller,
            wished=wished(parameters.post_updated_lead),
            scope=_NOWHERE,
        )
        return Parsed((asked,))

    def answer(self, answering: Answering) -> Answer:
        """Accepted, or what became of each lead. A caller of the async API who is made to wait
        hears of a refusal as one of the synchronous API does."""
        if answering.call.operation == BULK:
            return bulk.answer(answering)
        result = answering.results[0]
        if isinstance(result, Accepted) or result.outcome.fine:
            return Answer(200, answers.render_accepted(result.event_id))
        outcome = result.outcome
        return _failed(outcome.code, outcome.message, outcome.details)

    def refuse(self, call: Call, refusal: Refusal, quota: QuotaState | None) -> Answer:
        """A refusal as the vendor's error envelope."""
        del call
        match refusal:
            case Unauthenticated():
                return _failed(Code.UNAUTHENTICATED)
            case OverQuota():
                return _too_many(refusal.quota)
            case Busy():
                return _too_many(quota)
            case Malformed(reason):
                return _bad_input(400, reason)
            case TooLarge(limit):
                return _bad_input(413, f"Request body must be at most {limit} bytes")
            case MethodNotAllowed(allowed):
                told = _bad_input(405, "Method is not allowed")
                return told._replace(headers=(("Allow", ", ".join(allowed)),))
            case KeyReused():
                return _bad_input(400, "This idempotency key was used with another body")
            case Invalid(faults):
                return _faulty(faults[0])
            case _:
                assert_never(refusal)

    def ask(self, call: Call, caller: Caller) -> Question | Refusal:
        """A status call asks about one update, a metrics call about all."""
        del caller
        return status.ask(call)

    def tell(self, call: Call, caller: Caller, report: Report | None, now: float) -> Answer:
        """In the vendor's shape."""
        del caller, now
        return status.tell(call, report)


_QUOTAS = {ASYNC: "quota", BULK: "bulk_quota"}
_MISSING_ID = Invalid((Fault(Code.LEAD_ID_MISSING, "leadId"),))

_STATUSES: Mapping[Code, int] = {
    Code.UNAUTHENTICATED: 401,
    Code.ROUTE_NOT_FOUND: 404,
    Code.MALFORMED_REQUEST: 400,
    Code.RATE_LIMITED: 429,
}
"""Every other rejection is a 500 with an exception, as integrators found."""


def _failed(code: Code, message: str = "", details: JsonObject = _NOWHERE) -> Answer:
    failure = failure_for(code, message, details)
    return Answer(_STATUSES.get(code, 500), answers.render_failure(failure))


def _faulty(fault: Fault) -> Answer:
    if fault.code is Code.LEAD_ID_MISSING and fault.field == "RequestID":
        failure = Failure(Exc.MANDATORY_MISSING, answers.mandatory(fault.field, "getting status"))
        return Answer(500, answers.render_failure(failure))
    return _failed(fault.code, fault.message, {"field": fault.field})


def _bad_input(http_status: int, message: str) -> Answer:
    return Answer(http_status, answers.render_failure(Failure(Exc.INVALID_INPUT, message)))


def _too_many(quota: QuotaState | None) -> Answer:
    """The documented sentence, with the numbers of the limit; the page's where there is none."""
    limit, per = (REQUESTS, PER) if quota is None else (quota.limit, quota.per)
    return Answer(429, answers.render_failure(answers.rate_limited(limit, per)))
