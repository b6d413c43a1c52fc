"""Whom the vendors' sample calls are about, and with which keys they are made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.registry import VENDORS
from connectors.vendor import SampleCall, Vendor
from gateway.dialect import Call, Caller, Dialect, Parsed
from gateway.model.event import LeadId

TENANT = {"region": "AU", "timezone": "Australia/Melbourne"}


@dataclass(frozen=True)
class Role:
    """A vendor's part."""

    outbound: Mapping[str, Any]
    """Settings of the connector to it, beside its address."""
    inbound: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the key that its sample calls carry."""
    seeded: Mapping[str, Any] = field(default_factory=dict)
    """How each lead begins in its backend."""
    known_by: Mapping[str, str] = field(default_factory=dict)
    """A field of such a lead -> the id space that its value is of."""


# An account names its own fields; these are where the other samples' values go.
_LEADSQUARED_FIELDS = {
    "first_name": "mx_FirstName",
    "last_name": "mx_LastName",
    "disposition": "mx_Call_Disposition",
}
ROLES: Mapping[str, Role] = {
    "noojee": Role(
        inbound={"api_key": "demo-inbound-key"},
        outbound={
            "api_key": "demo-outbound-key",
            "fields": {"status": "Stage", "notes": "Notes", "mx_City": "City"},
        },
        seeded={"dialled": True},
    ),
    "leadsquared": Role(
        inbound={
            "access_key": "demo-inbound-access",
            "secret_key": "demo-inbound-secret",
            "x_api_key": "demo-inbound-x-api-key",
            "fields": {name: _LEADSQUARED_FIELDS[name] for name in ("first_name", "last_name")},
        },
        outbound={
            "access_key": "demo-outbound-access",
            "secret_key": "demo-outbound-secret",
            "fields": _LEADSQUARED_FIELDS,
            "limits": [],
        },
        known_by={"EmailAddress": "email"},
    ),
    "pollybot": Role(
        inbound={"token": "sk-workspace_demo_inbound"},
        outbound={"token": "sk-workspace_demo_outbound", "api": "gen1"},
    ),
    "dialnexa": Role(
        inbound={"token": "demo:inbound-token"},
        outbound={"token": "demo:outbound-token"},
    ),
    "webhook": Role(outbound={"secret": "whsec_dGhlIHNhbmRib3gncyBvd24gc2VjcmV0"}),
}
"""Vendors that take part, with keys that open nothing. The webhook's is its sandbox's own."""


@dataclass(frozen=True)
class Part:
    """A call that is made."""

    vendor: Vendor
    sample: SampleCall
    """With our key in place of the page's."""
    leads: Sequence[LeadId]
    """Whom it is about, as the caller names them."""


@dataclass(frozen=True)
class Cast:
    """Everybody who takes part."""

    vendors: Sequence[Vendor]
    parts: Sequence[Part]
    people: Sequence[Mapping[str, LeadId]]
    """Each lead's ids by id space."""


def cast() -> Cast:
    """Who takes part. Raises ValueError for a sample that its own dialect does not take."""
    vendors = [vendor for vendor in VENDORS if vendor.name in ROLES]
    parts = [part for vendor in vendors for part in _parts(vendor)]
    return Cast(vendors, parts, _people(parts))


def _parts(vendor: Vendor) -> list[Part]:
    dialect, model, name = vendor.dialect, vendor.credential_settings, vendor.name
    if dialect is None or model is None:
        return []
    credential = {"dialect": name, "system": name, **ROLES[name].inbound}
    settings = model.model_validate(credential)
    caller = Caller("default", name, TENANT["region"], TENANT["timezone"], settings)
    parts = []
    for page in vendor.samples:
        sample = page.keyed(settings)
        parsed = dialect.parse(_call(sample, dialect), sample.body, caller)
        if not isinstance(parsed, Parsed):
            raise ValueError(f"{name} does not take its own sample: {parsed}")
        parts.append(Part(vendor, sample, [update.lead for update in parsed.updates]))
    return parts


def _people(parts: Sequence[Part]) -> list[dict[str, LeadId]]:
    """The pages are about different people; here the first lead of every call is one person, and
    a second one another, whom the other vendors know by ids of ours."""
    people: list[dict[str, LeadId]] = []
    for part in parts:
        for number, lead in enumerate(part.leads):
            if number == len(people):
                people.append({})
            people[number].setdefault(lead.system, lead)
    for number, others in enumerate(people[1:], 2):
        for system, lead in people[0].items():
            others.setdefault(system, LeadId(system, f"{lead.id}-{number}", lead.scope))
    return people


def _call(sample: SampleCall, dialect: Dialect) -> Call:
    """A sample as the front door sees it; the operation and path parameters by the dialect's
    routes."""
    headers = {name.lower(): value for name, value in sample.headers}
    operation, parameters = "", dict[str, str]()
    for route in dialect.routes:
        found = _matched(route.path, sample.path)
        if found is not None and route.method == sample.method:
            operation, parameters = route.operation, found
            break
    return Call(sample.method, sample.path, operation, parameters, sample.query, headers)


def _matched(template: str, path: str) -> dict[str, str] | None:
    """The path parameters, where a path is of a template."""
    wanted, given = template.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    found = {}
    for want, part in zip(wanted, given, strict=True):
        if want.startswith("{"):
            found[want[1:-1].partition(":")[0]] = part
        elif want != part:
            return None
    return found
