"""Operations on what automations did."""

from __future__ import annotations

import orjson

from gateway.clock import rfc3339
from gateway.database.port import Operation
from gateway.edge.admin import documents as told
from gateway.edge.admin.asked import Asked, Parts, Refused
from gateway.ledger import queries
from gateway.store import automations, ledger, parked
from gateway.store.automations import FactRow


async def why(parts: Parts, asked: Asked) -> told.FactStories:
    """What rules made of an update. Raises Refused."""
    event_id = asked.path["id"]
    stories = await parts.store.run(lambda: _stories(event_id))
    if not stories:
        raise Refused(404, f"rules were asked about no update with the id {event_id}")
    return told.FactStories(event_id=event_id, facts=stories)


def _stories(event_id: str) -> Operation[list[told.FactStory]]:
    stories = []
    for row in (yield from automations.of_event(event_id)):
        matched = []
        for rule, result, reason, ids in orjson.loads(row.matched):
            actions = []
            for id in ids:
                actions.append((yield from _action(id)))  # noqa: PERF401 - nothing is yielded in one
            matched.append(told.RuleStory(rule=rule, result=result, why=reason, actions=actions))
        text = yield from automations.text_of(row.version)
        stories.append(_story(row, matched, text))
    return stories


def _story(row: FactRow, matched: list[told.RuleStory], text: str | None) -> told.FactStory:
    return told.FactStory(
        id=row.id,
        kind=row.kind,
        connector=row.connector,
        time=rfc3339(row.time),
        version=row.version,
        matched=matched,
        fact=orjson.loads(row.fact),
        rules=text,
    )


def _action(id: str) -> Operation[told.ActionStory]:
    for consumer, row in (yield from parked.of_event(id)):
        state = "pending" if row.state == "waiting" else "waiting"
        return told.ActionStory(id=id, consumer=consumer, state=state, message="")
    verdicts = yield from ledger.endings(id)
    if not verdicts:
        return told.ActionStory(id=id, consumer=None, state="pending", message="")
    consumer, kind, outcome = verdicts[-1]
    message = queries.read_text(outcome).message
    return told.ActionStory(id=id, consumer=consumer, state=kind, message=message)
