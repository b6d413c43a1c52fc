"""Actions that no endpoint carries out, behind the client port, so that the engine sees to order,
tries and dead letters as it does for any vendor. Here are two of them:

    update_lead   a canonical update, accepted as one by the native API is
    log           a line for operators
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from connectors.delivery.connector import (
    Applied,
    Conversation,
    Delivery,
    Limit,
    Refused,
    Unavailable,
    Unreachable,
    Verdict,
)
from gateway import lines
from gateway.database.port import DatabaseUnavailable
from gateway.journal.port import JournalUnavailable
from gateway.model.action import Action, Follow
from gateway.model.changes import Set
from gateway.model.codes import Code
from gateway.model.json import JsonValue
from gateway.transport.port import ConnectFailed, HttpReply, HttpRequest, HttpResponse

Accept: TypeAlias = Callable[[Follow], Awaitable[str | None]]
"""Takes an update; what is wrong with it, or None. Raises JournalUnavailable,
DatabaseUnavailable."""
PLACE = "automation:"
"""Where its requests go: nowhere."""
_FIELD = re.compile(r"\$\{([^}]+)\}")


class Performer(ABC):
    """A connector and its client in one: what it would send is an action, and it does it."""

    batch_size = 1
    most_in_flight: int | None = None
    reads: frozenset[str] = frozenset()
    throttle_wait = 1.0
    limits: tuple[Limit, ...] = ()
    secrets: tuple[str, ...] = ()

    def batch_key(self, delivery: Delivery) -> Hashable:
        """Each is done alone."""
        return delivery.event.id

    def assumed(self, request: HttpRequest) -> HttpResponse:
        """It is done."""
        del request
        return HttpResponse(200, {}, b"{}")

    def converse(self, deliveries: Sequence[Delivery]) -> Conversation:
        """One action."""
        (delivery,) = deliveries
        action = delivery.action
        if action is None:
            return (Refused(Code.MALFORMED_REQUEST, "it is no action"),)
        body = orjson.dumps(self.told(action), default=dict)
        headers = (("webhook-id", action.id),)
        reply = yield HttpRequest("POST", PLACE + action.kind, headers, body)
        return (_judged(reply),)

    @abstractmethod
    def told(self, action: Action) -> Mapping[str, object]:
        """What is to be done, whole."""

    @abstractmethod
    async def send(self, request: HttpRequest) -> HttpReply:
        """Do it."""

    async def close(self) -> None:  # noqa: B027 - there is nothing to close, for any of them
        """Nothing is open."""


def _judged(reply: HttpReply) -> Verdict:
    if isinstance(reply, ConnectFailed):
        return Unreachable(reply.reason)
    if not isinstance(reply, HttpResponse):
        return Unavailable(reply.reason, answer_unknown=True)
    if reply.status < 300:
        return Applied(None, (), reply.status)
    if reply.status < 500:
        return Refused(Code.VALIDATION_FAILED, reply.body.decode(), reply.status)
    return Unavailable(reply.body.decode(), reply.status)


def filled(value: JsonValue, action: Action) -> JsonValue:
    """A value with `${field}` in its texts filled in: what the update sets, else what was there
    before, else nothing."""
    if isinstance(value, str):
        return _FIELD.sub(lambda found: _said(found[1], action), value)
    if isinstance(value, Mapping):
        return {name: filled(inner, action) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, action) for inner in value]
    return value


def _said(name: str, action: Action) -> str:
    update = action.update
    change = update.changes.get(name)
    if isinstance(change, Set):
        return str(change.value)
    attribute = name.removeprefix("attributes.")
    if attribute in update.attributes.patch:
        return str(update.attributes.patch[attribute])
    known = action.before.get(name)
    return "" if known is None else str(known)


# --- a line ---------------------------------------------------------------------------------


class Noting(Performer):
    """`log`: a line that holds nothing of the lead but its key."""

    def told(self, action: Action) -> Mapping[str, object]:
        """See Performer."""
        return {
            "message": action.call["log"],
            "rule": action.rule,
            "lead": action.update.lead_key,
            "event_id": action.fact["event_id"],
        }

    async def send(self, request: HttpRequest) -> HttpReply:
        """See Performer."""
        lines.info("automation.noted", **orjson.loads(request.body))
        return HttpResponse(200, {}, b"{}")


# --- an update ------------------------------------------------------------------------------


class Following(Performer):
    """`update_lead`: accepted once, however often the action is tried."""

    def __init__(self, accept: Accept) -> None:
        """`accept` is the front door's, without a caller."""
        self._accept = accept

    def told(self, action: Action) -> Mapping[str, object]:
        """See Performer."""
        call: Any = action.call["update_lead"]
        ids = [
            {"system": one.system, "id": one.id, "scope": dict(one.scope)}
            for one in action.update.ids
        ]
        return {
            "tenant": action.update.tenant,
            "key": action.id,
            "hops": action.update.origin.hops + 1,
            "body": {
                "lead": {"ids": ids},
                "changes": filled(call["changes"], action),
                "attributes": filled(call["attributes"], action),
                "post_updated_lead": call["post_updated_lead"],
            },
        }

    async def send(self, request: HttpRequest) -> HttpReply:
        """See Performer. An update that can't be read is refused for good."""
        told = orjson.loads(request.body)
        follow = Follow(told["tenant"], told["key"], told["hops"], told["body"])
        try:
            wrong = await self._accept(follow)
        except (JournalUnavailable, DatabaseUnavailable) as error:
            return HttpResponse(503, {}, str(error).encode())
        return (
            HttpResponse(200, {}, b"{}") if wrong is None else HttpResponse(400, {}, wrong.encode())
        )
