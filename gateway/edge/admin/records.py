"""Operations on what is remembered: an update's story, a lead's timeline, links."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from gateway.clock import rfc3339
from gateway.database.port import Operation
from gateway.edge.admin import documents as told
from gateway.edge.admin.asked import Asked, Parts, Refused, body_of, lead_id, tenant_of, whole
from gateway.ledger import queries
from gateway.ledger.queries import DeliveryRecord, Story
from gateway.model.event import LeadId
from gateway.model.ids import young
from gateway.model.outcome import Attempt, Outcome
from gateway.settings.checks import many_processes
from gateway.store import leads, ledger
from gateway.store.settling import ParkedRow

LOOKS, PAUSE = 10, 0.1
HEARD_WITHIN = 2.0
"""Seconds after which other processes, which look each second, have heard of new links."""
SHOWN_UPDATES = 50
_OF_PEOPLE = frozenset({"email", "value"})
"""Details that hold what a caller said of a person."""


async def update(parts: Parts, asked: Asked) -> told.Update:
    """What became of an update. Raises Refused."""
    event_id = asked.path["id"]
    story = await queries.story(parts.store, event_id)
    looks = LOOKS if young(event_id, parts.clock.now()) else 0
    while story is None and looks:
        looks -= 1
        await parts.clock.sleep(PAUSE)
        story = await queries.story(parts.store, event_id)
    if story is None:
        raise Refused(404, f"no update has the id {event_id}")
    return written(story)


async def lead(parts: Parts, asked: Asked) -> told.Lead:
    """A lead's ids and its newest updates. Raises Refused."""
    tenant = tenant_of(parts, asked.query.get("tenant"))
    scope = asked.query.get("scope", "")
    wanted = lead_id(asked.path["system"], asked.path["id"], scope)
    most = whole(asked.query.get("limit", str(SHOWN_UPDATES)), "limit", 1000)
    key = await parts.store.run(lambda: leads.resolve(tenant, wanted))
    ids = await parts.store.run(lambda: leads.ids_of(tenant, key))
    stories = await queries.timeline(parts.store, tenant, key, most)
    if not ids and not stories:
        text = f"no lead has the id {wanted.system}:{wanted.id}"
        scopes = await parts.store.run(lambda: leads.scopes_of(tenant, wanted))
        known = " and ".join(scopes)
        raise Refused(404, f"{text} with this scope; it has {known}" if known else text)
    return told.Lead(
        tenant=tenant,
        lead=key,
        ids=[id_written(known) for known in ids],
        updates=[written(story) for story in stories],
    )


async def link(parts: Parts, asked: Asked) -> told.Linked:
    """Make ids one lead. Raises Refused."""
    wish = body_of(asked, told.LinksWish)
    tenant = tenant_of(parts, wish.tenant)
    sets = [[lead_id(given.system, given.id, given.scope) for given in ids] for ids in wish.leads]
    if not all(sets):
        raise Refused(400, "a lead has at least one id")
    keys, known, before, unsettled = await parts.store.run(lambda: _link(tenant, sets))
    await parts.links.refresh()
    if many_processes(parts.settings):
        # Whoever is told that ids are one lead may call at another process at once.
        await parts.clock.sleep(HEARD_WITHIN)
    return told.Linked(
        leads=[
            told.LinkedLead(lead=key, ids=[id_written(one) for one in ids])
            for key, ids in zip(keys, known, strict=True)
        ],
        unsettled_ids=len([key for key in before if unsettled[key]]),
        unsettled_updates=sum(unsettled.values()),
    )


def _link(
    tenant: str, sets: Sequence[Sequence[LeadId]]
) -> Operation[tuple[list[str], list[list[LeadId]], list[str], dict[str, int]]]:
    """Keys and all ids of each set, the key of each id until now, and the unsettled updates
    under each of those."""
    before = []
    for wanted in dict.fromkeys(one for ids in sets for one in ids):
        key = yield from leads.resolve(tenant, wanted)
        before.append(key)
    unsettled = {}
    for key in dict.fromkeys(before):
        unsettled[key] = yield from ledger.unsettled([(tenant, key)])
    yield from leads.link(tenant, sets)
    keys, known = [], []
    for ids in sets:
        key = yield from leads.resolve(tenant, ids[0])
        keys.append(key)
        known.append((yield from leads.ids_of(tenant, key)))
    return keys, known, before, unsettled


async def explain(parts: Parts, asked: Asked) -> told.Explained:
    """What would become of a call. Raises Refused."""
    return await parts.explain(body_of(asked, told.ExplainWish))


# --- in words -----------------------------------------------------------------------------


def id_written(known: LeadId) -> told.Id:
    """An id as operators see it."""
    return told.Id(system=known.system, id=known.id, scope=dict(known.scope))


def written(story: Story) -> told.Update:
    """An update as operators see it."""
    row = story.update
    deliveries = [_delivery(record) for record in story.deliveries]
    return told.Update(
        id=row.event_id,
        time=rfc3339(row.time),
        tenant=row.tenant,
        lead=row.lead,
        dialect=row.dialect,
        operation=row.operation,
        authority=row.authority,
        settled=all(one.state not in {"pending", "waiting"} for one in deliveries),
        partition=row.part,
        offset=row.pos,
        deliveries=deliveries,
    )


def verdict(outcome: Outcome) -> told.Verdict:
    """An outcome as operators see it."""
    return told.Verdict(
        id=outcome.id,
        round=outcome.round,
        kind=outcome.kind,
        code=outcome.code,
        message=outcome.message,
        status=outcome.status,
        time=outcome.time,
        dropped=list(outcome.dropped),
        details={n: value for n, value in outcome.details.items() if n not in _OF_PEOPLE},
        attempts=[_attempt(attempt) for attempt in outcome.attempts],
    )


def attempts_of(progress: str) -> tuple[int, list[told.Try]]:
    """Counted attempts, and all tries, of a parked update."""
    stored = orjson.loads(progress)
    if not stored:
        return 0, []
    counted, _, tries, *_ = stored
    return counted, [
        told.Try(number=n, at=at, seconds=s, result=result, status=status, message=message)
        for n, at, s, result, status, message in tries
    ]


def due_of(state: str, due: float) -> str | None:
    """When a parked update is tried again, where a time is set."""
    return rfc3339(due) if state in {"retry", "pending"} else None


def _delivery(record: DeliveryRecord) -> told.Delivery:
    return told.Delivery(
        connector=record.connector,
        state=record.state,
        verdicts=[verdict(outcome) for outcome in record.outcomes],
        waiting=None if record.parked is None else _waiting(record.parked),
    )


def _waiting(row: ParkedRow) -> told.Waiting:
    counted, tries = attempts_of(row.progress)
    return told.Waiting(
        reason=row.state,
        round=row.round,
        attempts=counted,
        due=due_of(row.state, row.due),
        tries=tries,
    )


def _attempt(attempt: Attempt) -> told.Try:
    return told.Try(
        number=attempt.number,
        at=attempt.at,
        seconds=attempt.seconds,
        result=attempt.result,
        status=attempt.status,
        message=attempt.message,
    )
