"""Operations on dead letters."""

from __future__ import annotations

import orjson

from gateway.clock import rfc3339
from gateway.database.port import Operation
from gateway.edge.admin import documents as told
from gateway.edge.admin import records
from gateway.edge.admin.asked import (
    Asked,
    Parts,
    Refused,
    body_of,
    moment,
    named_lead,
    tenant_of,
    whole,
)
from gateway.model.codec import structured
from gateway.model.codes import Code
from gateway.model.outcome import Attempt, Kind, Outcome, Result
from gateway.store import dead_letters, leads
from gateway.store.dead_letters import DeadLetter, Filter

MOST = 10_000
"""Dead letters acted on at once."""
LISTED = 1000
LATER_APPLIED = "a later update of this lead was applied there since (force sends it anyway)"
GAP = "it holds no update: it stands for a gap or a foreign record in the log"
NOT_OPEN = "it is no open dead letter"


async def listed(parts: Parts, asked: Asked) -> told.Letters:
    """Those that match. Raises Refused."""
    query = asked.query
    state = query.get("state", "open")
    if state not in {"open", "redriven", "discarded", "all"}:
        raise Refused(400, f"state is open, redriven, discarded or all, not {state!r}")
    names = ("connector", "code", "since", "lead", "scope", "tenant")
    given = told.LetterFilter(**{n: query[n] for n in names if n in query})
    wanted = await _filter(parts, given, None if state == "all" else state)
    most = whole(query.get("limit", str(LISTED)), "limit", MOST)
    found = await parts.store.run(lambda: dead_letters.find(wanted, most))
    return told.Letters(dead_letters=[_line(letter) for letter in found])


async def shown(parts: Parts, asked: Asked) -> told.LetterStory:
    """One, with all it holds. Raises Refused."""
    wanted = Filter(ids=(asked.path["id"],), state=None)
    found = await parts.store.run(lambda: dead_letters.find(wanted))
    if not found:
        raise Refused(404, f"no dead letter has the id {asked.path['id']}")
    letter = found[0]
    event = None
    if letter.value:
        headers = tuple((name, text) for name, text in orjson.loads(letter.headers))
        event = structured(headers, letter.value.encode())
    return told.LetterStory(
        letter=_line(letter), verdict=records.verdict(_outcome(letter)), event=event
    )


async def redrive(parts: Parts, asked: Asked) -> told.Redriven:
    """Send again. Raises Refused."""
    wish = body_of(asked, told.RedriveWish)
    wanted = await _filter(parts, wish.filter, "open")
    now = parts.clock.now()
    return await parts.store.run(
        lambda: _redrive(wanted, now, force=wish.force, dry_run=wish.dry_run)
    )


async def discard(parts: Parts, asked: Asked) -> told.Discarded:
    """Give up. Raises Refused."""
    wish = body_of(asked, told.DiscardWish)
    if not wish.filter.model_dump(exclude_defaults=True):
        raise Refused(400, "say which: ids, connector, code, since or lead")
    wanted = await _filter(parts, wish.filter, "open")

    def operation() -> Operation[list[str]]:
        ids = [letter.id for letter in (yield from dead_letters.find(wanted, MOST))]
        if ids:
            yield from dead_letters.discard(ids)
        return ids

    ids = await parts.store.run(operation)
    return told.Discarded(discarded=ids, unknown=[i for i in wanted.ids if i not in ids])


async def release(parts: Parts, asked: Asked) -> told.Released:
    """End a hold. Raises Refused."""
    wish = body_of(asked, told.ReleaseWish)
    key = await _lead(parts, wish.lead, wish.scope, wish.tenant)
    count = await parts.store.run(lambda: dead_letters.release(wish.connector, key))
    if not count:
        raise Refused(404, f"{wish.connector} holds nothing back of {wish.lead}")
    return told.Released(lead=key, connector=wish.connector, released=count)


def _redrive(wanted: Filter, now: float, *, force: bool, dry_run: bool) -> Operation[told.Redriven]:
    found = yield from dead_letters.find(wanted, MOST)
    refused = [told.RefusedLetter(id=one.id, reason=GAP) for one in found if not one.value]
    whole_ones = tuple(one.id for one in found if one.value)
    sent: tuple[str, ...] = ()
    if whole_ones:
        done = yield from dead_letters.redrive(
            Filter(ids=whole_ones), now, force=force, dry_run=dry_run
        )
        sent = done.sent
        refused += [told.RefusedLetter(id=one, reason=LATER_APPLIED) for one in done.refused]
    known = {one.id for one in found}
    refused += [told.RefusedLetter(id=i, reason=NOT_OPEN) for i in wanted.ids if i not in known]
    return told.Redriven(dry_run=dry_run, sent=list(sent), refused=refused)


async def _filter(parts: Parts, given: told.LetterFilter, state: str | None) -> Filter:
    now = parts.clock.now()
    return Filter(
        ids=tuple(given.ids),
        connector=given.connector,
        code=given.code,
        since=None if given.since is None else moment(given.since, now, "since"),
        lead=None
        if given.lead is None
        else await _lead(parts, given.lead, given.scope, given.tenant),
        state=state,
    )


async def _lead(parts: Parts, text: str, scope: str, given: str | None) -> str:
    """The key of SYSTEM:ID, or a key as it is."""
    if text.startswith("ld_") and ":" not in text:
        return text
    wanted, tenant = named_lead(text, scope), tenant_of(parts, given)
    return await parts.store.run(lambda: leads.resolve(tenant, wanted))


def _line(letter: DeadLetter) -> told.Letter:
    outcome = orjson.loads(letter.outcome)
    return told.Letter(
        id=letter.id,
        connector=letter.connector,
        event_id=letter.event_id,
        tenant=letter.tenant,
        lead=letter.lead,
        code=letter.code,
        round=letter.round,
        time=rfc3339(letter.time),
        state=letter.state,
        status=outcome["status"],
        message=outcome["message"],
    )


def _outcome(letter: DeadLetter) -> Outcome:
    data = orjson.loads(letter.outcome)
    tries = tuple(Attempt(**{**one, "result": Result(one["result"])}) for one in data["attempts"])
    return Outcome(
        letter.event_id,
        letter.connector,
        Kind(data["kind"]),
        Code(data["code"]),
        letter.tenant,
        letter.lead,
        letter.round,
        data["message"],
        data["status"],
        tries,
        tuple(data["dropped"]),
        data["details"],
        data["snapshot"],
        data["time"],
    )
