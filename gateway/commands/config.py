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

from connectors.automations.document import Automations
from connectors.registry import VENDORS
from connectors.vendor import SampleCall, Vendor
from gateway.commands.casting import ROLES, cast
from gateway.commands.configured import DEFAULT, KNOWN, ConfigFile, documented_limits, loaded
from gateway.edge.native import NATIVE
from gateway.edge.native.reports import PATH as NATIVE_PATH
from gateway.model.event import LeadId
from gateway.settings import Problem, SettingsError, json_schema, reference, show
from gateway.settings.model import ConnectorSettings
from gateway.settings.problems import nearest

TENANT = "default"
SANDBOX = "http://127.0.0.1:8090"
GATEWAY = "http://127.0.0.1:8080"
ADMIN = "http://127.0.0.1:8081"
_HEAD = """\
# Callers use the keys under `credentials`; what they post goes to the `connectors` that `routes`
# name, and the authority's outcome answers them. For a vendor of your own, put its address in the
# place of the sandbox's and its key into the environment. `leadwire config show` prints every
# setting in force, `leadwire config check` says what is wrong.
"""


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
    typer.echo(reference(KNOWN, Automations), nl=False)


# --- init ---------------------------------------------------------------------------------


def init(
    vendors: Annotated[
        list[str] | None, typer.Argument(metavar="[VENDOR]...", help="Default: every vendor.")
    ] = None,
    config: ConfigFile = DEFAULT,
) -> None:
    """Write a minimal configuration with new inbound keys, and print what to type next.

    Connectors point at `leadwire sandbox`; what they need of your accounts is read from
    environment variables. What is printed can be pasted into a shell: it sets them, starts the
    sandbox and the server, and makes one call per dialect.
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
    people = [_known(ids, chosen) for ids in cast().people]
    for line in _next(config, chosen, people):
        typer.echo(line)
    for vendor in chosen:
        for call in curls(vendor, credentials.get(vendor.name, {})):
            typer.echo(call)
    typer.echo(curl(_native_call(chosen[0].name, people[0], native["token"])))


def _known(ids: Mapping[str, LeadId], chosen: Sequence[Vendor]) -> list[LeadId]:
    """The ids of a lead of the sample calls that these vendors know."""
    names = {vendor.name for vendor in chosen}
    shared = {system for name in names for system in ROLES[name].known_by.values()}
    return [lead for system, lead in ids.items() if system in names | shared]


def _next(config: Path, chosen: Sequence[Vendor], people: Sequence[Sequence[LeadId]]) -> list[str]:
    """What to type before the first call."""
    lines = [
        "# What the file reads from the environment. The sandbox takes these; a vendor, yours.",
        f"export LEADWIRE_CONFIG={shlex.quote(str(config))}",
    ]
    for vendor in chosen:
        for setting in _settings_of(vendor):
            value = str(ROLES[vendor.name].outbound.get(setting, "any"))
            lines.append(f"export {_variable(vendor, setting)}={shlex.quote(value)}")
    if len(people[0]) > 1:
        lines += [
            "# Whose ids are whose: an update that names one reaches all.",
            "cat > leads.csv <<'END'",
            "lead,system,scope,id",
            *(_row(number, lead) for number, ids in enumerate(people, 1) for lead in ids),
            "END",
            "leadwire leads import leads.csv",
        ]
    return [
        *lines,
        "# Fake backends that know these leads, and the server; each writes to a file.",
        "leadwire sandbox --samples > sandbox.log &",
        "leadwire serve 2> leadwire.log &",
        f"curl -s --retry 60 --retry-connrefused --retry-delay 1 {ADMIN}/readyz",
    ]


def _row(label: int, lead: LeadId) -> str:
    """An id in the form of `leadwire leads import`."""
    scope = ";".join(f"{name}={value}" for name, value in lead.scope)
    return f"{label},{lead.system},{scope},{lead.id}"


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
    return _HEAD + text


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


def _native_call(system: str, ids: Sequence[LeadId], token: str) -> SampleCall:
    """A call of our own API, about the lead that the vendors' calls are about."""
    lead = next((one for one in ids if one.system == system), LeadId(system, "42"))
    named: dict[str, object] = {"system": lead.system, "id": lead.id}
    if lead.scope:
        named["scope"] = dict(lead.scope)
    body = {
        "lead": {"ids": [named]},
        "changes": {"full_name": "Jane Smith", "disposition": "Sale"},
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
        note=f"The native API: a name and a disposition, for {system}'s lead {lead.id}",
    )


def curl(sample: SampleCall) -> str:
    """A call as a shell command, that prints the answer's status and headers too. Noojee's page
    has a stray space in a parameter's name, which nobody should copy."""
    query = urlencode([(name.strip(), value) for name, value in sample.query])
    url = f"{GATEWAY}{sample.path}?{query}" if query else f"{GATEWAY}{sample.path}"
    words = ["curl", "-i", "-X", sample.method, url]
    for name, value in sample.headers:
        words += ["-H", f"{name}: {value}"]
    if sample.body:
        words += ["--data-binary", sample.body.decode()]
    return f"# {sample.note}\n{shlex.join(words)}"
