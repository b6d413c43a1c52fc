"""`publish`: a trigger appended to somebody else's topic, for those who read Kafka themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import orjson

from connectors.automations.performing import Performer
from gateway.clock import Clock
from gateway.eventlog.port import AppendUnknown, LogUnavailable, Message
from gateway.model.action import Action, told_data, told_headers
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)

Publish: TypeAlias = Callable[[str, Message], Awaitable[None]]
"""Appends a message to a topic, by its whole name. Raises LogUnavailable, AppendUnknown."""


class Publishing(Performer):
    """A CloudEvent in binary mode under the action's id, with the lead as its key: so a lead's are
    in order, and a repeat is known by its id."""

    def __init__(self, publish: Publish, clock: Clock) -> None:
        """`publish` is the log's."""
        self._publish, self._clock = publish, clock

    def told(self, action: Action) -> Mapping[str, object]:
        """See Performer."""
        return {
            "topic": action.call["publish"],
            "key": action.update.lead_key,
            "headers": dict(told_headers(action)),
            "data": told_data(action),
        }

    async def send(self, request: HttpRequest) -> HttpReply:
        """See Performer."""
        told = orjson.loads(request.body)
        headers = tuple(told["headers"].items())
        message = Message(told["key"], headers, orjson.dumps(told["data"]), self._clock.now())
        try:
            await self._publish(told["topic"], message)
        except AppendUnknown as error:
            return AnswerUnknown(f"{told['topic']}: {error}")
        except LogUnavailable as error:
            return ConnectFailed(f"{told['topic']}: {error}")
        return HttpResponse(200, {}, b"{}")
