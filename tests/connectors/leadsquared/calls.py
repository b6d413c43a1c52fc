"""Calls, callers and outcomes that the slice's tests are made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from connectors.leadsquared.inbound import status
from connectors.leadsquared.inbound.credential import LeadSquaredCredential
from connectors.leadsquared.inbound.dialect import LeadSquaredDialect
from connectors.leadsquared.mapping.tables import ASYNC, BULK
from connectors.leadsquared.wire import attributes
from gateway.dialect import (
    Answer,
    Answering,
    Call,
    Caller,
    Parsed,
    RequestedUpdate,
    Settled,
    UpdateResult,
)
from gateway.model.codes import Code
from gateway.model.json import JsonObject
from gateway.model.outcome import Kind, Outcome

DIALECT = LeadSquaredDialect()
EVENT_ID = "0193503c-79a0-7000-8000-000000000001"
LEAD_ID = "8d1a3d6c-0f6a-4b0e-9d3a-1c7f5e2b9a40"
ACCESS, SECRET, API = "u$r0123456789abcdef", "0123456789abcdef0123", "aGVsbG8tYXBpLWtleQ"
KEYS = (("accessKey", ACCESS), ("secretKey", SECRET))
BODY = b'[{"Attribute":"Phone","Value":"9999999999"}]'


def credential(**settings: Any) -> LeadSquaredCredential:
    """An inbound key set, with further settings."""
    keys = {"access_key": ACCESS, "secret_key": SECRET, "x_api_key": API}
    return LeadSquaredCredential(**{"system": "lsq", **keys, **settings})


def caller(**settings: Any) -> Caller:
    """A caller in Melbourne."""
    return Caller("default", "lsq", "AU", "Australia/Melbourne", credential(**settings))


def single(*query: tuple[str, str], headers: dict[str, str] | None = None) -> Call:
    """A call of the async API for LEAD_ID, unless `query` names another."""
    named = query or (("leadId", LEAD_ID),)
    told = {"x-api-key": API} if headers is None else headers
    return Call("POST", attributes.UPDATE_PATH, ASYNC, {}, KEYS + named, told)


def bulk(*query: tuple[str, str]) -> Call:
    """A call of the bulk API."""
    return Call("POST", attributes.BULK_PATH, BULK, {}, KEYS + query, {})


def asking(*query: tuple[str, str], metrics: bool = False) -> Call:
    """A status or metrics call."""
    path = attributes.METRICS_PATH if metrics else attributes.STATUS_PATH
    operation = status.METRICS if metrics else status.STATUS
    return Call("GET", path, operation, {}, query, {"x-api-key": API})


def leads(
    *some: Sequence[tuple[str, Any]], search_by: str | None = None, option: Any = None
) -> bytes:
    """The body of a bulk call for these leads."""
    body: dict[str, Any] = {} if search_by is None else {"SearchByKey": search_by}
    if option is not None:
        body["Options"] = {"PushNonExistentLeadsToUnProcessedList": option}
    body["LeadPropertiesList"] = [
        {"Fields": [{"Attribute": name, "Value": value} for name, value in lead]} for lead in some
    ]
    return orjson.dumps(body)


def parsed(call: Call, body: bytes = BODY, **settings: Any) -> Parsed:
    """A call that is taken, in some part."""
    found = DIALECT.parse(call, body, caller(**settings))
    assert isinstance(found, Parsed), found
    return found


def asked(call: Call, body: bytes = BODY, **settings: Any) -> RequestedUpdate:
    """Its one update."""
    (update,) = parsed(call, body, **settings).updates
    return update


def settled(code: Code = Code.OK, message: str = "", details: JsonObject | None = None) -> Settled:
    """The authority's outcome: a refusal, unless the code is `ok`."""
    kind = Kind.APPLIED if code is Code.OK else Kind.REJECTED
    return Settled(
        EVENT_ID,
        Outcome(
            EVENT_ID, "lsq", kind, code, "default", "ld_1", message=message, details=details or {}
        ),
    )


def answered(call: Call, body: bytes, *results: UpdateResult, **settings: Any) -> Answer:
    """The answer to a call whose updates ended so."""
    found = parsed(call, body, **settings)
    assert len(results) == len(found.updates)
    return DIALECT.answer(
        Answering(call, caller(**settings), found, results, (), None, 1_767_225_600.0)
    )


def told(answer: Answer) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    return answer.status, orjson.loads(answer.body)


def envelope(type_: str, message: str) -> dict[str, str]:
    """The vendor's error."""
    return {"Status": "Error", "ExceptionType": type_, "ExceptionMessage": message}
