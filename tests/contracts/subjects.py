"""The vendors that the contract suite runs on, described; a new one is added here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.delivery.connector import Delivery
from connectors.dialnexa import VENDOR as DIALNEXA
from connectors.dialnexa import wire as dialnexa
from connectors.noojee import VENDOR as NOOJEE
from connectors.noojee import wire as noojee
from connectors.pollybot import VENDOR as POLLYBOT
from connectors.pollybot import wire as pollybot
from connectors.registry import VENDORS
from connectors.vendor import SampleCall
from gateway.model.changes import CLEAR, KEEP, Set
from gateway.model.event import Attributes, LeadId, LeadUpdate, Origin, TriggerWishes
from tests.contracts import leadsquared
from tests.contracts.vendors import (
    EVENT_ID,
    INBOUND,
    NOW,
    OUTBOUND,
    Delivered,
    Said,
    Subject,
    in_header,
    in_query,
)
from tests.example_vendor import VENDOR as ACME
from tests.example_vendor import wire as acme

WEBHOOK = next(vendor for vendor in VENDORS if vendor.name == "webhook")
"""As the registry has it: with every vendor's payloads at hand."""
WEBHOOK_SECRET = "whsec_dGhlIHNhbmRib3gncyBvd24gc2VjcmV0"
"""The one that the fake receiver verifies by."""
TESTS = Path(__file__).parents[1]


def _captures(vendor: str, names: str = "*") -> list[tuple[str, Any]]:
    """Recorded payloads by name."""
    files = sorted((TESTS / "connectors" / vendor / "captures").glob(f"{names}.json"))
    return [(path.stem, orjson.loads(path.read_bytes())) for path in files]


# --- Noojee ---------------------------------------------------------------------------------


def _noojee_samples() -> Iterable[SampleCall]:
    for name, kept in _captures("noojee"):
        query = tuple((key, value) for key, value in kept["query"])
        headers = tuple(kept["headers"].items())
        yield SampleCall(kept["method"], kept["path"], query, headers, kept["body"].encode(), name)


_NOOJEE_BUTS = {
    103: "a server error is tried again, and ends as attempts spent",
    109: "a throttle is waited for, and never an outcome",
}
_NOOJEE_BUSY = Said(400, b'{"code":109,"message":"TIMEOUT_TOO_MANY_CONCURRENT_REQUESTS"}')
_NOOJEE_KEY = Said(403, b'{"code":-1,"message":"INVALID_API_KEY"}')

_NOOJEE = Subject(
    name="noojee",
    vendor=NOOJEE,
    credential={"api_key": INBOUND},
    connector={"api_key": OUTBOUND},
    samples=tuple(_noojee_samples()),
    keyed=in_query("apiKey"),
    ours=lambda body: noojee.read_reply(body) is not None,
    empty_body=False,
    no_key=_NOOJEE_KEY,
    wrong_key=_NOOJEE_KEY,
    busy=_NOOJEE_BUSY,
    over_quota=_NOOJEE_BUSY,
    says_when=False,
    seed={"id": "9856", "fAllocationId": "38", "njDisposition": "New", "dialled": True},
    errors=(
        *(Said(row.status, row.body, _NOOJEE_BUTS.get(row.code, "")) for row in noojee.TABLE),
        replace(_NOOJEE_KEY, but="our own key stops the connector; callers don't hear of it"),
    ),
    spelt={"disposition": "njDisposition", "callback.at": "njCallBackDate"},
)

# --- PollyBot -------------------------------------------------------------------------------

_LEAD = "lead_1234567890abcdef"
_JSON = (("Content-Type", "application/json"), ("Authorization", f"Bearer {INBOUND}"))
_GEN2_BODY = (
    b'{"name":"Jane Smith","phone":"+1-555-456-7890","company":null,"status":"NEGOTIATING",'
    b'"priority":"HIGH","urgency":"high","notes":"Ready","tags":["vip"],'
    b'"customFields":{"plan":"pro","urgency":"their own"}}'
)


def _gen1(name: str, body: Any) -> SampleCall:
    path = f"/api/v1/leads/{_LEAD}"
    return SampleCall("PUT", path, (), _JSON, orjson.dumps(body), name)


_POLLYBOT_CONFLICT = pollybot.failure("Conflict", "CONFLICT")
_ANSWERS = dict(_captures("pollybot", "answer_*"))

_POLLYBOT = Subject(
    name="pollybot gen1",
    vendor=POLLYBOT,
    credential={"token": INBOUND},
    connector={"token": OUTBOUND, "api": "gen1"},
    samples=tuple(
        _gen1(name, body) for name, body in _captures("pollybot") if not name.startswith("answer_")
    ),
    keyed=in_header("Authorization", "Bearer "),
    ours=lambda body: pollybot.read_reply(body) is not None,
    empty_body=True,
    no_key=Said(401, pollybot.MISSING_AUTH_HEADER),
    wrong_key=Said(401, pollybot.INVALID_API_KEY),
    busy=Said(500, pollybot.INTERNAL_ERROR),
    over_quota=Said(429, pollybot.RATE_LIMIT_EXCEEDED),
    says_when=True,
    seed={"id": _LEAD, "email": "jane@example.com"},
    errors=(
        Said(400, orjson.dumps(_ANSWERS["answer_400_status"])),
        Said(409, orjson.dumps(_ANSWERS["answer_409_email"])),
        Said(404, pollybot.lead_not_found(_LEAD)),
        Said(409, _POLLYBOT_CONFLICT),
        Said(401, pollybot.INVALID_API_KEY, "our own key stops the connector"),
        Said(401, pollybot.MISSING_AUTH_HEADER, "our own key stops the connector"),
        Said(404, pollybot.NOT_FOUND, "a path of ours that is none is no word about the lead"),
        Said(405, pollybot.METHOD_NOT_ALLOWED, "our own settings stop the connector"),
        Said(429, pollybot.RATE_LIMIT_EXCEEDED, "a throttle is waited for"),
        Said(500, pollybot.INTERNAL_ERROR, "a server error is tried again"),
    ),
)

_POLLYBOT_GEN2 = replace(
    _POLLYBOT,
    name="pollybot gen2",
    connector={"token": OUTBOUND, "api": "gen2", "chatbot_id": "bot_9"},
    empty_body=False,
    samples=(
        SampleCall("PUT", f"/api/v1/chatbots/bot_1/leads/{_LEAD}", (), _JSON, _GEN2_BODY, "gen2"),
    ),
)

# --- Dialnexa -------------------------------------------------------------------------------

_CAMPAIGN_LEAD = "cmp_5tw8vz2rnx1q"
_DIALNEXA_CALLS: dict[str, Any] = {
    "parts": {
        "name": "Priya",
        "phoneNumber": "098765 43212",
        "countryCode": "+91",
        "notes": {"loan_amount": 250000, "vip": True},
    },
    "table": {"name": None, "metadata": {"product": "car_loan"}, "notes": "Call after six"},
    "two objects": {"metadata": {}, "notes": {"from": ["branch"]}, "language": "hi"},
}


def _patch(name: str, body: Any) -> SampleCall:
    path = f"/v1/campaigns-leads/{_CAMPAIGN_LEAD}"
    return SampleCall("PATCH", path, (), _JSON, orjson.dumps(body), name)


def _is_dialnexas(body: bytes) -> bool:
    reply = dialnexa.read_reply(body)
    return reply is not None and reply.status is not None


_DIALNEXA = Subject(
    name="dialnexa",
    vendor=DIALNEXA,
    credential={"token": INBOUND},
    connector={"token": OUTBOUND},
    samples=tuple(
        _patch(name, body)
        for name, body in (*_captures("dialnexa", "update_request"), *_DIALNEXA_CALLS.items())
    ),
    keyed=in_header("Authorization", "Bearer "),
    ours=_is_dialnexas,
    empty_body=True,
    no_key=Said(401, dialnexa.UNAUTHORIZED),
    wrong_key=Said(401, dialnexa.UNAUTHORIZED),
    busy=Said(429, dialnexa.TOO_MANY_REQUESTS),
    over_quota=Said(429, dialnexa.TOO_MANY_REQUESTS),
    says_when=True,
    seed={"id": _CAMPAIGN_LEAD, "name": "P. Sharma", "metadata": {"product": "home_loan"}},
    errors=(
        Said(400, dialnexa.failure(400, dialnexa.BAD_PHONE)),
        *(Said(400, orjson.dumps(body)) for _, body in _captures("dialnexa", "error_*field*")),
        Said(403, dialnexa.failure(403, dialnexa.NOT_ALLOWED)),
        Said(404, dialnexa.failure(404, dialnexa.NO_LEAD)),
        Said(409, dialnexa.failure(409, dialnexa.LOCKED)),
        Said(401, dialnexa.UNAUTHORIZED, "our own key stops the connector"),
        Said(404, dialnexa.failure(404, "Cannot PATCH /v1"), "the endpoint is gone, not the lead"),
        Said(422, dialnexa.failure(422, "Not so"), "it is told as the 400 of this endpoint"),
        Said(429, dialnexa.TOO_MANY_REQUESTS, "a throttle is waited for"),
        Said(500, dialnexa.INTERNAL, "a server error is tried again"),
    ),
)

# --- Acme -----------------------------------------------------------------------------------

_ACME = Subject(
    name="acme",
    vendor=ACME,
    credential={"key": INBOUND},
    connector={"key": OUTBOUND},
    samples=ACME.samples,
    keyed=in_header("X-API-Key"),
    ours=lambda body: acme.read_result(body) is not None,
    empty_body=False,
    no_key=Said(401, b'{"result":"BAD_KEY"}'),
    wrong_key=Said(401, b'{"result":"BAD_KEY"}'),
    busy=Said(503, b'{"result":"DOWN"}'),
    over_quota=Said(429, b'{"result":"TOO_FAST"}'),
    says_when=True,
    seed={"id": "p-17", "company": "Acme"},
    errors=(
        Said(404, b'{"result":"NO_PERSON"}'),
        Said(422, b'{"result":"BAD_VALUE","about":"stage"}'),
        Said(401, b'{"result":"BAD_KEY"}', "our own key stops the connector"),
        Said(405, b'{"result":"BAD_METHOD"}', "our own settings stop the connector"),
        Said(429, b'{"result":"TOO_FAST"}', "a throttle is waited for"),
        Said(503, b'{"result":"DOWN"}', "a server error is tried again"),
    ),
)

# --- webhook --------------------------------------------------------------------------------

_WEBHOOK_EVENT = LeadUpdate(
    id=EVENT_ID,
    time="2026-01-01T00:00:00.000Z",
    tenant="default",
    lead_key="ld_1",
    ids=(LeadId("noojee-au", "9856", (("allocation_id", "38"),)),),
    changes={"disposition": Set("Sale"), "email": CLEAR, "phones.secondary": KEEP},
    attributes=Attributes("merge", {"StreetAddress": "Suite 8/10 Hoddle St"}),
    triggers=TriggerWishes(),
    origin=Origin("noojee", "updateLeadFast", "noojee-au"),
)
_WEBHOOK_EVENTS = (_WEBHOOK_EVENT, replace(_WEBHOOK_EVENT, id=EVENT_ID[:-1] + "2"))

_WEBHOOK = Delivered(
    name="webhook",
    vendor=WEBHOOK,
    connector={"secret": [WEBHOOK_SECRET, "whsec_" + "b3RoZXIgc2VjcmV0IG9mIHRlc3Rz" * 2]},
    seed={"id": "ld_1"},
    errors=(
        Said(400, b'{"error":"the payload is no JSON object"}'),
        Said(401, b'{"error":"the webhook is not signed"}'),
        Said(404, b'{"error":"there is no such endpoint"}'),
        Said(409, b'{"message":"somebody was quicker"}'),
        Said(410, b'{"title":"Gone"}'),
        Said(429, b'{"detail":"too many"}'),
        Said(503, b'{"error":"down"}'),
    ),
    given=tuple(Delivery(event, (), event.ids, {}, NOW) for event in _WEBHOOK_EVENTS),
)

_LEADSQUARED = (leadsquared.ASYNC, leadsquared.BULK)
SUBJECTS = (_NOOJEE, _POLLYBOT, _POLLYBOT_GEN2, *_LEADSQUARED, _DIALNEXA, _ACME)
"""Vendors that are spoken to us."""
ALL: tuple[Delivered, ...] = (*SUBJECTS, _WEBHOOK)
"""Those, and the ones that only are delivered to."""
SAMPLES = [(subject, sample) for subject in SUBJECTS for sample in subject.samples]

every_vendor = pytest.mark.parametrize("subject", ALL, ids=lambda subject: subject.name)
every_delivery = pytest.mark.parametrize(
    ("subject", "number"),
    [(subject, number) for subject in ALL for number in range(len(subject.deliveries))],
    ids=lambda part: part if isinstance(part, int) else part.name,
)
every_subject = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
every_sample = pytest.mark.parametrize(
    ("subject", "sample"), SAMPLES, ids=[f"{s.name}-{call.note}"[:60] for s, call in SAMPLES]
)
