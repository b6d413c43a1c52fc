"""The admin listener: metrics, health, and the admin API on aiohttp."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import orjson
from aiohttp import web

from gateway import lines
from gateway.database.port import DatabaseUnavailable
from gateway.edge.admin import topics
from gateway.edge.admin.access import Access
from gateway.edge.admin.asked import Asked, Parts, Refused, flag
from gateway.edge.admin.endpoints import (
    ENDPOINTS,
    EVENTS,
    EVENTS_QUERY,
    PREFIX,
    Endpoint,
    check_query,
)
from gateway.edge.admin.gauges import Gauges
from gateway.edge.admin.health import Health
from gateway.eventlog.port import LogUnavailable
from gateway.metrics import Metrics
from gateway.model.json import JsonObject

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
MAX_BODY = 64 << 20
"""Bytes of a request: links of a few hundred thousand leads."""
POSITION = "X-Leadwire-Position"


class Admin:
    """What operators reach."""

    def __init__(
        self,
        parts: Parts,
        metrics: Metrics,
        health: Health,
        gauges: Gauges,
        going: Callable[[], bool],
        described: Callable[[], JsonObject],
    ) -> None:
        """`going` is false once the server drains: whoever follows a topic is let go. `described`
        is the OpenAPI document."""
        self._parts, self._metrics = parts, metrics
        self._health, self._gauges, self._going = health, gauges, going
        self._access, self._described = Access(parts.settings.admin), described

    def application(self) -> web.Application:
        """An application for a listener."""
        app = web.Application(client_max_size=MAX_BODY)
        for path, handler in (
            ("/metrics", self._metrics_page),
            ("/healthz", _healthy),
            ("/readyz", self._readiness),
            ("/openapi.json", self._openapi),
            (EVENTS, self._guarded(self._events)),
        ):
            app.router.add_get(path, handler)
        for endpoint in ENDPOINTS:
            # An id may hold slashes; it is the last part of its path.
            path = endpoint.path.replace("/{system}/{id}", "/{system}/{id:.+}")
            app.router.add_route(endpoint.method, path, self._guarded(self._served(endpoint)))
        app.router.add_route("*", PREFIX + "/{anything:.*}", self._guarded(_nothing))
        return app

    async def _metrics_page(self, _: web.Request) -> web.StreamResponse:
        await self._gauges.measure()
        body, content_type = self._metrics.exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _readiness(self, _: web.Request) -> web.StreamResponse:
        reason = await self._health.why_not()
        ready = reason is None
        return _json({"ready": ready, "reason": reason}, 200 if ready else 503)

    async def _openapi(self, _: web.Request) -> web.StreamResponse:
        return _json(self._described())

    def _guarded(self, handler: Handler) -> Handler:
        """Let in who may, and say in one shape what can't be done."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                self._access.check(request.headers, request.remote)
                return await handler(request)
            except Refused as refused:
                return _problem(refused.status, refused.detail)
            except web.HTTPRequestEntityTooLarge:
                return _problem(413, f"a request has at most {MAX_BODY} bytes")
            except (DatabaseUnavailable, LogUnavailable) as error:
                return _problem(503, str(error))

        return handle

    def _served(self, endpoint: Endpoint) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            asked = await _asked(request, with_body=endpoint.body is not None)
            done = await endpoint.run(self._parts, asked)
            if endpoint.method != "GET":
                lines.info("admin.done", operation=endpoint.name)
            return _json(done.model_dump(mode="json", by_alias=True))

        return handle

    async def _events(self, request: web.Request) -> web.StreamResponse:
        asked = await _asked(request, with_body=False)
        check_query(asked, EVENTS_QUERY)
        follow = "follow" in asked.query and flag(asked.query["follow"], "follow")
        if "limit" in asked.query:
            if follow:
                raise Refused(400, "limit and follow don't go together")
            page = await topics.page(self._parts, asked)
            body = b"".join(line + b"\n" for line in page.lines)
            return web.Response(
                body=body,
                headers={"Content-Type": "application/x-ndjson", POSITION: page.position},
            )
        reading = await topics.reading(self._parts, asked)
        records = reading.followed(self._going) if follow else reading.records()
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        async for record in records:
            line = topics.line_of(record)
            if line is not None:
                await response.write(line + b"\n")
        await response.write_eof()
        return response


async def _healthy(_: web.Request) -> web.StreamResponse:
    return web.Response(text="ok\n")


async def _nothing(request: web.Request) -> web.StreamResponse:
    raise Refused(404, f"there is no {request.method} {request.path}")


async def _asked(request: web.Request, *, with_body: bool) -> Asked:
    body = None
    if with_body:
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            raise Refused(400, "the body is not JSON") from None
    return Asked(dict(request.match_info), dict(request.query), body)


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")


def _problem(status: int, detail: str) -> web.Response:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        content_type="application/problem+json",
        headers=headers,
    )
