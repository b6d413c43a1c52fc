"""Dialnexa's server, played by us: its route, its refusals, its answers.

Facts from the vendor's pages "Update Campaign Lead", "Errors", "Rate Limits" and
"Authentication" (https://dialnexa.mintlify.app/api-reference); what is inferred says so in the
slice's README. Where the credential has a quota, every answer carries the `X-RateLimit-*` headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Literal, assert_never, cast

from pydantic import BaseModel, Field, SecretStr

from connectors.dialnexa import wire
from connectors.dialnexa.mapping.reading import requested
from connectors.dialnexa.mapping.showing import known_lead, lead_object
from connectors.dialnexa.mapping.tables import DIALECT, OPERATION
from connectors.dialnexa.wire import Violation
from gateway.dialect import (
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
    QuotaState,
    Refusal,
    Route,
    Settled,
    TooLarge,
    Unauthenticated,
)
from gateway.model.codes import Code
from gateway.model.json import JsonObject
from gateway.model.outcome import Outcome
from gateway.settings.model import CredentialSettings, QuotaSettings


class DialnexaCredential(CredentialSettings):
    """An API key that an upstream system calls with."""

    dialect: Literal["dialnexa"] = "dialnexa"
    """Whose API it speaks."""
    token: SecretStr = Field(min_length=1)
    """The key after `Authorization: Bearer `; Dialnexa's own are `<key_id>:<secret>`."""
    quota: QuotaSettings | None = None
    """How much the key may call; absent: no bound and no `X-RateLimit-*` headers."""
    response_shape: Literal["union", "schema", "example"] = "union"
    """Keys of the lead in an answer: of the page's `schema` block, of its `example`, or of both."""
    max_variables: int | None = Field(wire.MOST_VARIABLES, ge=1)
    """Most variables in a call; `null` for any number."""
    unversioned_path: bool = False
    """Whether `/campaigns-leads/{id}`, which the vendor retired, is served too."""


class DialnexaDialect:
    """Dialnexa's update of a campaign lead."""

    name = DIALECT
    routes: tuple[Route, ...] = tuple(
        Route("PATCH", f"{path}/{{id}}", OPERATION) for path in (wire.PATH, wire.UNVERSIONED_PATH)
    )
    wants_lead = True

    def presented(self, call: Call) -> str | None:
        """The bearer token; empty where the header is there and holds none."""
        header = call.headers.get("authorization")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def secrets_of(self, settings: BaseModel) -> tuple[str, ...]:
        """The token of a configured credential."""
        return (_own(settings).token.get_secret_value(),)

    def quota_of(self, operation: str) -> str:
        """There is one operation."""
        del operation
        return "quota"

    def patience(self, call: Call, settings: BaseModel) -> float | None:
        """As configured."""
        del call
        return _own(settings).patience

    def parse(self, call: Call, body: bytes, caller: Caller) -> Parsed | Refusal:
        """One update, or the rules it breaks."""
        settings = _own(caller.settings)
        if not call.path.startswith(wire.PATH) and not settings.unversioned_path:
            message = wire.cannot(call.method, call.path)
            return Invalid((Fault(Code.ROUTE_NOT_FOUND, message=message),))
        try:
            record = wire.parse(call.parameters["id"], body)
        except wire.Unreadable as error:
            return Malformed(str(error))
        broken = wire.violations(record, settings.max_variables)
        if broken:
            return Invalid(tuple(_fault(violation) for violation in broken))
        return Parsed((requested(record, caller),))

    def answer(self, answering: Answering) -> Answer:
        """The updated lead, or the outcome in Dialnexa's words."""
        result = answering.results[0]
        if isinstance(result, Settled) and not result.outcome.fine:
            status, body = _rejection(result.outcome, answering.call)
        else:
            snapshot = result.outcome.snapshot if isinstance(result, Settled) else None
            status, body = 200, wire.body_of(_lead(answering, snapshot))
        return Answer(status, body, _rates(answering.quota))

    def refuse(self, call: Call, refusal: Refusal, quota: QuotaState | None) -> Answer:
        """The refusal as Dialnexa's error body."""
        if isinstance(refusal, OverQuota):
            quota = refusal.quota
        status, body = _refusal(call, refusal)
        return Answer(status, body, _rates(quota) + _extra_headers(refusal))


def _own(settings: BaseModel) -> DialnexaCredential:
    return cast(DialnexaCredential, settings)


_PHONES = frozenset({"phone_number", "phoneNumber", "countryCode"})


def _fault(violation: Violation) -> Fault:
    code = Code.PHONE_INVALID if violation.field in _PHONES else Code.VALIDATION_FAILED
    return Fault(code, violation.field, violation.value, violation.message)


# --- headers --------------------------------------------------------------------------------


def _rates(quota: QuotaState | None) -> tuple[tuple[str, str], ...]:
    if quota is None:
        return ()
    return (
        ("X-RateLimit-Limit", str(quota.limit)),
        ("X-RateLimit-Remaining", str(quota.remaining)),
        ("X-RateLimit-Reset", str(ceil(quota.reset_at))),
    )


def _extra_headers(refusal: Refusal) -> tuple[tuple[str, str], ...]:
    match refusal:
        case OverQuota(retry_after=seconds) | Busy(retry_after=seconds):
            return (("Retry-After", str(max(1, ceil(seconds)))),)
        case MethodNotAllowed(allowed):
            return (("Allow", ", ".join(allowed)),)
        case _:
            return ()


# --- bodies ---------------------------------------------------------------------------------


def _refusal(call: Call, refusal: Refusal) -> tuple[int, bytes]:
    match refusal:
        case Unauthenticated():
            return 401, wire.UNAUTHORIZED
        case OverQuota() | Busy():
            return 429, wire.TOO_MANY_REQUESTS
        case Malformed(reason):
            return 400, wire.failure(400, reason)
        case Invalid(faults):
            if faults[0].code is Code.ROUTE_NOT_FOUND:
                return 404, wire.failure(404, faults[0].message or "Not Found")
            messages = [fault.message or f"{fault.field} is not valid" for fault in faults]
            return 400, wire.validation_failed(messages)
        case TooLarge():
            return 413, wire.failure(413, "request entity too large")
        case MethodNotAllowed():
            return 405, wire.failure(405, wire.cannot(call.method, call.path))
        case KeyReused():
            return 422, wire.failure(422, "This idempotency key was used with another body")
        case _:
            assert_never(refusal)


_STATUSES: Mapping[Code, tuple[int, str]] = {
    Code.UNAUTHENTICATED: (401, "Unauthorized"),
    Code.FORBIDDEN: (403, wire.NOT_ALLOWED),
    Code.DNC_BLOCKED: (403, wire.NOT_ALLOWED),
    Code.LEAD_NOT_FOUND: (404, wire.NO_LEAD),
    Code.LEAD_ID_MISSING: (404, ""),
    Code.ROUTE_NOT_FOUND: (404, ""),
    Code.VENDOR_ENDPOINT_RETIRED: (404, ""),
    Code.SCOPE_INVALID_ALLOCATION: (404, wire.NO_LEAD),
    Code.SCOPE_INVALID_TEMPLATE: (404, wire.NO_LEAD),
    Code.SCOPE_INVALID_CAMPAIGN: (404, wire.NO_LEAD),
    Code.LOCKED: (409, wire.LOCKED),
    Code.CONFLICT: (409, "The lead is being changed by somebody else"),
    Code.PHONE_INVALID: (400, wire.BAD_PHONE),
    Code.VALIDATION_FAILED: (400, "Validation failed"),
    Code.MALFORMED_REQUEST: (400, "Bad Request"),
}
"""Our code -> status, and the message where the outcome has none (empty: that the path can't be
served). A code without a row is a 400 that names it."""

_WHOLE_ANSWERS: Mapping[Code, tuple[int, bytes]] = {
    Code.RATE_LIMITED: (429, wire.TOO_MANY_REQUESTS),
    Code.TIMEOUT: (500, wire.INTERNAL),
    Code.INTERNAL: (500, wire.INTERNAL),
}


def _rejection(outcome: Outcome, call: Call) -> tuple[int, bytes]:
    code = outcome.code
    whole = _WHOLE_ANSWERS.get(code)
    if whole is not None:
        return whole
    row = _STATUSES.get(code)
    if row is None:
        said = outcome.message or "The update was not applied"
        return 400, wire.failure(400, f"Validation failed: {said} ({code})")
    status, message = row
    several = outcome.details.get("messages")
    if status == 400 and isinstance(several, list):
        return status, wire.failure(status, [str(each) for each in several])
    said = outcome.message or message or wire.cannot(call.method, call.path)
    return status, wire.failure(status, said)


def _lead(answering: Answering, snapshot: Mapping[str, object] | None) -> JsonObject:
    """The vendor's own lead where a Dialnexa answered, else what we know; by the caller's id, but
    for one that was enrolled anew in its place."""
    update = answering.parsed.updates[0]
    shape = _own(answering.caller.settings).response_shape
    if snapshot is not None:
        lead: dict[str, object] = dict(snapshot)
    else:
        view = answering.leads[0] if answering.leads else {}
        lead = dict(known_lead(view, update, answering.caller.region))
    if lead.get("replaces") != update.lead.id:
        lead["id"] = update.lead.id
    return lead_object(shape, lead)
