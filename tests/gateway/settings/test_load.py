"""Loading: the right models, lines in every error, what is put in, what is overridden."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.settings import Settings, SettingsError, load
from gateway.settings.model import RetrySettings
from tests.gateway.settings.vendors import (
    FILE,
    VENDORS,
    AcmeConnector,
    AcmeCredential,
    BellConnector,
    problems,
    written,
)


def loaded(folder: Path, text: str = FILE, environ: dict[str, str] | None = None) -> Settings:
    """The settings in a text."""
    return load(written(folder, text), VENDORS, environ or {})


def test_credentials_and_connectors_are_of_their_vendors_models(tmp_path: Path) -> None:
    """`dialect` and `vendor` pick the model."""
    settings = loaded(tmp_path)
    expected = [AcmeCredential(dialect="acme", system="acme-au", key=SecretStr("inbound"))]
    assert settings.tenants["default"].credentials == expected
    assert settings.connectors == {
        "acme-au": AcmeConnector(
            vendor="acme", base_url="https://acme.example.com", key=SecretStr("outbound")
        ),
        "bell": BellConnector(vendor="bell", base_url="https://bell.example.com"),
    }


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    """Nothing is required; the log is a file beside the configuration."""
    settings = loaded(tmp_path, "")
    assert settings.server.port == 8080
    assert settings.log.url == f"sqlite:{tmp_path}/data/leadwire.db"


def test_relative_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    """Databases, certificates and rules; absolute paths stay."""
    text = (
        "log: {url: 'sqlite:../a.db'}\n"
        "store: {url: 'sqlite:../a.db'}\n"
        "server: {tls: {cert: c.pem, key: /etc/k.pem}}\n"
        "automations: rules.yaml\n"
    )
    settings = loaded(tmp_path, text)
    assert settings.log.url == settings.store.url == f"sqlite:{tmp_path.parent}/a.db"
    assert settings.server.tls is not None
    assert settings.server.tls.model_dump() == {
        "cert": f"{tmp_path}/c.pem",
        "key": "/etc/k.pem",
        "client_ca": None,
    }
    assert settings.automations == f"{tmp_path}/rules.yaml"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The whole error is the name and that it is not there."""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "none.yaml", VENDORS, {})
    assert (
        str(caught.value)
        == f"{tmp_path}/none.yaml: there is no such file: `leadwire config init` writes one"
    )


def test_every_problem_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    """Unknown keys name the nearest, unknown vendors and dialects too."""
    text = """\
server: {prot: 8080}
admin:
  port: many
tenants:
  default:
    regoin: AU
    credentials:
      - {dialect: acmee, system: s}
      - {dialect: acme, system: s, kye: a}
connectors:
  one: {vendor: bel, base_url: "https://b.example.com"}
  two:
    base_url: "https://b.example.com"
  three: 3
  four:
    vendor: acme
    base_url: ftp://a
    key: 123
    retry:
      atempts: 4
      first: soon
"""
    assert problems(tmp_path, text) == [
        "leadwire.yaml:1: server.prot: unknown key; the nearest is port",
        "leadwire.yaml:3: admin.port: should be a whole number",
        "leadwire.yaml:6: tenants.default.regoin: unknown key; the nearest is region",
        "leadwire.yaml:8: tenants.default.credentials[0].dialect: "
        "there is no dialect 'acmee'; the nearest is acme",
        "leadwire.yaml:9: tenants.default.credentials[1].key: is required",
        "leadwire.yaml:9: tenants.default.credentials[1].kye: unknown key; the nearest is key",
        "leadwire.yaml:11: connectors.one.vendor: there is no vendor 'bel'; the nearest is bell",
        "leadwire.yaml:12: connectors.two.vendor: is required: one of acme, bell",
        "leadwire.yaml:14: connectors.three: should be a group of settings",
        "leadwire.yaml:17: connectors.four.base_url: "
        "should begin with http:// or https:// and a host",
        "leadwire.yaml:18: connectors.four.key: should be a text: put it in quotes",
        "leadwire.yaml:20: connectors.four.retry.atempts: unknown key; the nearest is attempts",
        "leadwire.yaml:21: connectors.four.retry.first: "
        "a duration is a number and ms, s, m, h or d, not 'soon'",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [1", "leadwire.yaml:1: is not YAML: expected ',' or ']', but got '<stream end>'"),
        (
            "x:\n  a: *secret",
            "leadwire.yaml:2: is not YAML: a value that begins with * or ! must be in quotes",
        ),
        ("- a", "leadwire.yaml:1: should be a group of settings"),
        ("a: \x00", "leadwire.yaml: is not YAML: it holds characters that YAML has no place for"),
        (
            "log:\n  prefix: a\n  prefix: b\n",
            "leadwire.yaml:3: log.prefix: is written twice; first in line 2",
        ),
        ("log: &a {url: *a}", "leadwire.yaml:1: log.url: holds itself"),
        (
            "log: !secret {}",
            "leadwire.yaml:1: log: has a tag, and tags mean nothing here: a text goes in quotes",
        ),
    ],
)
def test_a_file_that_yaml_can_not_mean_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """With the line, and without quoting what may be a secret."""
    assert problems(tmp_path, text) == [problem]


def test_plain_words_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    """Norway is a region, not false; a time is text; so is a number that is none."""
    assert loaded(tmp_path, "log: {prefix: !!int x}").log.prefix == "x"
    text = FILE.replace("  default:\n", "  default:\n    region: NO\n")
    text = text.replace("key: outbound", "key: 007, start: 2026-01-31T08:00:00Z")
    settings = loaded(tmp_path, text)
    assert settings.tenants["default"].region == "NO"
    assert settings.connectors["acme-au"].start == "2026-01-31T08:00:00Z"


def test_references_are_filled_in_and_other_dollars_stay(tmp_path: Path) -> None:
    """Also inside longer texts; a file's last line end is left out; nothing is filled twice."""
    (tmp_path / "key.txt").write_text("k$1${env:NOT}\n")
    text = FILE.replace("key: inbound", 'key: "u$r${x}$${env:A}-${env:A}"')
    text = text.replace("key: outbound", 'key: "${file:key.txt}", site: "${env:SITE}"')
    settings = loaded(tmp_path, text, {"A": "$b", "SITE": "7"})
    credential, connector = settings.tenants["default"].credentials[0], settings.connectors
    assert isinstance(credential, AcmeCredential)
    assert credential.key.get_secret_value() == "u$r${x}$$b-$b"
    acme = connector["acme-au"]
    assert isinstance(acme, AcmeConnector)
    assert (acme.key.get_secret_value(), acme.site) == ("k$1${env:NOT}", 7)


def test_what_can_not_be_filled_in_is_named(tmp_path: Path) -> None:
    """One error for the setting, not another for what its text then lacks."""
    text = FILE.replace("key: inbound", 'key: "${env:A}"')
    text = text.replace("key: outbound", 'key: "${file:k}", site: "${env:B}"')
    assert problems(tmp_path, text) == [
        "leadwire.yaml:4: tenants.default.credentials[0].key: "
        "the environment variable A is not set",
        "leadwire.yaml:6: connectors.acme-au.key: the file k can't be read",
        "leadwire.yaml:6: connectors.acme-au.site: the environment variable B is not set",
    ]


def test_the_environment_overrides_and_adds(tmp_path: Path) -> None:
    """Any case, `_` for `-`, list items by position, groups that the file lacks."""
    environ = {
        "LEADWIRE_SERVER__PORT": "9000",
        "LEADWIRE_CONNECTORS__ACME_AU__KEY": "123",
        "LEADWIRE_CONNECTORS__ACME_AU__RETRY__ATTEMPTS": "2",
        "LEADWIRE_TENANTS__DEFAULT__CREDENTIALS__0__KEY": "${env:OTHER}",
        "LEADWIRE_admin__token": "null",
        "LEADWIRE_CONFIG": "elsewhere.yaml",
        "LEADWIRE_NOTHING": "1",
        "OTHER": "theirs",
    }
    settings = loaded(tmp_path, FILE, environ)
    acme, credential = settings.connectors["acme-au"], settings.tenants["default"].credentials[0]
    assert isinstance(acme, AcmeConnector)
    assert isinstance(credential, AcmeCredential)
    assert settings.server.port == 9000
    assert acme.key.get_secret_value() == "123"
    assert acme.retry == RetrySettings(attempts=2)
    assert credential.key.get_secret_value() == "theirs"
    assert settings.admin.token is None


def test_an_override_that_fits_nothing_is_named_by_its_variable(tmp_path: Path) -> None:
    """Unknown keys, values of the wrong type, list items that are not there."""
    environ = {
        "LEADWIRE_SERVER__PROT": "1",
        "LEADWIRE_SERVER__PORT": "many",
        "LEADWIRE_CONNECTORS__BEL__STYLE": "x",
        "LEADWIRE_ROUTES__1__NAME": "x",
        "LEADWIRE_ROUTES__0__NAME__X": "x",
        "LEADWIRE___X": "x",
    }
    assert problems(tmp_path, FILE, environ) == [
        "LEADWIRE_ROUTES__0__NAME__X: routes[0].name is a value and has nothing below it",
        "LEADWIRE_ROUTES__1__NAME: routes has 1 items, counted from 0, and no 1",
        "LEADWIRE___X: names no setting",
        "LEADWIRE_CONNECTORS__BEL__STYLE: connectors.bel.vendor: is required: one of acme, bell",
        "LEADWIRE_SERVER__PORT: server.port: should be a whole number",
        "LEADWIRE_SERVER__PROT: server.prot: unknown key; the nearest is port",
    ]


def test_the_environment_of_the_process_counts_where_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`load` without `environ` reads the process's own."""
    monkeypatch.setenv("LEADWIRE_SERVER__PORT", "9001")
    assert load(written(tmp_path), VENDORS).server.port == 9001
