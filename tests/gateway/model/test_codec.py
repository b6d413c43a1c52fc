"""The codec: canonical events to log records and back, byte for byte."""

from __future__ import annotations

from dataclasses import fields
from types import MappingProxyType

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import codec
from gateway.model.changes import CLEAR, KEEP, Set
from gateway.model.codec import Headers
from gateway.model.codes import Code
from gateway.model.event import Attributes, LeadId, LeadUpdate, Origin, TriggerWishes
from gateway.model.outcome import Attempt, Kind, Outcome, Result
from gateway.model.trigger import Trigger, TriggerKind
from tests.gateway.model import strategies as some

UPDATE = LeadUpdate(
    id="0198f1c2-7d5e-7c3a-9b1e-0123456789ab",
    time="2025-01-02T03:04:05.678Z",
    tenant="default",
    lead_key="ld_1",
    ids=(LeadId("noojee-au", "9856", (("allocation_id", "38"),)),),
    changes={
        "full_name": Set("Jane Smith"),
        "phones.primary": Set("0383218199", e164="+61383218199"),
        "phones.secondary": KEEP,
        "disposition": Set("Sale"),
        "email": CLEAR,
    },
    attributes=Attributes("merge", {"StreetAddress": "Suite 8/10 Hoddle St"}),
    triggers=TriggerWishes(),
    origin=Origin("noojee", "updateLeadFast", "noojee-au", None, {"allocation_id": "38"}),
    connectors=("noojee-au", "lsq"),
    authority="noojee-au",
    followers="after_authority",
    replyto="7",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)
DATA = {
    "lead": {
        "key": "ld_1",
        "ids": [{"system": "noojee-au", "scope": {"allocation_id": "38"}, "id": "9856"}],
    },
    "changes": {
        "full_name": {"op": "set", "value": "Jane Smith"},
        "phones.primary": {"op": "set", "value": "0383218199", "e164": "+61383218199"},
        "phones.secondary": {"op": "keep"},
        "disposition": {"op": "set", "value": "Sale"},
        "email": {"op": "clear"},
    },
    "attributes": {"mode": "merge", "patch": {"StreetAddress": "Suite 8/10 Hoddle St"}},
    "triggers": {"post_updated_lead": False, "disposition_actions": True},
    "origin": {
        "dialect": "noojee",
        "operation": "updateLeadFast",
        "batch": None,
        "scope": {"allocation_id": "38"},
        "system": "noojee-au",
        "names": {},
        "hops": 0,
    },
}
OUTCOME = Outcome(
    event_id=UPDATE.id,
    connector="lsq",
    kind=Kind.REJECTED,
    code=Code.DUPLICATE_PHONE,
    tenant="default",
    lead_key="ld_1",
    message="already there",
    status=409,
    attempts=(Attempt(1, UPDATE.time, 0.25, Result.REFUSED, 409, "already there"),),
    dropped=("tags",),
    details={"existing_lead_id": "12"},
    time="2025-01-02T03:04:06.000Z",
)
TRIGGER = Trigger(
    TriggerKind.DISPOSITION_ACTION,
    UPDATE.id,
    "lsq",
    "default",
    "ld_1",
    codec.trigger_data(UPDATE, ["tags"]),
    OUTCOME.time,
)


def test_an_update_is_a_cloudevent_in_binary_mode() -> None:
    """Envelope in headers, data in the value; the exact record."""
    assert codec.update_headers(UPDATE) == (
        ("ce_specversion", "1.0"),
        ("ce_id", "0198f1c2-7d5e-7c3a-9b1e-0123456789ab"),
        ("ce_source", "/default/noojee"),
        ("ce_type", "io.leadwire.lead.update.requested.v1"),
        ("ce_time", "2025-01-02T03:04:05.678Z"),
        ("ce_subject", "ld_1"),
        ("ce_partitionkey", "ld_1"),
        ("ce_tenant", "default"),
        ("ce_connectors", "noojee-au,lsq"),
        ("ce_authority", "noojee-au"),
        ("ce_followers", "after_authority"),
        ("ce_replyto", "7"),
        ("ce_traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("content-type", "application/json"),
    )
    assert codec.update_value(UPDATE) == orjson.dumps(DATA)


def test_an_outcome_is_a_cloudevent_of_its_kind() -> None:
    """Its id is that of event, connector and round."""
    assert codec.outcome_headers(OUTCOME) == (
        ("ce_specversion", "1.0"),
        ("ce_id", OUTCOME.id),
        ("ce_source", "/default/connectors/lsq"),
        ("ce_type", "io.leadwire.lead.update.rejected.v1"),
        ("ce_time", "2025-01-02T03:04:06.000Z"),
        ("ce_subject", "ld_1"),
        ("ce_partitionkey", "ld_1"),
        ("ce_tenant", "default"),
        ("ce_connector", "lsq"),
        ("content-type", "application/json"),
    )
    assert orjson.loads(codec.outcome_value(OUTCOME)) == {
        "event_id": UPDATE.id,
        "connector": "lsq",
        "round": 1,
        "kind": "rejected",
        "code": "duplicate_phone",
        "message": "already there",
        "status": 409,
        "attempts": [
            {
                "number": 1,
                "at": "2025-01-02T03:04:05.678Z",
                "seconds": 0.25,
                "result": "refused",
                "status": 409,
                "message": "already there",
            }
        ],
        "dropped": ["tags"],
        "details": {"existing_lead_id": "12"},
        "snapshot": None,
        "time": "2025-01-02T03:04:06.000Z",
    }


def test_a_trigger_carries_the_update_and_what_was_left_out() -> None:
    """Automations need nothing else."""
    headers = dict(codec.trigger_headers(TRIGGER))
    assert headers["ce_type"] == "io.leadwire.trigger.dispositionAction.v1"
    assert headers["ce_id"] == TRIGGER.id
    assert orjson.loads(codec.trigger_value(TRIGGER)) == {
        "event_id": UPDATE.id,
        "connector": "lsq",
        "kind": "dispositionAction",
        "update": {**DATA, "dropped": ["tags"]},
        "before": {},
        "time": "2025-01-02T03:04:06.000Z",
    }


def test_a_structured_event_is_one_object() -> None:
    """The attributes people look for come first, then the data, then the extensions."""
    event = codec.structured(codec.update_headers(UPDATE), codec.update_value(UPDATE))
    assert list(event.items()) == [
        ("specversion", "1.0"),
        ("id", UPDATE.id),
        ("type", "io.leadwire.lead.update.requested.v1"),
        ("source", "/default/noojee"),
        ("subject", "ld_1"),
        ("time", UPDATE.time),
        ("datacontenttype", "application/json"),
        ("data", DATA),
        ("partitionkey", "ld_1"),
        ("tenant", "default"),
        ("connectors", "noojee-au,lsq"),
        ("authority", "noojee-au"),
        ("followers", "after_authority"),
        ("replyto", "7"),
        ("traceparent", UPDATE.traceparent),
    ]


def test_a_dead_letter_is_the_outcome_with_its_update() -> None:
    """So it can be redriven when the log has let go of the update."""
    value = orjson.loads(codec.dead_letter_value(OUTCOME, UPDATE))
    assert value.pop("event") == codec.structured(
        codec.update_headers(UPDATE), codec.update_value(UPDATE)
    )
    assert value == orjson.loads(codec.outcome_value(OUTCOME))


@some.whole_events
@given(update=some.updates)
def test_every_update_comes_back_as_it_was(update: LeadUpdate) -> None:
    """Through headers and value."""
    read = codec.read_update(codec.update_headers(update), codec.update_value(update))
    assert read == update
    assert hash(read.ids) == hash(update.ids)


@some.whole_events
@given(outcome=some.outcomes)
def test_every_outcome_comes_back_as_it_was(outcome: Outcome) -> None:
    """Through headers and value."""
    headers, value = codec.outcome_headers(outcome), codec.outcome_value(outcome)
    assert codec.read_outcome(headers, value) == outcome


@some.whole_events
@given(outcome=some.outcomes, update=st.none() | some.updates)
def test_every_dead_letter_comes_back_as_it_was(
    outcome: Outcome, update: LeadUpdate | None
) -> None:
    """Both halves, and it can be read as an outcome too."""
    headers, value = codec.outcome_headers(outcome), codec.dead_letter_value(outcome, update)
    assert codec.read_dead_letter(headers, value) == (outcome, update)
    assert codec.read_outcome(headers, value) == outcome


@some.whole_events
@given(trigger=some.triggers)
def test_every_trigger_comes_back_as_it_was(trigger: Trigger) -> None:
    """Through headers and value."""
    headers, value = codec.trigger_headers(trigger), codec.trigger_value(trigger)
    assert codec.read_trigger(headers, value) == trigger


def test_what_is_read_is_sealed() -> None:
    """Events are values: nobody changes one by mistake."""
    read = codec.read_update(codec.update_headers(UPDATE), codec.update_value(UPDATE))
    change = read.changes["disposition"]
    for value in (read, read.ids[0], read.origin, read.attributes, read.triggers, change):
        with pytest.raises(AttributeError):
            setattr(value, fields(value)[0].name, "other")


def test_read_only_mappings_are_written_as_objects() -> None:
    """A caller may hand over any mapping."""
    sealed = Attributes("merge", MappingProxyType({"a": MappingProxyType({"b": 1})}))
    update = LeadUpdate(
        UPDATE.id, UPDATE.time, "t", "k", (), {}, sealed, TriggerWishes(), UPDATE.origin
    )
    data = orjson.loads(codec.update_value(update))
    assert data["attributes"]["patch"] == {"a": {"b": 1}}


def test_an_integer_no_log_can_hold_is_refused() -> None:
    """Rather than written as something else."""
    sealed = Attributes("merge", {"a": 1 << 64})
    update = LeadUpdate(
        UPDATE.id, UPDATE.time, "t", "k", (), {}, sealed, TriggerWishes(), UPDATE.origin
    )
    with pytest.raises(TypeError):
        codec.update_value(update)


def without(headers: Headers, *names: str) -> Headers:
    """The headers but these."""
    return tuple((name, value) for name, value in headers if name not in names)


HEADERS, VALUE = codec.update_headers(UPDATE), codec.update_value(UPDATE)


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        pytest.param((), VALUE, id="no envelope"),
        pytest.param(without(HEADERS, "ce_specversion"), VALUE, id="no version"),
        pytest.param(without(HEADERS, "ce_id"), VALUE, id="no id"),
        pytest.param(codec.outcome_headers(OUTCOME), VALUE, id="another type"),
        pytest.param(HEADERS, b"", id="no data"),
        pytest.param(HEADERS, b"{", id="not JSON"),
        pytest.param(HEADERS, b"[]", id="a list"),
        pytest.param(HEADERS, b"null", id="null"),
        pytest.param(HEADERS, b"{}", id="an empty object"),
        pytest.param(HEADERS, VALUE.replace(b'"keep"', b'"drop"'), id="an unknown change"),
        pytest.param(HEADERS, VALUE.replace(b'"merge"', b'"mix"'), id="an unknown mode"),
        pytest.param(
            (*without(HEADERS, "ce_followers"), ("ce_followers", "never")), VALUE, id="followers"
        ),
    ],
)
def test_a_foreign_record_is_not_an_update(headers: Headers, value: bytes) -> None:
    """Whatever is wrong with it, it is one ValueError."""
    with pytest.raises(ValueError, match=r"^not a lead update: "):
        codec.read_update(headers, value)


def test_a_foreign_record_is_none_of_the_others() -> None:
    """Outcomes, dead letters, triggers and CloudEvents refuse it as well."""
    for read, what in (
        (codec.read_outcome, "an outcome"),
        (codec.read_dead_letter, "a dead letter"),
        (codec.read_trigger, "a trigger"),
    ):
        with pytest.raises(ValueError, match=f"^not {what}: "):
            read(HEADERS, VALUE)
    with pytest.raises(ValueError, match=r"^not a CloudEvent: "):
        codec.structured(without(HEADERS, "ce_id"), VALUE)
    with pytest.raises(ValueError, match=r"^not an outcome: "):
        codec.read_outcome(
            without(codec.outcome_headers(OUTCOME), "ce_type"), codec.outcome_value(OUTCOME)
        )


def test_fields_of_later_versions_are_passed_over() -> None:
    """An older reader beside a newer writer goes on."""
    value = orjson.dumps({**DATA, "later": 1})
    assert codec.read_update((*HEADERS, ("ce_later", "1")), value) == UPDATE


def test_the_order_of_a_scope_says_nothing() -> None:
    """An id is the same id however its scope was written."""
    ids = [{"system": "s", "id": "1", "scope": {"b": "2", "a": "1"}}]
    value = orjson.dumps({**DATA, "lead": {"key": "ld_1", "ids": ids}})
    expected = (LeadId("s", "1", (("a", "1"), ("b", "2"))),)
    assert codec.read_update(HEADERS, value).ids == expected
