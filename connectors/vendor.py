"""What a vendor's folder exports: everything the rest of leadwire may know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pydantic import BaseModel, SecretStr

from connectors.delivery.connector import Connector
from gateway.dialect import Dialect
from gateway.settings.model import ConnectorSettings, CredentialSettings, TenantSettings


@dataclass(frozen=True, slots=True)
class SampleCall:
    """A call from the vendor's own page, for `leadwire demo` and examples."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: bytes
    note: str
    """What the call does, in a line."""
    keys: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Each key in it, as the page writes it -> the credential's setting that it stands for."""

    def keyed(self, settings: BaseModel) -> SampleCall:
        """The call with a credential's own keys in place of the page's."""
        ours = {page: _plain(getattr(settings, name)) for page, name in self.keys.items()}
        return replace(
            self,
            query=tuple((name, _swapped(value, ours)) for name, value in self.query),
            headers=tuple((name, _swapped(value, ours)) for name, value in self.headers),
            keys={ours[page]: name for page, name in self.keys.items()},
        )

    def masked(self, text: str) -> str:
        """A text about the call without its keys."""
        return _swapped(text, dict.fromkeys(self.keys, "***"))


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _swapped(text: str, others: Mapping[str, str]) -> str:
    for old, new in others.items():
        text = text.replace(old, new)
    return text


@dataclass(frozen=True)
class Vendor:
    """One vendor. A deliver-only vendor has no dialect; an accept-only one no connector."""

    name: str
    dialect: Dialect | None
    """Their server, played by us."""
    credential_settings: type[CredentialSettings] | None
    """Settings of an inbound key of this dialect."""
    connector_settings: type[ConnectorSettings]
    """Settings of a connector to this vendor."""
    connect: Callable[[str, ConnectorSettings, Mapping[str, TenantSettings]], Connector]
    """Name, settings and each tenant's reading habits to a connector."""
    sandbox: str
    """Module of the fake backend, loaded by name and never imported; it has
    `backend(faithful: bool) -> Backend` (see `connectors.sandbox.port`)."""
    samples: tuple[SampleCall, ...] = ()
    """Each page's sample call of an update."""
