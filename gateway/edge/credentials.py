"""Who may call: the configured credentials, found by the secret a call carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from gateway.dialect import Call, Caller, Dialect
from gateway.edge.quota import Quota
from gateway.edge.turns import Turns
from gateway.settings.model import CredentialSettings, QuotaSettings, TenantSettings


@dataclass(frozen=True, slots=True)
class Registered:
    """A credential, ready for use."""

    caller: Caller
    settings: CredentialSettings
    quota: Quota | None
    turns: Turns | None
    """How many of its calls may be under way at once; None: any number."""
    name: str
    """Stable and not secret: part of the identity of a call that may come again."""


class Credentials:
    """All credentials by dialect. Secrets are looked up by their digest, so that the time a
    look-up takes says nothing about how much of a guess was right."""

    def __init__(
        self, tenants: Mapping[str, TenantSettings], dialects: Mapping[str, Dialect]
    ) -> None:
        """Credentials of dialects that are not served are passed over."""
        self._known: dict[tuple[str, bytes], Registered] = {}
        for tenant, settings in tenants.items():
            for number, credential in enumerate(settings.credentials):
                dialect = dialects.get(credential.dialect)
                if dialect is None:
                    continue
                place = (credential.dialect, _digest(dialect.secret_of(credential)))
                caller = Caller(
                    tenant, credential.system, settings.region, settings.timezone, credential
                )
                name = f"{tenant}/{credential.dialect}/{number}"
                quota, turns = _quota(credential), _turns(credential)
                self._known[place] = Registered(caller, credential, quota, turns, name)

    def find(self, dialect: Dialect, call: Call) -> Registered | bool:
        """The credential a call carries; else whether it carried any."""
        presented = dialect.presented(call)
        if presented is None:
            return False
        return self._known.get((dialect.name, _digest(presented)), True)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _quota(credential: CredentialSettings) -> Quota | None:
    quota = getattr(credential, "quota", None)
    return Quota(quota.requests, quota.per) if isinstance(quota, QuotaSettings) else None


def _turns(credential: CredentialSettings) -> Turns | None:
    """A vendor whose own limit is on calls at once has `concurrent` in its quota's settings."""
    most = getattr(getattr(credential, "quota", None), "concurrent", None)
    return Turns(most) if isinstance(most, int) else None
