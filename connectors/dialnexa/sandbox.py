"""Dialnexa's backend, faked: the leads of its campaigns, by the vendor's pages.

A lead is kept with its variables in `metadata` and its note in `notes`. Quota and form of keys are
held only when faithful.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from math import ceil
from urllib.parse import unquote

import orjson

from connectors.dialnexa import wire
from connectors.dialnexa.mapping.rendering import recomposed
from connectors.dialnexa.mapping.showing import lead_object
from connectors.dialnexa.wire import DialnexaUpdate
from connectors.sandbox.port import Backend, BackendCall
from gateway.clock import rfc3339
from gateway.dialect import Answer
from gateway.model.json import JsonObject, JsonValue

QUOTA, WINDOW = 60, 60.0
"""Ours: the page "Rate Limits" has no numbers."""
CAMPAIGN = "cmp_sandbox"
CREATED = "2024-05-01T09:05:00.000Z"
"""`created_at` of a lead seeded without one: a backend reads no clock."""

_PATH = re.compile(r"/v1/campaigns-leads(?:/(?P<lead>[^/]+))?/?")
_REAL_KEY = re.compile(r"[^\s:]+:[^\s:]+|dnx_(?:live|test)_\S+")
"""The two forms that the vendor's pages show."""

_BLANK: Mapping[str, JsonValue] = {
    **dict.fromkeys(("name", "phone_number")),
    "campaign_id": CAMPAIGN,
    "status": wire.PENDING,
    "notes": None,
    "metadata": {},
    "call_log_id": None,
    "created_at": CREATED,
}
_SWITCHES: Mapping[str, JsonValue] = {
    "blocked": False,
    "campaign_ended": False,
    "ignores": (),
    "wrapped": False,
}

_Said = tuple[int, bytes]


class DialnexaBackend:
    """An organisation with its campaigns' leads and its callers' quotas."""

    name = "dialnexa"

    def __init__(self, *, faithful: bool) -> None:
        self._faithful = faithful
        self._leads: dict[str, dict[str, JsonValue]] = {}
        self._calls: dict[str, deque[float]] = {}

    def handle(self, call: BackendCall) -> Answer:
        """Answer a call; every answer to a known key carries its rate."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        known = _REAL_KEY.fullmatch(token) is not None if self._faithful else bool(token.strip())
        if scheme.lower() != "bearer" or not known:
            return Answer(401, wire.UNAUTHORIZED)
        allowed, headers = self._count(token, call.now)
        status, body = self._answer(call) if allowed else (429, wire.TOO_MANY_REQUESTS)
        return Answer(status, body, headers)

    def leads(self) -> list[JsonObject]:
        """Every lead as kept."""
        return list(self._leads.values())

    def seed(self, lead: JsonObject) -> None:
        """Create or replace a lead; raises ValueError for one without an id, with an unknown field
        or with a status that there is not."""
        lead_id = lead.get("id")
        if not isinstance(lead_id, str) or not lead_id:
            raise ValueError("a lead needs an id")
        unknown = lead.keys() - _BLANK.keys() - _SWITCHES.keys() - {"id"}
        if unknown:
            raise ValueError(f"a lead has no {', '.join(sorted(unknown))}")
        if lead.get("status", wire.PENDING) not in wire.STATUSES:
            raise ValueError(f"a status is one of {', '.join(wire.STATUSES)}")
        self._leads[lead_id] = {"id": lead_id, **_BLANK, **lead}

    def lead_of(self, call: BackendCall) -> str | None:
        """The id in the path."""
        match = _PATH.fullmatch(call.path)
        return None if match is None or match["lead"] is None else unquote(match["lead"])

    def _count(self, token: str, now: float) -> tuple[bool, tuple[tuple[str, str], ...]]:
        """One more call in the sliding window; a refused one is not counted."""
        calls = self._calls.setdefault(token, deque())
        while calls and calls[0] <= now - WINDOW:
            calls.popleft()
        allowed = len(calls) < QUOTA or not self._faithful
        if len(calls) < QUOTA:
            calls.append(now)
        reset = ceil(calls[0] + WINDOW)
        headers = [
            ("X-RateLimit-Limit", str(QUOTA)),
            ("X-RateLimit-Remaining", str(QUOTA - len(calls))),
            ("X-RateLimit-Reset", str(reset)),
        ]
        if not allowed:
            headers.append(("Retry-After", str(max(1, ceil(reset - now)))))
        return allowed, tuple(headers)

    def _answer(self, call: BackendCall) -> _Said:
        match = _PATH.fullmatch(call.path)
        lead_id = self.lead_of(call)
        methods = {"POST"} if lead_id is None else {"GET", "PATCH", "DELETE"}
        if match is None or call.method not in methods:
            return 404, wire.failure(404, wire.cannot(call.method, call.path))
        if lead_id is None:
            return self._create(call)
        update: DialnexaUpdate | None = None
        if call.method == "PATCH":
            read = _read(lead_id, call.body)
            if not isinstance(read, DialnexaUpdate):
                return read
            update = read
        lead = self._leads.get(lead_id)
        if lead is None or lead["status"] == wire.REMOVED:
            return 404, wire.failure(404, wire.NO_LEAD)
        if lead.get("blocked"):
            return 403, wire.failure(403, wire.NOT_ALLOWED)
        if update is not None:
            return self._update(lead, update)
        return self._remove(lead) if call.method == "DELETE" else (200, _shown(lead, 200))

    def _update(self, lead: dict[str, JsonValue], update: DialnexaUpdate) -> _Said:
        if lead["status"] != wire.PENDING:
            return 409, wire.failure(409, wire.LOCKED)
        passed_over = lead.get("ignores")
        names = passed_over if isinstance(passed_over, list | tuple) else ()
        fields = {name: value for name, value in update.fields.items() if name not in names}
        changes = _changes(fields, lead)
        if changes is None:
            message = "countryCode must come with a phoneNumber"
            return 400, wire.validation_failed([message])
        self._leads[update.lead_id] = lead = {**lead, **changes}
        return 200, _shown(lead, 200)

    def _remove(self, lead: dict[str, JsonValue]) -> _Said:
        if lead.get("campaign_ended"):
            return 409, wire.failure(409, "The campaign is completed or cancelled")
        self._leads[str(lead["id"])] = {**lead, "status": wire.REMOVED}
        return 200, wire.REMOVED_ANSWER

    def _create(self, call: BackendCall) -> _Said:
        lead_id = f"lead_{len(self._leads) + 1:012}"
        update = _read(lead_id, call.body)
        if not isinstance(update, DialnexaUpdate):
            return update
        campaign = update.fields.get("campaignId")
        missing = [
            f"{name} should not be empty"
            for name, there in (
                ("campaignId", isinstance(campaign, str) and campaign != ""),
                ("phoneNumber", wire.phone_of(update.fields) is not None),
            )
            if not there
        ]
        if missing:
            return 400, wire.validation_failed(missing)
        blank = {"id": lead_id, **_BLANK, "campaign_id": campaign, "created_at": rfc3339(call.now)}
        lead = {**blank, **(_changes(update.fields, blank) or {})}
        self._leads[lead_id] = lead
        return 201, _shown(lead, 201)


def _read(lead_id: str, body: bytes) -> DialnexaUpdate | _Said:
    """A call's body, or why it is refused."""
    try:
        update = wire.parse(lead_id, body)
    except wire.Unreadable as error:
        return 400, wire.failure(400, str(error))
    broken = wire.violations(update)
    if broken:
        return 400, wire.validation_failed([each.message for each in broken])
    return update


def _changes(fields: JsonObject, lead: JsonObject) -> dict[str, JsonValue] | None:
    """What a body changes of a lead; None for a calling code that its number can't take."""
    changes: dict[str, JsonValue] = {}
    if "name" in fields:
        changes["name"] = fields["name"]
    phone, code = wire.phone_of(fields), wire.lone_country_code(fields)
    if phone is not None:
        changes["phone_number"] = phone.e164
    elif isinstance(code, str):
        changes["phone_number"] = recomposed(lead["phone_number"], code)
        if changes["phone_number"] is None:
            return None
    holder = wire.holder_of(fields)
    if holder is not None:
        changes["metadata"] = fields[holder] or {}
    if "notes" in fields and holder != "notes":
        changes["notes"] = fields["notes"] or None
    return changes


def _shown(lead: JsonObject, status: int) -> bytes:
    """A lead as the schema block and the example show it together."""
    shown = lead_object("union", lead)
    return orjson.dumps({"statusCode": status, "data": shown} if lead.get("wrapped") else shown)


def backend(faithful: bool) -> Backend:
    """A new, empty organisation."""
    return DialnexaBackend(faithful=faithful)
