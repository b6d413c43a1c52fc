"""The settings for people who write them: a JSON Schema and a reference page, both made from
the models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema

from gateway.settings.durations import written
from gateway.settings.model import ConnectorSettings, CredentialSettings, Settings, TenantSettings
from gateway.settings.shapes import group_of, is_secret, type_text
from gateway.settings.validation import VendorSettings


def json_schema(vendors: Sequence[VendorSettings]) -> dict[str, Any]:
    """JSON Schema (2020-12) of the whole file, with every vendor's own settings."""
    connectors = {v.name: v.connector_settings for v in vendors if v.connector_settings}
    credentials = {v.name: v.credential_settings for v in vendors if v.credential_settings}
    models: list[type[BaseModel]] = [Settings, TenantSettings]
    models += [*connectors.values(), *credentials.values()]
    places, schema = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)],
        title="leadwire.yaml",
    )
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["$ref"] = places[Settings, "validation"]["$ref"]
    definitions = schema["$defs"]

    def one_of(word: str, picked: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
        return {
            "oneOf": [
                {"$ref": places[model, "validation"]["$ref"], "properties": {word: {"const": name}}}
                for name, model in picked.items()
            ]
        }

    whole = definitions[_definition(places[Settings, "validation"])]
    whole["properties"]["connectors"]["additionalProperties"] = one_of("vendor", connectors)
    tenant = definitions[_definition(places[TenantSettings, "validation"])]
    tenant["properties"]["credentials"]["items"] = one_of("dialect", credentials)
    return schema


def _definition(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


# --- the reference page -------------------------------------------------------------------

_HEAD = """\
# Settings

`leadwire.yaml` in this folder is an annotated example, `automations.yaml` one of rules.
`leadwire config check` says what is wrong with a file, with line and nearest known key;
`leadwire config show` prints every value in force, secrets masked; `leadwire config schema` prints
a JSON Schema for editors.

- `${env:NAME}` and `${file:PATH}` inside a value are replaced; any other `$` is a `$`. A variable
  that is not set is an error.
- `LEADWIRE_SECTION__KEY=value` overrides a setting: `__` goes one level down, `-` of a key is
  written `_`, upper and lower case are the same, an item of a list is named by its position from
  0 (`LEADWIRE_TENANTS__DEFAULT__CREDENTIALS__0__API_KEY`). `null` is none. Variables without `__`
  are no overrides.
- A duration is a number and `ms`, `s`, `m`, `h` or `d`.
- Relative paths are taken from the folder of the file.
- Plain words mean what YAML 1.2 says: `true`, `false`, `null` and decimal numbers are themselves,
  everything else is text.

This page is made from the models: `leadwire config reference > config/README.md`.
"""

_REQUIRED = object()
_VENDOR_OWNED = (CredentialSettings, ConnectorSettings)


def reference(vendors: Sequence[VendorSettings], rules: type[BaseModel] | None = None) -> str:
    """The reference page, in Markdown: every setting with type, default and meaning; `rules` is
    the file that `automations` names."""
    parts = [_HEAD, *_table("The file", Settings, "")]
    parts += _table("Credentials of every dialect", CredentialSettings, "")
    for vendor in vendors:
        if vendor.credential_settings is not None:
            title = f"Credentials with `dialect: {vendor.name}`"
            parts += _table(title, vendor.credential_settings, "", CredentialSettings)
    parts += _table("Connectors of every vendor", ConnectorSettings, "")
    for vendor in vendors:
        if vendor.connector_settings is not None:
            title = f"Connectors with `vendor: {vendor.name}`"
            parts += _table(title, vendor.connector_settings, "", ConnectorSettings)
    if rules is not None:
        parts += _table("The file of rules", rules, "")
    return "\n".join(parts)


def _table(
    title: str, model: type[BaseModel], prefix: str, known: type[BaseModel] | None = None
) -> Iterator[str]:
    """A heading and a table; settings that `known` has alike are left out."""
    rows = list(_rows(model, prefix, known))
    yield f"## {title}\n"
    if not rows:
        yield "Nothing of its own.\n"
        return
    yield "| setting | type | default | secret | meaning |\n|---|---|---|---|---|"
    yield from rows
    yield ""


def _rows(
    model: type[BaseModel],
    prefix: str,
    known: type[BaseModel] | None,
    defaults: BaseModel | None = None,
) -> Iterator[str]:
    """Rows of a group; `defaults` is the group as it is where the file says nothing of it."""
    for name, field in model.model_fields.items():
        if known is not None and _alike(name, field, known.model_fields.get(name)):
            continue
        default = getattr(defaults, name) if defaults else _default_of(field)
        inner, depth = group_of(field.annotation)
        path = prefix + (field.alias or name)
        if inner is None or issubclass(inner, _VENDOR_OWNED):
            yield _row(path, field, default)
            continue
        if not isinstance(default, BaseModel):
            yield _row(path, field, default)
        around = ".NAME" if get_origin(field.annotation) is dict else "[]" * depth
        inherited = default if isinstance(default, BaseModel) else None
        yield from _rows(inner, f"{path}{around}.", None, inherited)


def _alike(name: str, field: FieldInfo, known: FieldInfo | None) -> bool:
    """Whether the common table says it all; the word that picks the table is in its title."""
    if name in {"dialect", "vendor"}:
        return True
    return known is not None and (field.annotation, field.default, field.description) == (
        known.annotation,
        known.default,
        known.description,
    )


def _default_of(field: FieldInfo) -> object:
    return _REQUIRED if field.is_required() else field.get_default(call_default_factory=True)


def _row(path: str, field: FieldInfo, default: object) -> str:
    kind = type_text(field.annotation, tuple(field.metadata))
    secret = "yes" if is_secret(field.annotation) else "no"
    meaning = " ".join((field.description or "").split())
    cells = (f"`{path}`", kind, _written(default, kind), secret, meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _written(default: object, kind: str) -> str:
    if default is _REQUIRED:
        return "required"
    if default is None:
        return "none"
    if default == "":
        return "empty"
    if kind == "duration" and isinstance(default, float):
        return f"`{written(default)}`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, list | tuple):
        return f"`[{', '.join(map(str, default))}]`"
    return f"`{default}`"
