"""Acme, a vendor that exists only here: the smallest slice, to be copied for a new one."""

from __future__ import annotations

from connectors.vendor import SampleCall, Vendor
from tests.example_vendor.inbound import AcmeCredential, AcmeDialect
from tests.example_vendor.outbound import AcmeSettings, connect

VENDOR = Vendor(
    name="acme",
    dialect=AcmeDialect(),
    credential_settings=AcmeCredential,
    connector_settings=AcmeSettings,
    connect=connect,
    sandbox="tests.example_vendor.sandbox",
    samples=(
        SampleCall(
            method="PUT",
            path="/crm/people/p-17",
            query=(),
            headers=(("X-API-Key", "your-key"), ("Content-Type", "application/json")),
            body=b'{"name":"Jane Smith","stage":"Customer","company":null}',
            note="person p-17 became a customer, of no company",
            keys={"your-key": "key"},
        ),
    ),
)

__all__ = ["VENDOR"]
