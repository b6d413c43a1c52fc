"""The native API over real sockets: taken, waited for, repeated, refused, by our own client and by
the CloudEvents SDK's messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from connectors.sandbox.faults import Fault
from gateway.eventlog.port import Topic
from gateway.model.codec import read_update
from gateway.model.event import LeadId, LeadUpdate
from tests.contracts.eventlogs import read
from tests.journeys.running import (
    Backends,
    Caller,
    Document,
    Told,
    backends,
    document,
    eventually,
    server,
    url_of,
)

PATH = "/v1/lead-updates"
TOKEN = "native-inbound"
KEY = {"Authorization": f"Bearer {TOKEN}"}
OTHER = {"Authorization": "Bearer other-inbound"}
"""Another tenant's."""
WAIT = {"Prefer": "wait=30"}
LEAD = {"ids": [{"system": "crm", "id": "42"}, {"system": "polly", "id": "lead_1"}]}
CONTACTED = {"lead": LEAD, "changes": {"status": "contacted", "first_name": "Jane"}}


def with_native(folder: Path, url: str, **credential: Any) -> Document:
    """A configuration in which PollyBot answers for the native API."""
    told = document(folder, url)
    given = {"dialect": "native", "token": TOKEN, **credential}
    told["tenants"]["default"]["credentials"].append(given)
    authority = {"native": "polly"}
    told["server"]["max_body"] = 2048
    told["tenants"]["other"] = {"credentials": [{"dialect": "native", "token": "other-inbound"}]}
    told["routes"] = [
        {"name": "all", "tenant": "default", "connectors": ["polly"], "authority": authority}
    ]
    return told


class Native:
    """A client of the native API, and PollyBot's backend behind it."""

    def __init__(self, caller: Caller, vendors: Backends, log: Any) -> None:
        self.caller, self.host, self._log = caller, vendors.host, log

    async def post(self, body: object, headers: Mapping[str, str] | None = None) -> Told:
        """Post a body; bytes go as they are."""
        text = body if isinstance(body, bytes) else orjson.dumps(body)
        return await self.caller.call("POST", PATH, text, {**KEY, **(headers or {})})

    async def get(self, path: str, headers: Mapping[str, str] = KEY) -> Told:
        """Ask."""
        return await self.caller.call("GET", path, b"", headers)

    async def settled(self, path: str) -> Told:
        """Ask until everything is settled."""
        async with asyncio.timeout(20):
            while True:
                told = await self.get(path)
                if json(told)["settled"]:
                    return told
                await asyncio.sleep(0.05)

    async def events(self) -> list[LeadUpdate]:
        """Every update in the log, oldest first."""
        extents = await self._log.extents(Topic.UPDATES)
        starts = dict.fromkeys(range(len(extents)), 0)
        records = await read(self._log, starts, sum(one.end for one in extents.values()))
        return sorted((read_update(r.headers, r.value) for r in records), key=lambda one: one.id)

    @property
    def bodies(self) -> list[Any]:
        """What PollyBot was sent."""
        return [call["body"] for call in self.host.calls("pollybot")]


@asynccontextmanager
async def native(folder: Path, **credential: Any) -> AsyncIterator[Native]:
    """A server, a sandbox with a lead, and a client."""
    async with backends() as vendors:
        vendors.host.seed("pollybot", {"id": "lead_1", "email": "jane@example.com"})
        told = with_native(folder, vendors.url, **credential)
        async with server(folder, told) as running, Caller(url_of(running)) as caller:
            yield Native(caller, vendors, running.storage.log)


def json(told: Told) -> Any:
    """An answer's body."""
    return orjson.loads(told.body)


async def test_an_update_is_safe_and_delivered(tmp_path: Path) -> None:
    """202 with its id; PollyBot finds the lead by the second id, and hears what was asked."""
    async with native(tmp_path) as api:
        told = await api.post(CONTACTED)
        (event,) = told.events
        url = f"{PATH}/{event}"
        assert (told.status, json(told)) == (
            202,
            {"id": event, "status": "pending", "status_url": url},
        )
        assert told.headers["Location"] == url
        await eventually(lambda: api.bodies == [{"status": "contacted"}])
        (update,) = await api.events()
    assert (update.id, update.ids) == (event, (LeadId("crm", "42"), LeadId("polly", "lead_1")))


async def test_an_outcome_is_waited_for(tmp_path: Path) -> None:
    """200 and the authority's word, good or bad."""
    async with native(tmp_path) as api:
        good = await api.post(CONTACTED, WAIT)
        lead = {"ids": [{"system": "polly", "id": "unknown"}]}
        bad = await api.post({**CONTACTED, "lead": lead}, WAIT)
    assert (good.status, good.headers["Preference-Applied"]) == (200, "wait=30")
    assert good.headers["X-Leadwire-Outcome"] == "polly=applied"
    outcome = json(good)["outcome"]
    assert (json(good)["status"], outcome["connector"], outcome["code"]) == (
        "applied",
        "polly",
        "ok",
    )
    assert outcome["dropped"] == ["first_name"]
    assert (bad.status, json(bad)["status"], json(bad)["outcome"]["code"]) == (
        200,
        "rejected",
        "lead_not_found",
    )


async def test_what_became_of_it_is_told(tmp_path: Path) -> None:
    """At once, and once it is settled; to the same tenant only."""
    async with native(tmp_path) as api:
        told = json(await api.post(CONTACTED))
        first = await api.get(told["status_url"])
        assert (first.status, json(first)["id"]) == (200, told["id"])
        answer = await api.settled(told["status_url"])
        other = await api.get(told["status_url"], OTHER)
        unknown = await api.get(f"{PATH}/nothing")
        nobody = await api.get(told["status_url"], {"Authorization": "Bearer no"})
        method = await api.caller.call("DELETE", told["status_url"], b"", KEY)
    (delivery,) = json(answer)["deliveries"]
    assert (json(answer)["status"], json(answer)["authority"]) == ("applied", "polly")
    assert (delivery["connector"], delivery["state"], delivery["outcome"]["code"]) == (
        "polly",
        "applied",
        "ok",
    )
    assert [one.status for one in (other, unknown, nobody, method)] == [404, 404, 401, 405]
    assert (json(other), method.headers["Allow"]) == (json(unknown), "GET")


async def test_a_batch_is_answered_as_a_list(tmp_path: Path) -> None:
    """In its order, each with its own id."""
    async with native(tmp_path) as api:
        bodies = [{"lead": LEAD, "changes": {"source": f"s{n}"}} for n in range(3)]
        told = await api.post(bodies, WAIT)
        assert (told.status, [one["id"] for one in json(told)]) == (200, told.events)
        assert [one["status"] for one in json(told)] == ["applied"] * 3
        assert api.bodies == [{"source": f"s{n}"} for n in range(3)]


@pytest.mark.parametrize("key", ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', "k-1"])
async def test_a_key_makes_repeats_one(tmp_path: Path, key: str) -> None:
    """Quoted or bare: the same answer again, and one delivery; another body is refused."""
    async with native(tmp_path) as api:
        headers = {**WAIT, "Idempotency-Key": key}
        first = await api.post(CONTACTED, headers)
        again = await api.post(CONTACTED, {**WAIT, "Idempotency-Key": key.strip('"')})
        other = await api.post({**CONTACTED, "attributes": {"a": 1}}, headers)
        assert (again.status, again.body, again.events) == (200, first.body, first.events)
        assert (other.status, json(other)["code"]) == (422, "idempotency_key_reused")
        assert len(api.bodies) == 1


def event(id: str, **more: str) -> CloudEvent:
    """An event of the SDK's."""
    told = {"id": id, "source": "/crm", "type": "com.example.lead.changed", "specversion": "1.0"}
    return CloudEvent({**told, "datacontenttype": "application/json", **more}, dict(CONTACTED))


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("write", [to_structured_event, to_binary_event])
async def test_a_cloud_event_is_an_update_once(tmp_path: Path, write: Any) -> None:
    """Structured and binary, as the SDK writes them; sent again it is the same update."""
    message = write(event("1", traceparent=TRACE))
    async with native(tmp_path) as api:
        first = await api.post(bytes(message.body), message.headers)
        again = await api.post(bytes(message.body), message.headers)
        assert (first.status, again.status, again.events) == (202, 202, first.events)
        (update,) = await api.events()
    assert update.traceparent == TRACE
    assert update.origin.scope == {
        "cloudevent": {"source": "/crm", "id": "1", "type": "com.example.lead.changed"}
    }


async def test_a_batch_of_cloud_events(tmp_path: Path) -> None:
    """One update each, under one key."""
    events = [bytes(to_structured_event(event(id)).body) for id in ("1", "2")]
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    async with native(tmp_path) as api:
        body = b"[" + b",".join(events) + b"]"
        first = await api.post(body, headers)
        again = await api.post(body, headers)
        assert (first.status, len(json(first)), again.events) == (202, 2, first.events)
        assert len(await api.events()) == 2


async def test_busy_and_then_the_same_update(tmp_path: Path) -> None:
    """503 when the outcome doesn't come in time; the call made again waits for the same one."""
    async with native(tmp_path) as api:
        api.host.add_fault("pollybot", Fault(delay=1.5, times=1))
        busy = await api.post(CONTACTED, {"Prefer": "wait=1"})
        again = await api.post(CONTACTED, WAIT)
        assert (busy.status, busy.headers["Content-Type"], busy.headers["Retry-After"]) == (
            503,
            "application/problem+json",
            "5",
        )
        assert (again.status, again.events, len(api.bodies)) == (200, busy.events, 1)


async def test_what_is_refused_at_the_door(tmp_path: Path) -> None:
    """In HTTP's own words; nothing is stored."""
    quota = {"requests": 4, "per": "1m"}
    async with native(tmp_path, quota=quota) as api:
        wrong = await api.post(CONTACTED, {"Authorization": "Bearer no"})
        method = await api.caller.call("PUT", PATH, b"", KEY)
        form = await api.post(b"a=b", {"Content-Type": "application/x-www-form-urlencoded"})
        large = await api.post(b" " * 2049)
        invalid = await api.post({**CONTACTED, "chagnes": {}})
        malformed = await api.post(b"{")
        spent = await api.post(CONTACTED)
        assert await api.events() == []
    told = [wrong, method, form, large, invalid, malformed, spent]
    assert [one.status for one in told] == [401, 405, 415, 413, 422, 400, 429]
    assert {one.headers["Content-Type"] for one in told} == {"application/problem+json"}
    assert [json(one)["status"] for one in told] == [one.status for one in told]
    assert (wrong.headers["WWW-Authenticate"], method.headers["Allow"]) == (
        'Bearer error="invalid_token"',
        "POST",
    )
    assert invalid.headers["RateLimit-Policy"] == '"default";q=4;w=60'
    assert (spent.headers["Retry-After"], spent.headers["RateLimit"]) == (
        "60",
        '"default";r=0;t=60',
    )
