"""What would become of a call: read, routed and rehearsed, and nothing of it sent or kept.

A refused call, or one of which nothing can be taken, is answered as a real one. Any other is told
of update by update. No claim is looked at or taken: an `Idempotency-Key` means nothing here.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from gateway.clock import Clock
from gateway.dialect import (
    Answer,
    Answering,
    Call,
    Dialect,
    MethodNotAllowed,
    Parsed,
    QuotaState,
    Unauthenticated,
)
from gateway.edge.admin import documents as told
from gateway.edge.admin.asked import Refused
from gateway.edge.building import Builder
from gateway.edge.calls import Found, find
from gateway.edge.credentials import Credentials, Registered
from gateway.edge.paths import Paths
from gateway.edge.reply import Reply
from gateway.metrics import Metrics
from gateway.model.codec import structured, update_headers, update_value
from gateway.model.codes import Code
from gateway.model.event import LeadUpdate
from gateway.rehearsal import Rehearsal, Rehearsed, Shown
from gateway.routes import Routes
from gateway.store.board import Board

DRY_RUN = "X-Leadwire-Dry-Run"
_REAL = frozenset({"", "0", "false"})
"""Values of the header that ask for a real call; any other is a dry run, misspelt ones too."""


def is_dry(call: Call) -> bool:
    """Whether a call asks only what would happen."""
    value = call.headers.get(DRY_RUN)
    return value is not None and value.strip().lower() not in _REAL


class Reading(NamedTuple):
    """A call that was read: the answer where nothing of it is taken, else its updates."""

    answer: Answer | None
    updates: tuple[told.ExplainedUpdate, ...] = ()


@dataclass(frozen=True, slots=True)
class Explaining:
    """What telling of a call needs."""

    dialects: Mapping[str, Dialect]
    paths: Paths
    """Those of the dialects."""
    credentials: Credentials
    builder: Builder
    routes: Routes
    rehearsal: Rehearsal
    board: Board
    vendor_of: Mapping[str, str]
    """Each connector's vendor."""
    clock: Clock
    metrics: Metrics

    async def reply(
        self,
        dialect: Dialect,
        call: Call,
        body: bytes,
        registered: Registered,
        quota: QuotaState | None,
    ) -> Reply:
        """The answer to an admitted call. Raises DatabaseUnavailable."""
        reading = await self._read(dialect, call, body, registered, quota)
        mark = ((DRY_RUN, "1"),)
        if reading.answer is not None:
            answer = reading.answer
            return Reply(answer._replace(headers=answer.headers + mark), dry_run=True)
        found = told.Explained(
            dialect=dialect.name,
            operation=call.operation,
            tenant=registered.caller.tenant,
            answer=None,
            updates=list(reading.updates),
        )
        return Reply(Answer(200, orjson.dumps(found.model_dump(mode="json")), mark), dry_run=True)

    async def explain(self, wish: told.ExplainWish) -> told.Explained:
        """What an operator is told of a call that is written down. Raises Refused,
        DatabaseUnavailable."""
        path, _, query = wish.path.partition("?")
        headers = {name.lower(): value for name, value in wish.headers.items()}
        found = find(self.paths, wish.method.upper(), path, query, headers)
        if found is None:
            served = sorted({r.path for each in self.dialects.values() for r in each.routes})
            raise Refused(400, f"nothing is served at {path}; there are {', '.join(served)}")
        if found.route is not None and found.route.asks:
            raise Refused(400, f"{found.call.operation} only asks: it would change nothing")
        return await self._explained(found, wish)

    async def _explained(self, found: Found, wish: told.ExplainWish) -> told.Explained:
        dialect, call = found.dialect, found.call
        registered = self._registered(found, wish.dialect)
        if found.route is None:
            refusal = MethodNotAllowed(found.methods)
            reading = Reading(dialect.refuse(call, refusal, None))
        elif isinstance(registered, bool):
            reading = Reading(dialect.refuse(call, Unauthenticated(registered), None))
        else:
            reading = await self._read(dialect, call, wish.body.encode(), registered, None)
        return told.Explained(
            dialect=dialect.name,
            operation=call.operation,
            tenant=None if isinstance(registered, bool) else registered.caller.tenant,
            answer=None if reading.answer is None else _heard(reading.answer),
            updates=list(reading.updates),
        )

    def _registered(self, found: Found, wanted: str | None) -> Registered | bool:
        """The credential of a call; else whether it carries any. Raises Refused."""
        if wanted is None:
            return self.credentials.find(found.dialect, found.call)
        if wanted != found.dialect.name:
            raise Refused(400, f"{found.call.path} is spoken by {found.dialect.name}, not {wanted}")
        first = self.credentials.first(wanted)
        if first is None:
            raise Refused(400, f"no credential of {wanted} is configured")
        return first

    async def _read(
        self,
        dialect: Dialect,
        call: Call,
        body: bytes,
        registered: Registered,
        quota: QuotaState | None,
    ) -> Reading:
        self.metrics.dry_runs(dialect.name).inc()
        caller, now = registered.caller, self.clock.now()
        parsed = dialect.parse(call, body, caller)
        if not isinstance(parsed, Parsed):
            return Reading(dialect.refuse(call, parsed, quota))
        if not parsed.updates:
            answering = Answering(call, caller, parsed, (), (), quota, now)
            return Reading(dialect.answer(answering))
        within = dialect.patience(call, registered.settings)
        built = await self.builder.build(
            dialect.name, call, caller, parsed.updates, now, wait=within is not None
        )
        return Reading(None, tuple([await self._update(each, within) for each in built.events]))

    async def _update(self, event: LeadUpdate, within: float | None) -> told.ExplainedUpdate:
        considered = self.routes.consider(event)
        sides = await self.rehearsal.rehearse(event)
        authority = event.authority
        return told.ExplainedUpdate(
            event=structured(update_headers(event), update_value(event)),
            routes=[
                told.RouteSide(
                    name=route.name,
                    when=route.when,
                    connectors=list(route.connectors),
                    matched=not route.why_not,
                    why_not=route.why_not,
                )
                for route in considered
            ],
            authority=authority,
            waits=None if authority is None else within,
            able=authority is None or self.board.able(authority),
            connectors=[self._side(event, side) for side in sides],
        )

    def _side(self, event: LeadUpdate, side: Rehearsed) -> told.ConnectorSide:
        follows = event.followers == "after_authority" and event.authority != side.connector
        return told.ConnectorSide(
            connector=side.connector,
            vendor=self.vendor_of[side.connector],
            shadow=side.shadow,
            after=event.authority if follows else None,
            outcome="retried" if side.kind is None else side.kind,
            code=side.code or Code.INTERNAL,
            message=side.message,
            requests=[_request(shown) for shown in side.requests],
            dropped=list(side.dropped),
            batch=side.batch,
            pending=side.pending,
            triggers=list(side.triggers),
        )


def _request(shown: Shown) -> told.VendorRequest:
    request = shown.request
    try:
        body, encoding = request.body.decode(), "utf-8"
    except UnicodeDecodeError:
        body, encoding = b64encode(request.body).decode(), "base64"
    return told.VendorRequest.model_validate(
        {
            "method": request.method,
            "url": request.url,
            "headers": request.headers,
            "body": body,
            "encoding": encoding,
            "assumed": shown.assumed,
        }
    )


def _heard(answer: Answer) -> told.Heard:
    headers: Sequence[tuple[str, str]] = (("Content-Type", answer.content_type), *answer.headers)
    return told.Heard(
        status=answer.status, headers=list(headers), body=answer.body.decode("utf-8", "replace")
    )
