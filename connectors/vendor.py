"""What a vendor's folder exports: everything the rest of leadwire may know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
    sample: SampleCall | None = None
    """The page's sample call of an update."""
