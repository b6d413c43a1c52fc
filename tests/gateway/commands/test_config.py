"""`leadwire config`: what it prints, and how it ends."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml

from connectors.automations.document import Automations
from gateway import cli
from gateway.cli import main
from gateway.commands.configured import KNOWN, configured
from gateway.settings import json_schema, reference

SECRET = "whsec_dGhlIHNhbmRib3gncyBvd24gc2VjcmV0"
FILE = """\
tenants:
  default:
    credentials:
      - {dialect: noojee, system: noojee-au, api_key: "${env:INBOUND}"}
connectors:
  noojee-au: {vendor: noojee, base_url: "http://noojee.example.com", api_key: outbound-key}
routes:
  - {name: all, connectors: [noojee-au], authority: {noojee: noojee-au}}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good file, and its variable."""
    monkeypatch.setenv("INBOUND", "inbound-key")
    path = tmp_path / "my.yaml"
    path.write_text(FILE)
    return path


def run(*arguments: str) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        main(["config", *arguments])
    code = ended.value.code
    return code if isinstance(code, int) else 0


def test_check_of_a_good_file_says_so_and_warns(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Warnings are on stderr and change nothing about the exit code."""
    assert run("check", "--config", str(file)) == 0
    out, err = capsys.readouterr()
    assert out == f"{file} is fine\n"
    assert err == (
        f"warning: {file}:6: connectors.noojee-au.base_url: "
        "plain http off loopback: keys and people's data go over the wire in the clear\n"
    )


def test_check_of_a_bad_file_lists_its_problems(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2; nothing on stdout."""
    monkeypatch.delenv("INBOUND")
    monkeypatch.setenv("LEADWIRE_SERVER__PROT", "1")
    assert run("check", "--config", str(file)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"{file}:4: tenants.default.credentials[0].api_key: "
        "the environment variable INBOUND is not set\n"
        "LEADWIRE_SERVER__PROT: server.prot: unknown key; the nearest is port\n"
    )


def test_the_file_is_also_named_by_the_environment(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`LEADWIRE_CONFIG`; the option wins."""
    monkeypatch.setenv("LEADWIRE_CONFIG", str(file))
    assert run("check") == 0
    assert capsys.readouterr().out == f"{file} is fine\n"
    assert run("check", "--config", "elsewhere.yaml") == 2
    text = "there is no such file: `leadwire config init` writes one"
    assert capsys.readouterr().err == f"elsewhere.yaml: {text}\n"


def test_show_masks_every_secret(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Defaults are there; a vendor without documented limits has none."""
    assert run("show", "--config", str(file)) == 0
    out = capsys.readouterr().out
    assert "inbound-key" not in out
    assert "outbound-key" not in out
    document = yaml.safe_load(out)
    assert document["connectors"]["noojee-au"]["api_key"] == "***"
    assert document["connectors"]["noojee-au"]["limits"] == []
    assert document["server"]["port"] == 8080


def test_documented_limits_are_shown(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """PollyBot's page: 1000 an hour."""
    file.write_text(
        "connectors: {p: {vendor: pollybot, base_url: 'https://p.example.com', token: t, "
        "api: gen1}}\n"
    )
    assert run("show", "--config", str(file)) == 0
    document = yaml.safe_load(capsys.readouterr().out)
    assert document["connectors"]["p"]["limits"] == [{"requests": 1000, "per": "1h"}]


def test_shards_share_no_documented_limit(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each shard would take PollyBot's whole 1000 an hour."""
    file.write_text(
        "connectors: {p: {vendor: pollybot, base_url: 'https://p.example.com', token: t, "
        "api: gen1, shards: 2}}\n"
    )
    assert run("check", "--config", str(file)) == 2
    text = "is for connectors without limits: each shard would take the whole limit"
    assert capsys.readouterr().err == f"{file}:1: connectors.p.shards: {text}\n"


def test_schema_and_reference_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the registered vendors."""
    assert run("schema") == 0
    assert json.loads(capsys.readouterr().out) == json_schema(KNOWN)
    assert run("reference") == 0
    assert capsys.readouterr().out == reference(KNOWN, Automations)


def test_init_writes_a_file_that_loads_and_a_call_per_dialect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readable by its owner only; the variables that it names are set first."""
    path = tmp_path / "new" / "leadwire.yaml"
    assert run("init", "--config", str(path)) == 0
    out, err = capsys.readouterr()
    assert err == f"wrote {path}\n"
    exported = dict(
        line.removeprefix("export ").split("=", 1)
        for line in out.splitlines()
        if line.startswith("export ")
    )
    assert exported == {
        "LEADWIRE_CONFIG": str(path),
        "NOOJEE_API_KEY": "demo-outbound-key",
        "LEADSQUARED_ACCESS_KEY": "demo-outbound-access",
        "LEADSQUARED_SECRET_KEY": "demo-outbound-secret",
        "POLLYBOT_TOKEN": "sk-workspace_demo_outbound",
        "POLLYBOT_CHATBOT_ID": "any",
        "DIALNEXA_TOKEN": "demo:outbound-token",
        "WEBHOOK_SECRET": SECRET,
    }
    for variable, value in exported.items():
        monkeypatch.setenv(variable, value)
    settings = configured(path)
    assert list(settings.connectors) == ["noojee", "leadsquared", "pollybot", "dialnexa", "webhook"]
    assert settings.egress.allow == ["127.0.0.1/32"]
    assert path.stat().st_mode & 0o777 == 0o600
    raw = yaml.safe_load(path.read_text())["tenants"]["default"]["credentials"]
    assert out.count("curl -i -X ") == 6
    assert f"apiKey={raw[0]['api_key']}" in out
    assert f"'Authorization: Bearer {raw[2]['token']}'" in out
    assert f"x-api-key: {raw[1]['x_api_key']}" in out
    assert [word for word in shlex.split(out, comments=True) if word == "curl"] == ["curl"] * 7
    assert (raw[-1]["dialect"], settings.routes[0].authority["native"]) == ("native", "noojee")
    assert f"'Authorization: Bearer {raw[-1]['token']}'" in out
    assert "+apiKey" not in out


def test_init_takes_the_vendors_that_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown one is refused with the nearest."""
    path = tmp_path / "leadwire.yaml"
    assert run("init", "nooje", "--config", str(path)) == 2
    assert capsys.readouterr().err == "there is no vendor 'nooje'; the nearest is noojee\n"
    assert not path.exists()
    assert run("init", "noojee", "--config", str(path)) == 0
    assert list(yaml.safe_load(path.read_text())["connectors"]) == ["noojee"]


def test_init_leaves_a_file_as_it_is(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and the file is the same."""
    assert run("init", "--config", str(file)) == 2
    text = "is there already, and left as it is; name another file with --config"
    assert capsys.readouterr().err == f"{file}: {text}\n"
    assert file.read_text() == FILE


def test_wrong_usage_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    """As every command line program has it."""
    assert run("chekc") == 2
    assert "No such command 'chekc'" in capsys.readouterr().err


def test_a_crash_passes_through_without_locals(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python prints the traceback; nothing here prints what variables held."""

    def crash(*_arguments: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("gateway.commands.config.show", crash)
    with pytest.raises(RuntimeError, match="broken"):
        main(["config", "show", "--config", str(file)])
    assert capsys.readouterr() == ("", "")
    assert cli.application().pretty_exceptions_enable is False
