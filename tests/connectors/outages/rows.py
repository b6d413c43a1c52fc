"""The vendors of the outage table: how each is called, and what it says when something is wrong.

An update is known by its mark (`mark-A1`: the first update of lead A), which is the value of one
field on its whole way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.dialnexa import wire as dialnexa
from connectors.leadsquared.wire import answers, attributes, bulk
from connectors.noojee import wire as noojee
from connectors.pollybot import wire as pollybot
from connectors.vendor import SampleCall
from gateway.model.json import JsonObject
from gateway.transport.port import HttpResponse
from tests.contracts.subjects import ALL
from tests.contracts.vendors import INBOUND, Delivered

MARK = re.compile(r"mark-([A-Z]\d+)")
PAGE = b"<!doctype html><html><body><h1>Something went wrong</h1></body></html>"
"""What a proxy, a firewall or a hosting company answers in the vendor's place."""
_JSON = ("Content-Type", "application/json")
_SIGNED = (_JSON, ("Authorization", f"Bearer {INBOUND}"))
_PAIR = (("accessKey", INBOUND), ("secretKey", INBOUND))
_AFTER = {"retry-after": "45"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A vendor of the table."""

    name: str
    dialect: str
    """What its callers speak."""
    credential: Mapping[str, Any]
    """What their key needs beside `dialect`."""
    calling: Callable[[str, str], SampleCall]
    """A lead's id and a mark to a call that sets it."""
    seed: Mapping[str, Any]
    """A lead without its id, as the vendor has it."""
    ok: Callable[[str, str, str], bytes | Mapping[str, Any]]
    """A lead's id, a mark and an event's id to the answer that says so: its bytes, or what is
    asserted of an answer that holds more."""
    no: Callable[[str], tuple[int, bytes | Mapping[str, Any]]]
    """A lead's id to the answer about an update that the vendor refused, in words of its own."""
    busy: tuple[int, bytes]
    busy_after: str | None
    """The Retry-After of the busy answer."""
    deadline: float | None
    """Seconds until a caller is told busy; None: callers are answered when it is safe."""
    timeout: float
    """Seconds that the connector gives a request."""
    wait: float
    """Seconds that it waits after `throttled`."""
    says: Mapping[str, HttpResponse]
    """Name of a fault to the vendor's own words for it."""

    @property
    def subject(self) -> Delivered:
        """As the contract suite has it."""
        return next(one for one in ALL if one.name == self.name)

    def id_of(self, lead: str) -> str:
        """The vendor's id of a lead."""
        return f"lead-{lead}"


def _put(path: str, body: Any, method: str = "PUT") -> SampleCall:
    return SampleCall(method, path, (), _SIGNED, orjson.dumps(body), "")


def _answer(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return HttpResponse(status, headers or {}, body)


# --- Noojee ---------------------------------------------------------------------------------


def _noojee(lead: str, mark: str) -> SampleCall:
    place = {"fTemplateId": "41", "fCampaignId": "41", "fAllocationId": "38"}
    query = {**place, "njExternalLeadId": lead, "apiKey": INBOUND}
    body = orjson.dumps({"FirstPhone": "<No Change>", "Name": mark})
    return SampleCall("POST", noojee.PATH, tuple(query.items()), (_JSON,), body, "")


NOOJEE = Row(
    name="noojee",
    dialect="noojee",
    credential={"api_key": INBOUND, "system": "theirs"},
    calling=_noojee,
    seed={
        "fAllocationId": "38",
        "fCampaignId": "41",
        "fTemplateId": "41",
        "njDisposition": "New",
        "dialled": True,
    },
    ok=lambda _lead, _mark, _event: b'{"code":0,"message":"OK"}',
    no=lambda _lead: (400, b'{"code":104,"message":"DNC"}'),
    busy=(400, b'{"code":109,"message":"TIMEOUT_TOO_MANY_CONCURRENT_REQUESTS"}'),
    busy_after=None,
    deadline=55.0,
    timeout=75.0,
    wait=120.0,
    says={
        "throttled": _answer(400, noojee.reply_body(109, "TIMEOUT_TOO_MANY_CONCURRENT_REQUESTS")),
        "key refused": _answer(403, noojee.reply_body(-1, "INVALID_API_KEY")),
        "endpoint gone": _answer(404, noojee.NOT_FOUND_PAGE),
        "200 that says error": _answer(200, noojee.reply_body(103, "EXCEPTION")),
        "200 that refuses": _answer(200, noojee.reply_body(104, "DNC")),
    },
)

# --- LeadSquared ----------------------------------------------------------------------------


def _failure(type_: str, message: str) -> bytes:
    return answers.render_failure(answers.Failure(type_, message))


_RATE = answers.render_failure(answers.rate_limited(25, 5.0))
_LEADSQUARED = {
    "throttled": _answer(429, _RATE),
    "throttled under 200": _answer(200, _RATE),
    "key refused": _answer(401, _failure(answers.Exc.UNAUTHORIZED, "Invalid AccessKey")),
    "endpoint gone": _answer(404, _failure(answers.Exc.INVALID_INPUT, "The API is not there.")),
    "200 that says error": _answer(200, _failure("NullReferenceException", "Object reference")),
    "200 that refuses": _answer(200, _failure(answers.Exc.INVALID_INPUT, "Invalid name")),
}
_KEYS = {"access_key": INBOUND, "secret_key": INBOUND, "x_api_key": INBOUND, "system": "theirs"}


def _async(lead: str, mark: str) -> SampleCall:
    query, headers = (*_PAIR, ("leadId", lead)), (_JSON, (attributes.API_KEY, INBOUND))
    body = attributes.render_attributes((attributes.Attribute("FirstName", mark),))
    return SampleCall("POST", attributes.UPDATE_PATH, query, headers, body, "")


def _bulk(lead: str, mark: str) -> SampleCall:
    named = attributes.Attribute("ProspectId", lead), attributes.Attribute("FirstName", mark)
    body = bulk.render(bulk.BulkUpdate((bulk.BulkLead(named),), "ProspectId", True))
    return SampleCall("POST", attributes.BULK_PATH, _PAIR, (_JSON,), body, "")


def _listed(lead: str, _mark: str, _event: str) -> bytes:
    done = (bulk.Entry("ProspectId", lead),)
    return bulk.render_answer(bulk.BulkAnswer(done, (), ()))


def _failed(lead: str) -> bytes:
    refused = (bulk.Entry("ProspectId", lead, "Invalid name"),)
    return bulk.render_answer(bulk.BulkAnswer((), refused, ()))


BULK = Row(
    name="leadsquared bulk",
    dialect="leadsquared",
    credential=_KEYS,
    calling=_bulk,
    seed={},
    ok=_listed,
    no=lambda lead: (200, _failed(lead)),
    busy=(429, _RATE),
    busy_after=None,
    deadline=10.0,
    timeout=30.0,
    wait=5.0,
    says=_LEADSQUARED,
)
ASYNC = Row(
    name="leadsquared async",
    dialect="leadsquared",
    credential=_KEYS,
    calling=_async,
    seed={},
    ok=lambda _lead, _mark, event: answers.render_accepted(event),
    no=BULK.no,
    busy=BULK.busy,
    busy_after=None,
    deadline=None,
    timeout=30.0,
    wait=5.0,
    says=_LEADSQUARED,
)

# --- PollyBot -------------------------------------------------------------------------------

_POLLYBOT = {
    "throttled": _answer(429, pollybot.RATE_LIMIT_EXCEEDED, _AFTER),
    "key refused": _answer(401, pollybot.INVALID_API_KEY),
    "endpoint gone": _answer(404, pollybot.NOT_FOUND),
    "200 that says error": _answer(200, pollybot.INTERNAL_ERROR),
    "200 that refuses": _answer(200, pollybot.lead_not_found("lead-A")),
}
GEN1 = Row(
    name="pollybot gen1",
    dialect="pollybot",
    credential={"token": INBOUND, "system": "theirs"},
    calling=lambda lead, mark: _put(f"/api/v1/leads/{lead}", {"name": mark}),
    seed={},
    ok=lambda lead, mark, _: {"success": True, "data": {"id": lead, "name": mark}},
    no=lambda _lead: (404, {"success": False, "code": "LEAD_NOT_FOUND"}),
    busy=(500, pollybot.INTERNAL_ERROR),
    busy_after="5",
    deadline=10.0,
    timeout=30.0,
    wait=45.0,
    says=_POLLYBOT,
)
GEN2 = Row(
    name="pollybot gen2",
    dialect="pollybot",
    credential=GEN1.credential,
    calling=lambda lead, mark: _put(
        f"/api/v1/leads/{lead}", {"name": mark, "metadata": {"seen": mark}}
    ),
    seed={"customFields": {"kept": "yes"}},
    ok=GEN1.ok,
    no=GEN1.no,
    busy=GEN1.busy,
    busy_after="5",
    deadline=10.0,
    timeout=30.0,
    wait=45.0,
    says=_POLLYBOT,
)

# --- Dialnexa -------------------------------------------------------------------------------

DIALNEXA = Row(
    name="dialnexa",
    dialect="dialnexa",
    credential={"token": INBOUND, "system": "theirs"},
    calling=lambda lead, mark: _put(f"/v1/campaigns-leads/{lead}", {"name": mark}, "PATCH"),
    seed={},
    ok=lambda lead, mark, _: {"id": lead, "name": mark},
    no=lambda _lead: (404, {"statusCode": 404}),
    busy=(429, dialnexa.TOO_MANY_REQUESTS),
    busy_after="5",
    deadline=10.0,
    timeout=30.0,
    wait=45.0,
    says={
        "throttled": _answer(429, dialnexa.TOO_MANY_REQUESTS, _AFTER),
        "key refused": _answer(401, dialnexa.UNAUTHORIZED),
        "endpoint gone": _answer(404, dialnexa.failure(404, "Cannot GET /v1/campaigns-leads")),
        "200 that says error": _answer(200, dialnexa.INTERNAL),
        "200 that refuses": _answer(200, dialnexa.failure(404, dialnexa.NO_LEAD)),
    },
)

# --- webhook --------------------------------------------------------------------------------


def _native(lead: str, mark: str) -> SampleCall:
    told: JsonObject = {
        "lead": {"ids": [{"system": "theirs", "id": lead}]},
        "changes": {"note": mark},
    }
    headers = (*_SIGNED, ("Prefer", "wait=10"))
    return SampleCall("POST", "/v1/lead-updates", (), headers, orjson.dumps(told), "")


_BUSY = {
    "type": "about:blank",
    "title": "Service Unavailable",
    "status": 503,
    "detail": (
        "no outcome in time; the update is safe and goes on, and the same call again waits for it"
    ),
    "code": "busy",
}
WEBHOOK = Row(
    name="webhook",
    dialect="native",
    credential={"token": INBOUND},
    calling=_native,
    seed={},
    ok=lambda _lead, _mark, event: {"id": event, "status": "applied"},
    no=lambda _lead: (200, {"status": "rejected"}),
    busy=(503, orjson.dumps(_BUSY)),
    busy_after="5",
    deadline=10.0,
    timeout=20.0,
    wait=45.0,
    says={
        "throttled": _answer(429, b'{"detail":"too many"}', _AFTER),
        "key refused": _answer(401, b'{"error":"the webhook is not signed"}'),
        "endpoint gone": _answer(404, b'{"error":"there is no such endpoint"}'),
        "200 that says error": _answer(200, b'{"error":"no"}'),
        "200 that refuses": _answer(200, b'{"received":false}'),
    },
)

ROWS = (NOOJEE, BULK, ASYNC, GEN1, GEN2, DIALNEXA, WEBHOOK)
