"""The inbound listener: the dialects' paths on aiohttp."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

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
from gateway.edge import bodies
from gateway.edge.asking import Asking
from gateway.edge.calls import query_of
from gateway.edge.claiming import Claiming
from gateway.edge.credentials import Registered
from gateway.edge.explaining import Explaining, is_dry
from gateway.edge.intake import Intake
from gateway.edge.reply import Reply
from gateway.metrics import Metrics
from gateway.settings.model import ServerSettings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_NOT_FOUND = b'{"error":"no such path"}'


class Door:
    """Serves every dialect's routes."""

    def __init__(
        self,
        dialects: Iterable[Dialect],
        intake: Intake,
        asking: Asking,
        explaining: Explaining,
        claiming: Claiming,
        settings: ServerSettings,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`application` makes the server's application."""
        self._dialects = tuple(dialects)
        self._intake, self._asking, self._claiming = intake, asking, claiming
        self._explaining = explaining
        self._settings, self._clock, self._metrics = settings, clock, metrics
        self.draining = False
        """Whether connections are asked to close after their answer."""

    def application(self) -> web.Application:
        """An application for `web.AppRunner`."""
        app = web.Application(client_max_size=self._settings.max_body)
        for dialect in self._dialects:
            served: dict[str, list[str]] = {}
            for route in dialect.routes:
                served.setdefault(route.path, []).append(route.method)
                _add(app, route.method, route.path, self._handler(dialect, route))
            for path, methods in served.items():
                _add(app, "*", path, self._wrong_method(dialect, path, tuple(methods)))
        _add(app, "*", "/{anything:.*}", _not_found)
        return app

    def _handler(self, dialect: Dialect, route: Route) -> Handler:
        operation, name = route.operation, dialect.name
        seconds = self._metrics.request_seconds(name)

        async def handle(request: web.Request) -> web.StreamResponse:
            began = self._clock.monotonic()
            call = _call(request, operation)
            try:
                if route.asks:
                    reply = await self._told(dialect, call)
                else:
                    reply = await self._reply(dialect, call, request, began)
            except Exception as error:  # noqa: BLE001 - a fault of ours is no page of the server's
                reply = self._intake.busy(dialect, call)
                _tell_fault(name, operation, error)
            response = self._response(reply.answer)
            if reply.claim is not None:
                await self._deliver(request, response, reply)
            took = self._clock.monotonic() - began
            seconds.observe(took)
            self._metrics.requests(name, str(reply.answer.status)).inc()
            _tell(name, operation, reply, took)
            return response

        return handle

    async def _reply(
        self, dialect: Dialect, call: Call, request: web.Request, began: float
    ) -> Reply:
        admitted = self._intake.admit(dialect, call)
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
        admitted = self._intake.admit(dialect, call)
        if isinstance(admitted, Reply):
            return admitted
        if not isinstance(dialect, AskedDialect):
            raise TypeError(f"{dialect.name} has a route that asks, and no answers")
        return await self._asking.reply(dialect, call, admitted[0])

    def _wrong_method(self, dialect: Dialect, path: str, methods: tuple[str, ...]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = _call(request, path)
            reply = self._intake.refuse(dialect, call, MethodNotAllowed(methods))
            self._metrics.requests(dialect.name, str(reply.answer.status)).inc()
            return self._response(reply.answer)

        return handle

    async def _deliver(self, request: web.Request, response: web.Response, reply: Reply) -> None:
        """Write the answer, and only if it reached a connected client note that it did."""
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            return
        transport = request.transport
        if transport is not None and not transport.is_closing():
            self._claiming.answered(reply)

    def _response(self, answer: Answer) -> web.Response:
        response = web.Response(status=answer.status, body=answer.body)
        headers = response.headers
        headers["Content-Type"] = answer.content_type
        for name, value in answer.headers:
            headers[name] = value
        if self.draining:
            response.force_close()
        return response


def _add(app: web.Application, method: str, path: str, handler: Handler) -> None:
    app.router.add_route(method, path, handler, expect_handler=bodies.unawaited)


def _call(request: web.Request, operation: str) -> Call:
    query = query_of(request.rel_url.raw_query_string)
    match = request.match_info
    return Call(request.method, request.path, operation, match, query, request.headers)


async def _not_found(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=404, body=_NOT_FOUND, content_type="application/json")


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
