"""The admin API as a table: served by the listener, called by commands, told by OpenAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.edge.admin import automated, consumers, letters, records
from gateway.edge.admin import documents as told
from gateway.edge.admin.asked import Asked, Parts, Refused

Act = Callable[[Parts, Asked], Awaitable[told.Document]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation."""

    name: str
    """OpenAPI's `operationId`."""
    method: str
    path: str
    """With `{name}` for a path parameter."""
    meaning: str
    act: Act
    answer: type[told.Document]
    body: type[told.Document] | None = None
    query: tuple[Parameter, ...] = ()
    refusals: tuple[int, ...] = ()
    """Statuses beside those every operation has."""

    async def run(self, parts: Parts, asked: Asked) -> told.Document:
        """Do it. Raises Refused, DatabaseUnavailable, LogUnavailable."""
        check_query(asked, self.query)
        return await self.act(parts, asked)


def check_query(asked: Asked, known: tuple[Parameter, ...]) -> None:
    """Refuse a parameter that would be passed over. Raises Refused."""
    names = [parameter.name for parameter in known]
    for name in asked.query:
        if name not in names:
            there = f"there are {', '.join(names)}" if names else "there are none"
            raise Refused(400, f"there is no parameter {name!r}; {there}")


PREFIX = "/admin/v1"
EVENTS = f"{PREFIX}/events"
_TENANT = Parameter("tenant", "Whose lead; may be left out while one tenant is configured.")

EVENTS_QUERY = (
    Parameter("topic", "`updates` (default), `outcomes`, `triggers` or `dead-letters`."),
    Parameter("since", "Only since this time (RFC 3339) or within this age (`1h`)."),
    Parameter(
        "limit",
        "At most so many, the oldest first. The answer is then a page, and its header"
        " `X-Leadwire-Position` is the `position` of the next one.",
    ),
    Parameter("position", "Go on where a page ended; takes the place of `since`."),
    Parameter("follow", "`true` goes on with whatever comes, until the caller hangs up."),
)

UPDATE = Endpoint(
    "getUpdate",
    "GET",
    f"{PREFIX}/updates/{{id}}",
    "What became of an update.",
    records.update,
    told.Update,
    refusals=(404,),
)
EXPLAIN = Endpoint(
    "explainCall",
    "POST",
    f"{PREFIX}/explain",
    "What would become of a call; nothing is sent, nothing is kept.",
    records.explain,
    told.Explained,
    told.ExplainWish,
)
LEAD = Endpoint(
    "getLead",
    "GET",
    f"{PREFIX}/leads/{{system}}/{{id}}",
    "A lead's ids and newest updates.",
    records.lead,
    told.Lead,
    query=(
        Parameter("scope", "What narrows the id: `key=value;key=value`."),
        _TENANT,
        Parameter("limit", "At most so many updates; 50."),
    ),
    refusals=(404,),
)
LINK = Endpoint(
    "putLinks",
    "PUT",
    f"{PREFIX}/leads/links",
    "Make ids one lead; all or nothing.",
    records.link,
    told.Linked,
    told.LinksWish,
)
LETTERS = Endpoint(
    "listDeadLetters",
    "GET",
    f"{PREFIX}/dead-letters",
    "Dead letters.",
    letters.listed,
    told.Letters,
    query=(
        Parameter("connector", "Of this connector."),
        Parameter("code", "With this outcome code."),
        Parameter("since", "Since this time (RFC 3339) or within this age (`1h`)."),
        Parameter("lead", "Of this lead: SYSTEM:ID, or its key."),
        Parameter("scope", "What narrows that id: `key=value;key=value`."),
        _TENANT,
        Parameter("state", "`open` (default), `redriven`, `discarded` or `all`."),
        Parameter("limit", "At most so many; 1000."),
    ),
)
LETTER = Endpoint(
    "getDeadLetter",
    "GET",
    f"{PREFIX}/dead-letters/{{id}}",
    "A dead letter with all it holds.",
    letters.shown,
    told.LetterStory,
    refusals=(404,),
)
REDRIVE = Endpoint(
    "redriveDeadLetters",
    "POST",
    f"{PREFIX}/dead-letters/redrive",
    "Send dead letters again.",
    letters.redrive,
    told.Redriven,
    told.RedriveWish,
)
DISCARD = Endpoint(
    "discardDeadLetters",
    "POST",
    f"{PREFIX}/dead-letters/discard",
    "Give up dead letters.",
    letters.discard,
    told.Discarded,
    told.DiscardWish,
)
RELEASE = Endpoint(
    "releaseLead",
    "POST",
    f"{PREFIX}/dead-letters/release",
    "End a lead's hold at a connector.",
    letters.release,
    told.Released,
    told.ReleaseWish,
    refusals=(404,),
)
CONNECTORS = Endpoint(
    "listConnectors",
    "GET",
    f"{PREFIX}/connectors",
    "Every connector, and how it is.",
    consumers.listed,
    told.Connectors,
)
CONNECTOR = Endpoint(
    "getConnector",
    "GET",
    f"{PREFIX}/connectors/{{name}}",
    "A connector and what it waits for.",
    consumers.shown,
    told.ConnectorStory,
    refusals=(404,),
)
PAUSE = Endpoint(
    "pauseConnector",
    "POST",
    f"{PREFIX}/connectors/{{name}}/pause",
    "Send nothing any more.",
    consumers.pause,
    told.Wished,
    refusals=(404,),
)
RESUME = Endpoint(
    "resumeConnector",
    "POST",
    f"{PREFIX}/connectors/{{name}}/resume",
    "Go on after a pause, after settings were mended, past a gap in the log.",
    consumers.resume,
    told.Wished,
    refusals=(404,),
)
SEEK = Endpoint(
    "seekConnector",
    "POST",
    f"{PREFIX}/connectors/{{name}}/seek",
    "Move a connector's frontier.",
    consumers.seek,
    told.Sought,
    told.SeekWish,
    refusals=(404,),
)
FORGET = Endpoint(
    "forgetConnector",
    "DELETE",
    f"{PREFIX}/connectors/{{name}}",
    "Forget a connector that is no longer configured, so that retention stops waiting for it.",
    consumers.forget,
    told.Forgotten,
    refusals=(404, 409),
)

WHY = Endpoint(
    "whyRules",
    "GET",
    f"{PREFIX}/rules/updates/{{id}}",
    "What rules made of an update, and what became of their actions.",
    automated.why,
    told.FactStories,
    refusals=(404,),
)

ENDPOINTS = (
    UPDATE,
    EXPLAIN,
    LINK,
    LEAD,
    LETTERS,
    REDRIVE,
    DISCARD,
    RELEASE,
    LETTER,
    CONNECTORS,
    CONNECTOR,
    PAUSE,
    RESUME,
    SEEK,
    FORGET,
    WHY,
)
"""Fixed paths before those with a parameter in the same place."""
