"""What a rule wants done, as it waits for its turn: a record whose update is that of its trigger.

An action has the update's place in the engine: its lead, its order. So it is parked, tried again,
condemned and redriven as an update is, under the action's own id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import orjson

from gateway.model.codec import Headers, read_enveloped, update_data, update_headers
from gateway.model.event import UPDATE_REQUESTED, LeadUpdate
from gateway.model.ids import derived_id
from gateway.model.json import JsonObject, JsonValue

ACTION_REQUESTED = "io.leadwire.action.requested.v1"
DIALECT = "automation"
"""Whose updates those of our own actions are."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to be done because of one fact."""

    update: LeadUpdate
    """The fact's update, under the action's id."""
    kind: str
    """`webhook`, `update_lead`, `log`."""
    rule: str
    name: str
    """Of the action inside its rule."""
    version: str
    """Of the rules."""
    call: JsonObject
    """What the rule says is to be done; no secret."""
    fact: JsonObject
    """`id`, `kind`, `event_id`, `connector`, `time` of what fired."""
    before: JsonObject
    """Canonical fields and `attributes.NAME` -> what they were."""

    @property
    def id(self) -> str:
        """UUIDv5 of trigger, rule and action."""
        return self.update.id


def action_id(fact_id: str, rule: str, name: str) -> str:
    """The id of an action, the same whenever its trigger is seen."""
    return derived_id(f"{fact_id}/{rule}/{name}")


def action_headers(action: Action) -> Headers:
    """The envelope of an action's record."""
    mine = {"ce_type": ACTION_REQUESTED}
    return tuple((name, mine.get(name, text)) for name, text in update_headers(action.update))


def action_value(action: Action) -> bytes:
    """The value of an action's record."""
    told = {
        "update": update_data(action.update),
        "kind": action.kind,
        "rule": action.rule,
        "name": action.name,
        "version": action.version,
        "call": action.call,
        "fact": action.fact,
        "before": action.before,
    }
    return orjson.dumps(told, default=dict)


def told_headers(action: Action) -> Headers:
    """The envelope under which others are told of what fired: a CloudEvent with the action's id."""
    update = action.update
    return (
        ("ce_specversion", "1.0"),
        ("ce_id", action.id),
        ("ce_type", told_type(action)),
        ("ce_source", update.source),
        ("ce_subject", update.lead_key),
        ("ce_time", update.time),
        ("ce_tenant", update.tenant),
        ("content-type", "application/json"),
    )


def told_type(action: Action) -> str:
    """What kind of event others are told of."""
    return f"io.leadwire.trigger.{action.fact['kind']}.v1"


def told_data(action: Action) -> dict[str, JsonValue]:
    """What others are told: what fired, the update, and what was before."""
    update: Any = update_data(action.update)
    return {**action.fact, "rule": action.rule, "update": update, "before": action.before}


def is_action(envelope: dict[str, str]) -> bool:
    """Whether a record with these headers is one."""
    return envelope.get("ce_type") == ACTION_REQUESTED


def read_action(envelope: dict[str, str], value: bytes) -> Action:
    """The action of a record. Raises ValueError for one that is not ours."""
    try:
        told: Any = orjson.loads(value)
        update = read_enveloped(
            envelope | {"ce_type": UPDATE_REQUESTED}, orjson.dumps(told["update"])
        )
        return Action(
            update,
            told["kind"],
            told["rule"],
            told["name"],
            told["version"],
            told["call"],
            told["fact"],
            told["before"],
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise ValueError(f"not an action: {type(problem).__name__} {problem}") from problem


def addressed(update: LeadUpdate, id: str, consumer: str) -> LeadUpdate:
    """A fact's update as the engine takes it to a consumer of actions: nobody waits for it."""
    return replace(
        update,
        id=id,
        connectors=(consumer,),
        authority=None,
        followers="at_once",
        replyto=None,
    )


@dataclass(frozen=True, slots=True)
class Follow:
    """An update of our own, as the front door is asked to take it."""

    tenant: str
    key: str
    """By which it is one update however often it is asked for."""
    hops: int
    body: JsonObject
    """In the native API's words."""
