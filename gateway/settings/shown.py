"""The settings in force, as YAML without secrets."""

from __future__ import annotations

import re
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr

from gateway.settings.checks import DocumentedLimits, no_limits
from gateway.settings.durations import written
from gateway.settings.model import Settings

MASK = "***"

_USERINFO = re.compile(r"://[^/@?]*@")
_PARAMETER = re.compile(r"([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*", re.I)


def show(settings: Settings, documented_limits: DocumentedLimits = no_limits) -> str:
    """Every setting with its value, defaults included.

    Secrets are `***`. Where a connector has no limits of its own, its vendor's documented ones
    are printed.
    """
    document = plain(settings)
    for name, connector in settings.connectors.items():
        if connector.limits is None:
            limits = documented_limits(name, connector, settings.tenants)
            document["connectors"][name]["limits"] = [
                {"requests": limit.requests, "per": written(limit.per)} for limit in limits
            ]
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return text


def plain(model: BaseModel) -> dict[str, Any]:
    """A model as JSON values: durations as people write them, secrets masked."""
    dumped = model.model_dump(mode="json")
    return {name: _masked(getattr(model, name), dumped[name]) for name in dumped}


def _masked(value: object, dumped: Any) -> Any:
    if isinstance(value, BaseModel):
        return plain(value)
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, dict):
        return {name: _masked(item, dumped[name]) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, shown) for item, shown in zip(value, dumped, strict=True)]
    if isinstance(dumped, str):
        return masked_url(dumped)
    return dumped


def masked_url(text: str) -> str:
    """A URL without its user, and without parameters whose name says that they are secret."""
    return _PARAMETER.sub(rf"\1{MASK}", _USERINFO.sub(f"://{MASK}@", text))
