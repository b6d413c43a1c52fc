"""How a command reaches what is kept: through the running server's admin API, found from the
same configuration; with no server running, by opening log and store itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlencode

import orjson
import typer

from connectors.registry import VENDORS
from gateway import wiring
from gateway.clock import Clock, SystemClock
from gateway.commands.configured import configured
from gateway.database.port import DatabaseUnavailable
from gateway.edge.admin import topics
from gateway.edge.admin.asked import Asked, Parts, Refused
from gateway.edge.admin.endpoints import EVENTS, EVENTS_QUERY, Endpoint, check_query
from gateway.edge.admin.topics import Page
from gateway.eventlog.port import LogUnavailable
from gateway.ledger.projector import Projector
from gateway.lines import configure
from gateway.metrics import Metrics
from gateway.model.json import JsonValue
from gateway.settings import Settings
from gateway.settings.model import AdminSettings, LoggingSettings
from gateway.storage import UNOPENED, open_storage
from gateway.store.board import Board
from gateway.store.links import Links
from gateway.transport.aiohttp_client import AiohttpClient
from gateway.transport.port import ConnectFailed, HttpClient, HttpRequest, HttpResponse

T = TypeVar("T")
NOTHING: Mapping[str, str] = {}
ANSWER_BYTES = 512 << 20
WITHIN = 120.0
"""Seconds for one request: an import of many leads is one."""
LOOK_EVERY = 1.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - what to dial for them


class Failed(Exception):
    """A command can't do what it was asked; `code` is its exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        """What is wrong, for stderr."""
        super().__init__(text)
        self.code = code


class Operator(Protocol):
    """What commands ask."""

    live: bool
    """Whether a server runs."""

    async def ask(
        self,
        endpoint: Endpoint,
        path: Mapping[str, str] = NOTHING,
        query: Mapping[str, str] = NOTHING,
        body: JsonValue = None,
    ) -> dict[str, Any]:
        """The answer's JSON. Raises Failed."""

    async def events(self, query: Mapping[str, str]) -> Page:
        """A page of a topic; `query` has `limit`. Raises Failed."""


@dataclass(frozen=True)
class Remote:
    """A running server."""

    client: HttpClient
    url: str
    headers: tuple[tuple[str, str], ...]
    live = True

    async def ask(
        self,
        endpoint: Endpoint,
        path: Mapping[str, str] = NOTHING,
        query: Mapping[str, str] = NOTHING,
        body: JsonValue = None,
    ) -> dict[str, Any]:
        """See the port."""
        filled = endpoint.path.format(**{name: quote(text, "") for name, text in path.items()})
        sent = b"" if endpoint.body is None else orjson.dumps(body)
        response = await self._send(endpoint.method, filled, query, sent)
        answer: dict[str, Any] = orjson.loads(response.body)
        return answer

    async def events(self, query: Mapping[str, str]) -> Page:
        """See the port."""
        response = await self._send("GET", EVENTS, query, b"")
        lines = tuple(response.body.splitlines())
        return Page(lines, response.headers["x-leadwire-position"])

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], body: bytes
    ) -> HttpResponse:
        url = f"{self.url}{path}?{urlencode(query)}" if query else self.url + path
        reply = await self.client.send(HttpRequest(method, url, self.headers, body, WITHIN))
        if not isinstance(reply, HttpResponse):
            raise Failed(f"the server at {self.url}: {reply.reason}")
        if reply.status != 200:
            raise _failure(reply, self.url)
        return reply


@dataclass(frozen=True)
class Local:
    """The files themselves."""

    parts: Parts
    live = False

    async def ask(
        self,
        endpoint: Endpoint,
        path: Mapping[str, str] = NOTHING,
        query: Mapping[str, str] = NOTHING,
        body: JsonValue = None,
    ) -> dict[str, Any]:
        """See the port."""
        with _refusing():
            done = await endpoint.run(self.parts, Asked(path, query, body))
        answer: dict[str, Any] = done.model_dump(mode="json", by_alias=True)
        return answer

    async def events(self, query: Mapping[str, str]) -> Page:
        """See the port."""
        asked = Asked(query=query)
        with _refusing():
            check_query(asked, EVENTS_QUERY)
            return await topics.page(self.parts, asked)


def run(config: Path, work: Callable[[Operator], Awaitable[T]]) -> T:
    """Do a command's work with what it reaches; what can't be done goes to stderr and ends the
    program."""

    async def whole(settings: Settings) -> T:
        async with reached(settings, SystemClock()) as operator:
            return await work(operator)

    return carry_out(config, whole)


def carry_out(config: Path, work: Callable[[Settings], Coroutine[Any, Any, T]]) -> T:
    """As `run`, for a command that reaches by itself."""
    settings = configured(config)
    configure(LoggingSettings(level="warning"), SystemClock())
    try:
        return asyncio.run(work(settings))
    except Failed as failed:
        typer.echo(f"leadwire: {failed}", err=True)
        raise typer.Exit(failed.code) from None


@asynccontextmanager
async def reached(settings: Settings, clock: Clock) -> AsyncIterator[Operator]:
    """The running server, else the files. Raises Failed."""
    client = AiohttpClient(1, max_body=ANSWER_BYTES)
    try:
        remote = Remote(client, admin_url(settings.admin), _headers(settings.admin))
        if await answers(remote):
            yield remote
            return
        async with _opened(settings, clock, remote.url) as local:
            yield local
    finally:
        await client.close()


async def server_up(settings: Settings, clock: Clock) -> None:
    """Wait until a server answers. Raises Failed."""
    client = AiohttpClient(1)
    try:
        remote = Remote(client, admin_url(settings.admin), ())
        while not await answers(remote):
            await clock.sleep(LOOK_EVERY)
    finally:
        await client.close()


async def answers(remote: Remote) -> bool:
    """Whether a server is there. Raises Failed where one is and does not answer."""
    reply = await remote.client.send(HttpRequest("GET", f"{remote.url}/healthz", timeout=10.0))
    if isinstance(reply, ConnectFailed):
        return False
    if not isinstance(reply, HttpResponse):
        raise Failed(f"the server at {remote.url}: {reply.reason}")
    return True


@asynccontextmanager
async def _opened(settings: Settings, clock: Clock, url: str) -> AsyncIterator[Local]:
    try:
        storage = await open_storage(settings, clock, Metrics())
    except UNOPENED as error:
        raise Failed(f"no server answers at {url}, and {error}") from error
    try:
        projector = Projector(storage.log, storage.store, clock, wiring.process_name())
        await projector.catch_up()
        links = Links(storage.store)
        await links.refresh()
        explaining = wiring.explaining(settings, VENDORS, storage, clock, Metrics(), links, Board())
        yield Local(wiring.operated(settings, storage, clock, links, explaining))
    except (DatabaseUnavailable, LogUnavailable) as error:
        raise Failed(str(error)) from error
    finally:
        await storage.close()


def admin_url(settings: AdminSettings) -> str:
    """Where the admin listener is dialled."""
    host = _ANY.get(settings.host, settings.host)
    scheme = "http" if settings.tls is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _headers(settings: AdminSettings) -> tuple[tuple[str, str], ...]:
    if settings.token is None:
        return ()
    return (("Authorization", f"Bearer {settings.token.get_secret_value()}"),)


@contextmanager
def _refusing() -> Iterator[None]:
    """Turns a refusal into a failure of the command."""
    try:
        yield
    except Refused as refused:
        raise _told(refused.status, refused.detail) from None


def _failure(reply: HttpResponse, url: str) -> Failed:
    try:
        detail = str(orjson.loads(reply.body)["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return Failed(f"what answers at {url} is no leadwire server (status {reply.status})")
    return _told(reply.status, detail)


def _told(status: int, detail: str) -> Failed:
    """Wrong words are wrong usage; anything else did not work out."""
    return Failed(detail, 2 if status == 400 else 1)
