"""`leadwire config`: write, check and show the configuration."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer
import yaml
from pydantic import BaseModel, ValidationError

from connectors.registry import VENDORS
from connectors.vendor import SampleCall, Vendor
from gateway.commands.configured import DEFAULT, KNOWN, ConfigFile, documented_limits, loaded
from gateway.edge.native import NATIVE
from gateway.edge.native.reports import PATH as NATIVE_PATH
from gateway.settings import Problem, SettingsError, json_schema, reference, show
from gateway.settings.model import ConnectorSettings
from gateway.settings.problems import nearest

TENANT = "default"
SANDBOX = "http://127.0.0.1:8090"
GATEWAY = "http://127.0.0.1:8080"


def register(app: typer.Typer) -> None:
    """Add `config` to the program."""
    config = typer.Typer(no_args_is_help=True, help="Write, check and show the configuration.")
    config.command()(init)
    config.command()(check)
    config.command("show")(show_settings)
    config.command()(schema)
    config.command("reference", hidden=True)(reference_page)
    app.add_typer(config, name="config")


def check(config: ConfigFile = DEFAULT) -> None:
    """Say what is wrong with a configuration, and what is worth a second look."""
    found = loaded(config)
    for warning in found.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"{config} is fine")


def show_settings(config: ConfigFile = DEFAULT) -> None:
    """Print every setting in force as YAML: defaults filled in, secrets masked."""
    typer.echo(show(loaded(config).settings, documented_limits), nl=False)


def schema() -> None:
    """Print the JSON Schema of the configuration file."""
    typer.echo(json.dumps(json_schema(KNOWN), indent=2))


def reference_page() -> None:
    """Print config/README.md."""
    typer.echo(reference(KNOWN), nl=False)


# --- init ---------------------------------------------------------------------------------


def init(
    vendors: Annotated[
        list[str] | None, typer.Argument(metavar="[VENDOR]...", help="Default: every vendor.")
    ] = None,
    config: ConfigFile = DEFAULT,
) -> None:
    """Write a minimal configuration with new inbound keys, and print a ready call per dialect.

    Connectors point at `leadwire sandbox`; what they need of your accounts is read from
    environment variables, which are printed.
    """
    chosen = _chosen(vendors or [])
    if config.exists():
        text = "is there already, and left as it is; name another file with --config"
        raise SettingsError([Problem(str(config), (), text)])
    credentials = {
        vendor.name: _credential(vendor.name, vendor.credential_settings)
        for vendor in chosen
        if vendor.credential_settings is not None
    }
    native = {"dialect": NATIVE.name, "token": secrets.token_urlsafe(24)}
    _write(config, _minimal(chosen, [*credentials.values(), native]))
    typer.echo(f"wrote {config}", err=True)
    for vendor in chosen:
        for variable in _variables(vendor):
            typer.echo(f"set {variable} first", err=True)
        for call in curls(vendor, credentials.get(vendor.name, {})):
            typer.echo(call)
    typer.echo(curl(_native_call(chosen[0].name, native["token"])))


def _chosen(names: Sequence[str]) -> list[Vendor]:
    known = {vendor.name: vendor for vendor in VENDORS}
    for name in names:
        if name not in known:
            text = f"there is no vendor {name!r}{nearest(name, known)}"
            raise SettingsError([Problem("", (), text)])
    return [vendor for vendor in VENDORS if vendor.name in names or not names]


def _required(model: type[BaseModel], given: Sequence[str]) -> list[str]:
    return [n for n, field in model.model_fields.items() if field.is_required() and n not in given]


def _credential(dialect: str, model: type[BaseModel]) -> dict[str, str]:
    keys = _required(model, ("dialect", "system"))
    return {
        "dialect": dialect,
        "system": dialect,
        **{name: secrets.token_urlsafe(24) for name in keys},
    }


def _where(vendor: Vendor) -> Mapping[str, str]:
    """Where a connector finds the vendor's sandbox."""
    return vendor.sandboxed(f"{SANDBOX}/{vendor.name}")


def _settings_of(vendor: Vendor) -> list[str]:
    """What a connector can't do without: the required settings, and where the vendor's model
    asks for one more (an id that only some of its APIs need), that one."""
    model, where = vendor.connector_settings, _where(vendor)
    needed = _required(model, ("vendor", *where))
    known = {*ConnectorSettings.model_fields, *where}
    own = [name for name in model.model_fields if name not in known]
    for more in ([], *([name] for name in own if name not in needed)):
        given = dict.fromkeys([*needed, *more], "1")
        try:
            model.model_validate({"vendor": vendor.name, **where, **given})
        except ValidationError:
            continue
        return [*needed, *more]
    return needed


def _variable(vendor: Vendor, setting: str) -> str:
    return f"{vendor.name}_{setting}".upper().replace("-", "_")


def _variables(vendor: Vendor) -> list[str]:
    return [_variable(vendor, setting) for setting in _settings_of(vendor)]


def _minimal(chosen: Sequence[Vendor], credentials: Sequence[dict[str, str]]) -> str:
    connectors = {
        vendor.name: {
            "vendor": vendor.name,
            **_where(vendor),
            **{name: f"${{env:{_variable(vendor, name)}}}" for name in _settings_of(vendor)},
        }
        for vendor in chosen
    }
    names = list(connectors)
    authority = {credential["dialect"]: credential["dialect"] for credential in credentials}
    authority[NATIVE.name] = names[0]
    document: dict[str, object] = {
        "log": {"url": "sqlite:data/leadwire.db"},
        "store": {"url": "sqlite:data/leadwire.db"},
        "tenants": {TENANT: {"credentials": list(credentials)}},
        "connectors": connectors,
        "routes": [{"name": "everything", "connectors": names, "authority": authority}],
    }
    if any(vendor.guarded for vendor in chosen):
        # The sandbox is no public address.
        document["egress"] = {"allow": ["127.0.0.1/32"]}
    text: str = yaml.safe_dump(document, sort_keys=False, width=100)
    return text


def _write(config: Path, text: str) -> None:
    """The file holds keys: only its owner may read it."""
    config.parent.mkdir(parents=True, exist_ok=True)
    config.touch(mode=0o600, exist_ok=False)
    config.write_text(text, "utf-8")


def curls(vendor: Vendor, credential: Mapping[str, str]) -> list[str]:
    """The vendor's sample calls as shell commands, with our keys in place of the page's."""
    if vendor.credential_settings is None:
        return []
    settings = vendor.credential_settings.model_validate(credential)
    return [curl(sample.keyed(settings)) for sample in vendor.samples]


def _native_call(system: str, token: str) -> SampleCall:
    body = {
        "lead": {"ids": [{"system": system, "id": "42"}]},
        "changes": {"status": "contacted", "note": "Call again next week"},
    }
    return SampleCall(
        method="POST",
        path=NATIVE_PATH,
        query=(),
        headers=(
            ("Authorization", f"Bearer {token}"),
            ("Content-Type", "application/json"),
            ("Prefer", "wait=10"),
        ),
        body=json.dumps(body).encode(),
        note=f"The native API: a stage and a note, for the lead that {system} calls 42",
    )


def curl(sample: SampleCall) -> str:
    """A call as a shell command."""
    query = urlencode(sample.query)
    url = f"{GATEWAY}{sample.path}?{query}" if query else f"{GATEWAY}{sample.path}"
    words = ["curl", "-X", sample.method, url]
    for name, value in sample.headers:
        words += ["-H", f"{name}: {value}"]
    if sample.body:
        words += ["--data-binary", sample.body.decode()]
    return f"# {sample.note}\n{shlex.join(words)}"
