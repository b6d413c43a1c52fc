"""A vendor is added with its folder and one line in a registry: everything else picks it up."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from connectors.registry import VENDORS
from connectors.sandbox.host import SandboxHost, load
from connectors.vendor import Vendor
from gateway.clock import SystemClock
from gateway.model.event import LeadId
from gateway.serving import ROLES, Server
from gateway.settings import json_schema, read, reference, show
from tests.example_vendor import VENDOR as ACME
from tests.journeys.running import (
    QUICK,
    Caller,
    Document,
    Told,
    document,
    eventually,
    link,
    url_of,
    written,
)

REGISTRY: tuple[Vendor, ...] = (
    *VENDORS,
    ACME,
)
"""As `connectors/registry.py` would have it."""
ROOT = Path(__file__).absolute().parents[1]
KEY = "acme-inbound"


def with_acme(folder: Path, sandbox: str) -> Document:
    """A configuration in which Acme answers its callers, and PollyBot hears of it."""
    told = document(folder, sandbox)
    (tenant,) = told["tenants"].values()
    tenant["credentials"].append({"dialect": "acme", "system": "acme-au", "key": KEY})
    told["connectors"]["acme-au"] = {
        "vendor": "acme",
        "base_url": f"{sandbox}/acme",
        "key": "acme-outbound",
        **QUICK,
    }
    connectors, authority = ["acme-au", "polly"], {"acme": "acme-au"}
    told["routes"] = [{"name": "all", "connectors": connectors, "authority": authority}]
    return told


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[SandboxHost, Server]]:
    """Every vendor's sandbox and a server that knows every vendor, in this process."""
    backends = {vendor.name: load(vendor.sandbox, faithful=False) for vendor in REGISTRY}
    host = SandboxHost(backends, SystemClock())
    sandbox = await host.serve()
    settings = read(written(folder, with_acme(folder, sandbox.url)), REGISTRY, {}).settings
    server = Server(settings, REGISTRY, SystemClock(), ROLES)
    try:
        await server.start()
        yield host, server
    finally:
        await server.stop()
        await sandbox.close()


async def put(server: Server, person: str, fields: object, key: str = KEY) -> Told:
    """A call of an Acme customer."""
    async with Caller(url_of(server)) as caller:
        headers = {"X-API-Key": key}
        return await caller.call("PUT", f"/crm/people/{person}", orjson.dumps(fields), headers)


async def test_a_call_in_its_dialect_reaches_its_backend_and_others(tmp_path: Path) -> None:
    """Over real sockets: answered in its own shape, said to PollyBot in PollyBot's words."""
    async with running(tmp_path) as (host, server):
        host.seed("acme", {"id": "p 17"})
        host.seed("pollybot", {"id": "lead_1", "email": "jane@example.com"})
        await link(server, (LeadId("acme-au", "p 17"), LeadId("polly", "lead_1")))
        answer = await put(server, "p%2017", {"name": "Jane Smith", "stage": "Customer"})
        assert (answer.status, answer.body) == (200, b'{"result":"OK"}')
        assert len(answer.events) == 1
        assert answer.headers["X-Leadwire-Outcome"] == "acme-au=applied"
        expected = {"id": "p 17", "name": "Jane Smith", "stage": "Customer"}
        assert host.leads("acme") == [expected]
        await eventually(lambda: len(host.calls("pollybot")) == 1)
        (call,) = host.calls("pollybot")
        assert call["body"] == {"name": "Jane Smith", "status": "converted"}


@pytest.mark.parametrize(
    ("person", "fields", "key", "expected"),
    [
        ("p-18", {"name": "Jane"}, KEY, (404, b'{"result":"NO_PERSON"}')),
        ("p-17", {"stage": "Unknown"}, KEY, (422, b'{"result":"BAD_VALUE","about":"stage"}')),
        ("p-17", [], KEY, (422, b'{"result":"BAD_VALUE","about":"body"}')),
        ("p-17", {"name": "Jane"}, "wrong", (401, b'{"result":"BAD_KEY"}')),
    ],
    ids=["its backend refuses", "a bad value", "a bad body", "a wrong key"],
)
async def test_a_refusal_is_told_in_its_shape(
    tmp_path: Path, person: str, fields: object, key: str, expected: tuple[int, bytes]
) -> None:
    """Whoever refuses: its backend, its dialect, the front door."""
    async with running(tmp_path) as (host, server):
        host.seed("acme", {"id": "p-17"})
        answer = await put(server, person, fields, key)
        assert (answer.status, answer.body) == expected


def test_the_configuration_knows_it(tmp_path: Path) -> None:
    """Its settings are read, checked, shown without secrets and documented."""
    told = with_acme(tmp_path, "http://127.0.0.1:9")
    settings = read(written(tmp_path, told), REGISTRY, {}).settings
    shown = show(settings)
    assert type(settings.connectors["acme-au"]) is ACME.connector_settings
    assert "acme-au" in shown
    assert "acme-outbound" not in shown
    assert KEY not in shown
    page = reference(REGISTRY)
    assert "## Credentials with `dialect: acme`" in page
    assert "## Connectors with `vendor: acme`" in page
    assert b'"const":"acme"' in orjson.dumps(json_schema(REGISTRY))


def test_every_registered_vendor_is_in_two_import_contracts() -> None:
    """Else a slice could know another one, or turn its own layers round, unseen."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = {one["name"]: one for one in told["tool"]["importlinter"]["contracts"]}
    apart = contracts["Vendors are strangers to each other, and the engine to all of them"]
    inside = contracts["Inside a vendor, three speakers share one wire format"]
    names = {vendor.name for vendor in VENDORS}
    layers = [{one.strip(" ()") for one in layer.split("|")} for layer in apart["layers"]]
    assert [layer for layer in layers if layer & names] == [names]
    assert set(inside["containers"]) == {f"connectors.{name}" for name in names}
    assert apart["exhaustive"]
    assert inside["exhaustive"]


def test_a_vendor_has_one_name() -> None:
    """In the registry, of its folder and of its sandbox."""
    names = [vendor.name for vendor in VENDORS]
    assert len(names) == len(set(names))
    assert [vendor.sandbox for vendor in VENDORS] == [f"connectors.{n}.sandbox" for n in names]
