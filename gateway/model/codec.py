"""Canonical events as log records, and back.

A record is a CloudEvent in binary mode: the envelope in `ce_*` headers, the data as JSON
(CloudEvents 1.0, Kafka protocol binding, section 3.2). Who delivers an event, who answers for it
and who waits for the answer are extension attributes, so that a consumer can pass by what isn't
its own without reading the data.

Every `read_*` is the exact inverse of its writers and raises ValueError for a record that isn't
one of ours. Fields it doesn't know are passed over: later versions may add some.
Writers raise TypeError for a value that JSON in a log can't hold (an integer over 64 bits).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

import orjson

from gateway.model.changes import CLEAR, KEEP, Change, change_to_json
from gateway.model.codes import Code
from gateway.model.event import (
    UPDATE_REQUESTED,
    Followers,
    LeadUpdate,
)
from gateway.model.making import (
    make_attributes,
    make_id,
    make_origin,
    make_set,
    make_update,
    make_wishes,
)
from gateway.model.outcome import Attempt, Kind, Outcome, Result
from gateway.model.trigger import Trigger, TriggerKind

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values in order, as the event log keeps them."""
T = TypeVar("T")

_SPECVERSION = ("ce_specversion", "1.0")
_UPDATE = ("ce_type", UPDATE_REQUESTED)
_JSON = ("content-type", "application/json")
_UNSET: Mapping[str, Change] = {"clear": CLEAR, "keep": KEEP}
_FOLLOWERS: Mapping[str, Followers] = {"at_once": "at_once", "after_authority": "after_authority"}
_MODES: Mapping[str, Literal["merge", "replace"]] = {"merge": "merge", "replace": "replace"}
_FIRST = ("specversion", "id", "type", "source", "subject", "time")
_FOREIGN = (ValueError, KeyError, TypeError, AttributeError)
"""What reading a record of another shape runs into."""


# --- updates ------------------------------------------------------------------------------


def update_headers(update: LeadUpdate) -> Headers:
    """The envelope of an update's record."""
    headers = [
        _SPECVERSION,
        ("ce_id", update.id),
        ("ce_source", update.source),
        _UPDATE,
        ("ce_time", update.time),
        ("ce_subject", update.lead_key),
        ("ce_partitionkey", update.lead_key),
        ("ce_tenant", update.tenant),
    ]
    if update.connectors:
        headers.append(("ce_connectors", ",".join(update.connectors)))
    if update.authority is not None:
        headers.append(("ce_authority", update.authority))
    if update.followers != "at_once":
        headers.append(("ce_followers", update.followers))
    if update.replyto is not None:
        headers.append(("ce_replyto", update.replyto))
    if update.traceparent is not None:
        headers.append(("ce_traceparent", update.traceparent))
    headers.append(_JSON)
    return tuple(headers)


def update_data(update: LeadUpdate) -> dict[str, Any]:
    """The data of an update: a JSON object, as its record, its triggers and rules show it."""
    origin = update.origin
    return {
        "lead": {
            "key": update.lead_key,
            "ids": [
                {"system": known.system, "scope": dict(known.scope), "id": known.id}
                for known in update.ids
            ],
        },
        "changes": {name: change_to_json(change) for name, change in update.changes.items()},
        "attributes": {"mode": update.attributes.mode, "patch": update.attributes.patch},
        "triggers": {
            "post_updated_lead": update.triggers.post_updated_lead,
            "disposition_actions": update.triggers.disposition_actions,
        },
        "origin": {
            "dialect": origin.dialect,
            "operation": origin.operation,
            "batch": origin.batch,
            "scope": origin.scope,
            "system": origin.system,
            "names": origin.names,
            "hops": origin.hops,
        },
    }


def update_value(update: LeadUpdate) -> bytes:
    """The value of an update's record."""
    return _dump(update_data(update))


def read_update(headers: Headers, value: bytes) -> LeadUpdate:
    """The update of a record of the updates topic."""
    return read_enveloped(dict(headers), value)


def read_enveloped(envelope: Mapping[str, str], value: bytes) -> LeadUpdate:
    """As `read_update`, for who has the headers by name already."""
    try:
        data = orjson.loads(value)
    except _FOREIGN as problem:
        raise _foreign("a lead update", problem) from problem
    return read_parsed(envelope, data)


def read_parsed(envelope: Mapping[str, str], data: object) -> LeadUpdate:
    """As `read_enveloped`, for who has read the value already."""
    try:
        return _update(envelope, data)
    except _FOREIGN as problem:
        raise _foreign("a lead update", problem) from problem


def _update(ce: Mapping[str, str], data: Any) -> LeadUpdate:
    """Put an update together from its envelope and its data."""
    _expect(ce, UPDATE_REQUESTED)
    connectors = ce.get("ce_connectors")
    attributes, triggers, origin = data["attributes"], data["triggers"], data["origin"]
    return make_update(
        ce["ce_id"],
        ce["ce_time"],
        ce["ce_tenant"],
        ce["ce_subject"],
        tuple(
            [
                make_id(known["system"], known["id"], tuple(sorted(known["scope"].items())))
                for known in data["lead"]["ids"]
            ]
        ),
        {
            name: make_set(body["value"], body.get("e164"), body.get("raw"))
            if body["op"] == "set"
            else _UNSET[body["op"]]
            for name, body in data["changes"].items()
        },
        make_attributes(_MODES[attributes["mode"]], attributes["patch"]),
        make_wishes(triggers["post_updated_lead"], triggers["disposition_actions"]),
        make_origin(
            origin["dialect"],
            origin["operation"],
            origin.get("system", ""),
            origin["batch"],
            origin["scope"],
            origin.get("names", {}),
            origin.get("hops", 0),
        ),
        tuple(connectors.split(",")) if connectors is not None else (),
        ce.get("ce_authority"),
        _FOLLOWERS[ce.get("ce_followers", "at_once")],
        ce.get("ce_replyto"),
        ce.get("ce_traceparent"),
    )


# --- outcomes and dead letters ------------------------------------------------------------


def outcome_headers(outcome: Outcome) -> Headers:
    """The envelope of an outcome's record, and of the dead letter it may be."""
    return _fact_headers(outcome)


def outcome_data(outcome: Outcome) -> dict[str, Any]:
    """The data of an outcome: a JSON object."""
    return {
        "event_id": outcome.event_id,
        "connector": outcome.connector,
        "round": outcome.round,
        "kind": outcome.kind,
        "code": outcome.code,
        "message": outcome.message,
        "status": outcome.status,
        "attempts": [_attempt_data(attempt) for attempt in outcome.attempts],
        "dropped": outcome.dropped,
        "details": outcome.details,
        "snapshot": outcome.snapshot,
        "time": outcome.time,
    }


def outcome_value(outcome: Outcome) -> bytes:
    """The value of an outcome's record."""
    return _dump(outcome_data(outcome))


def read_outcome(headers: Headers, value: bytes) -> Outcome:
    """The outcome of a record of the outcomes, replies or dead-letters topic."""
    try:
        return _outcome(dict(headers), orjson.loads(value))
    except _FOREIGN as problem:
        raise _foreign("an outcome", problem) from problem


def dead_letter_value(outcome: Outcome, update: LeadUpdate | None) -> bytes:
    """The value of a dead letter's record: the outcome, with the whole update in it as a
    structured CloudEvent under `event`, so that it can be redriven when the log has let go of
    it. None where there is no update to redrive (a gap in the log). Its headers are the
    outcome's."""
    event = None if update is None else _envelop(update_headers(update), update_data(update))
    return _dump({**outcome_data(outcome), "event": event})


def read_dead_letter(headers: Headers, value: bytes) -> tuple[Outcome, LeadUpdate | None]:
    """The outcome and the update of a record of the dead-letters topic."""
    try:
        return _dead_letter(dict(headers), orjson.loads(value))
    except _FOREIGN as problem:
        raise _foreign("a dead letter", problem) from problem


def _dead_letter(ce: Mapping[str, str], data: Any) -> tuple[Outcome, LeadUpdate | None]:
    """Both halves of a dead letter."""
    outcome, event = _outcome(ce, data), data["event"]
    if event is None:
        return outcome, None
    return outcome, _update({f"ce_{name}": text for name, text in event.items()}, event["data"])


def _outcome(ce: Mapping[str, str], data: Any) -> Outcome:
    """Put an outcome together from its envelope and its data."""
    outcome = Outcome(
        data["event_id"],
        data["connector"],
        Kind(data["kind"]),
        Code(data["code"]),
        ce["ce_tenant"],
        ce.get("ce_subject", ""),
        data["round"],
        data["message"],
        data["status"],
        tuple(_attempt(attempt) for attempt in data["attempts"]),
        tuple(data["dropped"]),
        data["details"],
        data["snapshot"],
        data["time"],
    )
    _expect(ce, outcome.type)
    return outcome


def _attempt_data(attempt: Attempt) -> dict[str, Any]:
    """One attempt inside an outcome's data."""
    return {
        "number": attempt.number,
        "at": attempt.at,
        "seconds": attempt.seconds,
        "result": attempt.result,
        "status": attempt.status,
        "message": attempt.message,
    }


def _attempt(body: Any) -> Attempt:
    """The inverse of `_attempt_data`."""
    number, at, seconds = body["number"], body["at"], body["seconds"]
    return Attempt(number, at, seconds, Result(body["result"]), body["status"], body["message"])


# --- triggers -----------------------------------------------------------------------------


def trigger_headers(trigger: Trigger) -> Headers:
    """The envelope of a trigger's record."""
    return _fact_headers(trigger)


def trigger_data(update: LeadUpdate, dropped: Sequence[str]) -> dict[str, Any]:
    """What a trigger tells of its update: the update's data, and under `dropped` what the
    connector left out."""
    return {**update_data(update), "dropped": list(dropped)}


def trigger_value(trigger: Trigger) -> bytes:
    """The value of a trigger's record."""
    return _dump(
        {
            "event_id": trigger.event_id,
            "connector": trigger.connector,
            "kind": trigger.kind,
            "update": trigger.data,
            "before": trigger.before,
            "time": trigger.time,
        }
    )


def read_trigger(headers: Headers, value: bytes) -> Trigger:
    """The trigger of a record of the triggers topic."""
    try:
        return _trigger(dict(headers), orjson.loads(value))
    except _FOREIGN as problem:
        raise _foreign("a trigger", problem) from problem


def _trigger(ce: Mapping[str, str], data: Any) -> Trigger:
    """Put a trigger together from its envelope and its data."""
    trigger = Trigger(
        TriggerKind(data["kind"]),
        data["event_id"],
        data["connector"],
        ce["ce_tenant"],
        ce.get("ce_subject", ""),
        data["update"],
        data["time"],
        data.get("before", {}),
    )
    _expect(ce, trigger.type)
    return trigger


# --- envelopes ----------------------------------------------------------------------------


def structured(headers: Headers, value: bytes) -> dict[str, Any]:
    """Any of our records as a structured CloudEvent: one JSON object with the envelope, the data
    and the extension attributes. Raises ValueError for a record that is no CloudEvent in JSON."""
    try:
        return _envelop(headers, orjson.loads(value))
    except _FOREIGN as problem:
        raise _foreign("a CloudEvent", problem) from problem


def _envelop(headers: Headers, data: Any) -> dict[str, Any]:
    """The structured form of an envelope and its data."""
    attributes = {name[3:]: text for name, text in headers if name.startswith("ce_")}
    if not {"specversion", "id", "type", "source"} <= attributes.keys():
        raise ValueError("an attribute that every CloudEvent has is missing")
    event: dict[str, Any] = {name: attributes[name] for name in _FIRST if name in attributes}
    event["datacontenttype"] = "application/json"
    event["data"] = data
    return event | attributes


def _fact_headers(fact: Outcome | Trigger) -> Headers:
    """The envelope of what a connector says of an update. An attribute may not be empty
    (CloudEvents 1.0, section 3.1): a gap in the log is of no lead."""
    lead = fact.lead_key
    headers = (
        _SPECVERSION,
        ("ce_id", fact.id),
        ("ce_source", f"/{fact.tenant}/connectors/{fact.connector}"),
        ("ce_type", fact.type),
        ("ce_time", fact.time),
        ("ce_subject", lead),
        ("ce_partitionkey", lead),
        ("ce_tenant", fact.tenant),
        ("ce_connector", fact.connector),
        _JSON,
    )
    if lead and fact.time and fact.connector:
        return headers
    return tuple(pair for pair in headers if pair[1] or pair[0] == "ce_tenant")


def _expect(ce: Mapping[str, str], type_: str) -> None:
    """Refuse an envelope that isn't CloudEvents 1.0 of this type."""
    if ce.get("ce_specversion") != "1.0" or ce.get("ce_type") != type_:
        raise ValueError(f"expected CloudEvents 1.0 of type {type_}")


def _foreign(what: str, problem: Exception) -> ValueError:
    """Whatever doesn't have the shape of `what` is one ValueError."""
    return ValueError(f"not {what}: {type(problem).__name__} {problem}")


def _dump(value: Any) -> bytes:
    """JSON."""
    return orjson.dumps(value, default=_plain)


def _plain(value: object) -> object:
    """What orjson doesn't know by itself: mappings that are no dict."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
