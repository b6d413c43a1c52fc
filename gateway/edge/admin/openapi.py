"""The admin API in OpenAPI's words, made from the table that is served."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from gateway.edge.admin import documents as told
from gateway.edge.admin.endpoints import (
    ENDPOINTS,
    EVENTS,
    EVENTS_QUERY,
    Endpoint,
    Parameter,
)

PLAIN = (
    ("/metrics", "getMetrics", "Metrics in Prometheus's text format.", "text/plain"),
    ("/healthz", "getHealth", "200 while the process runs.", "text/plain"),
    ("/openapi.json", "getOpenapi", "This document.", "application/json"),
)
"""Paths that answer 200 to anybody: path, name, meaning, content type."""
_EVERY = (400, 401, 403, 503)


def answered() -> set[type[told.Document]]:
    """Every document that is answered."""
    return {endpoint.answer for endpoint in ENDPOINTS} | {told.Readiness, told.Problem}


def asked() -> set[type[told.Document]]:
    """Every document that is asked with."""
    return {endpoint.body for endpoint in ENDPOINTS if endpoint.body is not None}


def paths() -> dict[str, Any]:
    """What the admin listener serves."""
    served: dict[str, dict[str, Any]] = {path: {"get": _plain(*rest)} for path, *rest in PLAIN}
    served["/readyz"] = {"get": _ready()}
    served[EVENTS] = {"get": _events()}
    for endpoint in ENDPOINTS:
        served.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return served


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.meaning,
        "security": [{"token": []}, {}],
        "parameters": [*_in_path(endpoint.path), *map(_in_query, endpoint.query)],
        "responses": {
            "200": {"description": "Done.", "content": _json(endpoint.answer)},
            **_problems((*_EVERY, *endpoint.refusals)),
        },
    }
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(endpoint.body)}
    return operation


def _events() -> dict[str, Any]:
    stream = {"application/x-ndjson": {"schema": {"type": "object"}}}
    return {
        "operationId": "listEvents",
        "summary": "A topic as structured CloudEvents, one a line, oldest first.",
        "security": [{"token": []}, {}],
        "parameters": [_in_query(parameter) for parameter in EVENTS_QUERY],
        "responses": {
            "200": {
                "description": "JSON Lines.",
                "headers": {
                    "X-Leadwire-Position": {
                        "description": "With `limit`: the `position` of the next page.",
                        "schema": {"type": "string"},
                    }
                },
                "content": stream,
            },
            **_problems(_EVERY),
        },
    }


def _ready() -> dict[str, Any]:
    return {
        "operationId": "getReadiness",
        "summary": "Whether calls can be accepted.",
        "responses": {
            "200": {"description": "They can.", "content": _json(told.Readiness)},
            "503": {"description": "They can't; it says why.", "content": _json(told.Readiness)},
        },
    }


def _plain(name: str, meaning: str, content_type: str) -> dict[str, Any]:
    content = {content_type: {"schema": {"type": "object" if "json" in content_type else "string"}}}
    return {
        "operationId": name,
        "summary": meaning,
        "responses": {"200": {"description": "As asked.", "content": content}},
    }


def _problems(statuses: tuple[int, ...]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": _ref(told.Problem)}}}
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": content}
        for status in sorted(statuses)
    }


def _in_path(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _in_query(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.meaning,
        "schema": {"type": "string"},
    }


def _json(model: type[told.Document]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _ref(model)}}}


def _ref(model: type[told.Document]) -> str:
    return f"#/components/schemas/{model.__name__}"
