"""Acme's server, played by us: its route, its refusals, its answers."""

from __future__ import annotations

from math import ceil
from typing import Literal, assert_never, cast

from pydantic import BaseModel, Field, SecretStr

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
from gateway.model.outcome import Outcome
from gateway.settings.model import CredentialSettings, QuotaSettings
from tests.example_vendor import mapping, wire


class AcmeCredential(CredentialSettings):
    """A key that an upstream system calls with."""

    dialect: Literal["acme"] = "acme"
    """Whose API it speaks."""
    key: SecretStr = Field(min_length=1)
    """The `X-API-Key` header."""
    quota: QuotaSettings | None = None
    """How much the key may call; none: any number."""


class AcmeDialect:
    """Acme's API as spoken to us."""

    name = mapping.DIALECT
    routes: tuple[Route, ...] = (Route("PUT", wire.PATH + "{id}", "updatePerson"),)
    wants_lead = False

    def presented(self, call: Call) -> str | None:
        """The key in the header; None where it is absent or empty."""
        return call.headers.get(wire.KEY_HEADER.lower()) or None

    def secrets_of(self, settings: BaseModel) -> tuple[str, ...]:
        """The configured key."""
        return (cast(AcmeCredential, settings).key.get_secret_value(),)

    def quota_of(self, operation: str) -> str:
        """There is one operation."""
        del operation
        return "quota"

    def patience(self, call: Call, settings: BaseModel) -> float | None:
        """As configured."""
        del call
        return cast(AcmeCredential, settings).patience

    def parse(self, call: Call, body: bytes, caller: Caller) -> Parsed | Refusal:
        """One update, or the first thing wrong with the body."""
        try:
            update = wire.parse(call.parameters["id"], body)
        except wire.Unreadable as error:
            return Malformed(str(error))
        except wire.BadValue as error:
            return Invalid((Fault(Code.VALIDATION_FAILED, str(error)),))
        return Parsed((mapping.requested(update, caller),))

    def answer(self, answering: Answering) -> Answer:
        """OK, or the outcome in Acme's words."""
        result = answering.results[0]
        if isinstance(result, Settled) and not result.outcome.fine:
            return _told(result.outcome)
        return _result("OK")

    def refuse(self, call: Call, refusal: Refusal, quota: QuotaState | None) -> Answer:  # noqa: ARG002 - the port's signature; this vendor prints neither
        """A refusal as one of Acme's results."""
        match refusal:
            case Unauthenticated():
                return _result("BAD_KEY")
            case OverQuota(retry_after=seconds):
                return _result("TOO_FAST", wait=seconds)
            case Busy(retry_after=seconds):
                return _result("DOWN", wait=seconds)
            case Invalid(faults):
                return _result("BAD_VALUE", faults[0].field)
            case Malformed() | TooLarge():
                return _result("BAD_VALUE", "body")
            case KeyReused():
                return _result("BAD_VALUE", "idempotency key")
            case MethodNotAllowed(allowed):
                return Answer(405, wire.result("BAD_METHOD"), (("Allow", ", ".join(allowed)),))
            case _:
                assert_never(refusal)


def _told(outcome: Outcome) -> Answer:
    word = mapping.RESULTS.get(outcome.code)
    if word is not None:
        return _result(word)
    field = outcome.details.get("field") if outcome.code is Code.VALIDATION_FAILED else None
    return _result("BAD_VALUE", field if isinstance(field, str) else outcome.code)


def _result(word: str, about: str = "", wait: float | None = None) -> Answer:
    headers = () if wait is None else (("Retry-After", str(max(1, ceil(wait)))),)
    return Answer(wire.STATUSES[word], wire.result(word, about), headers)
