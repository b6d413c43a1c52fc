"""PollyBot's client: one conversation per update, and a verdict for whatever comes back.

Gen-1 merges `metadata` itself, so an update is one PUT. Gen-2 replaces `customFields` whole, so
a partial change is read, merged and written; without custom fields it is one PUT. A whole new
set is one PUT for gen-2, and read, compared and written for gen-1.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping, Sequence
from typing import Literal, Self, TypeAlias
from urllib.parse import unquote

from pydantic import Field, SecretStr, model_validator

from connectors.delivery.connector import (
    Applied,
    Conversation,
    Delivery,
    Limit,
    Misconfigured,
    NothingToSend,
    NotLinked,
    Refused,
    Throttled,
    Unavailable,
    Unreachable,
    Verdict,
)
from connectors.pollybot import mapping, wire
from connectors.pollybot.mapping import Plan
from connectors.pollybot.wire import Generation, Reply
from gateway.model.codes import Code
from gateway.model.json import JsonObject, JsonValue, merge_patch
from gateway.settings.model import BackendSettings, ConnectorSettings, TenantSettings
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)
from gateway.transport.waits import asked_wait

HOUR = 3600.0
LONGEST_MESSAGE = 200
Attempting: TypeAlias = Generator[HttpRequest, HttpReply, Verdict]


class PollyBotSettings(BackendSettings):
    """A connector to PollyBot."""

    vendor: Literal["pollybot"] = "pollybot"
    """Which vendor's API it speaks."""
    token: SecretStr = Field(min_length=1)
    """Workspace key, sent as `Authorization: Bearer`."""
    api: Literal["gen1", "gen2"] = "gen2"
    """`gen1`: /api/v1/leads/{leadId}; `gen2`: /api/v1/chatbots/{chatbotId}/leads/{id}."""
    chatbot_id: str | None = None
    """Gen-2: the chatbot whose leads these are, where the event does not say."""

    @model_validator(mode="after")
    def _has_a_chatbot(self) -> Self:
        if self.api == "gen2" and not self.chatbot_id:
            raise ValueError("api gen2 needs a chatbot_id (or set api: gen1)")
        return self


class PollyBotConnector:
    """A configured client of PollyBot."""

    batch_size = 1
    most_in_flight: int | None = None
    reads: frozenset[str] = frozenset()
    throttle_wait = 60.0
    limits: tuple[Limit, ...] = (Limit(1000, HOUR),)
    """1,000 requests an hour for a key (page "Rate Limiting")."""

    def __init__(self, name: str, settings: PollyBotSettings) -> None:
        token = settings.token.get_secret_value()
        self.secrets: tuple[str, ...] = (token,)
        self._system = settings.system or name
        self._generation = Generation(settings.api)
        self._chatbot_id = settings.chatbot_id or ""
        self._base = settings.base_url.rstrip("/")
        self._timeout = settings.timeout
        self._renames: Mapping[str, str] = settings.fields
        self._send_unmapped = settings.unmapped != "drop"
        self._headers = (
            ("Authorization", f"Bearer {token}"),
            ("Content-Type", "application/json"),
            ("Accept", "application/json"),
        )

    def batch_key(self, delivery: Delivery) -> Hashable:
        """Every update is a call of its own."""
        return delivery.event.id

    def assumed(self, request: HttpRequest) -> HttpResponse:
        """A lead with an id, which is all that a conversation needs to go on."""
        lead_id = unquote(request.url.rpartition("/")[2])
        return HttpResponse(200, {}, wire.success({"id": lead_id}))

    def converse(self, deliveries: Sequence[Delivery]) -> Conversation:
        """One attempt at one update."""
        (delivery,) = deliveries
        verdict = yield from self._attempt(delivery)
        return (verdict,)

    def _attempt(self, delivery: Delivery) -> Attempting:
        if not delivery.ids:
            return NotLinked()
        event = delivery.event
        plan = mapping.plan(
            event, self._generation, self._renames, send_unmapped=self._send_unmapped
        )
        # An empty body is a call of its own to gen-1, which answers it with the unchanged lead.
        gives_back = plan.given_back and self._generation is Generation.GEN1
        if not plan.fields and not plan.has_bag and not gives_back:
            phone = "phones.primary" in plan.dropped
            return NothingToSend(
                plan.dropped, Code.PHONE_INVALID if phone else Code.NOTHING_TO_SEND
            )
        lead_id, chatbot_id = delivery.ids[0].id, self._chatbot_of(delivery)
        fields = dict(plan.fields)
        if plan.has_bag:
            read = yield from self._bag(plan, lead_id, chatbot_id)
            if not isinstance(read, _Bag):
                return read
            fields[mapping.BAGS[self._generation]] = read.value
        path = wire.path_of(self._generation, lead_id, chatbot_id)
        reply = yield self._request("PUT", path, wire.body_of(fields))
        return judge(reply, self._system, plan.dropped)

    def _chatbot_of(self, delivery: Delivery) -> str:
        origin = delivery.event.origin
        if origin.dialect == mapping.DIALECT and origin.system == self._system:
            said = origin.scope.get("chatbot_id")
            if isinstance(said, str) and said:
                return said
        return self._chatbot_id

    def _bag(
        self, plan: Plan, lead_id: str, chatbot_id: str
    ) -> Generator[HttpRequest, HttpReply, _Bag | Verdict]:
        """The bag as it goes into the body, read first where the vendor would not merge so."""
        gen1 = self._generation is Generation.GEN1
        if gen1 != plan.replaces:
            return _Bag(plan.bag)
        if gen1 and not plan.bag:
            return _Bag(None)
        path = wire.path_of(self._generation, lead_id, chatbot_id)
        verdict = judge((yield self._request("GET", path, b"")), self._system)
        if isinstance(verdict, Unavailable):
            # A lost answer to a read changed nothing there.
            return Unavailable(verdict.reason, verdict.status)
        if not isinstance(verdict, Applied):
            return verdict
        if verdict.snapshot is None:
            return Unavailable("the lead could not be read", verdict.status)
        current = verdict.snapshot.get(mapping.BAGS[self._generation])
        if gen1:
            return _Bag(mapping.replacing_patch(current, plan.bag))
        return _Bag(merge_patch(current, plan.bag))

    def _request(self, method: str, path: str, body: bytes) -> HttpRequest:
        return HttpRequest(method, self._base + path, self._headers, body, self._timeout)


class _Bag:
    """A bag ready to send, apart from the verdicts that may come instead."""

    __slots__ = ("value",)

    def __init__(self, value: JsonValue) -> None:
        self.value = value


def connect(
    name: str, settings: ConnectorSettings, tenants: Mapping[str, TenantSettings]
) -> PollyBotConnector:
    """A connector; raises TypeError for another vendor's settings. PollyBot takes instants in
    UTC and phones as text, so tenants' reading habits are not needed."""
    del tenants
    if not isinstance(settings, PollyBotSettings):
        raise TypeError("not PollyBot settings")
    return PollyBotConnector(name, settings)


# --- verdicts -------------------------------------------------------------------------------

_AGAIN = frozenset({408, 425})
_MOVED = frozenset({301, 302, 303, 307, 308, 405})
"""Not an answer of this API: the base URL is another one's."""
_ABSENT = frozenset({404, 410})


def judge(reply: HttpReply, system: str, dropped: tuple[str, ...] = ()) -> Verdict:
    """What a reply means; `system` is the id space of the ids in it. Total."""
    if isinstance(reply, ConnectFailed):
        return Unreachable(reply.reason)
    if isinstance(reply, AnswerUnknown):
        return Unavailable(reply.reason, answer_unknown=True)
    status = reply.status
    envelope = wire.read_reply(reply.body)
    if 200 <= status < 300:
        if envelope is None or not envelope.success:
            return Unavailable("the answer is no success", status)
        return Applied(envelope.data, dropped, status)
    if status == 429:
        return Throttled(asked_wait(reply), _message(envelope), status)
    if status == 401:
        return Misconfigured(Code.UNAUTHENTICATED, _message(envelope), status)
    if status in _MOVED or (status in _ABSENT and _is_no_lead(reply, envelope)):
        return Misconfigured(Code.ROUTE_NOT_FOUND, _message(envelope), status)
    if 400 <= status < 500 and status not in _AGAIN and wire.is_object(reply.body):
        return _refused(status, envelope, system)
    return Unavailable(f"status {status}", status)


def _is_no_lead(reply: HttpResponse, envelope: Reply | None) -> bool:
    """Whether a 404 or 410 speaks of the path and not of a lead."""
    if envelope is None:
        return reply.status == 404 or not wire.is_object(reply.body)
    return envelope.code == wire.NO_PATH


_REFUSALS: Mapping[int, Code] = {
    403: Code.FORBIDDEN,
    404: Code.LEAD_NOT_FOUND,
    410: Code.LEAD_NOT_FOUND,
}
_REFUSAL_CODES: Mapping[str, Code] = {
    "LEAD_NOT_FOUND": Code.LEAD_NOT_FOUND,
    "DUPLICATE_EMAIL": Code.DUPLICATE_EMAIL,
    "VALIDATION_ERROR": Code.VALIDATION_FAILED,
}


def _refused(status: int, envelope: Reply | None, system: str) -> Refused:
    vendor_code = envelope.code if envelope is not None else ""
    code = _REFUSAL_CODES.get(vendor_code) or _REFUSALS.get(status)
    if code is None:
        code = Code.CONFLICT if status == 409 else Code.VALIDATION_FAILED
    details: JsonObject = envelope.details if envelope is not None else {}
    if code is Code.DUPLICATE_EMAIL:
        kept: dict[str, JsonValue] = {
            "email": _bounded(details.get("email")),
            "existing_lead_id": _bounded(details.get("existingLeadId")),
            "existing_lead_system": system,
        }
    else:
        kept = {name: _bounded(details[name]) for name in ("field", "value") if name in details}
    return Refused(code, _message(envelope), status, kept)


def _message(envelope: Reply | None) -> str:
    if envelope is None:
        return ""
    said = envelope.details.get("message")
    return (said if isinstance(said, str) else envelope.error)[:LONGEST_MESSAGE]


def _bounded(value: JsonValue) -> JsonValue:
    """A value short enough to keep; an object or a list says nothing that is needed."""
    if isinstance(value, str):
        return value[:LONGEST_MESSAGE]
    return value if isinstance(value, int | float) else None
