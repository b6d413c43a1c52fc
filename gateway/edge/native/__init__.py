"""The native API: lead updates in our own words, as plain JSON or as CloudEvents.

    speech -> envelopes -> body -> values        what a call says
    speech -> reports, problems                  what it is told

A dialect like the vendors': claims, quotas, waiting and busy answers are the front door's. It is
pure, and no vendor: what a configuration may say of it is `NATIVE`.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.edge.native.credential import NativeCredential
from gateway.edge.native.speech import NAME, NativeDialect
from gateway.settings.model import ConnectorSettings, CredentialSettings
from gateway.settings.validation import Named


@dataclass(frozen=True)
class Native:
    """What stands beside the vendors in a configuration: it calls, and is not delivered to."""

    name: str
    dialect: NativeDialect
    credential_settings: type[CredentialSettings] | None
    connector_settings: type[ConnectorSettings] | None
    payloads: tuple[Named, ...] = ()


NATIVE = Native(NAME, NativeDialect(), NativeCredential, None)

__all__ = ["NATIVE", "Native", "NativeCredential", "NativeDialect"]
