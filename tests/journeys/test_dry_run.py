"""See before you send: what a dry run shows is, byte for byte, what is then sent."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import pytest
from standardwebhooks import Webhook

from connectors.registry import VENDORS
from gateway.database.port import Operation, Query, Row
from gateway.serving import ROLES, Server
from gateway.transport.links import Link
from gateway.transport.port import HttpResponse
from tests.journeys.deployments import alone
from tests.journeys.everybody import (
    CALLS,
    HOOK_SECRET,
    NAMES,
    SECRETS,
    Said,
    document,
    linked,
    seed,
)
from tests.journeys.running import (
    Backends,
    Caller,
    Document,
    Running,
    Told,
    backends,
    server,
    url_of,
)

DRY = {"X_Leadwire_Dry_Run": "1"}
TABLES = (
    *("claims", "parked", "lead_fields", "verdicts", "dead_letters", "updates", "deliveries"),
    *("lead_links", "log_records", "facts"),
)
pytestmark = alone("it reads what leaves the process, and the file")
every_call = pytest.mark.parametrize("said", CALLS, ids=lambda said: said.name)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every request as its bytes leave this process."""
    sent: list[bytes] = []
    begin = Link.begin

    def recording(
        link: Link, message: bytes, until: float, *, bare: bool
    ) -> asyncio.Future[HttpResponse]:
        sent.append(message)
        return begin(link, message, until, bare=bare)

    monkeypatch.setattr(Link, "begin", recording)
    return sent


@asynccontextmanager
async def everybody(
    folder: Path, roles: tuple[str, ...] = ROLES, **own: Any
) -> AsyncIterator[tuple[Running, Backends, Caller]]:
    """A server with every vendor behind it, and who calls it."""
    async with backends() as vendors:
        seed(vendors)
        told = document(folder, vendors.url, **own)
        async with server(folder, told, roles) as running, Caller(url_of(running)) as caller:
            await linked(running)
            yield running, vendors, caller


def rehearsed(told: Told) -> Document:
    """The one update that a dry run tells of."""
    assert (told.status, told.headers["X-Leadwire-Dry-Run"]) == (200, "1"), told.body
    (update,) = orjson.loads(told.body)["updates"]
    found: Document = update
    return found


def shown(update: Document) -> Iterator[bytes]:
    """Its requests, as they would go over the wire."""
    for side in update["connectors"]:
        for request in side["requests"]:
            parts = urlsplit(request["url"])
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            lines = [f"{request['method']} {target} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in request["headers"]]
            yield "\r\n".join([*lines, "", request["body"]]).encode()


def masked(message: bytes) -> bytes:
    """A request that was sent, with every secret masked."""
    for secret in SECRETS.values():
        for form in (secret, quote(secret, safe="")):
            message = message.replace(form.encode(), b"***")
    return message


_STAMP = re.compile(rb"(webhook-(?:timestamp|signature)): [^\r]*")


def timeless(message: bytes, event: Document) -> bytes:
    """Without what no two events share: id, time, and the signature that is made of them."""
    for own in (event["id"], event["time"]):
        message = message.replace(own.encode(), b"?" * len(own))
    return _STAMP.sub(rb"\1: ?", message)


async def all_of(running: Running) -> list[list[Row]]:
    """Everything that is kept."""

    def read() -> Operation[list[list[Row]]]:
        found: list[list[Row]] = []
        for table in TABLES:
            rows = yield Query(f"SELECT * FROM {table} ORDER BY 1, 2")  # noqa: S608 - names of ours
            found += [rows]
        return found

    return await running.storage.store.run(read)


async def settled(running: Running, event: str) -> Document:
    """Wait until every connector has its verdict; but the async vendor, once it took the update,
    is asked later."""
    async with Caller(f"http://127.0.0.1:{running.admin_port}") as admin, asyncio.timeout(20):
        while True:
            told = await admin.call("GET", f"/admin/v1/updates/{event}", b"")
            found: Document = orjson.loads(told.body)
            states = [
                "taken" if (one["waiting"] or {}).get("reason") == "pending" else one["state"]
                for one in found["deliveries"]
            ]
            if states and not {"pending", "waiting"}.intersection(states):
                return found
            await asyncio.sleep(0.02)


async def event_of(running: Running, id: str) -> Document:
    """An accepted event."""
    async with Caller(f"http://127.0.0.1:{running.admin_port}") as admin:
        told = await admin.call("GET", "/admin/v1/events?limit=100", b"")
    events = [orjson.loads(line) for line in told.body.splitlines()]
    return next(event for event in events if event["id"] == id)


@every_call
async def test_what_is_shown_is_what_is_sent(said: Said, wire: list[bytes], tmp_path: Path) -> None:
    """To every vendor by each of its APIs: request line, headers and body; and until then nothing
    is sent and nothing kept. Only the questions that an async vendor is asked later can't be shown:
    it gives them their id."""
    async with everybody(tmp_path) as (running, vendors, caller):
        before = await all_of(running)
        dry = await said.by(caller, **DRY, Idempotency_Key="a key")
        assert (await all_of(running), wire) == (before, [])
        assert isinstance(running, Server)
        metrics = running.metrics.exposition()[0].decode()
        real = await said.by(caller, Idempotency_Key="a key")
        (event_id,) = real.events
        await settled(running, event_id)
        event = await event_of(running, event_id)
        received = sum(len(vendors.host.calls(v.name)) for v in VENDORS if v.sandbox)
    update = rehearsed(dry)
    assert [side["connector"] for side in update["connectors"]] == list(NAMES)
    sent = [each for each in wire if b"/lead/update/status" not in each]
    assert Counter(timeless(each, update["event"]) for each in shown(update)) == Counter(
        timeless(masked(each), event) for each in sent
    )
    assert (len(sent) > 8, received) == (True, len(wire))
    assert real.headers.get("X-Leadwire-Outcome") == said.outcome
    assert secrets_in(dry.body.decode()) == []
    dialect = said.name.partition(" ")[0]
    assert f'leadwire_dry_runs_total{{dialect="{dialect}"}} 1.0' in metrics
    assert "leadwire_events_accepted_total{" not in metrics
    assert dry.events == []


def secrets_in(text: str) -> list[str]:
    """Names of the secrets that a text tells, in whatever form."""
    return [
        name for name, secret in SECRETS.items() if secret in text or quote(secret, safe="") in text
    ]


async def test_the_signature_that_is_shown_is_good(tmp_path: Path) -> None:
    """By the reference library."""
    async with everybody(tmp_path) as (_, _, caller):
        update = rehearsed(await CALLS[0].by(caller, **DRY))
    hooks = [side for side in update["connectors"] if side["vendor"] == "webhook"]
    for side in hooks:
        (request,) = side["requests"]
        headers = {name.lower(): value for name, value in request["headers"]}
        Webhook(HOOK_SECRET).verify(request["body"], headers)
    assert len(hooks) == 2


async def test_the_whole_of_a_dry_run(tmp_path: Path) -> None:
    """Routes and why the others don't match, who answers, what is left out, what would fire."""
    async with everybody(tmp_path) as (_, _, caller):
        update = rehearsed(await CALLS[0].by(caller, **DRY))
    event = update.pop("event")
    assert (event["type"], event["authority"], event["data"]["changes"]["disposition"]) == (
        "io.leadwire.lead.update.requested.v1",
        "noojee-au",
        {"op": "set", "value": "Sale"},
    )
    sides = {side["connector"]: side for side in update.pop("connectors")}
    assert update == {
        "routes": [
            _route("everything", "true", list(NAMES), ""),
            _route("vips", "has(attributes.vip)", ["hook"], "it is false"),
            _route("sales", "dialect == 'fax'", ["hook"], "it is false"),
        ],
        "authority": "noojee-au",
        "waits": 55.0,
        "able": True,
    }
    assert {name: side["triggers"] for name, side in sides.items() if side["triggers"]} == {
        "noojee-au": ["dispositionAction"]
    }
    assert {name: side["batch"] for name, side in sides.items() if side["batch"] > 1} == {"lsq": 25}
    assert [name for name, side in sides.items() if side["pending"]] == ["lsq-async"]
    assert [request["assumed"] for request in sides["nexa"]["requests"]] == [False, True, True]
    assert [request["method"] for request in sides["polly-gen2"]["requests"]] == ["GET", "PUT"]


def _route(name: str, when: str, connectors: list[str], why_not: str) -> Document:
    matched = not why_not
    return {
        "name": name,
        "when": when,
        "connectors": connectors,
        "matched": matched,
        "why_not": why_not,
    }


REFUSED = (
    (CALLS[0].path, b"no json"),
    (CALLS[0].path.replace("inbound", "outbound"), CALLS[0].body),
    (CALLS[0].path, b'{"njDisposition":"Sale"}'),
)


@pytest.mark.parametrize(("path", "body"), REFUSED)
async def test_a_call_that_would_be_refused_is_refused(
    path: str, body: bytes, tmp_path: Path
) -> None:
    """In the vendor's own words, a dry run as well as a real one."""
    async with everybody(tmp_path) as (_, _, caller):
        real = await caller.call("POST", path, body)
        dry = await caller.call("POST", path, body, {"X-Leadwire-Dry-Run": "1"})
    assert (dry.status, dry.body) == (real.status, real.body)
    assert real.status >= 400


@pytest.mark.parametrize(("value", "dry"), [("0", False), ("false", False), ("yes", True)])
async def test_a_word_that_is_misspelt_sends_nothing(value: str, dry: bool, tmp_path: Path) -> None:
    """Only 0, false and nothing at all ask for a real call."""
    async with everybody(tmp_path) as (_, _, caller):
        told = await CALLS[0].by(caller, X_Leadwire_Dry_Run=value)
    assert (told.events == []) is dry


async def test_a_dry_run_counts_against_the_quota(tmp_path: Path) -> None:
    """Looking is not free: a key has one allowance."""
    async with backends() as vendors:
        told = document(tmp_path, vendors.url)
        told["tenants"]["default"]["credentials"][1]["quota"] = {"requests": 1, "per": "1h"}
        async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
            statuses = [(await CALLS[1].by(caller, **DRY)).status for _ in range(2)]
    assert statuses == [200, 429]


async def test_a_process_that_only_accepts_answers_too(tmp_path: Path) -> None:
    """It knows the configuration; what delivers is elsewhere."""
    async with everybody(tmp_path, ("gateway",)) as (_, _, caller):
        update = rehearsed(await CALLS[0].by(caller, **DRY))
    assert len(list(shown(update))) == 12


async def test_a_lead_that_is_not_linked_says_so(tmp_path: Path) -> None:
    """Nothing would be sent, and why."""
    async with backends() as vendors:
        told = document(tmp_path, vendors.url)
        async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
            update = rehearsed(await CALLS[0].by(caller, **DRY))
    ends = {side["connector"]: (side["outcome"], side["code"]) for side in update["connectors"]}
    unlinked = ("dead_lettered", "lead_not_linked")
    assert ends == {
        name: ("applied", "ok") if name in {"noojee-au", "hook", "hook-noojee"} else unlinked
        for name in NAMES
    }
