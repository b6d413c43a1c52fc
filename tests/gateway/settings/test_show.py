"""Showing settings: defaults filled in, durations as written, no secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from gateway.settings import load, show
from gateway.settings.checks import Window
from gateway.settings.model import ConnectorSettings, TenantSettings, WindowSettings
from tests.gateway.settings.vendors import FILE, VENDORS, written


def documented(
    name: str, settings: ConnectorSettings, tenants: Mapping[str, TenantSettings]
) -> Sequence[Window]:
    """What the vendors of these tests document."""
    del settings, tenants
    return [WindowSettings(requests=25, per="5s")] if name == "acme-au" else []


def test_secrets_are_masked_and_defaults_filled_in(tmp_path: Path) -> None:
    """The vendor's own settings too; a token that is not set is shown as none."""
    text = FILE.replace("key: outbound", "key: outbound, timeout: 90s")
    shown = show(load(written(tmp_path, text), VENDORS, {}), documented)
    assert "inbound" not in shown
    assert "outbound" not in shown
    document = yaml.safe_load(shown)
    assert document["tenants"]["default"] == {
        "region": "US",
        "timezone": "UTC",
        "credentials": [
            {
                "dialect": "acme",
                "system": "acme-au",
                "answer": "applied",
                "answer_within": "10s",
                "dedupe_window": "0ms",
                "key": "***",
            }
        ],
    }
    assert document["connectors"]["acme-au"] == {
        "vendor": "acme",
        "base_url": "https://acme.example.com",
        "system": None,
        "mode": "live",
        "concurrency": 16,
        "limits": [{"requests": 25, "per": "5s"}],
        "timeout": "90s",
        "retry": {
            "attempts": 8,
            "first": "1s",
            "max": "5m",
            "max_age": "1d",
            "throttled": None,
        },
        "breaker": {"failures": 5, "open": "5s", "max_open": "1m"},
        "fields": {},
        "triggers": "authority",
        "start": "end",
        "shards": 1,
        "after_dead_letter": "continue",
        "on_unlinked": "dead_letter",
        "unmapped": None,
        "key": "***",
        "site": 1,
    }
    assert document["connectors"]["bell"]["limits"] == []
    assert document["admin"]["token"] is None


def test_limits_of_a_connectors_own_are_shown_as_they_are(tmp_path: Path) -> None:
    """The documented ones stand back."""
    text = FILE.replace("key: outbound", "key: outbound, limits: [{requests: 1, per: 1m}]")
    document = yaml.safe_load(show(load(written(tmp_path, text), VENDORS, {}), documented))
    assert document["connectors"]["acme-au"]["limits"] == [{"requests": 1, "per": "1m"}]


def test_passwords_in_urls_are_masked(tmp_path: Path) -> None:
    """Before the host and among the parameters."""
    url = "kafka://me:pw@h:9092?security=sasl&sasl_password=hush&client=x"
    text = "log: {url: 'sqlite:/d/a.db'}\nstore: {url: 'sqlite:/d/a.db'}\n"
    settings = load(written(tmp_path, text), VENDORS, {})
    log = settings.log.model_copy(update={"url": url})
    document = yaml.safe_load(show(settings.model_copy(update={"log": log})))
    expected = "kafka://***@h:9092?security=sasl&sasl_password=***&client=x"
    assert document["log"]["url"] == expected
    assert document["store"]["url"] == "sqlite:/d/a.db"


def test_what_is_shown_of_a_file_without_secrets_loads_again(tmp_path: Path) -> None:
    """Durations and nulls are read back as they were."""
    text = "connectors: {bell: {vendor: bell, base_url: 'https://b.example.com', timeout: 250ms}}"
    settings = load(written(tmp_path, text), VENDORS, {})
    again = load(
        written(tmp_path, show(settings).replace("limits: []", "limits: null")), VENDORS, {}
    )
    assert again == settings
