"""What a vendor's folder exports: everything the rest of leadwire may know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from pydantic import BaseModel, SecretStr

from connectors.delivery.connector import Connector, Delivery
from gateway.dialect import Dialect
from gateway.model.json import JsonObject
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


# --- payloads -----------------------------------------------------------------------------


class Payload(NamedTuple):
    """An update as it is posted to somebody who is told of it."""

    body: JsonObject
    dropped: tuple[str, ...] = ()
    """What was left out because this form can't say it."""


def never_refused(body: bytes) -> str | None:
    """For receivers whose status says it all."""
    del body
    return None


@dataclass(frozen=True, slots=True)
class PayloadShape:
    """A form in which a webhook can tell of an update: the vendor's own, where it is one that its
    customers' receivers know. Pure."""

    name: str
    """Its word in `payload:`."""
    render: Callable[[Delivery, TenantSettings, Mapping[str, str]], Payload]
    """A delivery, its tenant's reading habits and the connector's `fields` (our name -> the
    receiver's) to what is posted, as JSON. `ids` of the delivery are those of the connector's
    `system`; `known` has what the shape `reads`."""
    content_type: str = "application/json"
    reads: frozenset[str] = frozenset()
    """Canonical fields whose last applied value (at this connector) it tells as well."""
    refusal: Callable[[bytes], str | None] = never_refused
    """The body of a 2xx answer to why the receiver failed all the same; None where it did not."""


# --- vendors ------------------------------------------------------------------------------

Connect: TypeAlias = Callable[[str, ConnectorSettings, Mapping[str, TenantSettings]], Connector]
"""Name, settings and each tenant's reading habits to a connector."""


def at_base_url(url: str) -> Mapping[str, str]:
    """For a vendor whose own paths are appended to the sandbox's prefix."""
    return {"base_url": url}


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
    connect: Connect
    """How a connector is made."""
    sandbox: str
    """Module of the fake backend, loaded by name and never imported; it has
    `backend(faithful: bool) -> Backend` (see `connectors.sandbox.port`)."""
    samples: tuple[SampleCall, ...] = ()
    """Each page's sample call of an update."""
    payloads: tuple[PayloadShape, ...] = ()
    """Forms of an update that it lends to whoever posts payloads."""
    posting: Callable[[Mapping[str, PayloadShape]], Connect] | None = None
    """Only for one that posts payloads: every vendor's shapes by name to its `connect`."""
    guarded: bool = False
    """Whether its connectors may call public addresses only, and what `egress.allow` opens."""
    sandboxed: Callable[[str], Mapping[str, str]] = at_base_url
    """Where its fake backend is served, to the settings of a connector to it."""


def introduced(vendors: Sequence[Vendor]) -> tuple[Vendor, ...]:
    """The vendors, those that post payloads with every vendor's shapes at hand."""
    shapes = {shape.name: shape for vendor in vendors for shape in vendor.payloads}
    return tuple(
        vendor if vendor.posting is None else replace(vendor, connect=vendor.posting(shapes))
        for vendor in vendors
    )
