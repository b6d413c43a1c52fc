"""The webhook: one signed call per update, and a verdict for whatever comes back.

Only 2xx is a success. A redirect is not followed. What says that the target itself is wrong (a
redirect, 401, 403, 404, 405, 410, an address that the guard does not let out) stops the connector;
other 4xx are about the one update.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Annotated, Literal
from urllib.parse import quote

import orjson
from pydantic import AfterValidator, SecretStr

from connectors.delivery.connector import (
    Applied,
    Conversation,
    Delivery,
    Limit,
    Misconfigured,
    Refused,
    Throttled,
    Unavailable,
    Unreachable,
    Verdict,
)
from connectors.vendor import Connect, PayloadShape
from connectors.webhook import wire
from gateway.model.codes import Code
from gateway.model.json import JsonValue
from gateway.settings.durations import Duration
from gateway.settings.model import ConnectorSettings, TenantSettings
from gateway.settings.texts import FIELD, PayloadName, UrlTemplate
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)
from gateway.transport.waits import asked_wait

Secrets = SecretStr | list[SecretStr]


def texts_of(secret: Secrets) -> tuple[str, ...]:
    """Every secret's text."""
    several = secret if isinstance(secret, list) else [secret]
    return tuple(one.get_secret_value() for one in several)


def _checked(secret: Secrets) -> Secrets:
    texts = texts_of(secret)
    if not texts:
        raise ValueError("should hold one secret at least")
    for text in texts:
        wire.signer(text)
    return secret


class WebhookSettings(ConnectorSettings):
    """A connector to an endpoint that takes signed webhooks."""

    vendor: Literal["webhook"] = "webhook"
    """Which vendor's API it speaks."""
    url: UrlTemplate
    """The endpoint, whole; it must be at a public address, or at one that `egress.allow` opens.
    `${field}` in its path and query stands for what the payload says of a field, encoded; for
    nothing where it says nothing. So `payload: noojee` makes it a URL action of Noojee's."""
    method: Literal["POST", "GET"] = "POST"
    """GET sends no payload: what `url` says is all."""
    secret: Annotated[Secrets, AfterValidator(_checked)]
    """`whsec_` and the base64 of 24 to 64 bytes; a list signs with each, while one is changed."""
    payload: PayloadName = "cloudevent"
    """`cloudevent`, or the name of a vendor's form, for receivers that know it."""
    timeout: Duration = 20.0
    """Time for one request."""


class WebhookConnector:
    """A configured sender of webhooks to one endpoint."""

    batch_size = 1
    most_in_flight: int | None = None
    throttle_wait = 5.0
    limits: tuple[Limit, ...] = ()

    def __init__(
        self,
        settings: WebhookSettings,
        shape: PayloadShape,
        tenants: Mapping[str, TenantSettings],
    ) -> None:
        """`shape` is what is posted."""
        self.secrets: tuple[str, ...] = texts_of(settings.secret)
        self.reads = shape.reads
        self._signers = tuple(map(wire.signer, self.secrets))
        self._settings, self._shape, self._tenants = settings, shape, tenants
        self._content = (("Content-Type", shape.content_type),)

    def batch_key(self, delivery: Delivery) -> Hashable:
        """Every update is a call of its own."""
        return delivery.event.id

    def assumed(self, request: HttpRequest) -> HttpResponse:
        """A receiver says by its status that it took the payload."""
        del request
        return HttpResponse(204, {}, b"")

    def converse(self, deliveries: Sequence[Delivery]) -> Conversation:
        """One attempt at one update; whatever ids its lead has are in the payload."""
        (delivery,) = deliveries
        event, settings = delivery.event, self._settings
        habits = self._tenants.get(event.tenant) or TenantSettings()
        payload = self._shape.render(delivery, habits, settings.fields)
        get = settings.method == "GET"
        body, content = (
            (b"", ()) if get else (orjson.dumps(payload.body, default=dict), self._content)
        )
        url = addressed(settings.url, payload.body)
        headers = content + wire.signed(self._signers, event.id, delivery.now, body)
        reply = yield HttpRequest(settings.method, url, headers, body, settings.timeout)
        return (judge(reply, self._shape, delivery.now, payload.dropped),)


def addressed(template: str, said: Mapping[str, JsonValue]) -> str:
    """The URL with what a payload says of its fields."""
    if "${" not in template:
        return template
    return FIELD.sub(lambda found: quote(_text(said.get(found[1])), safe=""), template)


def _text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value, default=dict).decode()


def connecting(shapes: Mapping[str, PayloadShape]) -> Connect:
    """How a connector is made that may post these. It raises TypeError for another vendor's
    settings, KeyError for a payload that is none of them."""

    def connect(
        name: str, settings: ConnectorSettings, tenants: Mapping[str, TenantSettings]
    ) -> WebhookConnector:
        del name
        if not isinstance(settings, WebhookSettings):
            raise TypeError("not webhook settings")
        return WebhookConnector(settings, shapes[settings.payload], tenants)

    return connect


# --- verdicts -------------------------------------------------------------------------------

LONGEST_MESSAGE = 200
_AGAIN = frozenset({408, 425})
_MISFITS: Mapping[int, tuple[Code, str]] = {
    401: (Code.UNAUTHENTICATED, "the target does not take the signature"),
    403: (Code.FORBIDDEN, "the target forbids it"),
    404: (Code.ROUTE_NOT_FOUND, "there is nothing at url"),
    405: (Code.ROUTE_NOT_FOUND, "the target takes no POST"),
    410: (Code.VENDOR_ENDPOINT_RETIRED, "the target asks to be sent no more"),
}
"""What says that the target is not the right one, or no more. 410 is the standard's word for it."""
_CODES: Mapping[int, Code] = {400: Code.VALIDATION_FAILED, 409: Code.CONFLICT}
_WORDS = ("message", "error", "detail", "title", "StatusReason")
"""Where receivers put why."""


def judge(
    reply: HttpReply, shape: PayloadShape, now: float, dropped: tuple[str, ...] = ()
) -> Verdict:
    """What a reply means to a try that began at `now`. Total."""
    if isinstance(reply, ConnectFailed):
        # Trying again would meet the same guard: it is the configuration that names the target.
        if reply.blocked:
            return Misconfigured(Code.FORBIDDEN, f"{reply.blocked} (egress.allow opens ranges)")
        return Unreachable(reply.reason)
    if isinstance(reply, AnswerUnknown):
        return Unavailable(reply.reason, answer_unknown=True, code=Code.TIMEOUT)
    status = reply.status
    if 200 <= status < 300:
        refusal = shape.refusal(reply.body)
        if refusal is None:
            return Applied(None, dropped, status)
        return Refused(Code.VALIDATION_FAILED, refusal[:LONGEST_MESSAGE], status)
    if status == 429:
        return Throttled(asked_wait(reply, now), _message(reply.body), status)
    if 300 <= status < 400:
        return Misconfigured(Code.ROUTE_NOT_FOUND, "redirects are not followed", status)
    if status in _MISFITS:
        return Misconfigured(*_MISFITS[status], status)
    if 400 <= status < 500 and status not in _AGAIN:
        code = _CODES.get(status, Code.VALIDATION_FAILED)
        return Refused(code, _message(reply.body) or f"status {status}", status)
    return Unavailable(f"status {status}", status)


def _message(body: bytes) -> str:
    """A receiver's own words, where it has some; never what it gives back of ours."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    said = [told.get(word) for word in _WORDS] if isinstance(told, dict) else []
    return next((text[:LONGEST_MESSAGE] for text in said if isinstance(text, str)), "")
