"""PollyBot's backend, faked: both generations over one lead store, by the vendor's pages.

A lead is kept in gen-2's fields with a lower-case canonical status; `metadata` and
`customFields` are the same bag, shown to each generation under its own name. Quotas and the form
of keys are held only when faithful.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import ceil

from connectors.pollybot import mapping, wire
from connectors.pollybot.wire import Generation, PollyBotUpdate, Violation
from connectors.sandbox.port import Backend, BackendCall
from gateway.clock import rfc3339
from gateway.dialect import Answer
from gateway.model.json import JsonObject, JsonValue, merge_patch

QUOTA = 1000
WINDOW = 3600.0
WORKSPACE = "ws_sandbox"
CREATED = "2024-01-15T10:30:00.000Z"
"""`createdAt` of a lead seeded without one: a backend reads no clock."""

_PATH = re.compile(r"/api/v1/(?:chatbots/(?P<chatbot>[^/]+)/)?leads/(?P<lead>[^/]+)/?")
_ANY_KEY = re.compile(r"sk-.+")
_REAL_KEY = re.compile(r"sk-workspace_.{51}")
"""64 characters in all (page "Authentication")."""

_BLANK: Mapping[str, JsonValue] = {
    **dict.fromkeys(("name", "email", "phone", "source")),
    "status": "new",
    **dict.fromkeys(("company", "discord", "message", "urgency", "priority", "preferredMethod")),
    "notes": None,
    "metadata": {},
    "tags": [],
    "chatbotId": None,
    "createdAt": CREATED,
    "updatedAt": CREATED,
    "workspaceId": WORKSPACE,
}


@dataclass(frozen=True, slots=True)
class _Target:
    generation: Generation
    lead_id: str
    chatbot_id: str


def _target(path: str) -> _Target | None:
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    chatbot = match["chatbot"]
    generation = Generation.GEN2 if chatbot else Generation.GEN1
    return _Target(generation, match["lead"], chatbot or "")


class PollyBotBackend:
    """A workspace with its leads and its callers' quotas."""

    name = "pollybot"

    def __init__(self, *, faithful: bool) -> None:
        self._faithful = faithful
        self._leads: dict[str, dict[str, JsonValue]] = {}
        self._calls: dict[str, deque[float]] = {}

    def handle(self, call: BackendCall) -> Answer:
        """Answer a call; every answer to a known key carries its rate."""
        header = call.headers.get("authorization")
        if header is None:
            return Answer(401, wire.MISSING_AUTH_HEADER)
        scheme, _, token = header.partition(" ")
        form = _REAL_KEY if self._faithful else _ANY_KEY
        if scheme.lower() != "bearer" or form.fullmatch(token) is None:
            return Answer(401, wire.INVALID_API_KEY)
        allowed, headers = self._count(token, call.now)
        status, body = self._answer(call) if allowed else (429, wire.RATE_LIMIT_EXCEEDED)
        return Answer(status, body, headers)

    def leads(self) -> list[JsonObject]:
        """Every lead as kept."""
        return list(self._leads.values())

    def seed(self, lead: JsonObject) -> None:
        """Create or replace a lead, in either generation's fields; raises ValueError for one
        without an id, with an unknown field, or with another lead's email."""
        given = dict(lead)
        lead_id = given.pop("id", None)
        if not isinstance(lead_id, str) or not lead_id:
            raise ValueError("a lead needs an id")
        if "customFields" in given:
            given["metadata"] = given.pop("customFields")
        unknown = given.keys() - _BLANK.keys()
        if unknown:
            raise ValueError(f"a lead has no {', '.join(sorted(unknown))}")
        kept = {"id": lead_id, **_BLANK, **given}
        status = kept["status"]
        kept["status"] = status.lower() if isinstance(status, str) else status
        taken = self._owner_of(kept["email"], kept, self._leads.values())
        if taken is not None:
            raise ValueError(f"the email is lead {taken}'s")
        self._leads[lead_id] = kept

    def lead_of(self, call: BackendCall) -> str | None:
        """The id in the path."""
        target = _target(call.path)
        return None if target is None else target.lead_id

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
            ("X-RateLimit-Used", str(len(calls))),
        ]
        if not allowed:
            headers.append(("Retry-After", str(max(1, ceil(reset - now)))))
        return allowed, tuple(headers)

    def _answer(self, call: BackendCall) -> tuple[int, bytes]:
        target = _target(call.path)
        if target is None:
            return 404, wire.NOT_FOUND
        if call.method not in {"GET", "PUT", "PATCH"}:
            return 405, wire.METHOD_NOT_ALLOWED
        lead = self._leads.get(target.lead_id)
        if lead is None or lead["chatbotId"] not in {None, target.chatbot_id or lead["chatbotId"]}:
            return 404, wire.lead_not_found(target.lead_id)
        if call.method == "GET":
            return 200, wire.success(_shown(lead, target))
        return self._update(lead, target, call)

    def _update(
        self, lead: dict[str, JsonValue], target: _Target, call: BackendCall
    ) -> tuple[int, bytes]:
        try:
            update = wire.parse(target.generation, target.lead_id, call.body, target.chatbot_id)
        except wire.Unreadable as error:
            return 400, wire.validation_failed(Violation("body", None, str(error)))
        broken = wire.violations(update)
        if broken:
            return 400, wire.validation_failed(broken[0])
        email = update.fields.get("email")
        # An email is unique in a workspace for gen-1, in a chatbot for gen-2.
        narrow = target.generation is Generation.GEN2
        rivals = (
            other
            for other in self._leads.values()
            if not narrow or other["chatbotId"] == lead["chatbotId"]
        )
        taken = self._owner_of(email, lead, rivals)
        if taken is not None:
            return 409, wire.duplicate_email(email, taken)
        changes = _changes(update, lead)
        if changes:
            self._leads[target.lead_id] = lead = {
                **lead,
                **changes,
                "updatedAt": rfc3339(call.now),
            }
        return 200, wire.success(_shown(lead, target))

    @staticmethod
    def _owner_of(email: JsonValue, lead: JsonObject, others: Iterable[JsonObject]) -> JsonValue:
        """The id of another lead with this email, letters of any case."""
        if not isinstance(email, str):
            return None
        wanted = email.lower()
        for other in others:
            held = other["email"]
            if isinstance(held, str) and held.lower() == wanted and other["id"] != lead["id"]:
                return other["id"]
        return None


_LETTERS: Mapping[str, Callable[[JsonValue], str]] = {
    "status": lambda word: str(word).lower(),
    "priority": lambda word: str(word).upper(),
}
"""How enumerated words are kept, in whatever letters they came."""


def _changes(update: PollyBotUpdate, lead: JsonObject) -> dict[str, JsonValue]:
    """The kept fields an update changes; names that are not the generation's are ignored."""
    changes: dict[str, JsonValue] = {}
    for name, value in update.fields.items():
        if name == "metadata" and update.generation is Generation.GEN1:
            changes[name] = {} if value is None else merge_patch(lead["metadata"], value)
        elif name == "customFields" and update.generation is Generation.GEN2:
            changes["metadata"] = value or {}
        elif name in wire.RULES[update.generation]:
            changes[name] = _LETTERS[name](value) if name in _LETTERS and value else value
    return changes


def _shown(lead: JsonObject, target: _Target) -> dict[str, JsonValue]:
    """A lead as this generation shows it."""
    generation = target.generation
    shown = {name: lead.get(name) for name in mapping.LEAD_FIELDS[generation]}
    shown[mapping.BAGS[generation]] = lead["metadata"]
    status = lead["status"]
    shown["status"] = mapping.STATUS_OUT[generation].get(str(status), status)
    if generation is Generation.GEN2:
        shown["chatbotId"] = lead["chatbotId"] or target.chatbot_id
    return shown


def backend(faithful: bool) -> Backend:
    """A new, empty workspace."""
    return PollyBotBackend(faithful=faithful)
