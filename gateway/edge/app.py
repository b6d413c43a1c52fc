"""The front door: the dialects' paths, each call from its head to its answer."""

from __future__ import annotations

import traceback

from gateway import lines
from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable
from gateway.dialect import (
    Answer,
    AskedDialect,
    Call,
    Dialect,
    MethodNotAllowed,
    QuotaState,
    Route,
)
from gateway.edge.asking import Asking
from gateway.edge.calls import find
from gateway.edge.claiming import Claiming
from gateway.edge.credentials import Registered
from gateway.edge.explaining import Explaining, is_dry
from gateway.edge.http import bodies
from gateway.edge.http.request import Request
from gateway.edge.intake import Intake
from gateway.edge.paths import Paths
from gateway.edge.reply import Reply
from gateway.metrics import Metrics
from gateway.settings.model import ServerSettings

_NOT_FOUND = Answer(404, b'{"error":"no such path"}')


class Door:
    """Serves every dialect's routes."""

    def __init__(
        self,
        paths: Paths,
        intake: Intake,
        asking: Asking,
        explaining: Explaining,
        claiming: Claiming,
        settings: ServerSettings,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`serve` is what a listener calls."""
        self._paths = paths
        self._intake, self._asking, self._claiming = intake, asking, claiming
        self._explaining = explaining
        self._settings, self._clock, self._metrics = settings, clock, metrics

    async def serve(self, request: Request) -> None:
        """Answer a request."""
        began = self._clock.monotonic()
        path, query = request.target
        found = find(self._paths, request.method, path, query, request.headers)
        if found is None:
            request.answer(_NOT_FOUND)
            return
        dialect, call, route, methods = found
        name = dialect.name
        if route is None:
            reply = self._intake.refuse(dialect, call, MethodNotAllowed(methods))
        else:
            reply = await self._served(dialect, route, call, request, began)
        answer = reply.answer
        if request.answer(answer) and reply.claim is not None:
            self._claiming.answered(reply)
        self._metrics.requests(name, str(answer.status)).inc()
        if route is not None:
            took = self._clock.monotonic() - began
            self._metrics.request_seconds(name).observe(took)
            _tell(name, call.operation, reply, took)

    async def _served(
        self, dialect: Dialect, route: Route, call: Call, request: Request, began: float
    ) -> Reply:
        try:
            if route.asks:
                return await self._told(dialect, call)
            return await self._reply(dialect, call, request, began)
        except Exception as error:  # noqa: BLE001 - a fault of ours is no page of the server's
            _tell_fault(dialect.name, call.operation, error)
            return self._intake.busy(dialect, call)

    async def _reply(self, dialect: Dialect, call: Call, request: Request, began: float) -> Reply:
        admitted = await self._intake.admit(dialect, call)
        if isinstance(admitted, Reply):
            return admitted
        registered, quota = admitted
        turns = registered.turns
        if turns is not None and not await turns.take(registered.settings.answer_within):
            return self._intake.busy(dialect, call)
        try:
            body = await bodies.read(request, self._settings)
            if not isinstance(body, bytes):
                return self._intake.refuse(dialect, call, body)
            if is_dry(call):
                return await self._rehearsed(dialect, call, body, registered, quota)
            return await self._intake.take(dialect, call, body, registered, quota, began)
        finally:
            if turns is not None:
                turns.give_back()

    async def _rehearsed(
        self,
        dialect: Dialect,
        call: Call,
        body: bytes,
        registered: Registered,
        quota: QuotaState | None,
    ) -> Reply:
        try:
            return await self._explaining.reply(dialect, call, body, registered, quota)
        except DatabaseUnavailable:
            return self._intake.busy(dialect, call)

    async def _told(self, dialect: Dialect, call: Call) -> Reply:
        admitted = await self._intake.admit(dialect, call)
        if isinstance(admitted, Reply):
            return admitted
        if not isinstance(dialect, AskedDialect):
            raise TypeError(f"{dialect.name} has a route that asks, and no answers")
        return await self._asking.reply(dialect, call, admitted[0])


def _tell_fault(dialect: str, operation: str, error: Exception) -> None:
    """Where it happened, without the error's own words: they may hold what the call said."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    lines.error(
        "call.failed",
        dialect=dialect,
        operation=operation,
        error=type(error).__name__,
        at=f"{last.name}:{last.lineno}",
    )


def _tell(dialect: str, operation: str, reply: Reply, seconds: float) -> None:
    lines.info(
        "call.answered",
        dialect=dialect,
        operation=operation,
        status=reply.answer.status,
        events=reply.events,
        refused=reply.refused or None,
        dry_run=reply.dry_run or None,
        seconds=round(seconds, 4),
    )
