"""Dialnexa's client: read, write, read again, and a verdict for whatever comes back.

The lead is read first: only a pending one may be changed, and its variables are replaced whole, so
a part of them is merged into what is there. It is read again because the vendor has been seen to
pass over fields it does not know and still say 200.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import unquote

import orjson
from pydantic import Field, SecretStr

from connectors.delivery.connector import (
    Applied,
    Conversation,
    Delivery,
    Limit,
    Misconfigured,
    NeedsHuman,
    NothingToSend,
    NotLinked,
    Refused,
    Throttled,
    Unavailable,
    Unreachable,
    Verdict,
)
from connectors.dialnexa import wire
from connectors.dialnexa.mapping import rendering
from connectors.dialnexa.mapping.rendering import Plan
from connectors.dialnexa.mapping.showing import variables_of
from connectors.dialnexa.mapping.tables import Style
from connectors.dialnexa.wire import Reply
from gateway.model.codes import Code
from gateway.model.json import JsonObject, JsonValue
from gateway.settings.model import BackendSettings, ConnectorSettings, TenantSettings
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)
from gateway.transport.waits import asked_wait

LONGEST_MESSAGE = 200
Attempting: TypeAlias = Generator[HttpRequest, HttpReply, Verdict]


class DialnexaSettings(BackendSettings):
    """A connector to Dialnexa."""

    vendor: Literal["dialnexa"] = "dialnexa"
    """Which vendor's API it speaks."""
    token: SecretStr = Field(min_length=1)
    """API key (`<key_id>:<secret>`, both parts), sent as `Authorization: Bearer`."""
    field_style: Literal["camel", "snake", "both"] = "camel"
    """How other dialects' updates are said: `camel` as the page's schema block has it (phoneNumber,
    countryCode, notes), `snake` as its table has it (phone_number, metadata), or `both`."""
    verify: bool = True
    """Whether a lead is read again after it was written; a field that was ignored is a refusal."""
    on_locked: Literal["reject", "re_enrol"] = "reject"
    """What becomes of an update of a lead that was dialled already: `reject`, or `re_enrol` a
    corrected copy in its campaign, which is called anew."""
    max_variables: int | None = Field(wire.MOST_VARIABLES, ge=1)
    """Most variables of a lead; further ones are left out; `null` for any number."""


class _Body(NamedTuple):
    """A call that is ready to send."""

    fields: JsonObject
    number: str | None
    """The number in E.164 that the lead is to have."""
    variables: JsonObject
    """All that the lead is to have, sent or not."""
    dropped: tuple[str, ...]


class _Gone:
    """Leads about which the endpoint was said not to be there, with no proper answer since."""

    __slots__ = ("_leads",)

    def __init__(self) -> None:
        self._leads: set[str] = set()

    def is_sure(self, lead_id: str) -> bool:
        """Note one more; whether it was said of two, so that it can't be about a lead."""
        if len(self._leads) < 2:
            self._leads.add(lead_id)
        return len(self._leads) > 1

    def contradicted(self) -> None:
        """The endpoint answered."""
        self._leads.clear()


class DialnexaConnector:
    """A configured client of Dialnexa."""

    batch_size = 1
    most_in_flight: int | None = None
    reads: frozenset[str] = frozenset()
    throttle_wait = 5.0
    limits: tuple[Limit, ...] = ()
    """The page "Rate Limits" has no numbers."""

    def __init__(self, name: str, settings: DialnexaSettings) -> None:
        token = settings.token.get_secret_value()
        self.secrets: tuple[str, ...] = (token,)
        self._name = name
        self._settings = settings
        self._style = Style(settings.field_style)
        self._base = settings.base_url.rstrip("/")
        self._gone = _Gone()
        self._headers = (
            ("Authorization", f"Bearer {token}"),
            ("Content-Type", "application/json"),
            ("Accept", "application/json"),
        )

    def batch_key(self, delivery: Delivery) -> Hashable:
        """Every update is a call of its own."""
        return delivery.event.id

    def assumed(self, request: HttpRequest) -> HttpResponse:
        """A lead that may be changed; of a field that it does not show nobody can say that it was
        ignored."""
        lead_id = unquote(request.url.rpartition("/")[2])
        return HttpResponse(200, {}, orjson.dumps({"id": lead_id, "status": wire.PENDING}))

    def converse(self, deliveries: Sequence[Delivery]) -> Conversation:
        """One attempt at one update."""
        (delivery,) = deliveries
        verdict = yield from self._attempt(delivery)
        return (verdict,)

    def _attempt(self, delivery: Delivery) -> Attempting:
        if not delivery.ids:
            return NotLinked()
        settings = self._settings
        send_unmapped = settings.unmapped != "drop"
        plan = rendering.plan(
            delivery.event, self._style, settings.fields, send_unmapped=send_unmapped
        )
        if not plan.says:
            return _nothing(plan.dropped)
        lead_id = delivery.ids[0].id
        lead = yield from self._read(lead_id)
        if not isinstance(lead, Mapping):
            return lead
        body = _body(plan, lead, settings.max_variables)
        if not isinstance(body, _Body):
            return body
        verdict: Verdict | None = _locked(lead)
        if verdict is None:
            verdict = yield from self._write(lead_id, lead, body)
        if isinstance(verdict, Refused) and verdict.code is Code.LOCKED:
            return (yield from self._enrol(verdict, lead_id, lead, body))
        return verdict

    def _read(self, lead_id: str) -> Generator[HttpRequest, HttpReply, JsonObject | Verdict]:
        """The lead, or why it can't be had."""
        reply = yield self._request("GET", wire.path_of(lead_id))
        verdict = self._judged(reply, lead_id)
        if isinstance(verdict, Unavailable):
            # A lost answer to a read changed nothing there.
            return Unavailable(verdict.reason, verdict.status)
        if not isinstance(verdict, Applied):
            return verdict
        if verdict.snapshot is None:
            return Unavailable("the lead could not be read", verdict.status)
        return verdict.snapshot

    def _write(self, lead_id: str, before: JsonObject, body: _Body) -> Attempting:
        path = wire.path_of(lead_id)
        reply = yield self._request("PATCH", path, wire.body_of(body.fields))
        verdict = self._judged(reply, lead_id, body.dropped)
        if not isinstance(verdict, Applied) or not self._settings.verify:
            return verdict
        seen = self._judged((yield self._request("GET", path)), lead_id)
        # The vendor has said 200: that it can't be asked again takes nothing back.
        after = seen.snapshot if isinstance(seen, Applied) else None
        shown = after or verdict.snapshot
        field = rendering.ignored(body.fields, body.number, before, shown or {})
        if field:
            message = f"the vendor answered {verdict.status} and left {field} as it was"
            return Refused(Code.UNKNOWN_ATTRIBUTE, message, verdict.status, {"field": field})
        return Applied(shown, verdict.dropped, verdict.status)

    def _enrol(self, locked: Refused, lead_id: str, lead: JsonObject, body: _Body) -> Attempting:
        """Enrol a corrected copy where that is wanted; what is not known to have failed is not
        repeated, because the person would be called twice."""
        if self._settings.on_locked == "reject":
            return locked
        fields = rendering.enrolment(lead, body.fields, body.number, body.variables)
        if fields is None:
            return locked
        reply = yield self._request("POST", wire.PATH, wire.body_of(fields))
        dropped = (*body.dropped, "note") if rendering.has_note(body.fields) else body.dropped
        verdict = judge(reply, dropped)
        match verdict:
            case Applied(snapshot=enrolled) if enrolled is not None:
                return verdict._replace(snapshot={**enrolled, "replaces": lead_id})
            case Unavailable() | Applied():
                text = "it is not known whether the lead was enrolled anew"
                return NeedsHuman(Code.LOCKED, text, verdict.status)
            case Misconfigured(code=Code.VENDOR_ENDPOINT_RETIRED):
                return locked
            case Refused(code=Code.LEAD_NOT_FOUND):
                return Refused(Code.SCOPE_INVALID_CAMPAIGN, verdict.message, verdict.status)
            case _:
                return verdict

    def _judged(self, reply: HttpReply, lead_id: str, dropped: tuple[str, ...] = ()) -> Verdict:
        """As `judge`; but that the endpoint is gone must be said of two leads."""
        verdict = judge(reply, dropped)
        if isinstance(verdict, Misconfigured) and verdict.code is Code.VENDOR_ENDPOINT_RETIRED:
            if not self._gone.is_sure(lead_id):
                return Unavailable("404 that is not about the lead", verdict.status)
        elif isinstance(verdict, Applied | Refused):
            self._gone.contradicted()
        return verdict

    def _request(self, method: str, path: str, body: bytes = b"") -> HttpRequest:
        url, timeout = self._base + path, self._settings.timeout
        return HttpRequest(method, url, self._headers, body, timeout)


def connect(
    name: str, settings: ConnectorSettings, tenants: Mapping[str, TenantSettings]
) -> DialnexaConnector:
    """A connector; raises TypeError for another vendor's settings. Dialnexa takes numbers in
    E.164 and no dates, so tenants' reading habits are not needed."""
    del tenants
    if not isinstance(settings, DialnexaSettings):
        raise TypeError("not Dialnexa settings")
    return DialnexaConnector(name, settings)


# --- before it is sent ----------------------------------------------------------------------


def _nothing(dropped: tuple[str, ...]) -> NothingToSend:
    phone = "phones.primary" in dropped
    return NothingToSend(dropped, Code.PHONE_INVALID if phone else Code.NOTHING_TO_SEND)


def _locked(lead: JsonObject) -> Refused | None:
    """Why a lead can't be changed. One that does not show its status is tried."""
    status = lead.get("status")
    if status == wire.REMOVED:
        return Refused(Code.LEAD_NOT_FOUND, wire.NO_LEAD)
    if isinstance(status, str) and status != wire.PENDING:
        return Refused(Code.LOCKED, wire.LOCKED)
    return None


def _body(plan: Plan, lead: JsonObject, most: int | None) -> _Body | Verdict:
    """The call for this lead as it is now."""
    fields, number = dict(plan.fields), plan.phone
    if plan.country_code is not None:
        number = rendering.recomposed(lead.get("phone_number"), plan.country_code)
        if number is None:
            message = "Validation failed: countryCode must come with a phoneNumber"
            return Refused(Code.PHONE_INVALID, message)
        fields |= rendering.phone_fields(number, Style.CAMEL)
    variables, left_out = rendering.variables(plan, lead, most)
    if plan.has_variables:
        fields |= dict.fromkeys(plan.holders, variables)
    dropped = plan.dropped + left_out
    if left_out and not plan.fields and variables == variables_of(lead):
        return NothingToSend(dropped)
    return _Body(fields, number, variables, dropped)


# --- verdicts -------------------------------------------------------------------------------

_AGAIN = frozenset({408, 425})
_MOVED = frozenset({301, 302, 303, 307, 308, 405})
"""Not an answer of this API: the base URL is another one's."""
_ABSENT = frozenset({404, 410})
_CODES: Mapping[int, Code] = {
    403: Code.FORBIDDEN,
    404: Code.LEAD_NOT_FOUND,
    409: Code.LOCKED,
    410: Code.LEAD_NOT_FOUND,
}


def judge(reply: HttpReply, dropped: tuple[str, ...] = ()) -> Verdict:
    """What a reply means, read as if it were the only one. Total."""
    if isinstance(reply, ConnectFailed):
        return Unreachable(reply.reason)
    if isinstance(reply, AnswerUnknown):
        return Unavailable(reply.reason, answer_unknown=True)
    status = reply.status
    said = wire.read_reply(reply.body)
    if 200 <= status < 300:
        if said is None or (said.status or 200) >= 400:
            return Unavailable("the answer is no success", status)
        return Applied(said.lead, dropped, status)
    if status == 429:
        return Throttled(asked_wait(reply), _message(said), status)
    if status == 401:
        return Misconfigured(Code.UNAUTHENTICATED, _message(said), status)
    if status in _MOVED:
        return Misconfigured(Code.ROUTE_NOT_FOUND, _message(said), status)
    if status in _ABSENT and (said is None or _message(said).startswith("Cannot ")):
        return Misconfigured(Code.VENDOR_ENDPOINT_RETIRED, _message(said), status)
    if 400 <= status < 500 and status not in _AGAIN and said is not None:
        return _refused(status, said)
    return Unavailable(f"status {status}", status)


def _refused(status: int, said: Reply) -> Refused:
    message = _message(said)
    code = _CODES.get(status)
    if code is None:
        code = Code.PHONE_INVALID if "E.164" in message else Code.VALIDATION_FAILED
    details: dict[str, JsonValue] = {}
    if len(said.messages) > 1:
        details["messages"] = [each[:LONGEST_MESSAGE] for each in said.messages[:20]]
    return Refused(code, message, status, details)


def _message(said: Reply | None) -> str:
    return "" if said is None else "; ".join(said.messages)[:LONGEST_MESSAGE]
