"""The client of UpdateLeadFast: one call an update, judged by the page's table.

`njDisposition`, a phone field and the known call-back are part of every call, because leaving
one out means something to this vendor. One call may become two: where the vendor wants a
disposition instead of a `<No Change>` that we wrote, and one is configured.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

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
from connectors.noojee import wire
from connectors.noojee.mapping.rendering import Body, Place, body_of, writing
from connectors.noojee.mapping.tables import REFUSALS, SYSTEM_NAMES
from gateway.model.codes import Code
from gateway.model.event import LeadId, LeadUpdate
from gateway.settings.durations import Duration
from gateway.settings.model import BackendSettings, ConnectorSettings, TenantSettings
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)
from gateway.transport.waits import asked_wait


class NoojeeSettings(BackendSettings):
    """A connector to one Noojee Contact server."""

    vendor: Literal["noojee"]
    """Which vendor's API it speaks."""
    api_key: SecretStr
    """The `apiKey` of the query."""
    concurrency: int = Field(4, ge=1, le=1024)
    """Requests in flight at once; the vendor takes half as many as its machine has threads."""
    timeout: Duration = 75.0
    """Time for one request; the vendor queues one for up to a minute."""
    template_id: int | None = None
    """`fTemplateId`, where the call did not say."""
    campaign_id: int | None = None
    """`fCampaignId`, where the call did not say."""
    allocation_id: int | None = None
    """`fAllocationId` of leads whose id carries none."""
    phone_fields: list[str] = Field(default=["FirstPhone", "SecondPhone"], min_length=1)
    """The template's phone fields: primary, secondary, further ones."""
    phone_format: Literal["e164", "national"] = "e164"
    """How other dialects' numbers are written; `national` as dialled in the tenant's region."""
    disposition_if_undialled: str | None = None
    """Disposition for a lead that was never dialled, sent where our `<No Change>` was refused for
    that; absent: the update is refused (`disposition_required`)."""
    contact_hours_field: str | None = None
    """The template's name for contact hours, which the vendor does not document; absent: they are
    sent only to answer a caller's own name."""


READS = frozenset({"callback.at", "contact_hours"})
THROTTLE_WAIT = 120.0
"""Seconds. The page "Update Lead Fast" asks for a couple of minutes before trying again."""
LONGEST_MESSAGE = 200

_HEADERS = (("Accept", "application/json"), ("Content-Type", "application/json"))
_ELSEWHERE = Place("US", "UTC")
_PERSONAL = re.compile(r"[^\s@]+@[^\s@]+|\+?\d[\d\s().-]{5,}\d")


@dataclass(frozen=True, slots=True)
class _Aim:
    """Where a call goes, and whose word each part of its place is."""

    target: wire.Target
    ours: frozenset[int]
    """The refusals 115, 116 and 117 that would be about our own settings."""


class NoojeeConnector:
    """A client of one Noojee Contact server."""

    batch_size = 1
    most_in_flight: int | None = None
    reads = READS
    throttle_wait = THROTTLE_WAIT
    limits: tuple[Limit, ...] = ()

    def __init__(
        self, name: str, settings: NoojeeSettings, tenants: Mapping[str, TenantSettings]
    ) -> None:
        self._system = settings.system or name
        self._settings = settings
        self._url = settings.base_url.rstrip("/") + wire.PATH
        self._api_key = settings.api_key.get_secret_value()
        self._writing = writing(
            settings.fields,
            settings.phone_fields,
            settings.contact_hours_field,
            settings.unmapped or "drop",
            settings.phone_format,
        )
        self._places = {
            tenant: Place(habits.region, habits.timezone) for tenant, habits in tenants.items()
        }
        self.secrets: tuple[str, ...] = (self._api_key,)

    def batch_key(self, delivery: Delivery) -> Hashable:
        """Updates are sent one by one."""
        return delivery.event.id

    def assumed(self, request: HttpRequest) -> HttpResponse:
        """`OK` to whatever is sent."""
        del request
        return HttpResponse(200, {}, wire.REPLIES[0].body)

    def converse(self, deliveries: Sequence[Delivery]) -> Conversation:
        """One attempt at each delivery."""
        verdicts: tuple[Verdict, ...] = ()
        for delivery in deliveries:
            verdicts += yield from self._attempt(delivery)
        return verdicts

    def _attempt(self, delivery: Delivery) -> Conversation:
        if not delivery.ids:
            return (NotLinked(),)
        event = delivery.event
        aim = self._aim(event, delivery.ids[0])
        if aim.target.allocation_id is None:
            said = "the lead's id names no allocation, and allocation_id is not configured"
            return (Refused(Code.SCOPE_INVALID_ALLOCATION, said),)
        place = self._places.get(event.tenant, _ELSEWHERE)
        body = body_of(event, delivery.known, self._writing, place)
        if not body.says:
            return (NothingToSend(tuple(body.dropped)),)
        reply = yield self._request(aim, body)
        instead = self._settings.disposition_if_undialled
        if instead is not None and body.kept_by_us and _code(reply) == 107:
            body.fields[SYSTEM_NAMES["disposition"]] = instead
            reply = yield self._request(aim, body)
        return (self._judge(reply, aim, body),)

    def _aim(self, event: LeadUpdate, lead: LeadId) -> _Aim:
        """The lead and its place: what its id says, then what the call said of this lead, then
        our settings."""
        settings = self._settings
        said = {}
        if event.origin.dialect == "noojee" and lead in event.ids:
            said = {name: str(value) for name, value in event.origin.scope.items()}
        said |= dict(lead.scope)
        ours = {
            115: None if "allocation_id" in said else settings.allocation_id,
            116: None if "template_id" in said else settings.template_id,
            117: None if "campaign_id" in said else settings.campaign_id,
        }
        # A call that came without a template or campaign is the caller's to mend; an update of
        # another dialect can't say one.
        silent = {116, 117} if event.origin.dialect != "noojee" else set()
        target = wire.Target(
            external_id=lead.id,
            allocation_id=said.get("allocation_id") or _text(ours[115]),
            template_id=said.get("template_id") or _text(ours[116]),
            campaign_id=said.get("campaign_id") or _text(ours[117]),
            api_key=self._api_key,
        )
        configured = {code for code, value in ours.items() if value is not None}
        unsaid = {c for c, n in ((116, "template_id"), (117, "campaign_id")) if n not in said}
        return _Aim(target, frozenset(configured | (silent & unsaid)))

    def _request(self, aim: _Aim, body: Body) -> HttpRequest:
        url = f"{self._url}?{wire.encode_query(aim.target)}"
        sent = orjson.dumps(body.fields)
        return HttpRequest("POST", url, _HEADERS, sent, self._settings.timeout)

    def _judge(self, reply: HttpReply, aim: _Aim, body: Body) -> Verdict:
        match reply:
            case ConnectFailed():
                return Unreachable(reply.reason)
            case AnswerUnknown():
                return Unavailable(reply.reason, answer_unknown=True, code=Code.TIMEOUT)
            case HttpResponse():
                return judge(reply, tuple(body.dropped), aim.ours, self._api_key)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _code(reply: HttpReply) -> int | None:
    read = wire.read_reply(reply.body) if isinstance(reply, HttpResponse) else None
    return None if read is None else read[0]


def bounded(message: str, secret: str) -> str:
    """A vendor's message fit to be kept: no key, no address or number of a person, not long."""
    clean = message.replace(secret, "***") if secret else message
    return _PERSONAL.sub("***", clean[: 4 * LONGEST_MESSAGE])[:LONGEST_MESSAGE]


def judge(
    response: HttpResponse, dropped: tuple[str, ...], ours: frozenset[int], secret: str = ""
) -> Verdict:
    """What an answer means. `ours`: which of 115, 116 and 117 are about our own settings."""
    status = response.status
    if status in {401, 403}:
        return Misconfigured(Code.UNAUTHENTICATED, "the vendor refuses the key", status)
    read = wire.read_reply(response.body)
    if read is None:
        return _unreadable(response)
    code, text = read
    if code == 0:
        if 200 <= status < 300:
            return Applied(dropped=dropped, status=status)
        return Unavailable("code 0 under an error status", status)
    message = bounded(text, secret)
    if code == 109 or status == 429:
        return Throttled(asked_wait(response), message, status)
    if code == 110:
        return NeedsHuman(Code.CONFLICT, message, status)
    if code in ours:
        return Misconfigured(REFUSALS[code], message, status)
    if code in REFUSALS:
        return Refused(REFUSALS[code], message, status)
    if code == 103 or status >= 500:
        return Unavailable(message or "EXCEPTION", status)
    if status in {404, 405}:
        return Misconfigured(Code.ROUTE_NOT_FOUND, message, status)
    return Refused(Code.VALIDATION_FAILED, message, status)


def _unreadable(response: HttpResponse) -> Verdict:
    """An answer that is not this API's: a proxy, another server, half a body."""
    status = response.status
    if status == 429:
        return Throttled(asked_wait(response), "too many requests", status)
    if 300 <= status < 400 or status in {404, 405, 410}:
        return Misconfigured(Code.ROUTE_NOT_FOUND, "there is no such API at base_url", status)
    return Unavailable("the answer is not JSON", status)


def connect(
    name: str, settings: ConnectorSettings, tenants: Mapping[str, TenantSettings]
) -> NoojeeConnector:
    """A connector from its settings."""
    return NoojeeConnector(name, cast(NoojeeSettings, settings), tenants)
