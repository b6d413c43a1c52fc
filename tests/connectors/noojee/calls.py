"""Calls, callers and events that the slice's tests are made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from connectors.noojee.inbound import NoojeeCredential, NoojeeDialect
from gateway.dialect import Answer, Call, Caller, Parsed, RequestedUpdate
from gateway.model.changes import Change
from gateway.model.event import Attributes, LeadId, LeadUpdate, Origin
from gateway.model.json import JsonObject

PATH = "/servicemanager/rest/CampaignAPI/updateLeadFast"
DIALECT = NoojeeDialect()
QUERY = {"fAllocationId": "38", "njExternalLeadId": "9856", "apiKey": "inbound-key"}
BODY: JsonObject = {"FirstPhone": "0383218199", "njDisposition": "Sale"}
CAPTURES = sorted((Path(__file__).parent / "captures").glob("*.json"))


def capture(path: Path) -> tuple[Call, bytes]:
    """A recorded call."""
    kept = orjson.loads(path.read_bytes())
    query = [(name, value) for name, value in kept["query"]]
    operation = kept["path"].rsplit("/", 1)[1]
    call = Call(kept["method"], kept["path"], operation, {}, query, kept["headers"])
    return call, kept["body"].encode()


def credential(**settings: Any) -> NoojeeCredential:
    """An inbound key, with further settings."""
    return NoojeeCredential(
        **{"dialect": "noojee", "system": "noojee-au", "api_key": "inbound-key", **settings}
    )


def caller(**settings: Any) -> Caller:
    """A caller in Melbourne."""
    return Caller("default", "noojee-au", "AU", "Australia/Melbourne", credential(**settings))


def call(query: Mapping[str, str] | None = None, path: str = PATH) -> Call:
    """A call of UpdateLeadFast."""
    pairs = tuple((QUERY if query is None else query).items())
    return Call("POST", path, path.rsplit("/", 1)[1], {}, pairs, {})


def asked(
    body: JsonObject | None = None, query: Mapping[str, str] | None = None, **settings: Any
) -> RequestedUpdate:
    """What a call asks; the call must be a good one."""
    sent = orjson.dumps(BODY if body is None else body)
    parsed = DIALECT.parse(call(query), sent, caller(**settings))
    assert isinstance(parsed, Parsed), parsed
    return parsed.updates[0]


def refused(
    body: JsonObject | bytes, query: Mapping[str, str] | None = None, **settings: Any
) -> Answer:
    """The answer to a call that is refused at the door."""
    sent = body if isinstance(body, bytes) else orjson.dumps(body)
    refusal = DIALECT.parse(call(query), sent, caller(**settings))
    assert not isinstance(refusal, Parsed), refusal
    return DIALECT.refuse(call(query), refusal, None)


LEAD = LeadId("noojee-au", "9856", (("allocation_id", "38"),))


def event(
    changes: Mapping[str, Change],
    attributes: JsonObject | None = None,
    dialect: str = "leadsquared",
    names: Mapping[str, str] | None = None,
    scope: JsonObject | None = None,
    ids: tuple[LeadId, ...] = (LEAD,),
) -> LeadUpdate:
    """A canonical event; by default of another dialect."""
    return LeadUpdate(
        id="0192d000-0000-7000-8000-000000000001",
        time="2026-11-22T00:00:00.000Z",
        tenant="default",
        lead_key="ld_1",
        ids=ids,
        changes=changes,
        attributes=Attributes("merge", attributes or {}),
        triggers=asked().triggers,
        origin=Origin(dialect, "update", "noojee-au", None, scope or {}, names or {}),
    )


def as_event(update: RequestedUpdate) -> LeadUpdate:
    """The event that an inbound call becomes."""
    return event(
        update.changes,
        update.attributes.patch,
        "noojee",
        update.names,
        update.scope,
        (update.lead,),
    )
