"""A configuration in which every dialect's call goes to every vendor, by every API it has, and each
connector's lead is one of its own that holds nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from connectors.webhook.wire import HOOK_PATH
from gateway.model.event import LeadId
from tests.journeys.running import (
    NOOJEE_PATH,
    QUICK,
    Backends,
    Caller,
    Document,
    Running,
    Told,
    link,
    noojee_lead,
)

HOOK_SECRET = "whsec_dGhlIHNhbmRib3gncyBvd24gc2VjcmV0"
SECRETS = {
    "inbound": "inbound/noojee key+1",
    "polly-inbound": "sk-workspace_inbound",
    "lsq-inbound-access": "u$rinbound-access",
    "lsq-inbound-secret": "inbound-secret",
    "lsq-inbound-third": "inbound-third",
    "nexa-inbound": "dnx_live_inbound",
    "native-inbound": "native-inbound",
    "noojee-au": "outbound/noojee key+1",
    "polly-gen1": "sk-workspace_gen1-outbound",
    "polly-gen2": "sk-workspace_gen2-outbound",
    "lsq-access": "u$routbound-access",
    "lsq-secret": "outbound-secret",
    "lsq-third": "outbound-third",
    "nexa": "key:outbound-nexa",
    "hook": HOOK_SECRET,
}
LEADS = {
    "noojee-au": "9856",
    "polly-gen1": "lead_1",
    "polly-gen2": "lead_2",
    "lsq": "8d1a3d6c-0f6a-4b0e-9d3a-1c7f5e2b9a40",
    "lsq-async": "8d1a3d6c-0f6a-4b0e-9d3a-1c7f5e2b9a41",
    "lsq-sync": "8d1a3d6c-0f6a-4b0e-9d3a-1c7f5e2b9a42",
    "nexa": "cmp_5tw8vz2rnx1q",
}
"""Each connector's lead; to callers they are one."""
NAMES = (*LEADS, "hook", "hook-noojee")
SCOPE = (("allocation_id", "38"),)


def document(folder: Path, sandbox: str, **own: Any) -> Document:
    """The configuration; `own` is said of every connector."""
    url = f"sqlite:{folder / 'leadwire.db'}"
    authority = {
        "noojee": "noojee-au",
        "pollybot": "polly-gen1",
        "leadsquared": "lsq",
        "dialnexa": "nexa",
        "native": "polly-gen2",
    }
    connectors = {name: {**told, **QUICK, **own} for name, told in _connectors(sandbox).items()}
    routes = [
        {"name": "everything", "connectors": list(NAMES), "authority": authority},
        {"name": "vips", "when": "has(attributes.vip)", "connectors": ["hook"]},
        {"name": "sales", "when": "dialect == 'fax'", "connectors": ["hook"]},
    ]
    return {
        "server": {"host": "127.0.0.1", "port": 0},
        "admin": {"host": "127.0.0.1", "port": 0},
        "log": {"url": url},
        "store": {"url": url},
        "logging": {"level": "warning"},
        "egress": {"allow": ["127.0.0.1/32"]},
        "tenants": {
            "default": {
                "region": "AU",
                "timezone": "Australia/Melbourne",
                "credentials": _credentials(),
            }
        },
        "connectors": connectors,
        "routes": routes,
    }


def _credentials() -> list[Document]:
    return [
        {"dialect": "noojee", "system": "noojee-au", "api_key": SECRETS["inbound"]},
        {"dialect": "pollybot", "system": "polly-gen1", "token": SECRETS["polly-inbound"]},
        {
            "dialect": "leadsquared",
            "system": "lsq",
            "access_key": SECRETS["lsq-inbound-access"],
            "secret_key": SECRETS["lsq-inbound-secret"],
            "x_api_key": SECRETS["lsq-inbound-third"],
        },
        {"dialect": "dialnexa", "system": "nexa", "token": SECRETS["nexa-inbound"]},
        {"dialect": "native", "system": "nexa", "token": SECRETS["native-inbound"]},
    ]


def _connectors(sandbox: str) -> dict[str, Document]:
    lsq: Document = {
        "vendor": "leadsquared",
        "base_url": f"{sandbox}/leadsquared",
        "async_base_url": f"{sandbox}/leadsquared",
        "access_key": SECRETS["lsq-access"],
        "secret_key": SECRETS["lsq-secret"],
        "x_api_key": SECRETS["lsq-third"],
        "fields": {"disposition": "mx_Disposition"},
        "unmapped": "send",
    }
    polly: Document = {"vendor": "pollybot", "base_url": f"{sandbox}/pollybot"}
    hook: Document = {
        "vendor": "webhook",
        "url": f"{sandbox}/webhook{HOOK_PATH}",
        "secret": HOOK_SECRET,
    }
    return {
        "noojee-au": {
            "vendor": "noojee",
            "base_url": f"{sandbox}/noojee",
            "api_key": SECRETS["noojee-au"],
            "template_id": 41,
            "campaign_id": 41,
        },
        "polly-gen1": {**polly, "token": SECRETS["polly-gen1"], "api": "gen1"},
        "polly-gen2": {**polly, "token": SECRETS["polly-gen2"], "chatbot_id": "bot_9"},
        "lsq": lsq,
        "lsq-async": {**lsq, "mode": "async"},
        "lsq-sync": {**lsq, "mode": "sync"},
        "nexa": {
            "vendor": "dialnexa",
            "base_url": f"{sandbox}/dialnexa",
            "token": SECRETS["nexa"],
        },
        "hook": hook,
        "hook-noojee": {**hook, "payload": "noojee"},
    }


def seed(vendors: Backends) -> None:
    """Each connector's lead, with nothing in it."""
    vendors.host.seed("noojee", noojee_lead(LEADS["noojee-au"]))
    for name, lead in LEADS.items():
        vendor = name.partition("-")[0]
        known = {"polly": "pollybot", "lsq": "leadsquared", "nexa": "dialnexa"}.get(vendor)
        if known is not None:
            vendors.host.seed(known, {"id": lead})


async def linked(running: Running) -> None:
    """All of them are one lead."""
    ids = [LeadId(name, lead, SCOPE if name == "noojee-au" else ()) for name, lead in LEADS.items()]
    await link(running, tuple(ids))


@dataclass(frozen=True)
class Said:
    """A call."""

    name: str
    method: str
    path: str
    body: bytes
    headers: Document = field(default_factory=dict)
    outcome: str | None = None
    """What the real one's header tells; None where the call does not wait."""

    async def by(self, caller: Caller, **more: str) -> Told:
        """Make it, with these headers as well."""
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return await caller.call(self.method, self.path, self.body, {**self.headers, **named})


def _bearer(secret: str) -> Document:
    return {"Authorization": f"Bearer {SECRETS[secret]}"}


_LSQ_KEYS = "accessKey=u%24rinbound-access&secretKey=inbound-secret"
_LSQ_FIELDS = [
    {"Attribute": "FirstName", "Value": "Jané"},
    {"Attribute": "mx_Second_Phone", "Value": "+61491570006"},
    {"Attribute": "mx_Plan", "Value": "pro & more"},
]
_NATIVE = {
    "lead": {"ids": [{"id": LEADS["nexa"]}]},
    "changes": {"full_name": "Jané Smith", "disposition": "Sale", "note": "Ready / set?"},
    "attributes": {"plan": "pro", "vip": True},
    "post_updated_lead": True,
}
_BULK = {
    "SearchByKey": "ProspectId",
    "LeadPropertiesList": [
        {"Fields": [{"Attribute": "ProspectId", "Value": LEADS["lsq"]}, *_LSQ_FIELDS]}
    ],
}
CALLS = (
    Said(
        "noojee",
        "POST",
        f"{NOOJEE_PATH}?fTemplateId=41&fCampaignId=41&fAllocationId=38&njExternalLeadId=9856"
        "&apiKey=inbound%2Fnoojee%20key%2B1",
        orjson.dumps({"FirstPhone": "0491570006", "njDisposition": "Sale", "Suburb": "Yarra"}),
        outcome="noojee-au=applied",
    ),
    Said(
        "pollybot gen1",
        "PUT",
        f"/api/v1/leads/{LEADS['polly-gen1']}",
        orjson.dumps(
            {"name": "Jané Smith", "status": "qualified", "metadata": {"plan": {"a": [1]}}}
        ),
        _bearer("polly-inbound"),
        "polly-gen1=applied",
    ),
    Said(
        "pollybot gen2",
        "PUT",
        f"/api/v1/chatbots/bot_9/leads/{LEADS['polly-gen1']}",
        orjson.dumps({"notes": "Ready", "urgency": "high", "customFields": {"plan": "pro"}}),
        _bearer("polly-inbound"),
        "polly-gen1=applied",
    ),
    Said(
        "leadsquared async",
        "POST",
        f"/lead/update?{_LSQ_KEYS}&leadId={LEADS['lsq']}&postUpdatedLead=true",
        orjson.dumps(_LSQ_FIELDS),
        {"x-api-key": SECRETS["lsq-inbound-third"]},
    ),
    Said(
        "leadsquared bulk",
        "POST",
        f"/v2/LeadManagement.svc/Lead/Bulk/UpdateV2?{_LSQ_KEYS}",
        orjson.dumps(_BULK),
        outcome="lsq=applied",
    ),
    Said(
        "dialnexa",
        "PATCH",
        f"/v1/campaigns-leads/{LEADS['nexa']}",
        orjson.dumps(
            {"name": "Priya", "phone_number": "+919876543212", "metadata": {"loan": 250000}}
        ),
        _bearer("nexa-inbound"),
        "nexa=applied",
    ),
    Said(
        "native",
        "POST",
        "/v1/lead-updates",
        orjson.dumps(_NATIVE),
        {**_bearer("native-inbound"), "Prefer": "wait=20"},
        "polly-gen2=applied",
    ),
)
"""One of each way to call."""
