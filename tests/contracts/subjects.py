"""The vendors that the contract suite runs on, described; a new one is added here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.leadsquared import VENDOR as LEADSQUARED
from connectors.leadsquared.wire import answers as lsq
from connectors.leadsquared.wire import attributes as lsq_single
from connectors.leadsquared.wire import bulk as lsq_bulk
from connectors.noojee import VENDOR as NOOJEE
from connectors.noojee import wire as noojee
from connectors.pollybot import VENDOR as POLLYBOT
from connectors.pollybot import wire as pollybot
from connectors.vendor import SampleCall
from gateway.dialect import Answer
from tests.contracts.vendors import (
    BASE_URL,
    INBOUND,
    OUTBOUND,
    QUOTA,
    Said,
    Subject,
    in_header,
    in_query,
)
from tests.example_vendor import VENDOR as ACME
from tests.example_vendor import wire as acme

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

# --- LeadSquared ----------------------------------------------------------------------------

_LSQ_LEAD = "8d1a3d6c-0f6a-4b0e-9d3a-1c7f5e2b9a40"
_LSQ_PAIR = (("accessKey", INBOUND), ("secretKey", INBOUND))
_LSQ_THIRD = (("Content-Type", "application/json"), (lsq_single.API_KEY, INBOUND))


def _lsq_async(note: str, body: bytes, **query: str) -> SampleCall:
    told = (*_LSQ_PAIR, ("leadId", _LSQ_LEAD), *query.items())
    return SampleCall("POST", lsq_single.UPDATE_PATH, told, _LSQ_THIRD, body, note)


def _lsq_bulk(note: str, *fields: lsq_single.Attribute, **query: str) -> SampleCall:
    named = lsq_single.Attribute("ProspectId", _LSQ_LEAD)
    call = lsq_bulk.BulkUpdate((lsq_bulk.BulkLead((named, *fields)),), "ProspectId", True)
    told, body = (*_LSQ_PAIR, *query.items()), lsq_bulk.render(call)
    return SampleCall("POST", lsq_single.BULK_PATH, told, _LSQ_THIRD[:1], body, note)


def _lsq_said(status: int, type_: str, message: str, but: str = "") -> Said:
    return Said(status, lsq.render_failure(lsq.Failure(type_, message)), but)


_LSQ_NO_KEY = _lsq_said(401, lsq.Exc.UNAUTHORIZED, "Invalid AccessKey or SecretKey")
_LSQ_COMMON = (
    replace(_LSQ_NO_KEY, but="our own key stops the connector"),
    _lsq_said(404, lsq.Exc.INVALID_INPUT, "no such path", "our own settings stop the connector"),
    Said(429, lsq.render_failure(lsq.rate_limited(25, 5.0)), "a throttle is waited for"),
    Said(200, lsq.render_failure(lsq.rate_limited(25, 5.0)), "a throttle is waited for"),
    Said(500, b'{"Message":"An error has occurred."}', "a server error is tried again"),
)
_LSQ_FIELDS = (
    lsq_single.Attribute("FirstName", "Jane"),
    lsq_single.Attribute("EmailAddress", "jane@example.com"),
    lsq_single.Attribute("Phone", "+61-491570006"),
    lsq_single.Attribute("DoNotCall", "1"),
    lsq_single.Attribute("Score", "12"),
    lsq_single.Attribute("ProspectStage", "Qualified"),
    lsq_single.Attribute("Notes", ""),
    lsq_single.Attribute("mx_Plan", 7),
    lsq_single.Attribute("mx_Education", "", (lsq_single.Attribute("mx_CustomObject_1", "BSc"),)),
)
_LSQ_UNKNOWN = lsq.unknown_attributes("mx_Nope")
_LSQ_TAKEN = "Duplicate entry 'a@example.com' for key 'UQ_Prospect_Base_EmailAddress'"


def _lsq_ours(body: bytes) -> bool:
    return lsq.read_failure(body) is not None or lsq_bulk.read_answer(body) is not None


_LSQ_ASYNC = Subject(
    name="leadsquared async",
    vendor=LEADSQUARED,
    credential={"access_key": INBOUND, "secret_key": INBOUND, "x_api_key": INBOUND},
    connector={
        "access_key": OUTBOUND,
        "secret_key": OUTBOUND,
        "x_api_key": OUTBOUND,
        "mode": "async",
        "async_base_url": BASE_URL,
    },
    samples=(
        _lsq_async("page sample", orjson.dumps(dict(_captures("leadsquared"))["async_request"])),
        _lsq_async("many kinds", lsq_single.render_attributes(_LSQ_FIELDS), postUpdatedLead="true"),
    ),
    keyed=in_header(lsq_single.API_KEY),
    ours=_lsq_ours,
    empty_body=False,
    no_key=_LSQ_NO_KEY,
    wrong_key=_LSQ_NO_KEY,
    busy=Said(429, lsq.render_failure(lsq.rate_limited(25, 5.0))),
    over_quota=Said(429, lsq.render_failure(lsq.rate_limited(QUOTA.limit, QUOTA.per))),
    says_when=False,
    seed={"id": _LSQ_LEAD, "Notes": "Ready", "FirstName": "Janet"},
    errors=(
        Said(500, lsq.render_failure(lsq.LEAD_ID_MISSING)),
        _lsq_said(500, lsq.Exc.DUPLICATE, _LSQ_TAKEN),
        _lsq_said(500, lsq.Exc.UNKNOWN_ATTRIBUTE, _LSQ_UNKNOWN),
        _lsq_said(500, lsq.Exc.INVALID_INPUT, "Invalid email"),
        _lsq_said(500, lsq.Exc.INVALID_INPUT, lsq_bulk.NOT_FOUND),
        _lsq_said(400, lsq.Exc.INVALID_INPUT, "no array", "a refusal is a 500, whatever it was"),
        Said(200, lsq.render_accepted("id-1"), "what becomes of it is asked for"),
        *_LSQ_COMMON,
    ),
)


def _lsq_listed(*failed: str, unprocessed: tuple[str, ...] = (), but: str = "") -> Said:
    lists = [
        tuple(lsq_bulk.Entry("ProspectId", _LSQ_LEAD, reason) for reason in reasons)
        for reasons in (failed, unprocessed)
    ]
    return Said(200, lsq_bulk.render_answer(lsq_bulk.BulkAnswer((), *lists)), but)


def _lsq_applied(answer: Answer) -> bool:
    said = lsq_bulk.read_answer(answer.body)
    return said is not None and len(said.successful) == said.total


_LSQ_BULK = replace(
    _LSQ_ASYNC,
    name="leadsquared bulk",
    connector={"access_key": OUTBOUND, "secret_key": OUTBOUND},
    samples=(
        _lsq_bulk("many kinds", *_LSQ_FIELDS),
        _lsq_bulk("automations", *_LSQ_FIELDS[:2], postUpdatedLead="true"),
    ),
    keyed=in_query("secretKey"),
    success=_lsq_applied,
    errors=(
        _lsq_listed(unprocessed=(lsq_bulk.NOT_FOUND,)),
        _lsq_listed(_LSQ_TAKEN),
        _lsq_listed(_LSQ_UNKNOWN),
        _lsq_listed("Invalid email"),
        _lsq_listed(lsq_bulk.NOT_FOUND, but="it is listed where the caller asked for it"),
        _lsq_said(400, lsq.Exc.INVALID_INPUT, "no object", "a call of ours, a lead of theirs"),
        _lsq_said(500, lsq.Exc.INVALID_INPUT, "26 leads", "a call of ours, a lead of theirs"),
        *_LSQ_COMMON,
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

SUBJECTS = (_LSQ_ASYNC, _LSQ_BULK, _NOOJEE, _POLLYBOT, _POLLYBOT_GEN2, _ACME)
SAMPLES = [(subject, sample) for subject in SUBJECTS for sample in subject.samples]

every_subject = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
every_sample = pytest.mark.parametrize(
    ("subject", "sample"), SAMPLES, ids=[f"{s.name}-{call.note}"[:60] for s, call in SAMPLES]
)
