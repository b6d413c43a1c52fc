"""A receiver of webhooks, faked: it checks the signature and remembers what each lead was told.

A lead is whom a CloudEvent is about (`subject`); a payload of another form is kept under its
`webhook-id`. A webhook whose id was taken before is a repeat: it is counted, and changes nothing,
as the standard asks of receivers.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from connectors.sandbox.port import Backend, BackendCall
from connectors.webhook import wire
from gateway.dialect import Answer
from gateway.model.json import JsonObject, JsonValue

SECRET = "whsec_dGhlIHNhbmRib3gncyBvd24gc2VjcmV0"  # noqa: S105 - published, and opens nothing
"""What webhooks to the sandbox are signed with, where their signature is to be verified."""

_SIGNERS = (wire.signer(SECRET),)
_BLANK: Mapping[str, JsonValue] = {
    "received": 0,
    "repeated": 0,
    "verified": None,
    "event": None,
    "payload": None,
}


class WebhookBackend:
    """An endpoint and what it was told."""

    name = "webhook"

    def __init__(self, *, faithful: bool) -> None:
        """`faithful`: take only what is signed with SECRET."""
        self._faithful = faithful
        self._leads: dict[str, dict[str, JsonValue]] = {}
        self._taken: set[str] = set()

    def handle(self, call: BackendCall) -> Answer:
        """Take a webhook. A call without the three headers is refused whatever signed it."""
        if call.path != wire.HOOK_PATH:
            return _error(404, "there is no such endpoint")
        if call.method != "POST":
            return _error(405, "webhooks are posted")
        headers = call.headers
        if not all(headers.get(name) for name in (wire.ID, wire.TIMESTAMP, wire.SIGNATURE)):
            return _error(401, "the webhook is not signed")
        verified = wire.is_signed(_SIGNERS, headers, call.body, call.now)
        if self._faithful and not verified:
            return _error(401, "the signature does not match, or its time is off")
        payload = _read(call.body)
        if payload is None:
            return _error(400, "the payload is no JSON object")
        repeated = self._take(headers[wire.ID], payload, verified=verified)
        return Answer(200, orjson.dumps({"received": True, "repeated": repeated}))

    def leads(self) -> list[JsonObject]:
        """What each lead was told: how often, the last event and its payload."""
        return [{"id": lead, **kept} for lead, kept in self._leads.items()]

    def seed(self, lead: JsonObject) -> None:
        """Create or replace a lead; raises ValueError for one without an id, or with a field that
        `leads` does not show."""
        given = dict(lead)
        lead_id = given.pop("id", None)
        if not isinstance(lead_id, str) or not lead_id:
            raise ValueError("a lead needs an id")
        unknown = given.keys() - _BLANK.keys()
        if unknown:
            raise ValueError(f"a lead has no {', '.join(sorted(unknown))}")
        self._leads[lead_id] = {**_BLANK, **given}

    def lead_of(self, call: BackendCall) -> str | None:
        """Whom a webhook is about."""
        payload = _read(call.body)
        return None if payload is None else _lead(call.headers.get(wire.ID, ""), payload) or None

    def _take(self, event: str, payload: JsonObject, *, verified: bool) -> bool:
        """Keep a webhook; whether it came before."""
        lead = _lead(event, payload)
        kept = self._leads.get(lead) or dict(_BLANK)
        repeated = event in self._taken
        counted = "repeated" if repeated else "received"
        number = kept[counted]
        kept[counted] = number + 1 if isinstance(number, int) else 1
        if not repeated:
            kept.update(verified=verified, event=event, payload=payload)
            self._taken.add(event)
        self._leads[lead] = kept
        return repeated


def _lead(event: str, payload: JsonObject) -> str:
    subject = payload.get("subject")
    return subject if isinstance(subject, str) and subject else event


def _read(body: bytes) -> JsonObject | None:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return payload if isinstance(payload, dict) else None


def _error(status: int, why: str) -> Answer:
    return Answer(status, orjson.dumps({"error": why}))


def backend(faithful: bool) -> Backend:
    """A new endpoint that was told nothing."""
    return WebhookBackend(faithful=faithful)
