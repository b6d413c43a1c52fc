"""All four vendors at once with a webhook beside them, and callers who speak every dialect.

A lead has one name here, and an id made of it in each vendor's system. Tenants differ in their
keys and share the connectors, so that a route of each can name another authority.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson

from connectors.sandbox.host import SandboxHost
from connectors.webhook.sandbox import SECRET
from connectors.webhook.wire import HOOK_PATH
from gateway.model.event import LeadId
from tests.journeys.operating import Bench
from tests.journeys.running import (
    NOOJEE_PATH,
    QUICK,
    Backends,
    Caller,
    Document,
    Told,
    backends,
    document,
    noojee_lead,
    server,
    url_of,
    written,
)

DIALECTS = ("noojee", "leadsquared", "bulk", "pollybot", "dialnexa", "native")
"""Both of LeadSquared's APIs; its first is the asynchronous one."""
CONNECTORS: Mapping[str, str] = {
    "noojee-au": "noojee",
    "lsq": "leadsquared",
    "polly": "pollybot",
    "nexa": "dialnexa",
}
"""Connector, whose name is also its system of ids -> vendor."""
AUTHORITY: Mapping[str, str] = {
    "noojee": "noojee-au",
    "leadsquared": "lsq",
    "pollybot": "polly",
    "dialnexa": "nexa",
    "native": "lsq",
}
"""Dialect of a call -> who answers for it."""
SCOPE = (("allocation_id", "38"),)
FIELDS = {"disposition": "mx_Call_Disposition"}
"""What the LeadSquared account calls what it has no system field for."""
STATUS_PATH = "/lead/update/status"


# --- leads ---------------------------------------------------------------------------------


def id_at(connector: str, lead: str) -> str:
    """The id of a lead there."""
    return f"{CONNECTORS[connector]}-{lead}"


def ids_of(lead: str) -> tuple[LeadId, ...]:
    """Its ids at every vendor, and the one it has at home."""
    scopes = {"noojee-au": SCOPE}
    ids = (LeadId(name, id_at(name, lead), scopes.get(name, ())) for name in CONNECTORS)
    return (*ids, LeadId("crm", lead))


def rows_of(leads: Iterable[str]) -> str:
    """The same as a file for `leadwire leads import`."""
    lines = ["lead,system,scope,id"]
    for lead in leads:
        for one in ids_of(lead):
            scope = ";".join(f"{name}={value}" for name, value in one.scope)
            lines.append(f"{lead},{one.system},{scope},{one.id}")
    return "\n".join(lines) + "\n"


def seed(host: SandboxHost, lead: str) -> None:
    """Let every vendor have it."""
    host.seed("noojee", noojee_lead(id_at("noojee-au", lead)))
    for connector in ("lsq", "polly", "nexa"):
        host.seed(CONNECTORS[connector], {"id": id_at(connector, lead)})


# --- settings ------------------------------------------------------------------------------


def key_of(tenant: str, dialect: str) -> str:
    """A tenant's key; a secret of its own for each dialect."""
    return f"key-of-{tenant}:{dialect}"


def credentials(tenant: str, **more: Any) -> list[Document]:
    """A key for every dialect; `more` holds for all of them."""
    native: Document = {"dialect": "native", "system": "crm", "token": key_of(tenant, "native")}
    lsq: Document = {
        "dialect": "leadsquared",
        "system": "lsq",
        "access_key": key_of(tenant, "access"),
        "secret_key": key_of(tenant, "secret"),
        "x_api_key": key_of(tenant, "third"),
        "fields": FIELDS,
        "quota": None,
    }
    noojee: Document = {
        "dialect": "noojee",
        "system": "noojee-au",
        "api_key": key_of(tenant, "noojee"),
    }
    tokens: list[Document] = [
        {"dialect": name, "system": system, "token": key_of(tenant, name), "quota": None}
        for name, system in (("pollybot", "polly"), ("dialnexa", "nexa"))
    ]
    return [{**one, **more} for one in (noojee, lsq, *tokens, native)]


def connectors(urls: Mapping[str, str], mode: str = "bulk") -> dict[str, Document]:
    """A connector to each vendor by where its sandbox is; `mode` is LeadSquared's."""
    own: dict[str, Document] = {
        "noojee-au": {"api_key": "outbound-noojee"},
        "lsq": {
            "async_base_url": f"{urls['leadsquared']}/leadsquared",
            "access_key": "outbound-access",
            "secret_key": "outbound-secret",
            "x_api_key": "outbound-third",
            "mode": mode,
            "fields": FIELDS,
        },
        "polly": {"token": "sk-workspace_outbound", "api": "gen1"},
        "nexa": {"token": "outbound:dialnexa"},
    }
    return {
        name: {
            "vendor": vendor,
            "base_url": f"{urls[vendor]}/{vendor}",
            **deepcopy(QUICK),
            **own[name],
        }
        for name, vendor in CONNECTORS.items()
    }


def everything(folder: Path, urls: str | Mapping[str, str], mode: str = "bulk") -> Document:
    """Every update goes to all four vendors; each answers the callers of its own dialect."""
    if isinstance(urls, str):
        urls = dict.fromkeys(CONNECTORS.values(), urls)
    told = document(folder, "")
    told["tenants"]["default"]["credentials"] = credentials("default")
    told["connectors"] = connectors(urls, mode)
    route = {"name": "all", "connectors": list(CONNECTORS), "authority": dict(AUTHORITY)}
    told["routes"] = [route]
    return told


def with_hook(told: Document, url: str) -> Document:
    """And an endpoint is told of every update."""
    target = f"{url}/webhook{HOOK_PATH}"
    told["connectors"]["hook"] = {"vendor": "webhook", "url": target, "secret": SECRET, **QUICK}
    told["routes"][0]["connectors"].append("hook")
    told["egress"] = {"allow": ["127.0.0.1/32"]}
    return told


# --- calls ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Speaker:
    """A tenant's upstream systems, one in each dialect. Fields are in the dialect's own words."""

    caller: Caller
    tenant: str = "default"

    async def say(self, dialect: str, lead: str, fields: Mapping[str, Any]) -> Told:
        """An update of a lead by one of DIALECTS."""
        by = {
            "noojee": self.noojee,
            "leadsquared": self.leadsquared,
            "bulk": self.bulk,
            "pollybot": self.pollybot,
            "dialnexa": self.dialnexa,
            "native": self.native,
        }
        return await by[dialect](lead, fields)

    async def noojee(self, lead: str, fields: Mapping[str, Any]) -> Told:
        """UpdateLeadFast."""
        said = {
            "fAllocationId": "38",
            "njExternalLeadId": id_at("noojee-au", lead),
            "apiKey": self._key("noojee"),
        }
        body = orjson.dumps({"FirstPhone": "<No Change>", **fields})
        return await self.caller.call("POST", f"{NOOJEE_PATH}?{urlencode(said)}", body)

    async def leadsquared(
        self, lead: str, fields: Mapping[str, Any], post_updated_lead: str | None = None
    ) -> Told:
        """Update a Lead (Async)."""
        said = {**self._pair(), "leadId": id_at("lsq", lead)}
        if post_updated_lead is not None:
            said["postUpdatedLead"] = post_updated_lead
        path, third = f"/lead/update?{urlencode(said)}", {"x-api-key": self._key("third")}
        return await self.caller.call("POST", path, orjson.dumps(attributes(fields)), third)

    async def status(self, request_id: str) -> Told:
        """What became of an update by the call above."""
        path = f"{STATUS_PATH}?{urlencode({'RequestID': request_id})}"
        return await self.caller.call("GET", path, b"", {"x-api-key": self._key("third")})

    async def bulk(
        self, lead: str, fields: Mapping[str, Any], post_updated_lead: str | None = None
    ) -> Told:
        """Update Leads in Bulk v2, of one lead."""
        said = self._pair()
        if post_updated_lead is not None:
            said["postUpdatedLead"] = post_updated_lead
        named = {"ProspectId": id_at("lsq", lead), **fields}
        body = orjson.dumps({"LeadPropertiesList": [{"Fields": attributes(named)}]})
        path = f"/v2/LeadManagement.svc/Lead/Bulk/UpdateV2?{urlencode(said)}"
        return await self.caller.call("POST", path, body)

    async def pollybot(self, lead: str, fields: Mapping[str, Any]) -> Told:
        """PUT a lead, first generation."""
        path = f"/api/v1/leads/{id_at('polly', lead)}"
        return await self.caller.call("PUT", path, orjson.dumps(fields), self._bearer("pollybot"))

    async def dialnexa(self, lead: str, fields: Mapping[str, Any]) -> Told:
        """PATCH a campaign lead."""
        path = f"/v1/campaigns-leads/{id_at('nexa', lead)}"
        key = self._bearer("dialnexa")
        return await self.caller.call("PATCH", path, orjson.dumps(fields), key)

    async def native(
        self,
        lead: str,
        fields: Mapping[str, Any],
        post_updated_lead: bool | None = None,
        prefer: str = "wait=30",
    ) -> Told:
        """Our own API; `attributes` of the fields is no canonical field."""
        changes = {name: value for name, value in fields.items() if name != "attributes"}
        body: Document = {"lead": {"ids": [{"system": "crm", "id": lead}]}, "changes": changes}
        if "attributes" in fields:
            body["attributes"] = fields["attributes"]
        if post_updated_lead is not None:
            body["post_updated_lead"] = post_updated_lead
        headers = {**self._bearer("native"), "Prefer": prefer}
        return await self.caller.call("POST", "/v1/lead-updates", orjson.dumps(body), headers)

    def _key(self, dialect: str) -> str:
        return key_of(self.tenant, dialect)

    def _pair(self) -> dict[str, str]:
        return {"accessKey": self._key("access"), "secretKey": self._key("secret")}

    def _bearer(self, dialect: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key(dialect)}"}


def attributes(fields: Mapping[str, Any]) -> list[Document]:
    """Fields as LeadSquared's list of them."""
    return [{"Attribute": name, "Value": value} for name, value in fields.items()]


# --- what arrived --------------------------------------------------------------------------


class Part(NamedTuple):
    """An update that a vendor received, alone or as part of a call about many leads."""

    at: float
    """Unix seconds of its receipt."""
    id: str
    """The vendor's id of the lead."""
    body: Document


def arrived_with(host: SandboxHost, connector: str) -> list[Part]:
    """Every update that a vendor received, in order: without reads and polls; LeadSquared's lists
    of attributes as mappings."""
    call: Any
    parts: list[Part] = []
    for call in host.calls(CONNECTORS[connector]):
        if call["method"] == "GET":
            continue
        at, body = call["at"], call["body"]
        if connector != "lsq":
            parts.append(Part(at, call["lead"], body))
        elif isinstance(body, list):
            parts.append(Part(at, call["query"]["leadId"], _mapping(body)))
        else:
            for lead in body["LeadPropertiesList"]:
                said = _mapping(lead["Fields"])
                parts.append(Part(at, said.pop("ProspectId"), said))
    return parts


def arrived(host: SandboxHost, connector: str, lead: str) -> list[Document]:
    """The bodies of the updates of a lead that a vendor received, in order."""
    wanted = id_at(connector, lead)
    return [part.body for part in arrived_with(host, connector) if part.id == wanted]


def _mapping(fields: Sequence[Mapping[str, Any]]) -> Document:
    return {each["Attribute"]: each["Value"] for each in fields}


def is_settled(told: Document) -> bool:
    """Whether no connector, as the admin API lists them, has an update that is not settled."""
    return not any(one["backlog"] for one in told["connectors"])


# --- the whole -----------------------------------------------------------------------------


@dataclass
class Everyone(Bench):
    """A server with all vendors behind it, its operator, and who speaks to it."""

    speaker: Speaker


@asynccontextmanager
async def everyone(
    folder: Path, leads: Sequence[str], mode: str = "bulk"
) -> AsyncIterator[Everyone]:
    """All vendors and a webhook; the leads are seeded but not linked."""
    async with backends() as vendors:
        for lead in leads:
            seed(vendors.host, lead)
        whole = with_hook(everything(folder, vendors.url, mode), vendors.url)
        async with served(folder, whole, vendors) as told:
            yield told


@asynccontextmanager
async def served(folder: Path, whole: Document, vendors: Backends) -> AsyncIterator[Everyone]:
    """A server of any configuration; `config` has the admin port that is served."""
    async with server(folder, whole) as running:
        admin = f"http://127.0.0.1:{running.admin_port}"
        config = written(folder, {**whole, "admin": {**whole["admin"], "port": running.admin_port}})
        async with Caller(url_of(running)) as caller, Caller(admin) as operator:
            yield Everyone(running, vendors, caller, operator, config, Speaker(caller))
