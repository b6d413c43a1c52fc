"""Dialnexa: its campaign lead update, spoken in both directions."""

from __future__ import annotations

from connectors.dialnexa.inbound import DialnexaCredential, DialnexaDialect
from connectors.dialnexa.outbound import DialnexaSettings, connect
from connectors.vendor import SampleCall, Vendor

SAMPLE = SampleCall(
    method="PATCH",
    path="/v1/campaigns-leads/cmp_5tw8vz2rnx1q",
    query=(),
    headers=(
        ("Authorization", "Bearer YOUR_API_KEY"),
        ("Content-Type", "application/json"),
    ),
    body=b'{"phone_number": "+919876543211"}',
    keys={"YOUR_API_KEY": "token"},
    note='Dialnexa, page "Update Campaign Lead", the request: a corrected number',
)

VENDOR = Vendor(
    name="dialnexa",
    dialect=DialnexaDialect(),
    credential_settings=DialnexaCredential,
    connector_settings=DialnexaSettings,
    connect=connect,
    sandbox="connectors.dialnexa.sandbox",
    samples=(SAMPLE,),
)

__all__ = ["VENDOR"]
