"""Who may call: the configured credentials, found by the secret a call carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from gateway.dialect import Call, Caller, Dialect
from gateway.edge.quota import Counting, Quota, Window
from gateway.edge.turns import Turns
from gateway.settings.model import CredentialSettings, QuotaSettings, TenantSettings


@dataclass(frozen=True, slots=True)
class Registered:
    """A credential, ready for use."""

    caller: Caller
    settings: CredentialSettings
    quotas: Mapping[str, Quota]
    """By operation; those of an operation that isn't here are not counted."""
    turns: Turns | None
    """How many of its calls may be under way at once; None: any number."""
    name: str
    """Stable and not secret: part of the identity of a call that may come again."""


class Credentials:
    """All credentials by dialect. Secrets are looked up by their digest, so that the time a
    look-up takes says nothing about how much of a guess was right."""

    def __init__(
        self,
        tenants: Mapping[str, TenantSettings],
        dialects: Mapping[str, Dialect],
        counting: Counting,
    ) -> None:
        """Credentials of dialects that are not served are passed over."""
        self._known: dict[tuple[str, bytes], Registered] = {}
        self._first: dict[str, Registered] = {}
        shared = set()
        for tenant, settings in tenants.items():
            for number, credential in enumerate(settings.credentials):
                dialect = dialects.get(credential.dialect)
                if dialect is None:
                    continue
                caller = Caller(
                    tenant, credential.system, settings.region, settings.timezone, credential
                )
                name = f"{tenant}/{credential.dialect}/{number}"
                quotas, turns = _quotas(dialect, credential, name, counting), _turns(credential)
                registered = Registered(caller, credential, quotas, turns, name)
                self._first.setdefault(credential.dialect, registered)
                for secret in dialect.secrets_of(credential):
                    place = credential.dialect, _digest(secret)
                    first = self._known.setdefault(place, registered)
                    if first.caller.tenant != tenant:
                        shared.add(place)
        # A part of a key that two tenants share says nothing about who calls.
        for place in shared:
            del self._known[place]

    def find(self, dialect: Dialect, call: Call) -> Registered | bool:
        """The credential a call carries; else whether it carried any."""
        presented = dialect.presented(call)
        if presented is None:
            return False
        return self._known.get((dialect.name, _digest(presented)), True)

    def first(self, dialect: str) -> Registered | None:
        """The first configured credential of a dialect."""
        return self._first.get(dialect)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _quotas(
    dialect: Dialect, credential: CredentialSettings, name: str, counting: Counting
) -> dict[str, Quota]:
    """Operations that count against the same setting share its window."""
    windows: dict[str, Quota] = {}
    quotas = {}
    for operation in {route.operation for route in dialect.routes}:
        field = dialect.quota_of(operation)
        if field and getattr(credential, field, None) is None:
            field = "quota"
        told = getattr(credential, field, None)
        if isinstance(told, QuotaSettings):
            if field not in windows:
                windows[field] = counting(f"{name}/{field}", Window(told.requests, told.per))
            quotas[operation] = windows[field]
    return quotas


def _turns(credential: CredentialSettings) -> Turns | None:
    """A vendor whose own limit is on calls at once has `concurrent` in its quota's settings."""
    most = getattr(getattr(credential, "quota", None), "concurrent", None)
    return Turns(most) if isinstance(most, int) else None
