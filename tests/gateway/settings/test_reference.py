"""The reference page and the JSON Schema are made from the models."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from connectors.automations.document import Automations
from gateway.commands.configured import KNOWN as REGISTERED
from gateway.settings import json_schema, load, reference
from gateway.settings.model import Settings
from tests.gateway.settings.vendors import FILE, VENDORS

CONFIG = Path(__file__).parents[3] / "config"

EXAMPLE_ENVIRONMENT = {
    "NOOJEE_INBOUND_KEY": "inbound-noojee",
    "LEADSQUARED_INBOUND_ACCESS_KEY": "inbound-access",
    "LEADSQUARED_INBOUND_SECRET_KEY": "inbound-secret",
    "LEADSQUARED_INBOUND_API_KEY": "inbound-third",
    "POLLYBOT_INBOUND_TOKEN": "inbound-pollybot",
    "NATIVE_INBOUND_TOKEN": "inbound-native",
    "NOOJEE_URL": "https://noojee.example.com",
    "NOOJEE_API_KEY": "outbound-noojee",
    "LEADSQUARED_URL": "https://api.example.com",
    "LEADSQUARED_ACCESS_KEY": "outbound-access",
    "LEADSQUARED_SECRET_KEY": "outbound-secret",
    "POLLYBOT_URL": "https://pollybot.example.com",
    "POLLYBOT_TOKEN": "outbound-pollybot",
    "POLLYBOT_CHATBOT_ID": "chatbot-1",
    "DIALNEXA_INBOUND_TOKEN": "inbound-dialnexa",
    "DIALNEXA_URL": "https://dialnexa.example.com",
    "DIALNEXA_TOKEN": "outbound-dialnexa",
    "WEBHOOK_URL": "https://hooks.example.com/leads",
    "WEBHOOK_SECRET": "whsec_dGhlIHNhbmRib3gncyBvd24gc2VjcmV0",
}


def test_the_reference_page_is_what_the_models_say() -> None:
    """Stale: `leadwire config reference > config/README.md`."""
    assert (CONFIG / "README.md").read_text() == reference(REGISTERED, Automations)


def test_the_example_loads_with_its_variables() -> None:
    """Every connector, every credential, and nothing worth a warning."""
    settings = load(CONFIG / "leadwire.yaml", REGISTERED, EXAMPLE_ENVIRONMENT)
    assert list(settings.connectors) == ["noojee-au", "lsq", "polly", "nexa", "hook"]
    credentials = settings.tenants["default"].credentials
    assert [credential.dialect for credential in credentials] == [
        "noojee",
        "leadsquared",
        "pollybot",
        "dialnexa",
        "native",
    ]
    assert settings.routes[0].authority == {
        "noojee": "noojee-au",
        "leadsquared": "lsq",
        "pollybot": "polly",
        "dialnexa": "nexa",
        "native": "lsq",
    }


def test_a_row_says_type_default_secret_and_meaning() -> None:
    """One of each kind; nested groups by their path, vendors' own settings in their table."""
    rows = reference(VENDORS).splitlines()
    for row in (
        "| `server.port` | whole number | `8080` | no | TCP port; 0 takes a free one. |",
        "| `admin.token` | text | none | yes | Bearer token of the admin API. |",
        "| `server.tls.cert` | text | required | no | PEM file with the certificate chain. |",
        "| `retry.max` | duration | `5m` | no | Longest wait. |",
        "| `limits[].per` | duration | required | no | Length of the window. |",
        "| `routes[].when` | CEL condition | `true` | no | CEL over `tenant`, `dialect`, `lead`, "
        "`changes`, `attributes`, `triggers`, `origin`. |",
        "| `tenants.NAME.timezone` | time zone | `UTC` | no | "
        "IANA zone that reads dates without one. |",
        "| `mode` | `live` or `shadow` | `live` | no | "
        "`shadow` builds and records requests, and never sends. |",
        "| `key` | text | required | yes | Sent in a header. |",
        "| `site` | whole number | `1` | no | Which site. |",
        "## Credentials with `dialect: acme`",
        "## Connectors with `vendor: bell`",
    ):
        assert row in rows
    assert "## Credentials with `dialect: bell`" not in rows


def test_every_setting_has_a_meaning() -> None:
    """Also every registered vendor's."""
    assert [row for row in reference(REGISTERED).splitlines() if row.endswith("|  |")] == []


def test_the_schema_takes_a_good_file_and_names_settings() -> None:
    """It is itself a valid schema."""
    schema = json_schema(VENDORS)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(FILE), schema)
    assert set(Settings.model_fields) == set(schema["$defs"]["Settings"]["properties"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("vendor: bell", "vendor: bel"),
        ("vendor: bell", "vendor: bell, key: x"),
        ("dialect: acme", "dialect: bell"),
        ("routes:", "rouets:"),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(old: str, new: str) -> None:
    """Unknown vendors and dialects, keys of another vendor, unknown keys."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(FILE.replace(old, new)), json_schema(VENDORS))
