"""PollyBot's server, played by us: its routes, its refusals, its answers.

Facts from the vendor's pages "Update Lead", "Authentication", "Rate Limiting" and "Error
Handling" (https://pollybot.app/docs); what is inferred says so in the slice's README. Every
answer carries the `X-RateLimit-*` headers where the credential has a quota, and a `requestId`:
of the event where there is one, else a digest of the call, as nothing here draws random numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from math import ceil
from typing import Literal, assert_never, cast

from pydantic import BaseModel, Field, SecretStr

from connectors.pollybot import mapping, wire
from connectors.pollybot.wire import Generation, Violation
from gateway.clock import rfc3339
from gateway.dialect import (
    Answer,
    Answering,
    Busy,
    Call,
    Caller,
    Fault,
    Invalid,
    KeyReused,
    LeadView,
    Malformed,
    MethodNotAllowed,
    OverQuota,
    Parsed,
    QuotaState,
    Refusal,
    RequestedUpdate,
    Route,
    Settled,
    TooLarge,
    Unauthenticated,
)
from gateway.model.changes import Set
from gateway.model.codes import Code
from gateway.model.json import JsonValue
from gateway.model.outcome import Outcome
from gateway.settings.model import CredentialSettings, QuotaSettings

GEN1_PATH = "/api/v1/leads/{leadId}"
GEN2_PATH = "/api/v1/chatbots/{chatbotId}/leads/{id}"
_LEAD_PARAMETER = {Generation.GEN1: "leadId", Generation.GEN2: "id"}


class PollyBotCredential(CredentialSettings):
    """A workspace key that an upstream system calls with."""

    dialect: Literal["pollybot"] = "pollybot"
    """Whose API it speaks."""
    token: SecretStr = Field(min_length=1)
    """The key after `Authorization: Bearer `; PollyBot's own are `sk-workspace_` and 51 letters."""
    quota: QuotaSettings | None = QuotaSettings(requests=1000, per=3600.0)
    """How much the key may call; `null` for no bound and no `X-RateLimit-*` headers."""


class PollyBotDialect:
    """Both generations of PollyBot's lead update."""

    name = mapping.DIALECT
    routes: tuple[Route, ...] = tuple(
        Route(method, path, mapping.OPERATIONS[generation])
        for path, generation in ((GEN1_PATH, Generation.GEN1), (GEN2_PATH, Generation.GEN2))
        for method in ("PUT", "PATCH")
    )
    """PATCH is an alias: the call has the meaning of one."""
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
        return (cast(PollyBotCredential, settings).token.get_secret_value(),)

    def quota_of(self, operation: str) -> str:
        """One for both generations: a key is counted by the key."""
        del operation
        return "quota"

    def patience(self, call: Call, settings: BaseModel) -> float | None:
        """As configured."""
        del call
        return cast(PollyBotCredential, settings).patience

    def parse(self, call: Call, body: bytes, caller: Caller) -> Parsed | Refusal:
        """One update, or the rules it breaks."""
        generation = mapping.GENERATIONS[call.operation]
        lead_id = call.parameters[_LEAD_PARAMETER[generation]]
        chatbot_id = call.parameters.get("chatbotId", "")
        try:
            record = wire.parse(generation, lead_id, body, chatbot_id)
        except wire.Unreadable as error:
            return Malformed(str(error))
        broken = wire.violations(record)
        if broken:
            return Invalid(tuple(_fault(violation) for violation in broken))
        return Parsed((mapping.requested(record, caller),))

    def answer(self, answering: Answering) -> Answer:
        """The updated lead, or the outcome in PollyBot's words."""
        result = answering.results[0]
        request_id = "req_" + result.event_id.replace("-", "")
        if isinstance(result, Settled) and not result.outcome.fine:
            status, body = _rejection(result.outcome, answering)
        else:
            snapshot = result.outcome.snapshot if isinstance(result, Settled) else None
            status, body = 200, wire.success(_lead(answering, snapshot))
        return Answer(status, body, _headers(request_id, answering.quota))

    def refuse(self, call: Call, refusal: Refusal, quota: QuotaState | None) -> Answer:
        """The refusal as PollyBot's error envelope."""
        if isinstance(refusal, OverQuota):
            quota = refusal.quota
        status, body = _refusal(refusal)
        return Answer(status, body, _headers(_digest(call), quota) + _extra_headers(refusal))


def _fault(violation: Violation) -> Fault:
    code = Code.PHONE_INVALID if violation.field == "phone" else Code.VALIDATION_FAILED
    return Fault(code, violation.field, violation.value, violation.message)


# --- headers --------------------------------------------------------------------------------


def _headers(request_id: str, quota: QuotaState | None) -> tuple[tuple[str, str], ...]:
    if quota is None:
        return (("requestId", request_id),)
    return (
        ("requestId", request_id),
        ("X-RateLimit-Limit", str(quota.limit)),
        ("X-RateLimit-Remaining", str(quota.remaining)),
        ("X-RateLimit-Reset", str(ceil(quota.reset_at))),
        ("X-RateLimit-Used", str(quota.used)),
    )


def _extra_headers(refusal: Refusal) -> tuple[tuple[str, str], ...]:
    match refusal:
        case OverQuota(retry_after=seconds) | Busy(retry_after=seconds):
            return (("Retry-After", str(max(1, ceil(seconds)))),)
        case MethodNotAllowed(allowed):
            return (("Allow", ", ".join(allowed)),)
        case _:
            return ()


def _digest(call: Call) -> str:
    """The same call has the same id; the key it carries is no part of it."""
    said = sorted((k, v) for k, v in call.headers.items() if k != "authorization")
    text = repr((call.method, call.path, tuple(call.query), said))
    return "req_" + blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()


# --- bodies ---------------------------------------------------------------------------------


def _invalid(field: str, value: JsonValue, message: str) -> tuple[int, bytes]:
    return 400, wire.validation_failed(Violation(field, value, message))


def _refusal(refusal: Refusal) -> tuple[int, bytes]:
    match refusal:
        case Unauthenticated(presented):
            return 401, wire.INVALID_API_KEY if presented else wire.MISSING_AUTH_HEADER
        case OverQuota():
            return 429, wire.RATE_LIMIT_EXCEEDED
        case Malformed(reason):
            return _invalid("body", None, reason)
        case Invalid(faults):
            fault = faults[0]
            return _invalid(fault.field, fault.value, fault.message)
        case TooLarge(limit):
            message = f"Request body must be at most {limit} bytes"
            return 413, wire.failure("Payload too large", "PAYLOAD_TOO_LARGE", {"message": message})
        case MethodNotAllowed():
            return 405, wire.METHOD_NOT_ALLOWED
        case Busy():
            return 500, wire.INTERNAL_ERROR
        case KeyReused():
            message = "This idempotency key was used with another body"
            return 409, wire.failure("Conflict", "CONFLICT", {"message": message})
        case _:
            assert_never(refusal)


_LEAD_NOT_FOUND = frozenset({Code.LEAD_NOT_FOUND, Code.FORBIDDEN})
"""A lead of another workspace is not found either (page "Error Handling")."""

_PLAIN_ANSWERS: Mapping[Code, tuple[int, bytes]] = {
    Code.UNAUTHENTICATED: (401, wire.INVALID_API_KEY),
    Code.ROUTE_NOT_FOUND: (404, wire.NOT_FOUND),
    Code.LEAD_ID_MISSING: (404, wire.NOT_FOUND),
    Code.SCOPE_INVALID_ALLOCATION: (404, wire.NOT_FOUND),
    Code.SCOPE_INVALID_TEMPLATE: (404, wire.NOT_FOUND),
    Code.SCOPE_INVALID_CAMPAIGN: (404, wire.NOT_FOUND),
    Code.CONFLICT: (409, wire.failure("Conflict", "CONFLICT")),
    Code.RATE_LIMITED: (429, wire.RATE_LIMIT_EXCEEDED),
    Code.TIMEOUT: (500, wire.INTERNAL_ERROR),
    Code.INTERNAL: (500, wire.INTERNAL_ERROR),
}

_OWN_FIELD = {
    Code.PHONE_INVALID: "phone",
    Code.PHONE_MISSING: "phone",
    Code.DISPOSITION_INVALID: "status",
}
"""Which of PollyBot's fields a canonical code speaks of."""


def _rejection(outcome: Outcome, answering: Answering) -> tuple[int, bytes]:
    update = answering.parsed.updates[0]
    code = outcome.code
    if code in _LEAD_NOT_FOUND:
        return 404, wire.lead_not_found(update.lead.id)
    if code is Code.DUPLICATE_EMAIL:
        return 409, wire.duplicate_email(*_duplicate(outcome, update, answering.caller))
    plain = _PLAIN_ANSWERS.get(code)
    if plain is not None:
        return plain
    field = outcome.details.get("field")
    named = field if isinstance(field, str) else _OWN_FIELD.get(code, "")
    message = outcome.message or "The update was not applied"
    if code is not Code.VALIDATION_FAILED:
        message = f"{message} ({code})"
    return _invalid(update.names.get(named, named), outcome.details.get("value"), message)


def _duplicate(
    outcome: Outcome, update: RequestedUpdate, caller: Caller
) -> tuple[JsonValue, JsonValue]:
    """The e-mail address, and whose it is: null where that id is not of the caller's system."""
    asked = update.changes.get("email")
    email = asked.received if isinstance(asked, Set) else outcome.details.get("email")
    ours = outcome.details.get("existing_lead_system") == caller.system
    return email, outcome.details.get("existing_lead_id") if ours else None


_MARK = {Generation.GEN1: "workspaceId", Generation.GEN2: "chatbotId"}
"""The key that only this generation's lead object has."""


def _lead(answering: Answering, snapshot: Mapping[str, object] | None) -> Mapping[str, object]:
    """The vendor's own lead where a PollyBot of this generation answered, else what we know."""
    generation = mapping.GENERATIONS[answering.call.operation]
    update = answering.parsed.updates[0]
    if snapshot is not None and _MARK[generation] in snapshot:
        return {**snapshot, "id": update.lead.id}
    known: dict[str, JsonValue] = {}
    if update.changes or update.attributes.patch or update.attributes.mode == "replace":
        known["updatedAt"] = rfc3339(answering.now)
    chatbot_id = update.scope.get("chatbot_id")
    if chatbot_id:
        known["chatbotId"] = chatbot_id
    view: LeadView = answering.leads[0] if answering.leads else {}
    return mapping.lead_object(generation, update.lead.id, view, known)
