"""A key set that callers use, and where a call carries it."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from connectors.leadsquared.mapping.reading import Reading, reading
from connectors.leadsquared.mapping.tables import BULK, IDENTIFIERS, STAGES
from connectors.leadsquared.wire.attributes import (
    ACCESS_KEY,
    API_KEY,
    SECRET_KEY,
    read_parameters,
)
from gateway.dialect import Call
from gateway.model.changes import is_field
from gateway.settings.model import CredentialSettings, QuotaSettings

REQUESTS, PER = 25, 5.0
"""The documented limit: 25 calls in 5 seconds (both pages, 429)."""


class LeadSquaredCredential(CredentialSettings):
    """The keys of one account that an upstream system calls with."""

    dialect: Literal["leadsquared"] = "leadsquared"
    """Whose API it speaks."""
    access_key: SecretStr = Field(min_length=1)
    """`accessKey` of the query, or the header `x-LSQ-AccessKey`."""
    secret_key: SecretStr = Field(min_length=1)
    """`secretKey` of the query, or the header `x-LSQ-SecretKey`."""
    x_api_key: SecretStr = Field(min_length=1)
    """The header `x-api-key`, which the async calls carry; status and metrics carry no other."""
    answer: Literal["applied", "accepted"] | None = None  # type: ignore[assignment]  # what is not said depends on the call
    """`applied` waits for the authority's outcome; `accepted` answers when the update is safe;
    absent: bulk calls wait, async ones don't."""
    quota: QuotaSettings | None = QuotaSettings(requests=REQUESTS, per=PER)
    """How much the keys may call; `null` for no bound."""
    bulk_quota: QuotaSettings | None = None
    """The same for bulk calls alone; absent: they count with the others."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Canonical field -> the account's schema name for it (`disposition: mx_Call_Disposition`)."""
    stages: dict[str, str] = Field(default_factory=dict)
    """Canonical status -> the account's stage for it (`converted: Customer`)."""
    attributes: list[str] | None = None
    """Schema names that the account has: a lead of a bulk call that names another is refused;
    absent: every name is taken."""

    @field_validator("fields")
    @classmethod
    def _canonical(cls, fields: dict[str, str]) -> dict[str, str]:
        """Names that no canonical field has would be read into nothing."""
        for ours in fields:
            if not is_field(ours):
                raise ValueError(f"{ours!r} is no canonical field")
        return fields

    @field_validator("stages")
    @classmethod
    def _statuses(cls, stages: dict[str, str]) -> dict[str, str]:
        """The same for statuses."""
        for ours in stages:
            if ours not in STAGES:
                raise ValueError(f"{ours!r} is no status; there are {', '.join(STAGES)}")
        return stages

    @cached_property
    def reading(self) -> Reading:
        """How leads are read, made once."""
        return reading(self.fields, self.stages)

    @cached_property
    def schema_names(self) -> frozenset[str] | None:
        """`attributes` in lower case, with the names of a lead's own id."""
        if self.attributes is None:
            return None
        return IDENTIFIERS | {name.lower() for name in self.attributes}

    def waits(self, operation: str) -> float | None:
        """Seconds that a call of this operation waits for its outcome; None: it doesn't."""
        answer = self.answer or ("applied" if operation == BULK else "accepted")
        return self.answer_within if answer == "applied" else None

    @cached_property
    def presented(self) -> tuple[str, ...]:
        """The keys in each form that calls present: all three, the pair, the third alone."""
        access, secret = self.access_key.get_secret_value(), self.secret_key.get_secret_value()
        api = self.x_api_key.get_secret_value()
        return _all(access, secret, api), _pair(access, secret), _third(api)


def _all(access: str, secret: str, api: str) -> str:
    return f"all\0{access}\0{secret}\0{api}"


def _pair(access: str, secret: str) -> str:
    return f"pair\0{access}\0{secret}"


def _third(api: str) -> str:
    return f"third\0{api}"


def presented_async(call: Call) -> str | None:
    """All three keys; None where there is none of them."""
    access, secret = _key_pair(call)
    api = _header(call, API_KEY)
    return _all(access, secret, api) if access or secret or api else None


def presented_bulk(call: Call) -> str | None:
    """The key pair; None where there is neither."""
    access, secret = _key_pair(call)
    return _pair(access, secret) if access or secret else None


def presented_asking(call: Call) -> str | None:
    """The third key, which is all that status and metrics calls need; None where it is not
    there."""
    api = _header(call, API_KEY)
    return _third(api) if api else None


def _key_pair(call: Call) -> tuple[str, str]:
    """Headers go before the query (page "Authentication" recommends them)."""
    parameters = read_parameters(call.query)
    access = _header(call, ACCESS_KEY) or parameters.access_key or ""
    return access, _header(call, SECRET_KEY) or parameters.secret_key or ""


def _header(call: Call, name: str) -> str:
    return call.headers.get(name.lower(), "").strip()
