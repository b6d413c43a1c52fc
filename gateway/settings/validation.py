"""From plain values to settings: every part by the model that knows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.settings.document import Document, Tree
from gateway.settings.model import ConnectorSettings, CredentialSettings, Settings
from gateway.settings.problems import Path, nearest
from gateway.settings.shapes import model_at

Model = TypeVar("Model", bound=BaseModel)


class Named(Protocol):
    """Something with a name."""

    @property
    def name(self) -> str:
        """By which the file means it."""


class VendorSettings(Protocol):
    """What a vendor brings to the configuration."""

    @property
    def name(self) -> str:
        """Its word in `dialect:` and `vendor:`."""

    @property
    def credential_settings(self) -> type[CredentialSettings] | None:
        """Settings of an inbound key of its dialect; None where it only is delivered to."""

    @property
    def connector_settings(self) -> type[ConnectorSettings] | None:
        """Settings of a connector to it; None where it only calls."""

    @property
    def payloads(self) -> Sequence[Named]:
        """Forms of an update that a connector may be told to post."""


def validate(document: Document, vendors: Sequence[VendorSettings]) -> Settings | None:
    """The settings in a document; None, and the problems noted there, where it has any."""
    tree: dict[str, Any] = dict(document.tree)
    tree["connectors"] = _connectors(document, tree.get("connectors"), vendors)
    tree["tenants"] = _tenants(document, tree.get("tenants"), vendors)
    given = {key: value for key, value in tree.items() if key in document.tree}
    settings = part(document, (), Settings, given)
    return None if document.problems else settings


def _connectors(document: Document, raw: Tree, vendors: Sequence[VendorSettings]) -> object:
    if not isinstance(raw, dict):
        return raw
    models = {v.name: v.connector_settings for v in vendors if v.connector_settings is not None}
    context = {"payloads": {payload.name for vendor in vendors for payload in vendor.payloads}}
    valid = {
        name: _by_word(document, ("connectors", name), value, "vendor", models, context)
        for name, value in raw.items()
    }
    return {name: value for name, value in valid.items() if value is not None}


def _tenants(document: Document, raw: Tree, vendors: Sequence[VendorSettings]) -> object:
    if not isinstance(raw, dict):
        return raw
    models = {v.name: v.credential_settings for v in vendors if v.credential_settings is not None}
    tenants: dict[str, object] = {}
    for name, tenant in raw.items():
        tenants[name] = tenant
        if isinstance(tenant, dict) and isinstance(tenant.get("credentials"), list):
            path = ("tenants", name, "credentials")
            tenants[name] = {**tenant, "credentials": _credentials(document, path, tenant, models)}
    return tenants


def _credentials(
    document: Document,
    path: Path,
    tenant: Mapping[str, Tree],
    models: Mapping[str, type[CredentialSettings]],
) -> list[CredentialSettings]:
    raw = tenant["credentials"]
    items = raw if isinstance(raw, list) else []
    valid = [
        _by_word(document, (*path, n), value, "dialect", models) for n, value in enumerate(items)
    ]
    return [value for value in valid if value is not None]


def _by_word(
    document: Document,
    path: Path,
    raw: Tree,
    word: str,
    models: Mapping[str, type[Model]],
    context: Mapping[str, object] | None = None,
) -> Model | None:
    """Validate a group by the model that one of its words picks; `context` is what texts are
    checked against that no model knows."""
    if not isinstance(raw, dict):
        document.complain(path, _TEXTS["model_type"])
        return None
    picked = raw.get(word)
    if picked is None:
        document.complain((*path, word), f"is required: one of {', '.join(sorted(models))}")
        return None
    if not isinstance(picked, str) or picked not in models:
        text = f"there is no {word} {picked!r}{nearest(str(picked), models)}"
        document.complain((*path, word), text)
        return None
    return part(document, path, models[picked], raw, context)


def part(
    document: Document,
    path: Path,
    model: type[Model],
    raw: Mapping[str, Any],
    context: Mapping[str, object] | None = None,
) -> Model | None:
    """A group of a document by its model; None, and the problems noted, where it has any.
    `context` is what texts are checked against that no model knows."""
    try:
        return model.model_validate(dict(raw), context=context)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            where = _where(raw, detail["loc"])
            text = _text(model, where, detail["type"], detail["msg"])
            document.complain((*path, *where), text)
        return None


def _where(raw: object, location: Path) -> Path:
    """A location without the parts that pydantic adds for unions."""
    where: Path = ()
    for position, step in enumerate(location):
        inside = raw.get(step) if isinstance(raw, Mapping) else None
        if isinstance(raw, list) and isinstance(step, int) and step < len(raw):
            inside = raw[step]
        named = isinstance(raw, Mapping) and position == len(location) - 1
        if inside is not None or named:
            where, raw = (*where, step), inside
    return where


_TEXTS = {
    "missing": "is required",
    "string_type": "should be a text: put it in quotes",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "list_type": "should be a list",
    "dict_type": "should be a group of settings",
    "model_type": "should be a group of settings",
}


def _text(model: type[BaseModel], where: Path, kind: str, message: str) -> str:
    """Pydantic's complaint in the words of the file."""
    if kind == "extra_forbidden":
        group = model_at(model, where[:-1])
        return f"unknown key{nearest(str(where[-1]), group.model_fields if group else ())}"
    plain = message.removeprefix("Value error, ").replace("Input should", "should", 1)
    return _TEXTS.get(kind, plain[:1].lower() + plain[1:])
