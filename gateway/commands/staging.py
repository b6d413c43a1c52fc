"""What the vendors' sample calls need around them: fake backends that know their leads, and for
`leadwire demo` a configuration in which every update goes everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from connectors.registry import VENDORS
from connectors.sandbox.host import SandboxHost, load
from connectors.vendor import Vendor
from gateway.clock import Clock
from gateway.commands.casting import ROLES, TENANT, Cast
from gateway.settings import Settings
from gateway.settings.loader import load as load_settings

RULES_FILE, RULE, HOPS = "rules.yaml", "disposed again", 2


def backends(told: Cast, clock: Clock) -> SandboxHost:
    """A fake backend per vendor, which knows the people by its own ids."""
    loaded = {vendor.name: load(vendor.sandbox, faithful=False) for vendor in told.vendors}
    host = SandboxHost(loaded, clock)
    for vendor in told.vendors:
        seed(host, told, vendor)
    return host


def seed(host: SandboxHost, told: Cast, vendor: Vendor) -> None:
    """Let a vendor's backend know the people, where it knows any beforehand."""
    role = ROLES[vendor.name]
    for ids in told.people if vendor.dialect is not None else ():
        known = {name: ids[system].id for name, system in role.known_by.items()}
        host.seed(vendor.name, {"id": ids[vendor.name].id, **role.seeded, **known})


def document(told: Cast, sandbox: str, port: int, admin_port: int) -> dict[str, Any]:
    """The configuration; `sandbox` is the backends' address."""
    names = [vendor.name for vendor in told.vendors]
    called = [name for name in names if ROLES[name].inbound]
    return {
        "server": {"host": "127.0.0.1", "port": port},
        "admin": {"host": "127.0.0.1", "port": admin_port},
        "log": {"url": "sqlite:leadwire.db"},
        "store": {"url": "sqlite:leadwire.db"},
        "tenants": {
            "default": {
                **TENANT,
                "credentials": [
                    {"dialect": name, "system": name, **ROLES[name].inbound} for name in called
                ],
            }
        },
        "connectors": {
            vendor.name: {
                "vendor": vendor.name,
                **vendor.sandboxed(f"{sandbox}/{vendor.name}"),
                **ROLES[vendor.name].outbound,
            }
            for vendor in told.vendors
        },
        "routes": [
            {
                "name": "everything",
                "connectors": names,
                "authority": {**{name: name for name in called}, "default": called[0]},
            }
        ],
        "automations": RULES_FILE,
        "egress": {"allow": ["127.0.0.1/32"]},
        "shutdown_within": "2s",
    }


def rules(*, enabled: bool) -> dict[str, Any]:
    """A file of rules with one that answers an update by another that fires it again."""
    again = {"update_lead": {"changes": {"disposition": "${disposition}"}}}
    rule = {"name": RULE, "on": "dispositionAction", "enabled": enabled, "do": [again]}
    return {"rules": [rule], "max_hops": HOPS}


def write(file: Path, tree: Mapping[str, Any]) -> Settings:
    """Write a configuration, and read it as any other; the environment has no say."""
    file.write_text(yaml.safe_dump(tree, sort_keys=False, width=100), "utf-8")
    return load_settings(file, VENDORS, environ={})
