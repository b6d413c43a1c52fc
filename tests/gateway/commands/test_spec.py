"""The document for those who read the topics themselves, held against records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from gateway.commands.asyncapi import asyncapi
from gateway.commands.spec import SCHEMAS, print_asyncapi, published
from gateway.model.codec import (
    outcome_headers,
    outcome_value,
    trigger_headers,
    trigger_value,
    update_headers,
    update_value,
)
from tests.gateway.model.test_codec import OUTCOME, TRIGGER, UPDATE

SPEC = asyncapi("mine", {name: published(name) for name in SCHEMAS})
RECORDS = {
    "updates": (update_headers(UPDATE), update_value(UPDATE)),
    "outcomes": (outcome_headers(OUTCOME), outcome_value(OUTCOME)),
    "triggers": (trigger_headers(TRIGGER), trigger_value(TRIGGER)),
}


def references(value: Any) -> Iterator[str]:
    """Every `$ref`."""
    if isinstance(value, dict):
        yield from (text for name, text in value.items() if name == "$ref")
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from references(inner)


def at(place: str) -> Any:
    """What a reference refers to; raises KeyError."""
    assert place.startswith("#/")
    found: Any = SPEC
    for step in place.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_every_topic_of_ours_is_described() -> None:
    """By its whole name; replies are our own affair."""
    addresses = [channel["address"] for channel in SPEC["channels"].values()]
    assert addresses == ["mine.updates", "mine.outcomes", "mine.triggers", "mine.dead-letters"]


def test_every_reference_leads_somewhere() -> None:
    """In the document itself."""
    for place in references(SPEC):
        assert isinstance(at(place), dict), place


@pytest.mark.parametrize("topic", RECORDS)
def test_records_are_as_described(topic: str) -> None:
    """Value and headers."""
    headers, value = RECORDS[topic]
    message = SPEC["components"]["messages"][topic]
    pairs = (message["payload"], orjson.loads(value)), (message["headers"], dict(headers))
    for told, given in pairs:
        validator = Draft202012Validator({**told, "components": SPEC["components"]})
        assert [error.message for error in validator.iter_errors(given)] == []


def test_it_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With the names that the topics have."""
    print_asyncapi("mine")
    assert orjson.loads(capsys.readouterr().out) == SPEC
