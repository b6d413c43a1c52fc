"""A configured client of one account: which call an update becomes.

`bulk` sends up to 25 leads a call, one call at a time: an account that got several at once lost
writes without a word. `async` and `sync` send one lead a call, and need its own id: a lead that
is only known by a unique field goes by a bulk call of one.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping, Sequence
from typing import TypeAlias

from connectors.delivery.connector import (
    Conversation,
    Delivery,
    Limit,
    NothingToSend,
    NotLinked,
    Unavailable,
    Verdict,
)
from connectors.leadsquared.mapping.rendering import Plan, plan, writing
from connectors.leadsquared.mapping.tables import DIALECT
from connectors.leadsquared.outbound import assuming, judging
from connectors.leadsquared.outbound.bulk import (
    Address,
    Sent,
    address_of,
    body_of,
    sent,
    verdicts,
)
from connectors.leadsquared.outbound.settings import LeadSquaredSettings
from connectors.leadsquared.wire.attributes import (
    ACCESS_KEY,
    API_KEY,
    BULK_PATH,
    SECRET_KEY,
    SYNC_PATH,
    UPDATE_PATH,
    Parameters,
    encode_parameters,
    render_attributes,
)
from connectors.leadsquared.wire.bulk import MOST_LEADS, PROSPECT_ID
from gateway.model.codes import Code
from gateway.settings.model import ConnectorSettings, TenantSettings
from gateway.transport.port import HttpReply, HttpRequest, HttpResponse

WINDOW = 5.0
"""Seconds in which calls are counted (both pages, 429), and which a throttled one waits."""
SINGLE_LIMIT, BULK_LIMIT = Limit(25, WINDOW), Limit(5, WINDOW)
"""25 calls in 5 seconds (both pages); bulk calls fewer, by plan (page "Rate Limits")."""
Single: TypeAlias = Generator[HttpRequest, HttpReply, Verdict]


class LeadSquaredConnector:
    """A configured client of LeadSquared."""

    reads: frozenset[str] = frozenset()
    throttle_wait = WINDOW

    def __init__(self, name: str, settings: LeadSquaredSettings) -> None:
        bulk = settings.bulk
        self.batch_size = MOST_LEADS if bulk else 1
        self.most_in_flight: int | None = 1 if bulk else None
        self.limits: tuple[Limit, ...] = (BULK_LIMIT if bulk else SINGLE_LIMIT,)
        access, secret = settings.access_key, settings.secret_key
        pair = (access.get_secret_value(), secret.get_secret_value())
        third = settings.x_api_key.get_secret_value() if settings.x_api_key else ""
        self.secrets: tuple[str, ...] = (*pair, third) if third else pair
        self._settings = settings
        self._system = settings.system or name
        self._writing = writing(
            settings.fields,
            settings.stages,
            send_unmapped=settings.unmapped == "send",
            phone_format=settings.phone_format,
        )
        self._base = settings.base_url.rstrip("/")
        self._async = settings.async_url if third else None
        json = (("Content-Type", "application/json"), ("Accept", "application/json"))
        self._asking = ((API_KEY, third), ("Accept", "application/json"))
        self._pair = ((ACCESS_KEY, pair[0]), (SECRET_KEY, pair[1]), *json)
        self._all = ((API_KEY, third), *self._pair)

    def batch_key(self, delivery: Delivery) -> Hashable:
        """Bulk calls are of one field to seek by and one `postUpdatedLead`; what is not sent by
        one goes alone, so that a call that fails as a whole is its leads' alone."""
        address = None if delivery.pending is not None else self._address(delivery)
        if address is None or not self._sent(delivery, address).fields:
            return delivery.event.id
        return address.name.lower(), self._forwards(delivery)

    def assumed(self, request: HttpRequest) -> HttpResponse:
        """Success in the words of each call."""
        return assuming.assumed(request)

    def converse(self, deliveries: Sequence[Delivery]) -> Conversation:
        """One attempt at these updates, or one question about one."""
        first = deliveries[0]
        if len(deliveries) == 1:
            if first.pending is not None:
                return ((yield from self._ask(first, first.pending)),)
            address = self._address(first)
            if address is None:
                return (NotLinked(),)
            if address.own and not self._settings.bulk:
                return ((yield from self._single(first, address)),)
        return (yield from self._bulk(deliveries))

    # --- one lead -------------------------------------------------------------------------

    def _single(self, delivery: Delivery, address: Address) -> Single:
        planned = self._plan(delivery)
        if not planned.fields:
            return _nothing(planned.dropped)
        query = encode_parameters(
            Parameters(lead_id=address.value, post_updated_lead=self._forwards(delivery))
        )
        body = render_attributes(planned.fields)
        if self._settings.mode == "sync":
            url = f"{self._base}{SYNC_PATH}?{query}"
            return judging.done(
                (yield self._request("POST", url, self._pair, body)), planned.dropped
            )
        url = f"{self._async}{UPDATE_PATH}?{query}"
        return judging.accepted((yield self._request("POST", url, self._all, body)))

    def _ask(self, delivery: Delivery, token: str) -> Single:
        if self._async is None:
            return Unavailable("without an async_base_url and an x_api_key it can't be asked")
        query = encode_parameters(Parameters(request_id=token))
        url = f"{self._async}{self._settings.status_path}?{query}"
        reply = yield self._request("GET", url, self._asking, b"")
        return judging.became(reply, token, self._plan(delivery).dropped)

    # --- many -----------------------------------------------------------------------------

    def _bulk(self, deliveries: Sequence[Delivery]) -> Conversation:
        found: list[Verdict | None] = []
        leads: list[Sent] = []
        for delivery in deliveries:
            address = self._address(delivery)
            lead = None if address is None else self._sent(delivery, address)
            if lead is None:
                found.append(NotLinked())
            elif not lead.fields:
                found.append(_nothing(lead.dropped))
            else:
                found.append(None)
                leads.append(lead)
        told: Sequence[Verdict] = ()
        if leads:
            flag = Parameters(post_updated_lead=self._forwards(deliveries[0]))
            query = encode_parameters(flag)
            url = f"{self._base}{BULK_PATH}{'?' if query else ''}{query}"
            told = verdicts((yield self._request("POST", url, self._pair, body_of(leads))), leads)
        rest = iter(told)
        return tuple(next(rest) if verdict is None else verdict for verdict in found)

    # --- an update ------------------------------------------------------------------------

    def _address(self, delivery: Delivery) -> Address | None:
        """Single updates need the lead's own id, so there it goes before `search_by`."""
        settings = self._settings
        wanted = settings.search_by
        preferred = (wanted,) if settings.bulk else (PROSPECT_ID, wanted)
        return address_of(delivery, self._system, preferred, settings.phone_format)

    def _plan(self, delivery: Delivery) -> Plan:
        return plan(delivery.event, self._writing)

    def _sent(self, delivery: Delivery, address: Address) -> Sent:
        return sent(delivery, self._plan(delivery), address, self._writing.names)

    def _forwards(self, delivery: Delivery) -> str | None:
        """`postUpdatedLead` as it is passed on."""
        event, how = delivery.event, self._settings.forward_post_updated_lead
        same = event.origin.dialect == DIALECT
        passes = (how == "always" or (how == "same_dialect" and same)) and not event.origin.hops
        return "true" if event.triggers.post_updated_lead and passes else None

    def _request(
        self, method: str, url: str, headers: tuple[tuple[str, str], ...], body: bytes
    ) -> HttpRequest:
        return HttpRequest(method, url, headers, body, self._settings.timeout)


def _nothing(dropped: tuple[str, ...]) -> NothingToSend:
    phone = "phones.primary" in dropped
    return NothingToSend(dropped, Code.PHONE_INVALID if phone else Code.NOTHING_TO_SEND)


def connect(
    name: str, settings: ConnectorSettings, tenants: Mapping[str, TenantSettings]
) -> LeadSquaredConnector:
    """A connector; raises TypeError for another vendor's settings. LeadSquared takes times in UTC
    and phones with their country's code, so tenants' reading habits are not needed."""
    del tenants
    if not isinstance(settings, LeadSquaredSettings):
        raise TypeError("not LeadSquared settings")
    return LeadSquaredConnector(name, settings)
