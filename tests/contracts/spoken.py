"""Every registered dialect with a credential and calls of its own: nothing here names a vendor,
so a new one is covered by being registered."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.registry import VENDORS
from connectors.vendor import SampleCall, Vendor
from gateway.clock import SystemClock
from gateway.commands.config import _credential
from gateway.dialect import Call, Caller, Dialect
from gateway.edge.credentials import Credentials
from gateway.edge.quota import counted_here
from gateway.settings.model import CredentialSettings
from tests.contracts.vendors import TENANT, call_of
from tests.example_vendor import VENDOR as ACME


@dataclass(frozen=True)
class Spoken:
    """A dialect, the one key that opens it, and its vendor's sample calls with that key."""

    name: str
    dialect: Dialect
    key: CredentialSettings
    samples: tuple[SampleCall, ...]

    @property
    def caller(self) -> Caller:
        """Who calls with the key."""
        return Caller("default", self.key.system, TENANT.region, TENANT.timezone, self.key)

    @property
    def credentials(self) -> Credentials:
        """The key, and no other."""
        tenant = TENANT.model_copy(update={"credentials": [self.key]})
        return Credentials(
            {"default": tenant}, {self.name: self.dialect}, counted_here(SystemClock())
        )

    def call(self, number: int = 0) -> Call:
        """A sample, as the front door hands it on."""
        return call_of(self.dialect, self.samples[number])


def _spoken(vendor: Vendor) -> list[Spoken]:
    dialect, model = vendor.dialect, vendor.credential_settings
    if dialect is None or model is None:
        return []
    key = model.model_validate(_credential(vendor.name, model))
    samples = tuple(sample.keyed(key) for sample in vendor.samples)
    return [Spoken(vendor.name, dialect, key, samples)]


SPOKEN = [spoken for vendor in (*VENDORS, ACME) for spoken in _spoken(vendor)]
