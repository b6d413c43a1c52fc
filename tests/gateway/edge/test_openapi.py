"""The OpenAPI document: whole, and true of what the native API takes."""

from __future__ import annotations

import re
from functools import cache

import jsonschema
import orjson
import pytest
from hypothesis import given

from gateway.dialect import RequestedUpdate
from gateway.edge.native import NATIVE
from gateway.edge.openapi import document
from tests.gateway.edge.native import test_body, test_envelopes
from tests.gateway.edge.native.calls import LEAD, SALE, spelt, updates
from tests.gateway.model.strategies import whole_events


def test_it_refers_to_nothing_that_is_not_there() -> None:
    """Every reference has its schema, every operation a name of its own."""
    told = document()
    schemas = told["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", repr(told))) == set(schemas)
    names = [
        operation["operationId"]
        for path in told["paths"].values()
        for method, operation in path.items()
        if method != "servers"
    ]
    assert sorted(names) == sorted(set(names))
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_it_tells_of_every_route_of_the_native_api() -> None:
    """And each path names the listener that serves it."""
    told = document()["paths"]
    for route in NATIVE.dialect.routes:
        assert told[route.path][route.method.lower()]["operationId"] == route.operation
        assert told[route.path]["servers"][0]["url"] == "http://127.0.0.1:8080"
    assert told["/admin/v1/connectors"]["servers"][0]["url"] == "http://127.0.0.1:8081"


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    """A schema of the document."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    return jsonschema.Draft202012Validator(schema)


def fits(name: str, body: object) -> bool:
    """Whether a body is as the document says."""
    return bool(validator(name).is_valid(orjson.loads(orjson.dumps(body, default=dict))))


@whole_events
@given(updates)
def test_what_can_be_said_is_as_it_says(update: RequestedUpdate) -> None:
    """Every update, alone and among others."""
    assert fits("LeadUpdates", spelt(update))
    assert fits("LeadUpdates", [SALE, spelt(update)])


UNSAID = ({"system": "phone", "id": "12"}, "0001-01-01T00:00:00+14:00", "replce")
"""What a schema can't say: a number that nobody has, a time before time, a misspelt mode."""
REFUSED = [body for body, _ in test_body.WRONG if not any(repr(u) in repr(body) for u in UNSAID)]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_is_refused_is_not_as_it_says(number: int) -> None:
    """Neither plain nor in an event."""
    body = REFUSED[number]
    if body == {"lead": LEAD, "attributes": {"mode": "merge", "patch": []}}:
        assert fits("LeadUpdates", body)
        return
    assert not fits("LeadUpdates", body)
    assert not fits("LeadUpdatesEvent", {**test_envelopes.GOOD, "data": body})


def test_an_event_is_as_it_says() -> None:
    """With any type and extension."""
    assert fits("LeadUpdatesEvent", {**test_envelopes.GOOD, "type": "x", "anything": 1})
    for name in ("id", "source", "type", "specversion", "data"):
        event = {key: value for key, value in test_envelopes.GOOD.items() if key != name}
        assert not fits("LeadUpdatesEvent", event)
