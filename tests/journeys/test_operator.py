"""What operators do, over real sockets: look, link, redrive, pause, seek, with a server running
and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import orjson

from gateway.serving import Server
from tests.journeys.deployments import alone
from tests.journeys.operating import API, LEAD, bench, leadwire, linked, sold
from tests.journeys.running import (
    document,
    eventually,
    written,
)


async def test_a_dead_letter_goes_through_after_its_lead_was_linked(tmp_path: Path) -> None:
    """Unlinked at PollyBot, linked, redriven: applied in the second round, once."""
    async with bench(tmp_path) as b:
        event = await sold(b)
        assert await b.settled(event) == {"noojee-au": "applied", "polly": "dead_lettered"}
        status, letters = await b.ask("GET", "/dead-letters?" + LEAD)
        letter = letters["dead_letters"][0]
        assert (status, letter["code"], letter["event_id"]) == (200, "lead_not_linked", event)
        status, done = await b.ask("PUT", "/leads/links", linked())
        assert (status, done["unsettled_ids"], len(done["leads"][0]["ids"])) == (200, 0, 2)
        only = {"filter": {"ids": [letter["id"]]}}
        expected = {"dry_run": True, "sent": [letter["id"]], "refused": []}
        assert await b.ask("POST", "/dead-letters/redrive", {**only, "dry_run": True}) == (
            200,
            expected,
        )
        assert await b.ask("POST", "/dead-letters/redrive", only) == (
            200,
            {**expected, "dry_run": False},
        )
        story = await b.until(f"/dead-letters/{letter['id']}")
        assert story["event"]["id"] == event
        told = await b.when(
            f"/updates/{event}", lambda one: one["deliveries"][1]["state"] == "applied"
        )
        rounds = {
            one["connector"]: [v["round"] for v in one["verdicts"]] for one in told["deliveries"]
        }
        assert rounds == {"noojee-au": [1], "polly": [1, 2]}
        assert len(b.backends.host.calls("noojee")) == 1
        assert await b.ask("POST", "/dead-letters/redrive", only) == (
            200,
            {
                "dry_run": False,
                "sent": [],
                "refused": [{"id": letter["id"], "reason": "it is no open dead letter"}],
            },
        )


async def test_a_paused_connector_keeps_its_backlog_and_goes_on(tmp_path: Path) -> None:
    """Its callers are told to try again, and the update is delivered after `resume`."""
    async with bench(tmp_path) as b:
        await b.ask("PUT", "/leads/links", linked())
        assert await b.ask("POST", "/connectors/polly/pause") == (
            200,
            {"connector": "polly", "wish": "paused"},
        )
        await b.when("/connectors/polly", lambda one: one["connector"]["state"] == "paused")
        event = await sold(b)
        told = await b.when(
            f"/updates/{event}",
            lambda one: [each["state"] for each in one["deliveries"]] == ["applied", "pending"],
        )
        assert told["settled"] is False
        _, story = await b.ask("GET", "/connectors/polly")
        assert (story["connector"]["backlog"], story["connector"]["oldest"]) == (1, told["time"])
        assert b.backends.host.calls("pollybot") == []
        await b.ask("POST", "/connectors/polly/resume")
        assert await b.settled(event) == {"noojee-au": "applied", "polly": "applied"}


async def test_seek_delivers_again(tmp_path: Path) -> None:
    """A dry run says how much; then what lies after the new frontier is sent once more."""
    async with bench(tmp_path) as b:
        await b.settled(await sold(b))
        dry = {"to": "beginning", "dry_run": True}
        # The frontier is settled, but it is written down with the next look.
        await b.when("/connectors/noojee-au", lambda one: one["connector"]["backlog"] == 0)
        status, done = await b.ask("POST", "/connectors/noojee-au/seek", dry)
        assert (status, done["again"], done["passed_by"]) == (200, 1, 0)
        assert len(b.backends.host.calls("noojee")) == 1
        await b.ask("POST", "/connectors/noojee-au/seek", {"to": "beginning"})
        await eventually(lambda: len(b.backends.host.calls("noojee")) == 2)


PROBLEMS: tuple[tuple[str, str, object, int, str], ...] = (
    ("GET", "/updates/nope", None, 404, "no update has the id nope"),
    ("GET", "/leads/polly/none", None, 404, "no lead has the id polly:none"),
    ("GET", "/leads/noojee-au/9856", None, 404,
     "no lead has the id noojee-au:9856 with this scope; it has allocation_id=38"),
    ("GET", "/dead-letters/none", None, 404, "no dead letter has the id none"),
    ("GET", "/connectors/none", None, 404,
     "there is no connector 'none'; there are noojee-au, polly"),
    ("DELETE", "/connectors/polly", None, 409,
     "polly is configured: take it out of the configuration first"),
    ("POST", "/dead-letters/discard", {"filter": {}}, 400,
     "say which: ids, connector, code, since or lead"),
    ("POST", "/dead-letters/release", {"lead": "polly:lead_1", "connector": "polly"}, 404,
     "polly holds nothing back of polly:lead_1"),
    ("PUT", "/leads/links", {"leads": [[]]}, 400, "a lead has at least one id"),
    ("PUT", "/leads/links", {"lead": []}, 400,
     "leads: Field required; lead: Extra inputs are not permitted"),
    ("PUT", "/leads/links", {"tenant": "x", "leads": [[{"system": "a", "id": "b"}]]}, 400,
     "there is no tenant 'x'; there are default"),
    ("GET", "/events?topic=replies", None, 400,
     "topic is one of updates, outcomes, triggers, dead-letters, not 'replies'"),
    ("GET", "/nothing", None, 404, "there is no GET /admin/v1/nothing"),
)  # fmt: skip
"""Method, path and body; status and detail."""


async def test_what_can_not_be_done_is_a_problem_document(tmp_path: Path) -> None:
    """With the status, and what is wrong."""
    titles = {400: "Bad Request", 404: "Not Found", 409: "Conflict"}
    async with bench(tmp_path) as b:
        await b.ask("PUT", "/leads/links", linked())
        for method, path, body, status, detail in PROBLEMS:
            problem = {
                "type": "about:blank",
                "title": titles[status],
                "status": status,
                "detail": detail,
            }
            assert await b.ask(method, path, body) == (status, problem)


async def test_a_hold_ends_when_it_is_released(tmp_path: Path) -> None:
    """The lead's later update waits behind its dead letter, and goes on after."""
    async with bench(tmp_path, {"connectors.polly": {"after_dead_letter": "hold"}}) as b:
        first = await sold(b)
        assert (await b.settled(first))["polly"] == "dead_lettered"
        await b.ask("PUT", "/leads/links", linked())
        second = await sold(b)
        story = await b.when("/connectors/polly", lambda one: one["blocked"])
        assert [(one["event_id"], one["reason"]) for one in story["blocked"]] == [(first, "held")]
        assert not (await b.until(f"/updates/{second}"))["settled"]
        wish = {"lead": "polly:lead_1", "connector": "polly"}
        status, done = await b.ask("POST", "/dead-letters/release", wish)
        assert (status, done["released"]) == (200, 1)
        assert (await b.settled(second))["polly"] == "applied"


@alone("it opens the file when nobody serves it")
async def test_a_connector_that_is_gone_can_be_forgotten(tmp_path: Path) -> None:
    """Only once it is out of the configuration; then it is no longer listed."""
    async with bench(tmp_path) as b:
        await b.settled(await sold(b))
    told = document(tmp_path, "http://127.0.0.1:1")
    del told["connectors"]["polly"], told["routes"][1]
    config = written(tmp_path, told)
    assert await leadwire(config, "connectors", "forget", "polly") == (0, "polly is forgotten", "")
    code, out, _ = await leadwire(config, "connectors", "list", "--json")
    assert (code, [one["name"] for one in orjson.loads(out)["connectors"]]) == (0, ["noojee-au"])


async def test_a_token_is_asked_for(tmp_path: Path) -> None:
    """By the API, not by metrics and health; commands take it from the configuration."""
    async with bench(tmp_path, {"admin": {"token": "s3cret"}}) as b:
        status, problem = await b.ask("GET", "/connectors")
        assert (status, problem["detail"]) == (401, "a bearer token is needed (admin.token)")
        statuses = [
            (await b.admin.call("GET", path, b"")).status
            for path in ("/metrics", "/healthz", "/readyz", "/openapi.json")
        ]
        assert statuses == [200, 200, 200, 200]
        code, out, _ = await leadwire(b.config, "connectors", "list", "--json")
        assert code == 0
        assert [one["name"] for one in orjson.loads(out)["connectors"]] == ["noojee-au", "polly"]


async def test_answers_are_as_openapi_says(tmp_path: Path) -> None:
    """Each against the schema of its operation."""
    async with bench(tmp_path) as b:
        event = await sold(b)
        await b.settled(event)
        _, letters = await b.ask("GET", "/dead-letters")
        letter = letters["dead_letters"][0]["id"]
        api: Any = orjson.loads((await b.admin.call("GET", "/openapi.json", b"")).body)
        for template, path in (
            ("/updates/{id}", f"/updates/{event}"),
            ("/leads/{system}/{id}", "/leads/noojee-au/9856?scope=allocation_id%3D38"),
            ("/dead-letters", "/dead-letters?state=all"),
            ("/dead-letters/{id}", f"/dead-letters/{letter}"),
            ("/connectors", "/connectors"),
            ("/connectors/{name}", "/connectors/noojee-au"),
        ):
            status, told = await b.ask("GET", path)
            answers = api["paths"][API + template]["get"]["responses"]
            schema = answers["200"]["content"]["application/json"]["schema"]
            jsonschema.validate(told, {**schema, "components": api["components"]})
            assert status == 200


@alone("it looks at the free room of the file")
async def test_gauges_are_measured_when_somebody_looks(tmp_path: Path) -> None:
    """Calls that wait, free bytes, and the margin of each connector."""
    async with bench(tmp_path) as b:
        await b.settled(await sold(b))
        told = (await b.admin.call("GET", "/metrics", b"")).body.decode()
        found = dict(line.rsplit(" ", 1) for line in told.splitlines() if line[0] != "#")
        assert found['leadwire_waiting_calls{dialect="noojee"}'] == "0.0"
        assert float(found["leadwire_log_free_bytes"]) > 0
        margins = [n for n in found if n.startswith("leadwire_retention_margin_seconds")]
        assert len(margins) == 2


@alone("it asks this one to drain")
async def test_events_follow_a_topic(tmp_path: Path) -> None:
    """By HTTP as they come, one CloudEvent a line; the stream ends when the server drains."""
    async with bench(tmp_path) as b:
        url = f"{b.admin.url}{API}/events?follow=true"
        async with b.admin._session.get(url) as stream:
            event = await sold(b)
            line = orjson.loads(await stream.content.readline())
            assert (line["id"], line["specversion"]) == (event, "1.0")
            assert isinstance(b.server, Server)
            b.server.ready = False
            assert await stream.content.read() == b""
