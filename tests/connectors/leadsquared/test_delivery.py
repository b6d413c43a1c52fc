"""The engine with LeadSquared's client and the fake backend: what is applied, in which calls."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import orjson

from connectors.delivery.plan import Plan
from connectors.leadsquared.outbound.connector import connect
from connectors.leadsquared.outbound.settings import LeadSquaredSettings
from connectors.leadsquared.sandbox import LeadSquaredBackend
from connectors.sandbox.port import BackendCall
from gateway.model.changes import Set
from gateway.model.event import LeadId, LeadUpdate
from gateway.transport.port import HttpReply, HttpRequest, HttpResponse
from tests.connectors.delivery.engine import Bench, bench, neighbours, passed, plan, update
from tests.connectors.delivery.fake_vendor import Vendor
from tests.virtual import EPOCH, in_virtual_time

NAME = "lsq"
LEADS = neighbours(60)


@dataclass
class Server:
    """The fake backend as an HTTP client sees it."""

    backend: LeadSquaredBackend
    calls: list[BackendCall] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    async def send(self, request: HttpRequest) -> HttpReply:
        parts = urlsplit(request.url)
        now = EPOCH + asyncio.get_running_loop().time()
        headers = {name.lower(): value for name, value in request.headers}
        query = tuple(parse_qsl(parts.query))
        call = BackendCall(request.method, parts.path, query, headers, request.body, now)
        self.calls.append(call)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0.05)
        self.under_way -= 1
        answer = self.backend.handle(call)
        return HttpResponse(answer.status, {}, answer.body)

    async def close(self) -> None: ...

    def count(self) -> Counter[str]:
        """Calls by the last word of their path."""
        return Counter(call.path.rpartition("/")[2] for call in self.calls)

    def sizes(self) -> list[int]:
        """Leads of each bulk call."""
        bodies = [orjson.loads(call.body) for call in self.calls if call.path.endswith("UpdateV2")]
        return [len(body["LeadPropertiesList"]) for body in bodies]


def to_lsq(event_id: str, lead: str, **changed: Any) -> LeadUpdate:
    """An update of a lead that LeadSquared knows."""
    given = update(
        event_id,
        lead,
        ids=(LeadId(NAME, lead),),
        connectors=(NAME,),
        changes={"company": Set(event_id)},
    )
    return replace(given, **changed)


def lsq(mode: str, **settings: object) -> Plan:
    """A connector's plan with its own limits."""
    given = {
        "base_url": "http://lsq.example.com",
        "async_base_url": "http://lsq.example.com",
        "access_key": "a",
        "secret_key": "b",
        "x_api_key": "c",
        "mode": mode,
    }
    made = connect(NAME, LeadSquaredSettings.model_validate({**given, **settings}), {})
    return plan(NAME, connector=made, limits=made.limits, concurrency=8)


@asynccontextmanager
async def account(*leads: str, **switches: Any) -> AsyncIterator[tuple[Bench, Server]]:
    """A bench whose vendor is a faithful account with these leads."""
    server = Server(LeadSquaredBackend(faithful=True))
    for lead in leads:
        server.backend.seed({"id": lead, **switches})
    async with bench() as made:
        made.vendors[NAME] = cast(Vendor, server)
        yield made, server


def company(server: Server) -> dict[str, object]:
    """Each lead's company, as the account has it."""
    return {str(lead["id"]): lead.get("Company") for lead in server.backend.leads()}


@in_virtual_time
async def test_bulk_goes_one_call_at_a_time_inside_the_quota() -> None:
    """25 leads a call; a lead's second update in a later one; nothing is refused."""
    async with account(*LEADS) as (made, server):
        await made.append(*(to_lsq(f"e{n:02}", lead) for n, lead in enumerate(LEADS)))
        await made.append(*(to_lsq(f"f{n:02}", lead) for n, lead in enumerate(LEADS)))
        async with made.running(lsq("bulk")):
            await passed(30.0)
        assert (server.sizes(), server.most_under_way) == ([25, 25, 25, 25, 20], 1)
        assert {lead: f"f{n:02}" for n, lead in enumerate(LEADS)} == company(server)
        assert set((await made.ends()).values()) == {"applied"}


@in_virtual_time
async def test_one_bad_lead_of_a_bulk_call_stops_no_other() -> None:
    """Each has a verdict of its own."""
    async with account(*LEADS[:3]) as (made, server):
        server.backend.seed({"id": LEADS[1], "schema": ["FirstName"]})
        await made.append(*(to_lsq(f"e{n}", lead) for n, lead in enumerate(LEADS[:4])))
        async with made.running(lsq("bulk")):
            await passed(10.0)
        assert await made.ends() == {
            "e0": "applied",
            "e1": "rejected unknown_attribute",
            "e2": "applied",
            "e3": "rejected lead_not_found",
        }
        assert server.sizes() == [4]


@in_virtual_time
async def test_async_sends_once_and_asks_until_it_knows() -> None:
    """Over a restart too, inside the quota, each lead in order."""
    some = LEADS[:12]
    async with account(*some, in_queue=2) as (made, server):
        await made.append(*(to_lsq(f"e{n:02}", lead) for n, lead in enumerate(some)))
        await made.append(*(to_lsq(f"f{n:02}", lead) for n, lead in enumerate(some)))
        async with made.running(lsq("async")):
            await passed(7.0)
        await made.boot()
        async with made.running(lsq("async")):
            await passed(120.0)
        assert set((await made.ends()).values()) == {"applied"}
        assert {lead: f"f{n:02}" for n, lead in enumerate(some)} == company(server)
        assert server.count() == {"update": 24, "status": 72}


@in_virtual_time
async def test_async_refusals_come_by_the_question() -> None:
    """A lead that isn't there; a task that came to nothing is sent again until it is given up."""
    async with account(LEADS[0]) as (made, server):
        server.backend.seed({"id": LEADS[2], "broken": True})
        await made.append(*(to_lsq(f"e{n}", lead) for n, lead in enumerate(LEADS[:3])))
        async with made.running(lsq("async")):
            await passed(3000.0)
        ends = await made.ends()
        assert ends == {
            "e0": "applied",
            "e1": "rejected lead_not_found",
            "e2": "dead_lettered attempts_spent",
        }
        assert server.count()["update"] == 2 + 8


@in_virtual_time
async def test_sync_is_one_call_a_lead() -> None:
    """Several at once."""
    async with account(*LEADS[:10]) as (made, server):
        await made.append(*(to_lsq(f"e{n}", lead) for n, lead in enumerate(LEADS[:10])))
        async with made.running(lsq("sync")):
            await passed(10.0)
        assert set((await made.ends()).values()) == {"applied"}
        assert (server.count(), server.most_under_way) == ({"Lead.Update": 10}, 8)


@in_virtual_time
async def test_a_lead_known_by_its_address_only_is_sought_by_it() -> None:
    """In every mode."""
    for mode in ("bulk", "async", "sync"):
        async with account() as (made, server):
            server.backend.seed({"id": "p1", "EmailAddress": "jane@example.com"})
            ids = (LeadId("email", "jane@example.com"),)
            await made.append(to_lsq("e0", "a", ids=ids))
            async with made.running(lsq(mode)):
                await passed(5.0)
            assert (company(server), await made.ends()) == ({"p1": "e0"}, {"e0": "applied"})
