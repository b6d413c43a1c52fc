"""The published JSON Schemas and the model say the same."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import orjson
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from gateway.commands.spec import SCHEMAS, register, schema
from gateway.model import codec
from gateway.model.changes import FIELDS, Set
from gateway.model.codes import Code
from gateway.model.event import Attributes, LeadId, LeadUpdate, Origin, TriggerWishes
from gateway.model.outcome import Attempt, Kind, Outcome, Result
from gateway.model.trigger import Trigger, TriggerKind
from tests.gateway.model import strategies as some

UPDATE, OUTCOME, TRIGGER = (schema(name) for name in SCHEMAS)
ENVELOPE = {"specversion", "type", "source", "datacontenttype", "data", "partitionkey", "subject"}


VALID_UPDATE, VALID_OUTCOME, VALID_TRIGGER = (
    Draft202012Validator(document) for document in (UPDATE, OUTCOME, TRIGGER)
)


def errors(validator: Draft202012Validator, event: dict[str, Any]) -> list[str]:
    """What is wrong with an event."""
    return [error.message for error in validator.iter_errors(event)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    """By JSON Schema's own schema, under its own name."""
    document = schema(name)
    Draft202012Validator.check_schema(document)
    assert document["$id"] == f"https://leadwire.io/schemas/{name}.json"


@some.whole_events
@given(update=some.updates)
def test_every_update_is_valid(update: LeadUpdate) -> None:
    """As the codec writes it."""
    event = codec.structured(codec.update_headers(update), codec.update_value(update))
    assert errors(VALID_UPDATE, event) == []


@some.whole_events
@given(outcome=some.outcomes, update=st.none() | some.updates)
def test_every_outcome_and_dead_letter_is_valid(
    outcome: Outcome, update: LeadUpdate | None
) -> None:
    """As the codec writes them."""
    headers = codec.outcome_headers(outcome)
    assert errors(VALID_OUTCOME, codec.structured(headers, codec.outcome_value(outcome))) == []
    dead = codec.structured(headers, codec.dead_letter_value(outcome, update))
    assert errors(VALID_OUTCOME, dead) == []


@some.whole_events
@given(trigger=some.triggers)
def test_every_trigger_is_valid(trigger: Trigger) -> None:
    """As the codec writes it."""
    event = codec.structured(codec.trigger_headers(trigger), codec.trigger_value(trigger))
    assert errors(VALID_TRIGGER, event) == []


@pytest.mark.parametrize(
    ("document", "kind", "elsewhere"),
    [
        (UPDATE["$defs"]["id"], LeadId, set()),
        (UPDATE["$defs"]["attributes"], Attributes, set()),
        (UPDATE["$defs"]["triggers"], TriggerWishes, set()),
        (UPDATE["$defs"]["origin"], Origin, set()),
        (OUTCOME["$defs"]["attempt"], Attempt, set()),
        (OUTCOME["$defs"]["data"], Outcome, {"tenant", "lead_key"}),
    ],
)
def test_a_part_has_the_fields_of_its_class(
    document: dict[str, Any], kind: type[Any], elsewhere: set[str]
) -> None:
    """No more, no fewer; a dead letter's update is the one addition."""
    known = {field.name for field in fields(kind)} - elsewhere
    assert set(document["properties"]) - {"event"} == known
    assert set(document["required"]) == known
    assert document["additionalProperties"] is False


def test_an_update_has_the_fields_of_its_class() -> None:
    """Those of the envelope under the same names, the others in the data."""
    known = {field.name for field in fields(LeadUpdate)}
    data = set(UPDATE["$defs"]["data"]["properties"])
    assert set(UPDATE["properties"]) - ENVELOPE | (data - {"lead"}) | {"ids", "lead_key"} == known
    assert set(UPDATE["$defs"]["lead"]["properties"]) == {"key", "ids"}


def test_a_trigger_has_the_fields_of_its_class() -> None:
    """Its data is the update."""
    known = {field.name for field in fields(Trigger)} - {"tenant", "lead_key", "data"}
    assert set(TRIGGER["$defs"]["data"]["properties"]) == known | {"update"}


def test_words_are_those_of_the_model() -> None:
    """Every closed set, member for member."""
    data, attempt = OUTCOME["$defs"]["data"]["properties"], OUTCOME["$defs"]["attempt"]
    change = UPDATE["$defs"]["change"]["oneOf"]
    assert UPDATE["$defs"]["changes"]["propertyNames"]["anyOf"][0]["enum"] == list(FIELDS)
    assert data["code"]["enum"] == list(Code)
    assert data["kind"]["enum"] == list(Kind)
    assert attempt["properties"]["result"]["enum"] == list(Result)
    assert TRIGGER["$defs"]["data"]["properties"]["kind"]["enum"] == list(TriggerKind)
    assert [row["properties"]["op"]["const"] for row in change] == ["set", "clear", "keep"]
    assert set(change[0]["properties"]) == {"op", *(field.name for field in fields(Set))}


@pytest.mark.parametrize(
    "spoilt",
    [
        {"tenant": ""},
        {"time": "yesterday"},
        {"id": "1"},
        {"type": "com.example.other"},
        {"surprise": "1"},
        {"data": {}},
    ],
)
def test_what_is_not_ours_is_invalid(spoilt: dict[str, Any]) -> None:
    """The schema is closed where the model is."""
    origin = Origin("noojee", "updateLeadFast")
    update = LeadUpdate(
        id="0198f1c2-7d5e-7c3a-9b1e-0123456789ab",
        time="2025-01-02T03:04:05.678Z",
        tenant="default",
        lead_key="ld_1",
        ids=(),
        changes={},
        attributes=Attributes(),
        triggers=TriggerWishes(),
        origin=origin,
    )
    event = codec.structured(codec.update_headers(update), codec.update_value(update))
    assert errors(VALID_UPDATE, event) == []
    assert len(errors(VALID_UPDATE, event | spoilt)) > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"shoe_size": {"op": "clear"}},
        {"phones.": {"op": "clear"}},
        {"email": {"op": "drop"}},
        {"email": {"op": "set"}},
        {"email": {"op": "clear", "value": None}},
    ],
)
def test_a_change_outside_the_model_is_invalid(changes: dict[str, Any]) -> None:
    """Only canonical fields, only the three ways to change one."""
    document = {**UPDATE, "$ref": "#/$defs/changes", "required": [], "properties": {}}
    del document["additionalProperties"]
    validator = Draft202012Validator(document)
    assert len(errors(validator, changes)) > 0
    assert errors(validator, {"email": {"op": "clear"}, "phones.work": {"op": "keep"}}) == []


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and standard output of the command."""
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, ["spec", "schema", *arguments])
    return result.exit_code, result.stdout


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_command_prints_one_that_is_complete_in_itself(name: str) -> None:
    """With or without the file's ending; everything it refers to is in it."""
    code, printed = run(name)
    assert (code, orjson.loads(printed)) == (0, schema(name))
    assert run(f"{name}.json") == (0, printed)


def test_the_command_prints_all_by_name() -> None:
    """Without a name, as one document."""
    code, printed = run()
    assert (code, orjson.loads(printed)) == (0, {name: schema(name) for name in SCHEMAS})


def test_an_unknown_schema_is_a_usage_error() -> None:
    """Nothing is printed to standard output."""
    assert run("leads.v9") == (2, "")
