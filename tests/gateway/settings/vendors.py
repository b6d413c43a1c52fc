"""Two vendors that exist only here, and a file that names them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.settings import SettingsError, load
from gateway.settings.model import BackendSettings, ConnectorSettings, CredentialSettings


class AcmeCredential(CredentialSettings):
    """A key of Acme's dialect."""

    key: SecretStr
    """Presented in a header."""


class AcmeConnector(BackendSettings):
    """A connector to Acme."""

    key: SecretStr
    """Sent in a header."""
    site: int = 1
    """Which site."""


class BellConnector(BackendSettings):
    """A connector to Bell, which only is delivered to."""

    style: str = "flat"
    """How fields are written."""


@dataclass(frozen=True)
class FakeVendor:
    name: str
    credential_settings: type[CredentialSettings] | None
    connector_settings: type[ConnectorSettings]
    payloads: tuple[()] = ()


VENDORS = (
    FakeVendor("acme", AcmeCredential, AcmeConnector),
    FakeVendor("bell", None, BellConnector),
)

FILE = """\
tenants:
  default:
    credentials:
      - {dialect: acme, system: acme-au, key: inbound}
connectors:
  acme-au: {vendor: acme, base_url: "https://acme.example.com", key: outbound}
  bell: {vendor: bell, base_url: "https://bell.example.com"}
routes:
  - name: everything
    connectors: [acme-au, bell]
    authority: {acme: acme-au}
"""


def written(folder: Path, text: str = FILE) -> Path:
    """The text as a configuration file."""
    path = folder / "leadwire.yaml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    """What loading complains of, each without the folder's name."""
    with pytest.raises(SettingsError) as caught:
        load(written(folder, text), VENDORS, environ or {})
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]
