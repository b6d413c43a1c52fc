"""The OpenAPI document of both listeners: the native API that callers use, and the admin API."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway import __version__
from gateway.edge.admin import openapi as admin
from gateway.edge.native import openapi as native

CALLERS = {"url": "http://127.0.0.1:8080", "description": "The inbound listener (`server`)."}
OPERATORS = {"url": "http://127.0.0.1:8081", "description": "The admin listener (`admin`)."}


def document() -> dict[str, Any]:
    """OpenAPI 3.1. Each path names the listener that serves it, at its default address."""
    paths = {path: {"servers": [CALLERS], **told} for path, told in native.paths().items()}
    paths |= {path: {"servers": [OPERATORS], **told} for path, told in admin.paths().items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "leadwire",
            "version": __version__,
            "description": "The native API for lead updates; metrics, health, and operations on"
            " what is kept. Vendors' own APIs are described by the vendors.",
        },
        "paths": paths,
        "components": {
            "schemas": _schemas() | native.schemas(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`admin.token`."},
                **native.SECURITY,
            },
        },
    }


def _schemas() -> dict[str, Any]:
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = []
    models += [(model, "serialization") for model in (*admin.answered(), *native.MODELS)]
    models += [(model, "validation") for model in admin.asked()]
    models.sort(key=lambda pair: pair[0].__name__)
    _, told = models_json_schema(models, ref_template="#/components/schemas/{model}")
    definitions: dict[str, Any] = told["$defs"]
    return definitions
