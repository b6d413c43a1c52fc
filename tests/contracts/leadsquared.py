"""LeadSquared, described for the vendors' contract suite: its two APIs are two subjects.

The async one answers before the outcome; a caller that is made to wait hears of it all the same.
The bulk one answers 200 whatever became of its leads, and lists them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from connectors.leadsquared import VENDOR as LEADSQUARED
from connectors.leadsquared.wire import answers, attributes, bulk
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

PAGE = Path(__file__).parents[1] / "connectors/leadsquared/captures/async_request.json"

_LEAD = "8d1a3d6c-0f6a-4b0e-9d3a-1c7f5e2b9a40"
_PAIR = (("accessKey", INBOUND), ("secretKey", INBOUND))
_THIRD = (("Content-Type", "application/json"), (attributes.API_KEY, INBOUND))


def _one(note: str, body: bytes, **query: str) -> SampleCall:
    told = (*_PAIR, ("leadId", _LEAD), *query.items())
    return SampleCall("POST", attributes.UPDATE_PATH, told, _THIRD, body, note)


def _many(note: str, *fields: attributes.Attribute, **query: str) -> SampleCall:
    named = attributes.Attribute("ProspectId", _LEAD)
    call = bulk.BulkUpdate((bulk.BulkLead((named, *fields)),), "ProspectId", True)
    told, body = (*_PAIR, *query.items()), bulk.render(call)
    return SampleCall("POST", attributes.BULK_PATH, told, _THIRD[:1], body, note)


def _said(status: int, type_: str, message: str, but: str = "") -> Said:
    return Said(status, answers.render_failure(answers.Failure(type_, message)), but)


_NO_KEY = _said(401, answers.Exc.UNAUTHORIZED, "Invalid AccessKey or SecretKey")
_COMMON = (
    replace(_NO_KEY, but="our own key stops the connector"),
    _said(404, answers.Exc.INVALID_INPUT, "no such path", "our own settings stop the connector"),
    Said(429, answers.render_failure(answers.rate_limited(25, 5.0)), "a throttle is waited for"),
    Said(200, answers.render_failure(answers.rate_limited(25, 5.0)), "a throttle is waited for"),
    Said(500, b'{"Message":"An error has occurred."}', "a server error is tried again"),
)
_FIELDS = (
    attributes.Attribute("FirstName", "Jane"),
    attributes.Attribute("EmailAddress", "jane@example.com"),
    attributes.Attribute("Phone", "+61-491570006"),
    attributes.Attribute("DoNotCall", "1"),
    attributes.Attribute("Score", "12"),
    attributes.Attribute("ProspectStage", "Qualified"),
    attributes.Attribute("Notes", ""),
    attributes.Attribute("mx_Plan", 7),
    attributes.Attribute("mx_Education", "", (attributes.Attribute("mx_CustomObject_1", "BSc"),)),
)
_UNKNOWN = answers.unknown_attributes("mx_Nope")
_TAKEN = "Duplicate entry 'a@example.com' for key 'UQ_Prospect_Base_EmailAddress'"


def _ours(body: bytes) -> bool:
    return answers.read_failure(body) is not None or bulk.read_answer(body) is not None


ASYNC = Subject(
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
        _one("page sample", PAGE.read_bytes()),
        _one("many kinds", attributes.render_attributes(_FIELDS), postUpdatedLead="true"),
    ),
    keyed=in_header(attributes.API_KEY),
    ours=_ours,
    empty_body=False,
    no_key=_NO_KEY,
    wrong_key=_NO_KEY,
    busy=Said(429, answers.render_failure(answers.rate_limited(25, 5.0))),
    over_quota=Said(429, answers.render_failure(answers.rate_limited(QUOTA.limit, QUOTA.per))),
    says_when=False,
    seed={"id": _LEAD, "Notes": "Ready", "FirstName": "Janet"},
    errors=(
        Said(500, answers.render_failure(answers.LEAD_ID_MISSING)),
        _said(500, answers.Exc.DUPLICATE, _TAKEN),
        _said(500, answers.Exc.UNKNOWN_ATTRIBUTE, _UNKNOWN),
        _said(500, answers.Exc.INVALID_INPUT, "Invalid email"),
        _said(500, answers.Exc.INVALID_INPUT, bulk.NOT_FOUND),
        _said(400, answers.Exc.INVALID_INPUT, "no array", "a refusal is a 500, whatever it was"),
        Said(200, answers.render_accepted("id-1"), "what becomes of it is asked for"),
        *_COMMON,
    ),
)


def _listed(*failed: str, unprocessed: tuple[str, ...] = (), but: str = "") -> Said:
    lists = [
        tuple(bulk.Entry("ProspectId", _LEAD, reason) for reason in reasons)
        for reasons in (failed, unprocessed)
    ]
    return Said(200, bulk.render_answer(bulk.BulkAnswer((), *lists)), but)


def _applied(answer: Answer) -> bool:
    said = bulk.read_answer(answer.body)
    return said is not None and len(said.successful) == said.total


BULK = replace(
    ASYNC,
    name="leadsquared bulk",
    connector={"access_key": OUTBOUND, "secret_key": OUTBOUND},
    samples=(
        _many("many kinds", *_FIELDS),
        _many("automations", *_FIELDS[:2], postUpdatedLead="true"),
    ),
    keyed=in_query("secretKey"),
    success=_applied,
    errors=(
        _listed(unprocessed=(bulk.NOT_FOUND,)),
        _listed(_TAKEN),
        _listed(_UNKNOWN),
        _listed("Invalid email"),
        _listed(bulk.NOT_FOUND, but="it is listed where the caller asked for it"),
        _said(400, answers.Exc.INVALID_INPUT, "no object", "a call of ours, a lead of theirs"),
        _said(500, answers.Exc.INVALID_INPUT, "26 leads", "a call of ours, a lead of theirs"),
        *_COMMON,
    ),
)
