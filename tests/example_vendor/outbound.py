"""Acme's client, played by us: one call an update, and a verdict for whatever comes back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, cast

from pydantic import Field, SecretStr

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
from gateway.model.codes import Code
from gateway.settings.model import BackendSettings, ConnectorSettings, TenantSettings
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)
from tests.example_vendor import mapping, wire


class AcmeSettings(BackendSettings):
    """A connector to Acme."""

    vendor: Literal["acme"] = "acme"
    """Which vendor's API it speaks."""
    key: SecretStr = Field(min_length=1)
    """Sent as `X-API-Key`."""


class AcmeConnector:
    """A configured client of Acme."""

    batch_size = 1
    most_in_flight: int | None = None
    reads: frozenset[str] = frozenset()
    throttle_wait = 10.0
    limits: tuple[Limit, ...] = (Limit(100, 60.0),)

    def __init__(self, settings: AcmeSettings) -> None:
        self._settings = settings
        self.secrets: tuple[str, ...] = (settings.key.get_secret_value(),)

    def batch_key(self, delivery: Delivery) -> Hashable:
        """Every update is a call of its own."""
        return delivery.event.id

    def assumed(self, request: HttpRequest) -> HttpResponse:
        """`OK` to whatever is sent."""
        del request
        return HttpResponse(200, {}, wire.result("OK", ""))

    def converse(self, deliveries: Sequence[Delivery]) -> Conversation:
        """One attempt at one update."""
        (delivery,) = deliveries
        if not delivery.ids:
            return (NotLinked(),)
        settings = self._settings
        send_unmapped = settings.unmapped == "send"
        fields, dropped = mapping.said(delivery.event, settings.fields, send_unmapped=send_unmapped)
        if not fields:
            return (NothingToSend(dropped),)
        path, body = wire.render(wire.AcmeUpdate(delivery.ids[0].id, fields))
        headers = ((wire.KEY_HEADER, self.secrets[0]), ("Content-Type", "application/json"))
        url = settings.base_url.rstrip("/") + path
        reply = yield HttpRequest("PUT", url, headers, body, settings.timeout)
        return (judge(reply, dropped),)


def connect(
    name: str, settings: ConnectorSettings, tenants: Mapping[str, TenantSettings]
) -> AcmeConnector:
    """A connector from its settings; neither its name nor reading habits matter to Acme."""
    del name, tenants
    return AcmeConnector(cast(AcmeSettings, settings))


def judge(reply: HttpReply, dropped: tuple[str, ...]) -> Verdict:
    """What a reply means. Total: whatever can come has a verdict."""
    if isinstance(reply, ConnectFailed):
        return Unreachable(reply.reason)
    if isinstance(reply, AnswerUnknown):
        return Unavailable(reply.reason, answer_unknown=True, code=Code.TIMEOUT)
    status = reply.status
    word, about = wire.read_result(reply.body) or ("", "")
    if status == 200 and word == "OK":
        return Applied(dropped=dropped, status=status)
    if status == 429:
        wait = reply.headers.get("retry-after", "")
        known = wait.isascii() and wait.isdecimal() and len(wait) < 6
        return Throttled(float(wait) if known else None, status=status)
    if status == 401:
        return Misconfigured(Code.UNAUTHENTICATED, "the vendor refuses the key", status)
    if word in mapping.REFUSALS:
        return Refused(mapping.REFUSALS[word], about[:200], status, {"field": about[:200]})
    if status in {404, 405} or 300 <= status < 400:
        return Misconfigured(Code.ROUTE_NOT_FOUND, "there is no such API at base_url", status)
    return Unavailable(f"status {status}", status)
