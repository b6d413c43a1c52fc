"""What the Dialnexa tests share: captures, calls, deliveries, and the whole way of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from connectors.delivery.connector import Applied, Delivery, NeedsHuman, Refused, Verdict
from connectors.dialnexa import VENDOR
from connectors.dialnexa.inbound import DialnexaCredential, DialnexaDialect
from connectors.dialnexa.outbound import DialnexaConnector, DialnexaSettings, connect
from connectors.sandbox.host import load
from connectors.sandbox.port import Backend
from gateway.dialect import (
    Answer,
    Answering,
    Call,
    Caller,
    LeadView,
    Parsed,
    RequestedUpdate,
    Settled,
    UpdateResult,
)
from gateway.model.changes import Change
from gateway.model.codes import Code
from gateway.model.event import Attributes, LeadId
from gateway.model.json import JsonObject
from gateway.model.outcome import Kind, Outcome
from gateway.transport.port import HttpReply, HttpRequest, HttpResponse
from tests.contracts.vendors import (
    BASE_URL,
    EVENT_ID,
    NOW,
    OUTBOUND,
    Held,
    asked_of,
    ended,
    event_of,
    held,
)

DIALECT = DialnexaDialect()
LEAD = "lead_m4b7zx9nq2pw"
NUMBER = "+919876543210"
SEED: JsonObject = {
    "id": LEAD,
    "name": "Priya Sharma",
    "phone_number": NUMBER,
    "campaign_id": "cmp_5tw8vz2rnx1q",
    "metadata": {"product": "home_loan"},
}


def capture(name: str) -> bytes:
    """A sample of the vendor's pages."""
    return (Path(__file__).parent / "captures" / f"{name}.json").read_bytes()


def body_of(body: object) -> bytes:
    """Bytes as they are, anything else as JSON."""
    return body if isinstance(body, bytes) else orjson.dumps(body)


def caller(**settings: Any) -> Caller:
    """Who calls."""
    given = {"system": "nexa", "token": "key:secret", **settings}
    credential = DialnexaCredential.model_validate(given)
    return Caller("default", "nexa", "AU", "Australia/Melbourne", credential)


def call(lead_id: str = LEAD, path: str = "/v1/campaigns-leads/", **headers: str) -> Call:
    """A call, before its body is read."""
    return Call("PATCH", path + lead_id, "updateCampaignLead", {"id": lead_id}, (), headers)


def asked(body: object, **settings: Any) -> RequestedUpdate:
    """What a good call asks."""
    parsed = DIALECT.parse(call(), body_of(body), caller(**settings))
    assert isinstance(parsed, Parsed), parsed
    (update,) = parsed.updates
    return update


def told(
    result: UpdateResult, body: object = b"{}", view: LeadView | None = None, **settings: Any
) -> Answer:
    """The answer to a good call with this result."""
    parsed = Parsed((asked(body),))
    views = [view or {}]
    answering = Answering(call(), caller(**settings), parsed, [result], views, None, NOW)
    return DIALECT.answer(answering)


def settled(outcome: Outcome) -> Settled:
    """The authority's outcome."""
    return Settled(EVENT_ID, outcome)


def own(body: object) -> Delivery:
    """The delivery of an update that came in by this dialect."""
    event = event_of(asked(body), "dialnexa", "updateCampaignLead")
    return Delivery(event, event.ids)


def foreign(
    changes: Mapping[str, Change], attributes: Attributes | None = None, lead_id: str = LEAD
) -> Delivery:
    """The delivery of another dialect's update."""
    update = RequestedUpdate(LeadId("crm", "42"), changes, attributes or Attributes())
    return Delivery(event_of(update, "native", "postLeadUpdates"), (LeadId("nexa", lead_id),))


def connector(**settings: Any) -> DialnexaConnector:
    """A connector to BASE_URL."""
    given = {"base_url": BASE_URL, "token": OUTBOUND, "system": "nexa", **settings}
    return connect("nexa", DialnexaSettings.model_validate(given), {})


def backend(*leads: JsonObject, faithful: bool = False) -> Backend:
    """A fake Dialnexa with these leads."""
    made = load(VENDOR.sandbox, faithful=faithful)
    for lead in leads:
        made.seed(lead)
    return made


def talk(delivery: Delivery, there: Backend | Sequence[HttpReply], **settings: Any) -> Held:
    """One attempt, answered by a backend or by these replies in turn."""
    return attempt(connector(**settings), delivery, there)


def attempt(
    client: DialnexaConnector, delivery: Delivery, there: Backend | Sequence[HttpReply]
) -> Held:
    """As `talk`, by a connector that is there already."""
    answer: Callable[[HttpRequest], HttpReply]
    if isinstance(there, Sequence):
        replies = iter(there)
        answer = lambda _: next(replies)  # noqa: E731 - one of two ways to answer
    else:
        answer = lambda request: asked_of(there, request)  # noqa: E731 - as above
    return held(client.converse([delivery]), answer)


def said(request: HttpRequest) -> tuple[str, str, object]:
    """Method, path and body of what was sent."""
    path = request.url.removeprefix(BASE_URL)
    return request.method, path, orjson.loads(request.body) if request.body else None


def patched(sent: list[HttpRequest]) -> object:
    """The body of the PATCH in a conversation."""
    (body,) = (said(each)[2] for each in sent if each.method == "PATCH")
    return body


def replied(body: object, status: int = 200, **headers: str) -> HttpResponse:
    """A reply of the vendor's."""
    return HttpResponse(status, headers, body_of(body))


def shown(answer: Answer) -> tuple[int, Any]:
    """Status and body of an answer."""
    return answer.status, orjson.loads(answer.body)


def exchange(body: object, there: Backend, lead_id: str = LEAD, **settings: Any) -> Answer:
    """The whole way: our door, our client, a fake backend, and back."""
    who, asking = caller(**settings), call(lead_id)
    parsed = DIALECT.parse(asking, body_of(body), who)
    if not isinstance(parsed, Parsed):
        return DIALECT.refuse(asking, parsed, None)
    event = event_of(parsed.updates[0], "dialnexa", "updateCampaignLead")
    _, (verdict,) = talk(Delivery(event, event.ids), there)
    result = settled(outcome_of(verdict))
    return DIALECT.answer(Answering(asking, who, parsed, [result], [{}], None, NOW))


def outcome_of(verdict: Verdict) -> Outcome:
    """The outcome that the engine makes of a verdict about the lead."""
    if isinstance(verdict, Applied):
        return replace(ended(Kind.APPLIED, Code.OK), snapshot=verdict.snapshot)
    assert isinstance(verdict, Refused | NeedsHuman), verdict
    return ended(Kind.REJECTED, verdict.code, verdict)
