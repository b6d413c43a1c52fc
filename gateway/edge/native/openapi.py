"""The native API in OpenAPI's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.edge.native import documents as told
from gateway.edge.native import values
from gateway.edge.native.body import LONGEST, MOST_IDS, MOST_UPDATES
from gateway.edge.native.envelopes import BATCH, PLAIN, STRUCTURED
from gateway.edge.native.problems import PROBLEM, TITLES
from gateway.edge.native.reports import PATH
from gateway.edge.native.speech import GET, ONE, POST
from gateway.model.changes import FIELDS

Schema = dict[str, Any]
MODELS: tuple[type[told.NativeDocument], ...] = (
    told.NativeUpdate,
    told.NativeStatus,
    told.NativeProblem,
)
"""What is answered."""
SECURITY = {"key": {"type": "http", "scheme": "bearer", "description": "A credential's `token`."}}
_NAME = {
    "type": "string",
    "pattern": r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$",
    "maxLength": LONGEST,
}
_EVERY = (401, 405, 429, 503)


def paths() -> dict[str, Any]:
    """What the inbound listener serves of it."""
    return {PATH: {"post": _post()}, ONE: {"get": _get()}}


def _post() -> Schema:
    return {
        "operationId": POST,
        "tags": ["lead updates"],
        "summary": "Update leads: one, or up to 100.",
        "description": "Plain JSON, or CloudEvents 1.0 in structured, batch or binary mode (headers"
        " `ce-specversion`, `ce-id`, `ce-source`, `ce-type`), whose data is the same; then `source`"
        " and `id` are the idempotency key.",
        "security": [{"key": []}],
        "parameters": [_header(name, meaning) for name, meaning in _HEADERS.items()],
        "requestBody": {
            "required": True,
            "content": {
                PLAIN: {"schema": _ref("LeadUpdates")},
                STRUCTURED: {"schema": _ref("LeadUpdatesEvent")},
                BATCH: {"schema": _some(_ref("LeadUpdatesEvent"))},
            },
        },
        "responses": {
            "200": _taken(
                "The outcomes, which the call waited for; or what would happen, of a dry run.",
                _WAITED,
                _ref("Explained"),
            ),
            "202": _taken("Safe; the outcome is still to come.", _SAFE),
            **problems((400, 413, 415, 422, *_EVERY)),
        },
    }


def _get() -> Schema:
    status = {"schema": _ref("NativeStatus")}
    id_ = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "operationId": GET,
        "tags": ["lead updates"],
        "summary": "What became of an update of this key's tenant.",
        "security": [{"key": []}],
        "parameters": [id_],
        "responses": {
            "200": {"description": "Its deliveries.", "content": {PLAIN: status}},
            **problems((404, *_EVERY)),
        },
    }


_HEADERS: Mapping[str, str] = {
    "Idempotency-Key": "Makes repeats of the call one, for 24 hours; quoted or bare.",
    "Prefer": "`wait=N`: answer with the outcome, if it comes within N seconds (60 at most).",
    "traceparent": "The trace (W3C) that the update goes on with.",
    "X-Leadwire-Dry-Run": "`1`: say what would happen; nothing is sent, nothing is kept.",
}
_EVENT_ID = {"X-Leadwire-Event-Id": "The ids of the updates, in order, with commas between."}
_WAITED = {
    **_EVENT_ID,
    "X-Leadwire-Outcome": "`CONNECTOR=OUTCOME` of each update, with commas between.",
    "Preference-Applied": "How long the call would have waited.",
    "X-Leadwire-Dry-Run": "`1` where the call only asked what would happen.",
}
_SAFE = {**_EVENT_ID, "Location": "Of one update: where to ask what became of it."}
_LEFT = {
    "RateLimit-Policy": "The quota of a credential that has one.",
    "RateLimit": "What is left of it.",
}


def _header(name: str, meaning: str) -> Schema:
    return {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}


def _told(headers: Mapping[str, str]) -> Schema:
    return {
        name: {"description": meaning, "schema": {"type": "string"}}
        for name, meaning in headers.items()
    }


def _taken(meaning: str, headers: Mapping[str, str], *others: Schema) -> Schema:
    one = _ref("NativeUpdate")
    schema = {"oneOf": [one, {"type": "array", "items": one}, *others]}
    return {
        "description": meaning,
        "headers": _told({**headers, **_LEFT}),
        "content": {PLAIN: {"schema": schema}},
    }


_MORE: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": "What is wanted."},
    405: {"Allow": "The methods that this path takes."},
    415: {"Accept-Post": "The media types that are spoken."},
    429: {"Retry-After": "Seconds until the next call is taken.", **_LEFT},
    503: {"Retry-After": "Seconds to wait before the same call again.", **_EVENT_ID},
}
"""Headers of refusals."""


def problems(statuses: tuple[int, ...]) -> Schema:
    """Refusals by status."""
    content = {PROBLEM: {"schema": _ref("NativeProblem")}}
    return {
        str(status): {
            "description": TITLES[status],
            "headers": _told(_MORE.get(status, {})),
            "content": content,
        }
        for status in sorted(statuses)
    }


# --- bodies -------------------------------------------------------------------------------


def schemas() -> dict[str, Schema]:
    """What may be posted."""
    kinds = {_change_name(field): _change(field) for field in FIELDS}
    return {
        "LeadUpdates": {"anyOf": [_ref("LeadUpdate"), _some(_ref("LeadUpdate"))]},
        "LeadUpdate": _object(
            {
                "lead": _object({"ids": {**_some(_ref("LeadId")), "maxItems": MOST_IDS}}, "ids"),
                "changes": {
                    **_object({field: _ref(_change_name(field)) for field in FIELDS}),
                    "patternProperties": {"^phones[.].+$": _ref(_change_name("phones.primary"))},
                    "description": "Canonical fields: a bare value sets, null clears.",
                },
                "attributes": {
                    "type": "object",
                    "description": "What has no canonical field, as a merge patch (RFC 7396); or"
                    " `mode` (`merge` or `replace`) and `patch`.",
                },
                "post_updated_lead": {
                    "type": "boolean",
                    "description": "Whether automations hear of it once it is applied.",
                },
            },
            "lead",
        ),
        "LeadId": _object(
            {
                "system": {**_NAME, "description": "Whose id; default the credential's `system`."},
                "id": _NAME,
                "scope": {
                    "type": "object",
                    "propertyNames": _NAME,
                    "additionalProperties": _NAME,
                    "maxProperties": MOST_IDS,
                    "description": "What narrows the id inside its system.",
                },
            },
            "id",
        ),
        "LeadUpdatesEvent": _event(),
        **kinds,
    }


def _event() -> Schema:
    """A CloudEvent; extensions are its other members."""
    required = ["specversion", "id", "source", "type", "data"]
    text = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "required": required,
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text,
            "source": text,
            "type": text,
            "datacontenttype": {"const": PLAIN},
            "traceparent": {"type": "string"},
            "data": _ref("LeadUpdates"),
        },
    }


def _change_name(field: str) -> str:
    return f"{values.kind_of(field).name}Change"


def _change(field: str) -> Schema:
    """A bare value, null, or an object with `op`."""
    value = values.kind_of(field).schema
    given = {"op": {"const": "set"}, "value": value, "raw": {}}
    if field.startswith("phones."):
        given["e164"] = {"type": "string", "pattern": values.E164}
    return {
        "anyOf": [
            value,
            {"type": "null"},
            _object({"op": {"enum": ["clear", "keep"]}}, "op"),
            _object(given, "op", "value"),
        ]
    }


def _object(properties: Mapping[str, Any], *required: str) -> Schema:
    told: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**told, "required": list(required)} if required else told


def _some(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": MOST_UPDATES}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
