"""UpdateLeadFast, played by us: a client of the vendor's page is answered as the vendor would.

Checks, in this order: key (the front door's), 113 lead id, 116/117/115 place, body, 102 phones,
114 call-back date, 111 contact hours, 106 disposition. What only the vendor can know (101, 104,
105, 107, 110) comes from the authority's outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, cast

from pydantic import BaseModel, Field, SecretStr, field_validator

from connectors.noojee import wire
from connectors.noojee.mapping.reading import Reading, body_id, reading, requested
from connectors.noojee.mapping.tables import reply_for
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
    QuotaState,
    Refusal,
    Route,
    TooLarge,
    Unauthenticated,
)
from gateway.model.changes import is_field
from gateway.model.codes import Code
from gateway.model.making import make_id
from gateway.model.outcome import Outcome
from gateway.settings.durations import Duration
from gateway.settings.model import CredentialSettings, Section


class ConcurrencyQuota(Section):
    """How many calls of one credential may be under way; the vendor's own limit is of this kind
    (half the machine's hardware threads, shared by inserts and updates)."""

    concurrent: int = Field(ge=1)
    """Calls at once; more queue up to `answer_within`, then get 109."""


class NoojeeCredential(CredentialSettings):
    """A key that callers of UpdateLeadFast use."""

    dialect: Literal["noojee"]
    """Whose API it speaks."""
    api_key: SecretStr
    """The `apiKey` of the query."""
    answer_within: Duration = 55.0
    """How long an answer may take; the vendor's callers give up after a minute."""
    quota: ConcurrencyQuota | None = None
    """How many calls may be under way at once; absent: any number."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Canonical field -> the Campaign Template's name for it."""
    phone_fields: list[str] | None = None
    """The template's phone fields, the primary one first; absent: every name with `phone` or
    `mobile` in it, the first in the body being the primary one."""
    strict_scope: bool = False
    """Whether template and campaign ids are required as the allocation's is."""
    templates: list[int] | None = None
    """Template ids that exist; absent: every number."""
    campaigns: list[int] | None = None
    """Campaign ids that exist; absent: every number."""
    allocations: list[int] | None = None
    """Allocation ids that exist; absent: every number."""
    contact_hours: list[str] | None = None
    """Names of contact hours that exist (others get 111); absent: every name."""
    dispositions: list[str] | None = None
    """Disposition codes that exist (others get 106); absent: every code."""
    callback_absent_semantics: Literal["keep", "reset"] = "keep"
    """What a call without `njCallBackDate` means: the call-back stays, or is taken away."""

    @field_validator("fields")
    @classmethod
    def _canonical(cls, fields: dict[str, str]) -> dict[str, str]:
        """Names that no canonical field has would be read into nothing."""
        for ours in fields:
            if not is_field(ours):
                raise ValueError(f"{ours!r} is no canonical field")
        return fields

    @cached_property
    def reading(self) -> Reading:
        """How bodies are read, made once."""
        return reading(
            self.fields,
            self.phone_fields,
            self.contact_hours,
            self.dispositions,
            self.callback_absent_semantics == "reset",
        )


_MISSING_ID = Invalid((Fault(Code.LEAD_ID_MISSING, "njExternalLeadId"),))
_OK = Answer(200, wire.REPLIES[0].body)
_BUSY = Answer(wire.REPLIES[109].status, wire.REPLIES[109].body)
_BAD_DATA = Answer(wire.MALFORMED.status, wire.MALFORMED.body)
_BAD_KEY = Answer(wire.INVALID_API_KEY.status, wire.INVALID_API_KEY.body)


def _id_text(text: str | None, allowed: Sequence[int] | None) -> str | None:
    """An id as a plain number; None where it is not one of those that exist."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 18:
        return None
    number = int(text)
    return str(number) if allowed is None or number in allowed else None


def _place(target: wire.Target, settings: NoojeeCredential) -> dict[str, str] | Fault:
    """The ids of template, campaign and allocation, checked in this order."""
    strict = settings.strict_scope
    place = {}
    template = _id_text(target.template_id, settings.templates)
    if template is not None:
        place["template_id"] = template
    elif strict or target.template_id is not None:
        return Fault(Code.SCOPE_INVALID_TEMPLATE, "fTemplateId", target.template_id)
    campaign = _id_text(target.campaign_id, settings.campaigns)
    if campaign is not None:
        place["campaign_id"] = campaign
    elif strict or target.campaign_id is not None:
        return Fault(Code.SCOPE_INVALID_CAMPAIGN, "fCampaignId", target.campaign_id)
    allocation = _id_text(target.allocation_id, settings.allocations)
    if allocation is None:
        return Fault(Code.SCOPE_INVALID_ALLOCATION, "fAllocationId", target.allocation_id)
    place["allocation_id"] = allocation
    return place


class NoojeeDialect:
    """Noojee Contact's campaign API as spoken to us."""

    name = "noojee"
    routes: tuple[Route, ...] = (
        Route("POST", wire.PATH, "updateLeadFast"),
        Route("POST", wire.DEPRECATED_PATH, "updateLead"),
    )
    wants_lead = False

    def presented(self, call: Call) -> str | None:
        """The `apiKey` of the query; None where it is absent or empty."""
        for name, value in call.query:
            if name.strip().lower() == "apikey":
                return value.strip() or None
        return None

    def secrets_of(self, settings: BaseModel) -> tuple[str, ...]:
        """The configured `apiKey`."""
        return (cast(NoojeeCredential, settings).api_key.get_secret_value(),)

    def quota_of(self, operation: str) -> str:
        """One for both spellings of the call."""
        del operation
        return "quota"

    def patience(self, call: Call, settings: BaseModel) -> float | None:
        """As configured."""
        del call
        return cast(NoojeeCredential, settings).patience

    def parse(self, call: Call, body: bytes, caller: Caller) -> Parsed | Refusal:
        """One update, or the first thing wrong with the call."""
        settings = cast(NoojeeCredential, caller.settings)
        target = wire.read_target(call.query)
        try:
            fields = wire.read_fields(body)
        except ValueError:
            fields = None
        external_id = target.external_id or body_id(fields or {})
        if not external_id:
            return _MISSING_ID
        place = _place(target, settings)
        if isinstance(place, Fault):
            return Invalid((place,))
        if fields is None:
            return Malformed("the body is not a JSON object")
        lead = make_id(caller.system, external_id, (("allocation_id", place["allocation_id"]),))
        asked = requested(fields, lead, place, settings.reading, caller)
        return Invalid(asked) if isinstance(asked, tuple) else Parsed((asked,))

    def answer(self, answering: Answering) -> Answer:
        """`OK`, or the outcome's code in Noojee's words."""
        result = answering.results[0]
        return _OK if isinstance(result, Accepted) else _told(result.outcome)

    def refuse(self, call: Call, refusal: Refusal, quota: QuotaState | None) -> Answer:  # noqa: ARG002 - the port's signature; this vendor prints neither
        """A refusal in the vendor's shape. A body that is too large is bad data to this vendor,
        so it is 400 like the rest."""
        match refusal:
            case Unauthenticated():
                return _BAD_KEY
            case OverQuota() | Busy():
                return _BUSY
            case Malformed() | TooLarge():
                return _BAD_DATA
            case MethodNotAllowed():
                allow = ", ".join(refusal.allowed)
                return Answer(405, wire.MALFORMED.body, (("Allow", allow),))
            case Invalid():
                return _answer(reply_for(refusal.faults[0].code))
            case KeyReused():
                return Answer(400, wire.reply_body(103, "EXCEPTION: idempotency_key_reused"))


def _answer(reply: wire.Reply) -> Answer:
    return Answer(reply.status, reply.body)


def _told(outcome: Outcome) -> Answer:
    """What an outcome is to the caller."""
    return _OK if outcome.fine else _answer(reply_for(outcome.code))
