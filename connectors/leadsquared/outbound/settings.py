"""How one account is delivered to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.leadsquared.mapping.rendering import PhoneFormat
from connectors.leadsquared.mapping.tables import STAGES
from connectors.leadsquared.wire.attributes import STATUS_PATH
from connectors.leadsquared.wire.bulk import PROSPECT_ID
from gateway.settings.model import BackendSettings
from gateway.settings.texts import BaseUrl

ASYNC_HOSTS: Mapping[str, str] = {
    "api.leadsquared.com": "asyncapi.leadsquared.com",
    "api-in21.leadsquared.com": "asyncapi-in21.leadsquared.com",
    "api-us11.leadsquared.com": "asyncapi-us11.leadsquared.com",
}
"""API host -> async host of the same region (page "Async API"; other regions' are not public)."""


class LeadSquaredSettings(BackendSettings):
    """A connector to LeadSquared."""

    vendor: Literal["leadsquared"] = "leadsquared"
    """Which vendor's API it speaks."""
    access_key: SecretStr = Field(min_length=1)
    """Sent as the header `x-LSQ-AccessKey`."""
    secret_key: SecretStr = Field(min_length=1)
    """Sent as the header `x-LSQ-SecretKey`."""
    x_api_key: SecretStr | None = Field(None, min_length=1)
    """Sent as the header `x-api-key` with async and status calls; `mode: async` must have it."""
    mode: Literal["bulk", "async", "sync", "live", "shadow"] = "bulk"  # type: ignore[assignment]  # it says also how updates are sent
    """`bulk` (or `live`): up to 25 leads a call; `async`: queued there and asked about; `sync`:
    one lead a call. `shadow` builds and records bulk calls, and never sends."""
    search_by: str = Field(PROSPECT_ID, min_length=1)
    """The unique field that leads are sought by; a lead without it is sought by its ProspectId,
    else by its e-mail address or phone, where those are linked."""
    async_base_url: BaseUrl | None = None
    """The async host; known for the regions Singapore, India (in21) and USA (us11)."""
    status_path: str = Field(STATUS_PATH, pattern=r"^/[^?#\s]*$")
    """Path of the status call on the async host, which the vendor's public pages have lost."""
    forward_post_updated_lead: Literal["same_dialect", "always", "never"] = "same_dialect"
    """Whether a caller's `postUpdatedLead` is passed on; `same_dialect`: where it came in by
    LeadSquared's API."""
    stages: dict[str, str] = Field(default_factory=dict)
    """Canonical status -> the account's stage for it (`converted: Customer`)."""
    phone_format: PhoneFormat = "e164"
    """How other dialects' phones are written; `dashed`: `+61-491570006`."""

    @field_validator("stages")
    @classmethod
    def _statuses(cls, stages: dict[str, str]) -> dict[str, str]:
        """A word that no canonical status has would never be sent."""
        for ours in stages:
            if ours not in STAGES:
                raise ValueError(f"{ours!r} is no status; there are {', '.join(STAGES)}")
        return stages

    @model_validator(mode="after")
    def _can_be_spoken(self) -> Self:
        if self.mode == "async" and self.x_api_key is None:
            raise ValueError("mode async needs an x_api_key")
        if self.mode == "async" and self.async_url is None:
            raise ValueError("mode async needs an async_base_url: this region's is not known")
        if self.bulk and self.shards > 1:
            raise ValueError("mode bulk takes no shards: an account takes one bulk call at a time")
        return self

    @property
    def bulk(self) -> bool:
        """Whether it sends many leads a call."""
        return self.mode not in {"async", "sync"}

    @property
    def async_url(self) -> str | None:
        """The async host's URL, without a slash at its end."""
        if self.async_base_url is not None:
            return self.async_base_url.rstrip("/")
        host = ASYNC_HOSTS.get(urlsplit(self.base_url).hostname or "")
        return None if host is None else f"https://{host}"


def sandboxed(url: str) -> Mapping[str, str]:
    """Both hosts are one in the sandbox."""
    return {"base_url": url, "async_base_url": url}
