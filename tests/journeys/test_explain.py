"""`leadwire explain`: a call that is written down, told of by command."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import orjson

from tests.journeys.deployments import alone
from tests.journeys.everybody import CALLS, NAMES, Said, document
from tests.journeys.operating import leadwire
from tests.journeys.running import ROOT, Caller, Document, written
from tests.journeys.test_dry_run import all_of, everybody, secrets_in

NOOJEE, DIALNEXA = CALLS[0], CALLS[5]


def raw(said: Said) -> bytes:
    """A call as a proxy prints it."""
    lines = [f"{said.method} {said.path} HTTP/1.1", "Host: 127.0.0.1:8080"]
    lines += [f"{name}: {value}" for name, value in said.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + said.body + b"\n"


@alone("it opens the file when nobody serves it")
async def test_with_and_without_a_server_it_says_the_same(tmp_path: Path) -> None:
    """Through the admin API, and by opening the files; and nothing is kept."""
    call = tmp_path / "call.http"
    call.write_bytes(raw(NOOJEE))
    async with everybody(tmp_path) as (running, vendors, _):
        before = await all_of(running)
        told = document(tmp_path, vendors.url)
        config = written(tmp_path, {**told, "admin": {"port": running.admin_port}})
        live = await leadwire(config, "explain", str(call), "--json")
        assert await all_of(running) == before
    by_itself = await leadwire(config, "explain", str(call), "--json")
    assert (live[0], by_itself[0], live[2], by_itself[2]) == (0, 0, "", "")
    assert _comparable(live[1]) == _comparable(by_itself[1])
    assert secrets_in(live[1]) == []


def _comparable(text: str) -> Document:
    """Without the webhooks, which are of this very rehearsal."""
    found: Document = orjson.loads(text)
    (update,) = found["updates"]
    assert [side["connector"] for side in update["connectors"]] == list(NAMES)
    for name in ("id", "time"):
        update["event"].pop(name)
    update["connectors"] = [s for s in update["connectors"] if s["vendor"] != "webhook"]
    return found


async def test_people_read_it_in_eighty_columns(tmp_path: Path) -> None:
    """As JSON from stdin, without a key of its own."""
    told = document(tmp_path, "http://127.0.0.1:9")
    path = tmp_path / "leadwire.yaml"
    path.write_bytes(orjson.dumps(told))
    given = {"method": "PATCH", "path": DIALNEXA.path, "body": orjson.loads(DIALNEXA.body)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway", "explain", "-", "--as", "dialnexa", "--config", str(path)),
        cwd=ROOT,
        stdin=PIPE,
        stdout=PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
    )
    out, _ = await process.communicate(orjson.dumps(given))
    lines = [line.rstrip() for line in out.decode().splitlines()]
    assert process.returncode == 0
    assert lines[0] == "dialnexa updateCampaignLead: a dry run, nothing is sent or kept"
    assert "  route     vips does not match: it is false: has(attributes.vip)" in lines
    assert "  answer    nexa's, for which the caller waits up to 10 s" in lines
    assert "noojee-au, noojee: dead_lettered (lead_not_linked)" in lines
    assert "  then, if the lead is there with nothing else in it:" in lines
    assert "  Authorization: Bearer ***" in lines
    assert max(map(len, lines)) <= 80


async def test_what_would_be_refused_is_told(tmp_path: Path) -> None:
    """The vendor's refusal is an answer; a path that nobody serves, a call that only asks, or
    another dialect's credential is wrong usage."""
    async with everybody(tmp_path, ("ledger",)) as (running, _, _):
        url = f"http://127.0.0.1:{running.admin_port}"
        async with Caller(url) as admin:

            async def said(said: Said = DIALNEXA, **changed: object) -> tuple[int, Document]:
                wish = {"method": said.method, "path": said.path, "body": said.body.decode()}
                body = orjson.dumps({**wish, "headers": said.headers, **changed})
                told = await admin.call("POST", "/admin/v1/explain", body)
                return told.status, orjson.loads(told.body)

            assert await said(headers={}) == (200, _refused(401, "Unauthorized"))
            method = await said(method="POST")
            nowhere = await said(path="/nowhere")
            asks = await said(method="GET", path="/v1/lead-updates/1")
            other = await said(dialect="noojee")
    assert (method[0], method[1]["answer"]["status"]) == (200, 405)
    assert (nowhere[0], asks[0], other[0]) == (400, 400, 400)
    assert nowhere[1]["detail"].startswith("nothing is served at /nowhere; there are /api/v1/")
    assert asks[1]["detail"] == "getLeadUpdate only asks: it would change nothing"
    assert other[1]["detail"] == f"{DIALNEXA.path} is spoken by dialnexa, not noojee"


def _refused(status: int, word: str) -> Document:
    body = orjson.dumps({"statusCode": status, "message": word, "error": word}).decode()
    answer = {"status": status, "headers": [["Content-Type", "application/json"]], "body": body}
    told = {"dialect": "dialnexa", "operation": "updateCampaignLead", "tenant": None}
    return {**told, "answer": answer, "updates": []}


async def test_what_is_no_call_is_wrong_usage(tmp_path: Path) -> None:
    """It ends with 2, and says why on stderr."""
    config = written(tmp_path, document(tmp_path, "http://127.0.0.1:9"))
    (tmp_path / "call.http").write_bytes(b"hello")
    assert await leadwire(config, "explain", str(tmp_path / "call.http")) == (
        2,
        "",
        "leadwire: the first line should be like: POST /path?query HTTP/1.1\n",
    )
