"""What operators do, over real sockets: look, link, redrive, pause, seek, with a server running
and without."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from gateway.serving import Server
from tests.journeys.running import (
    ROOT,
    Backends,
    Caller,
    Document,
    backends,
    document,
    eventually,
    everywhere,
    noojee_lead,
    server,
    url_of,
    written,
)

API = "/admin/v1"
LEAD = "lead=noojee-au:9856&scope=allocation_id%3D38"


@dataclass
class Bench:
    """A running server with both vendors behind it, and who talks to it."""

    server: Server
    backends: Backends
    caller: Caller
    admin: Caller
    config: Path
    """The configuration with the admin port that is served."""

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """A request of the admin API: status and JSON."""
        sent = b"" if body is None else orjson.dumps(body)
        told = await self.admin.call(method, API + path, sent)
        return told.status, orjson.loads(told.body)

    async def until(self, path: str, **wanted: object) -> Any:
        """Ask until the answer has these values."""
        return await self.when(path, lambda told: told | wanted == told)

    async def when(self, path: str, so: Callable[[Any], bool]) -> Any:
        """Ask until the answer is so."""
        async with asyncio.timeout(20):
            while True:
                status, told = await self.ask("GET", path)
                if status == 200 and so(told):
                    return told
                await asyncio.sleep(0.02)

    async def settled(self, event_id: str) -> dict[str, str]:
        """Wait for every verdict; states by connector."""
        told = await self.until(f"/updates/{event_id}", settled=True)
        return {one["connector"]: one["state"] for one in told["deliveries"]}


@asynccontextmanager
async def bench(folder: Path, told: Document | None = None) -> AsyncIterator[Bench]:
    """One Noojee lead and one PollyBot lead, and every update goes to both."""
    async with backends() as vendors:
        vendors.host.seed("noojee", noojee_lead("9856"))
        vendors.host.seed("pollybot", {"id": "lead_1"})
        whole = {**everywhere(document(folder, vendors.url)), **(told or {})}
        async with server(folder, whole) as running:
            ported = {**whole, "admin": {**whole["admin"], "port": running.admin_port}}
            url = f"http://127.0.0.1:{running.admin_port}"
            async with Caller(url_of(running)) as caller, Caller(url) as admin:
                yield Bench(running, vendors, caller, admin, written(folder, ported))


async def leadwire(config: Path, *words: str) -> tuple[int, str, str]:
    """Run a command: exit code, stdout with the ends of its lines trimmed, stderr."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "LEADWIRE_CONFIG": str(config)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *words,
        cwd=ROOT,
        stdout=PIPE,
        stderr=PIPE,
        env={**environ, "COLUMNS": "80"},
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    lines = [line.rstrip() for line in out.decode().splitlines()]
    return process.returncode, "\n".join(lines), err.decode()


def linked() -> Document:
    """Both leads are one."""
    noojee = {"system": "noojee-au", "id": "9856", "scope": {"allocation_id": "38"}}
    return {"leads": [[noojee, {"system": "polly", "id": "lead_1"}]]}


async def sold(bench: Bench) -> str:
    """An update by Noojee's API; its id."""
    told = await bench.caller.noojee("9856", {"njDisposition": "Sale"})
    assert told.status == 200
    return told.events[0]


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
        told = await b.until(f"/updates/{event}", settled=False)
        assert [one["state"] for one in told["deliveries"]] == ["applied", "pending"]
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


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "detail"),
    [
        ("GET", "/updates/nope", None, 404, "no update has the id nope"),
        ("GET", "/leads/polly/none", None, 404, "no lead has the id polly:none"),
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
    ],
)  # fmt: skip
async def test_what_can_not_be_done_is_a_problem_document(
    tmp_path: Path, method: str, path: str, body: object, status: int, detail: str
) -> None:
    """With the status, and what is wrong."""
    titles = {400: "Bad Request", 404: "Not Found", 409: "Conflict"}
    problem = {"type": "about:blank", "title": titles[status], "status": status, "detail": detail}
    async with bench(tmp_path) as b:
        assert await b.ask(method, path, body) == (status, problem)


async def test_a_token_is_asked_for(tmp_path: Path) -> None:
    """By the API, not by metrics and health; commands take it from the configuration."""
    told = {"admin": {"host": "127.0.0.1", "port": 0, "token": "s3cret"}}
    async with bench(tmp_path, told) as b:
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


async def test_events_follow_a_topic(tmp_path: Path) -> None:
    """By HTTP as they come, one CloudEvent a line; the stream ends when the server drains."""
    async with bench(tmp_path) as b:
        url = f"{b.admin.url}{API}/events?follow=true"
        async with b.admin._session.get(url) as stream:
            event = await sold(b)
            line = orjson.loads(await stream.content.readline())
            assert (line["id"], line["specversion"]) == (event, "1.0")
            b.server.ready = False
            assert await stream.content.read() == b""


async def test_the_command_follows_a_topic(tmp_path: Path) -> None:
    """And ends well when it is interrupted."""
    async with bench(tmp_path) as b:
        first = await sold(b)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            "events",
            "--follow",
            "--json",
            "--config",
            str(b.config),
            cwd=ROOT,
            stdout=PIPE,
            stderr=PIPE,
        )
        assert process.stdout is not None
        lines = [await process.stdout.readline()]
        second = await sold(b)
        lines.append(await process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
        assert [orjson.loads(line)["id"] for line in lines] == [first, second]
        assert (process.returncode, err) == (0, b"")


async def test_commands_say_the_same_with_and_without_a_server(tmp_path: Path) -> None:
    """Through the admin API, and by opening the files."""
    async with bench(tmp_path) as b:
        event = await sold(b)
        await b.settled(event)
        asked = (
            ("status", event, "--json"),
            ("events", "--topic", "outcomes", "--json"),
            ("dead-letters", "list"),
            ("leads", "show", "noojee-au:9856", "--scope", "allocation_id=38"),
        )
        live = [await leadwire(b.config, *words) for words in asked]
    alone = [await leadwire(b.config, *words) for words in asked]
    assert [code for code, _, _ in live] == [0, 0, 0, 0]
    assert live == alone
    states = {d["connector"]: d["state"] for d in orjson.loads(live[0][1])["deliveries"]}
    assert states == {"noojee-au": "applied", "polly": "dead_lettered"}
    assert len(live[1][1].splitlines()) == 2


async def test_an_update_accepted_before_its_lead_was_linked_finds_the_link(
    tmp_path: Path,
) -> None:
    """Linked by command, the other vendor's id first and without a scope: the lead has another
    key now than the update had."""
    async with bench(tmp_path) as b:
        event = await sold(b)
        await b.settled(event)
        said = await leadwire(b.config, "leads", "link", "polly:lead_1", "noojee-au:9856")
        assert said[0] == 0
        code, out, _ = await leadwire(b.config, "dead-letters", "redrive")
        assert (code, out.splitlines()[0]) == (0, "sends 1 dead letter again")
        await b.when(f"/updates/{event}", lambda one: one["deliveries"][1]["state"] == "applied")


async def test_links_are_imported_whole_or_not_at_all(tmp_path: Path) -> None:
    """A bad row is exit 1 with its line; a good file is one answer."""
    async with bench(tmp_path) as b:
        file = tmp_path / "links.csv"
        rows = "lead,system,scope,id\na,noojee-au,allocation_id=38,9856\na,polly,,"
        file.write_text(rows + "\n")
        code, out, err = await leadwire(b.config, "leads", "import", str(file))
        bad = f"leadwire: {file}:3: a lead's id has a system and an id\n"
        assert (code, out, err) == (1, "", bad)
        file.write_text(rows + "lead_1\n")
        code, out, err = await leadwire(b.config, "leads", "import", str(file))
        assert (code, out, err) == (0, "linked 2 ids to 1 lead\n" + out.splitlines()[1], "")
        assert await b.settled(await sold(b)) == {"noojee-au": "applied", "polly": "applied"}


async def test_an_unknown_update_is_exit_1_and_a_wrong_word_exit_2(tmp_path: Path) -> None:
    """Said on stderr."""
    config = written(tmp_path, document(tmp_path, "http://127.0.0.1:1"))
    assert await leadwire(config, "status", "nope") == (
        1, "", "leadwire: no update has the id nope\n",
    )  # fmt: skip
    assert await leadwire(config, "events", "--topic", "replies") == (
        2,
        "",
        "leadwire: topic is one of updates, outcomes, triggers, dead-letters, not 'replies'\n",
    )


async def test_the_demo_shows_the_whole_path(tmp_path: Path) -> None:
    """Exit 0, both backends reached by both calls, nothing wider than a terminal."""
    code, out, err = await leadwire(tmp_path / "none.yaml", "demo")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "2 of 2 calls went all the way."
    sent = [line.split()[1] for line in lines if line.startswith("  sent")]
    assert sent == ["noojee:", "pollybot:", "noojee:", "pollybot:"]
