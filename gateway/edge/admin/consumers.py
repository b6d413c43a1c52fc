"""Operations on connectors: how they are, and what operators wish of them."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from gateway.clock import rfc3339
from gateway.database.port import Operation
from gateway.edge.admin import documents as told
from gateway.edge.admin import records
from gateway.edge.admin.asked import Asked, Parts, Refused, body_of, moment
from gateway.eventlog.port import EventLog, Extent, OffsetOutOfRange, Topic
from gateway.store import connectors, parked, standing
from gateway.store.connectors import ConnectorRow
from gateway.store.settling import FrontierRow
from gateway.store.standing import ParkedCount

BLOCKED = 20
"""Longest-blocked leads that are shown."""
LOOK_WITHIN = 1.0
"""Seconds to get a record that is known to be there, from a log that is elsewhere."""
Frontiers = Mapping[int, FrontierRow]


class Overview:
    """What the store has of all connectors, read at once."""

    def __init__(
        self,
        rows: Mapping[str, ConnectorRow],
        places: Mapping[str, Frontiers],
        waiting: Mapping[str, ParkedCount],
        leases: set[str],
    ) -> None:
        """`leases` are names of leases held now."""
        self.rows, self.places, self.waiting = rows, places, waiting
        self._running = {name.partition("#")[0] for name in leases}

    def runs(self, name: str) -> bool:
        """Whether some process holds its lease."""
        return name in self._running

    def state(self, name: str) -> tuple[str, str, str]:
        """A connector's wish, its state and the reason. What a process that is gone said of it
        no longer counts."""
        row = self.rows.get(name)
        wish = "run" if row is None else row.wish
        if self.runs(name):
            begun = row is not None and row.state != "new"
            return (wish, row.state, row.reason) if row and begun else (wish, "waiting", "starting")
        if wish == "paused":
            return wish, "paused", "by an operator, or because its endpoint was disabled"
        return wish, "waiting", "no process runs it"


def overview(now: float) -> Operation[Overview]:
    """All of it; `now` is unix seconds."""
    rows = yield from connectors.all_rows()
    places = yield from standing.places(Topic.UPDATES)
    waiting = yield from standing.parked()
    leases = yield from standing.held(now)
    return Overview({row.name: row for row in rows}, places, waiting, leases)


async def listed(parts: Parts, _: Asked) -> told.Connectors:
    """Every connector that is configured or was ever seen."""
    now = parts.clock.now()
    known = await parts.store.run(lambda: overview(now))
    names = sorted({*parts.settings.connectors, *known.rows, *known.places})
    return told.Connectors(connectors=[await _line(parts, known, name) for name in names])


async def shown(parts: Parts, asked: Asked) -> told.ConnectorStory:
    """One connector. Raises Refused."""
    name, now = asked.path["name"], parts.clock.now()
    known = await parts.store.run(lambda: overview(now))
    _require(parts, known, name)
    line = await _line(parts, known, name)
    blocked = await parts.store.run(lambda: parked.summary(name, BLOCKED))
    row = known.rows.get(name)
    details = orjson.loads(row.details) if row is not None and known.runs(name) else {}
    return told.ConnectorStory(
        connector=line,
        told=None if row is None or not row.time else rfc3339(row.time),
        process=details.get("process"),
        lanes=details.get("lanes"),
        breaker=details.get("breaker"),
        next_probe_in=details.get("next_probe_in"),
        quota_left=[told.QuotaLeft(**left) for left in details.get("quota_left", ())],
        blocked=[
            told.BlockedLead(
                lead=lead,
                event_id=event_id,
                reason=state,
                attempts=records.attempts_of(progress)[0],
                due=records.due_of(state, due),
                since=rfc3339(time),
                updates=count,
            )
            for lead, event_id, state, due, progress, time, count in blocked
        ],
        shadowed=[told.ShadowedUpdate(**each) for each in details.get("shadowed", ())],
    )


async def pause(parts: Parts, asked: Asked) -> told.Wished:
    """Send nothing until `resume`. Raises Refused."""
    return await _wish(parts, asked.path["name"], "paused")


async def resume(parts: Parts, asked: Asked) -> told.Wished:
    """Go on: after a pause, after settings were mended, past a gap in the log. Raises Refused."""
    return await _wish(parts, asked.path["name"], "run")


async def seek(parts: Parts, asked: Asked) -> told.Sought:
    """Move a connector's frontier. Raises Refused."""
    name, now = asked.path["name"], parts.clock.now()
    wish = body_of(asked, told.SeekWish)
    known = await parts.store.run(lambda: overview(now))
    _require(parts, known, name)
    bases = await _bases(parts, wish.to)
    old = {part: row.base for part, row in known.places.get(name, {}).items()}
    if not wish.dry_run:
        await parts.store.run(lambda: connectors.seek(name, Topic.UPDATES, bases))
    moves = [
        told.Move(partition=part, offset=old.get(part), to=base)
        for part, base in sorted(bases.items())
        if old.get(part) != base
    ]
    steps = [move.to - move.offset for move in moves if move.offset is not None]
    return told.Sought(
        connector=name,
        dry_run=wish.dry_run,
        again=-sum(step for step in steps if step < 0),
        passed_by=sum(step for step in steps if step > 0),
        partitions=moves,
    )


async def forget(parts: Parts, asked: Asked) -> told.Forgotten:
    """Forget a connector that is no longer configured. Raises Refused."""
    name, now = asked.path["name"], parts.clock.now()
    if name in parts.settings.connectors:
        raise Refused(409, f"{name} is configured: take it out of the configuration first")
    known = await parts.store.run(lambda: overview(now))
    _require(parts, known, name)
    await parts.store.run(lambda: connectors.forget(name))
    return told.Forgotten(connector=name)


async def oldest_unsettled(
    log: EventLog, frontiers: Frontiers, extents: Mapping[int, Extent]
) -> float | None:
    """When the oldest record at or above a frontier was appended, unix seconds; None where all
    is settled. Raises LogUnavailable."""
    times = []
    for part, row in frontiers.items():
        extent = extents.get(part)
        if extent is None or row.base >= extent.end:
            continue
        try:
            first = await log.fetch(Topic.UPDATES, {part: row.base}, 1, LOOK_WITHIN)
        except OffsetOutOfRange as gap:
            first = await log.fetch(Topic.UPDATES, {part: gap.extent.start}, 1, LOOK_WITHIN)
        times += [record.time for record in first]
    return min(times, default=None)


async def _wish(parts: Parts, name: str, wish: str) -> told.Wished:
    now = parts.clock.now()
    known = await parts.store.run(lambda: overview(now))
    _require(parts, known, name)
    await parts.store.run(lambda: connectors.wish(name, wish))
    return told.Wished.model_validate({"connector": name, "wish": wish})


async def _line(parts: Parts, known: Overview, name: str) -> told.ConnectorLine:
    settings = parts.settings.connectors.get(name)
    wish, state, reason = known.state(name)
    frontiers = known.places.get(name, {})
    extents = await parts.log.extents(Topic.UPDATES)
    waiting = known.waiting.get(name)
    times = [await oldest_unsettled(parts.log, frontiers, extents)]
    times += [] if waiting is None else [waiting.oldest]
    oldest = min((time for time in times if time is not None), default=None)
    return told.ConnectorLine.model_validate(
        {
            "name": name,
            "vendor": None if settings is None else settings.vendor,
            "configured": settings is not None,
            "shadow": settings is not None and settings.mode == "shadow",
            "wish": wish,
            "state": state,
            "reason": reason,
            "backlog": _backlog(frontiers, extents) + (waiting.updates if waiting else 0),
            "parked_leads": waiting.leads if waiting else 0,
            "oldest": None if oldest is None else rfc3339(oldest),
        }
    )


def _backlog(frontiers: Frontiers, extents: Mapping[int, Extent]) -> int:
    """Records of the log that are not settled."""
    return sum(
        max(0, extents[part].end - row.base - int(row.settled or "0", 16).bit_count())
        for part, row in frontiers.items()
        if part in extents
    )


async def _bases(parts: Parts, to: str) -> Mapping[int, int]:
    extents = await parts.log.extents(Topic.UPDATES)
    if to == "beginning":
        return {part: extent.start for part, extent in extents.items()}
    if to == "end":
        return {part: extent.end for part, extent in extents.items()}
    time = moment(to, parts.clock.now(), "to (beginning, end, or a time)")
    return await parts.log.offsets_at(Topic.UPDATES, time)


def _require(parts: Parts, known: Overview, name: str) -> None:
    if name not in {*parts.settings.connectors, *known.rows, *known.places}:
        names = ", ".join(sorted({*parts.settings.connectors, *known.rows})) or "none"
        raise Refused(404, f"there is no connector {name!r}; there are {names}")
