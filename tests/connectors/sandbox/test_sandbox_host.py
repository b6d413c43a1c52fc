"""The host of fake backends, over real sockets and by method."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from connectors.sandbox.faults import Fault
from connectors.sandbox.host import NotHere, Running, SandboxHost
from connectors.sandbox.port import BackendCall
from gateway.dialect import Answer
from gateway.model.json import JsonObject
from gateway.transport.aiohttp_client import AiohttpClient
from gateway.transport.port import AnswerUnknown, HttpReply, HttpRequest, HttpResponse


class StillClock:
    """Time that stands still, and waits that end when told to."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.go_on = asyncio.Event()
        self.waiting = asyncio.Event()
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.waiting.set()
        await self.go_on.wait()


class Toy:
    """A backend that keeps what it is sent at /leads/{id}."""

    name = "toy"

    def __init__(self) -> None:
        self.kept: dict[str, JsonObject] = {}
        self.seen: list[BackendCall] = []

    def handle(self, call: BackendCall) -> Answer:
        self.seen.append(call)
        if call.path == "/broken":
            raise ZeroDivisionError
        lead = self.lead_of(call)
        if lead is None:
            return Answer(404, b"nothing here", (("X-Toy", "1"),), "text/plain")
        self.kept[lead] = {"id": lead, "body": orjson.loads(call.body)}
        return Answer(200, call.body)

    def leads(self) -> list[JsonObject]:
        return list(self.kept.values())

    def seed(self, lead: JsonObject) -> None:
        if "name" not in lead:
            raise ValueError("a lead has a name")
        self.kept[str(lead["id"])] = lead

    def lead_of(self, call: BackendCall) -> str | None:
        if call.path == "/untold":
            raise ZeroDivisionError
        _, _, found = call.path.partition("/leads/")
        return found or None


@dataclass
class House:
    """A running host with one toy in it, and a client to call it."""

    clock: StillClock = field(default_factory=StillClock)
    toy: Toy = field(default_factory=Toy)
    client: AiohttpClient = field(default_factory=lambda: AiohttpClient(8))

    def __post_init__(self) -> None:
        self.host = SandboxHost({"toy": self.toy}, self.clock, keep=3)

    async def __aenter__(self) -> House:
        self.running: Running = await self.host.serve()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        await self.running.close()

    async def send(self, method: str, path: str, body: bytes = b"") -> HttpReply:
        return await self.client.send(HttpRequest(method, self.running.url + path, body=body))

    async def call(self, lead: str, body: bytes = b"{}") -> HttpReply:
        return await self.send("POST", f"/toy/leads/{lead}", body)

    async def steer(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        sent = b"" if body is None else orjson.dumps(body)
        reply = await self.send(method, "/__sandbox__" + path, sent)
        assert isinstance(reply, HttpResponse)
        assert reply.headers["content-type"].startswith("application/json")
        return reply.status, orjson.loads(reply.body)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A fresh house."""
    async with House() as house:
        yield house


# --- serving ------------------------------------------------------------------------------


async def test_a_call_reaches_the_backend_without_the_prefix(house: House) -> None:
    """Path and query decoded, header names in lower case, the body's bytes, the time."""
    url = house.running.url + "/toy/leads/a%2Fb?x=1&y=%24&x="
    await house.client.send(HttpRequest("PUT", url, (("X-Key", "K"),), b'{"a":1}'))
    (call,) = house.toy.seen
    assert (call.method, call.path, call.body, call.now) == ("PUT", "/leads/a/b", b'{"a":1}', 1000)
    assert call.query == (("x", "1"), ("y", "$"), ("x", ""))
    assert call.headers["x-key"] == "K"


@pytest.mark.parametrize("path", ["/toy", "/toy/"])
async def test_the_prefix_alone_is_the_root(house: House, path: str) -> None:
    """The vendor's own 404, not ours."""
    reply = await house.send("GET", path)
    assert isinstance(reply, HttpResponse)
    assert (reply.status, reply.body) == (404, b"nothing here")
    assert (reply.headers["x-toy"], reply.headers["content-type"]) == ("1", "text/plain")
    assert house.toy.seen[0].path == "/"


async def test_a_backend_that_fails_answers_500_and_is_logged(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in a fake is seen, and the server goes on."""
    with caplog.at_level(logging.ERROR, "leadwire.sandbox"):
        reply = await house.send("GET", "/toy/broken")
    assert isinstance(reply, HttpResponse)
    assert (reply.status, [record.message for record in caplog.records]) == (
        500,
        ["toy failed at GET /broken"],
    )
    assert house.host.calls("toy")[0]["status"] == 500
    assert isinstance(await house.call("1"), HttpResponse)


async def test_what_is_not_there_says_so(house: House) -> None:
    """Outside the prefixes, an unknown vendor, an unknown lead, a wrong method."""
    reply = await house.send("GET", "/other/x")
    assert isinstance(reply, HttpResponse)
    assert (reply.status, orjson.loads(reply.body)) == (
        404,
        {"error": "nothing is served at GET /other/x"},
    )
    unknown = {"error": "no backend is named x; there are toy"}
    assert await house.steer("GET", "/x/leads") == (404, unknown)
    assert await house.steer("GET", "/toy/leads/9") == (404, {"error": "no lead has the id 9"})
    assert (await house.steer("PATCH", "/toy/leads"))[0] == 404


async def test_the_front_page_lists_the_vendors(house: House) -> None:
    """And how they were made."""
    assert await house.steer("GET", "") == (200, {"vendors": ["toy"], "faithful": False})


# --- leads --------------------------------------------------------------------------------


async def test_leads_are_seeded_and_shown(house: House) -> None:
    """One, many, by method; the path gives the id."""
    one, two = {"id": "1", "name": "A"}, {"id": 2, "name": "B"}
    assert await house.steer("PUT", "/toy/leads/1", {"name": "A"}) == (200, one)
    assert await house.steer("PUT", "/toy/leads", [two]) == (200, {"seeded": 1})
    house.host.seed("toy", {"id": "3", "name": "C"})
    assert await house.steer("GET", "/toy/leads/2") == (200, two)
    three = {"id": "3", "name": "C"}
    assert await house.steer("GET", "/toy/leads") == (200, [one, two, three])
    assert house.host.lead("toy", "3") == three


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/toy/leads/1", {"nick": "A"}, "a lead has a name"),
        ("/toy/leads/1", {"id": "2", "name": "A"}, "the lead's id is 2, the path's is 1"),
        ("/toy/leads/1", ["A"], "a lead is an object"),
        ("/toy/leads", {"id": "1", "name": "A"}, "an array of leads is expected"),
        ("/toy/leads", ["A"], "a lead is an object"),
    ],
)
async def test_a_lead_that_cannot_be_kept_is_refused(
    house: House, path: str, body: object, words: str
) -> None:
    """With the backend's or the host's reason."""
    assert await house.steer("PUT", path, body) == (400, {"error": words})
    assert house.toy.kept == {}


async def test_an_unknown_lead_or_vendor_raises() -> None:
    """The methods say so as well."""
    host = House().host
    with pytest.raises(NotHere):
        host.lead("toy", "1")
    with pytest.raises(KeyError):
        host.calls("x")


# --- faults -------------------------------------------------------------------------------


async def test_a_status_is_answered_instead_of_the_backend(house: House) -> None:
    """For as many calls as asked, with the body as JSON and the headers given."""
    fault = {"status": 429, "body": {"e": 1}, "headers": {"Retry-After": "7"}, "times": 2}
    assert await house.steer("POST", "/toy/faults", fault) == (200, {"number": 1})
    replies = [await house.call("1") for _ in range(3)]
    statuses = [reply.status for reply in replies if isinstance(reply, HttpResponse)]
    assert statuses == [429, 429, 200]
    first = replies[0]
    assert isinstance(first, HttpResponse)
    assert (first.body, first.headers["retry-after"]) == (b'{"e":1}', "7")
    assert first.headers["content-type"] == "application/json"
    assert len(house.toy.seen) == 1


async def test_a_text_body_is_sent_as_it_is(house: House) -> None:
    """As proxies in front of vendors do."""
    page = Fault(status=502, body="<h1>no</h1>", headers={"content-type": "text/html"}, times=1)
    house.host.add_fault("toy", page)
    house.host.add_fault("toy", Fault(status=503, body="no"))
    html, plain = await house.call("1"), await house.call("1")
    assert isinstance(html, HttpResponse)
    assert isinstance(plain, HttpResponse)
    assert (html.body, html.headers["content-type"]) == (b"<h1>no</h1>", "text/html")
    assert (plain.body, plain.headers["content-type"]) == (b"no", "text/plain; charset=utf-8")


@pytest.mark.parametrize(("drop", "kept"), [("before", []), ("after", ["1"])])
async def test_a_dropped_call_has_no_answer(house: House, drop: str, kept: list[str]) -> None:
    """Before the backend applied it, or after."""
    await house.steer("POST", "/toy/faults", {"drop": drop, "times": 1})
    assert isinstance(await house.call("1"), AnswerUnknown)
    assert list(house.toy.kept) == kept
    (record,) = house.host.calls("toy")
    assert (record["status"], record["fault"], record["lead"]) == (None, 1, "1")


async def test_a_delayed_call_is_recorded_when_received(house: House) -> None:
    """Its place in the record is its arrival; the backend is asked later, at its own time."""
    house.host.add_fault("toy", Fault(delay=2.5, lead="slow"))
    slow = asyncio.create_task(house.call("slow"))
    await house.clock.waiting.wait()
    house.clock.time = 1002.5
    await house.call("quick")
    before = [(row["lead"], row["at"], row["status"]) for row in house.host.calls("toy")]
    house.clock.go_on.set()
    assert isinstance(await slow, HttpResponse)
    assert before == [("slow", 1000, None), ("quick", 1002.5, 200)]
    assert [row["status"] for row in house.host.calls("toy")] == [200, 200]
    assert [(call.path, call.now) for call in house.toy.seen] == [
        ("/leads/quick", 1002.5),
        ("/leads/slow", 1002.5),
    ]
    assert house.clock.waits == [2.5]


async def test_a_fault_of_one_lead_leaves_the_others(house: House) -> None:
    """And does not count calls that are not about it."""
    house.host.add_fault("toy", Fault(status=500, lead="1", times=1))
    replies = [await house.call(lead) for lead in ("2", "1", "1")]
    assert [r.status for r in replies if isinstance(r, HttpResponse)] == [200, 500, 200]


async def test_the_first_fault_that_hits_decides(house: House) -> None:
    """In the order of posting; a miss leaves the call to the next."""
    for fault in (
        Fault(status=500, probability=0.0),
        Fault(status=501, times=1),
        Fault(status=502, lead="1"),
        Fault(status=503),
    ):
        house.host.add_fault("toy", fault)
    replies = [await house.call(lead) for lead in ("1", "1", "2")]
    assert [r.status for r in replies if isinstance(r, HttpResponse)] == [501, 502, 503]


async def test_faults_are_shown_and_cleared(house: House) -> None:
    """Spent ones are gone."""
    house.host.add_fault("toy", Fault(status=500, times=1))
    house.host.add_fault("toy", Fault(delay=0.5, times=3, lead="9"))
    await house.call("1")
    left = {"number": 2, "delay": 0.5, "times": 3, "lead": "9", "left": 3}
    assert await house.steer("GET", "/toy/faults") == (200, [left])
    assert await house.steer("DELETE", "/toy/faults") == (200, {})
    assert house.host.faults("toy") == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({}, "Value error, a fault has a status, a delay or a drop"),
        ({"status": 500, "drop": "before"}, "Value error, a dropped call has no status"),
        ({"delay": 1, "body": "x"}, "Value error, body and headers need a status"),
        ({"staus": 500}, "staus: Extra inputs are not permitted"),
        ({"status": 99}, "status: Input should be greater than or equal to 200"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(
    house: House, fault: JsonObject, words: str
) -> None:
    """A misspelt fault would make a test pass for nothing."""
    assert await house.steer("POST", "/toy/faults", fault) == (400, {"error": words})
    assert house.host.faults("toy") == []


# --- recorded calls -----------------------------------------------------------------------


async def test_a_recorded_call_shows_all_but_secrets(house: House) -> None:
    """Keys in query and headers are masked."""
    url = house.running.url + "/toy/leads/1?apiKey=s3cret&accessKey=s3cret&SecretKey=s3cret&a=1&a=2"
    secret = ("X-Api-Key", "x-LSQ-AccessKey", "x-LSQ-SecretKey")
    headers = (
        ("Authorization", "Bearer s3cret"),
        *((name, "s3cret") for name in secret),
        ("X-Other", "o"),
    )
    await house.client.send(HttpRequest("POST", url, headers, b'{"a":[1]}'))
    _, (row,) = await house.steer("GET", "/toy/calls")
    names = ("authorization", *map(str.lower, secret), "x-other")
    shown = [row["headers"][name] for name in names]
    assert shown == ["***", "***", "***", "***", "o"]
    del row["headers"]
    assert row == {
        "number": 1,
        "at": 1000.0,
        "method": "POST",
        "path": "/leads/1",
        "query": {"apiKey": "***", "accessKey": "***", "SecretKey": "***", "a": ["1", "2"]},
        "body": {"a": [1]},
        "lead": "1",
        "status": 200,
        "fault": None,
    }


async def test_calls_are_picked_by_lead_and_number(house: House) -> None:
    """To follow one lead, and to go on from the last look."""
    for lead in ("1", "2", "1"):
        await house.call(lead)
    about = {
        query: [row["number"] for row in (await house.steer("GET", f"/toy/calls{query}"))[1]]
        for query in ("", "?lead=1", "?since=1", "?lead=1&since=1", "?since=3")
    }
    assert about == {
        "": [1, 2, 3],
        "?lead=1": [1, 3],
        "?since=1": [2, 3],
        "?lead=1&since=1": [3],
        "?since=3": [],
    }
    assert (await house.steer("GET", "/toy/calls?since=x"))[0] == 400


async def test_the_record_is_bounded_and_can_be_emptied(house: House) -> None:
    """The oldest go first; numbers go on."""
    for lead in ("1", "2", "3", "4"):
        await house.call(lead)
    assert [row["number"] for row in house.host.calls("toy")] == [2, 3, 4]
    assert await house.steer("DELETE", "/toy/calls") == (200, {})
    await house.call("5")
    assert [row["number"] for row in house.host.calls("toy")] == [5]


async def test_a_backend_that_cannot_tell_the_lead_still_answers(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither faults nor records break on it."""
    house.host.add_fault("toy", Fault(status=500, lead="1"))
    with caplog.at_level(logging.ERROR, "leadwire.sandbox"):
        first = await house.send("GET", "/toy/untold")
        row = house.host.calls("toy")[0]
    assert isinstance(first, HttpResponse)
    assert (first.status, row["lead"], row["status"]) == (500, None, 500)
    assert {record.message for record in caplog.records} == {
        "toy cannot tell whom /untold is about",
        "toy failed at GET /untold",
    }
