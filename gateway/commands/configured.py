"""The configuration that a command works with, and the vendors that it may name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from connectors.automations.loading import load
from connectors.registry import VENDORS
from gateway.edge.native import NATIVE
from gateway.posting import endpoints
from gateway.settings import Loaded, Settings, VendorSettings, read
from gateway.settings.checks import Window
from gateway.settings.model import ConnectorSettings, TenantSettings

DEFAULT = Path("config/leadwire.yaml")
KNOWN: tuple[VendorSettings, ...] = (*VENDORS, NATIVE)
"""Everybody whose settings a file may hold."""

ConfigFile: TypeAlias = Annotated[
    Path,
    typer.Option("--config", envvar="LEADWIRE_CONFIG", metavar="FILE", help="Configuration file."),
]
"""The `--config` option; every command that needs settings has it, with `DEFAULT`."""


def configured(path: Path) -> Settings:
    """The settings in a file; raises SettingsError, which ends the program with exit code 2."""
    return loaded(path).settings


def loaded(path: Path) -> Loaded:
    """The settings in a file, with warnings; its file of rules is read too. Raises
    SettingsError."""
    found = read(path, KNOWN, documented_limits=documented_limits)
    if found.settings.automations is not None:
        load(Path(found.settings.automations), endpoints(VENDORS, found.settings.log.url))
    return found


def documented_limits(
    name: str, settings: ConnectorSettings, tenants: Mapping[str, TenantSettings]
) -> Sequence[Window]:
    """The limits that a connector's vendor documents."""
    vendor = next(vendor for vendor in VENDORS if vendor.name == settings.vendor)
    return vendor.connect(name, settings, tenants).limits
