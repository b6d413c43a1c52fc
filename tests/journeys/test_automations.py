"""Rules from a caller's update to what they do: over real sockets, with every vendor behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from aiosmtpd.smtp import SMTP
from standardwebhooks import Webhook

from connectors.sandbox.faults import Fault
from connectors.webhook.wire import HOOK_PATH
from tests.connectors.automations.test_performing import Box
from tests.journeys.deployments import alone
from tests.journeys.everyone import Everyone, everything, ids_of, is_settled, seed, served
from tests.journeys.operating import leadwire
from tests.journeys.running import Told, backends, eventually, link, written

LEAD = "one"
OLD, NEW = (f"whsec_{letter * 32}" for letter in "MN")
POST, DISPOSITION = "postUpdatedLead", "dispositionAction"


def tell(on: str, **own: Any) -> dict[str, Any]:
    """A rule that tells the endpoint of every such trigger."""
    return {"name": f"tell {on}", "on": on, "do": [{"webhook": "hook"}], **own}


@asynccontextmanager
async def automated(folder: Path, *rules: dict[str, Any], **own: Any) -> AsyncIterator[Everyone]:
    """Every vendor with a lead that is linked, and these rules with an endpoint."""
    async with backends() as vendors:
        seed(vendors.host, LEAD)
        whole = everything(folder, vendors.url)
        hook = {"url": f"{vendors.url}/webhook{HOOK_PATH}", "secret": [NEW, OLD]}
        book = {
            "endpoints": {"hook": hook, **own.pop("endpoints", {})},
            "rules": list(rules),
            **own,
        }
        (folder / "rules.yaml").write_bytes(orjson.dumps(book))
        whole["automations"] = str(folder / "rules.yaml")
        whole["routes"][0]["authority"]["default"] = "noojee-au"
        whole["egress"] = {"allow": ["127.0.0.1/32"]}
        async with served(folder, whole, vendors) as e:
            await link(e.server, ids_of(LEAD))
            yield e


async def settled(e: Everyone, told: Told) -> str:
    """The one event of a call, when every connector has a verdict."""
    (event,) = told.events
    await e.settled(event)
    return event


def told_of(e: Everyone) -> list[tuple[str, str]]:
    """Event and kind of each trigger that the endpoint was told of, in order."""
    calls: Any = e.backends.host.calls("webhook")
    return [(one["body"]["data"]["event_id"], one["body"]["data"]["kind"]) for one in calls]


async def test_the_callers_flag_decides(tmp_path: Path) -> None:
    """Through every dialect that has it: true once, false and absent never; a disposition always,
    one that is kept never; and nothing of what was refused."""
    async with automated(tmp_path, tell(POST), tell(DISPOSITION)) as e:
        say, note, sale = e.speaker, {"Notes": "x"}, {"mx_Call_Disposition": "Sale"}
        calls: list[tuple[Any, list[str]]] = [
            (say.leadsquared(LEAD, note, "true"), [POST]),
            (say.leadsquared(LEAD, note, "false"), []),
            (say.leadsquared(LEAD, note), []),
            (say.bulk(LEAD, note, "true"), [POST]),
            (say.bulk(LEAD, note, "false"), []),
            (say.bulk(LEAD, note), []),
            (say.native(LEAD, {"note": "x"}, post_updated_lead=True), [POST]),
            (say.native(LEAD, {"note": "x"}, post_updated_lead=False), []),
            (say.native(LEAD, {"note": "x"}), []),
            (say.bulk(LEAD, sale, "true"), [POST, DISPOSITION]),
            (say.noojee(LEAD, {"njDisposition": "Sale"}), [DISPOSITION]),
            (say.noojee(LEAD, {"njDisposition": "<No Change>", "Name": "Ada"}), []),
        ]
        wanted = []
        for call, kinds in calls:
            event = await settled(e, await call)
            wanted += [(event, kind) for kind in kinds]
        refusal = Fault(status=400, body={"code": 104, "message": "DNC"})
        e.backends.host.add_fault("noojee", refusal)
        await settled(e, await say.noojee(LEAD, {"njDisposition": "Sale"}))
        await eventually(lambda: len(told_of(e)) >= len(wanted))
        await e.when("/connectors", is_settled)
        assert sorted(told_of(e)) == sorted(wanted)


async def test_an_endpoint_is_told_what_was_before(tmp_path: Path) -> None:
    """A CloudEvent of the trigger under the action's id, which verifies with the old secret and
    the new one."""
    async with automated(tmp_path, tell(DISPOSITION)) as e:
        await settled(e, await e.speaker.noojee(LEAD, {"njDisposition": "Callback"}))
        event = await settled(e, await e.speaker.noojee(LEAD, {"njDisposition": "Sale"}))
        await eventually(lambda: len(told_of(e)) == 2)
        call: Any = e.backends.host.calls("webhook")[1]
    body, headers = call["body"], call["headers"]
    assert body["type"] == "io.leadwire.trigger.dispositionAction.v1"
    assert body["id"] == headers["webhook-id"]
    assert (body["data"]["event_id"], body["data"]["before"]["disposition"]) == (event, "Callback")
    assert body["data"]["update"]["changes"]["disposition"]["value"] == "Sale"
    for secret in (OLD, NEW):
        assert Webhook(secret).verify(orjson.dumps(body), headers) == body


async def test_a_rule_that_feeds_itself_stops(tmp_path: Path) -> None:
    """At the bound; the refused loop is on record, and says so."""
    again = {
        "name": "again",
        "on": DISPOSITION,
        "do": [{"update_lead": {"changes": {"disposition": "Sale"}}}],
    }
    async with automated(tmp_path, again, max_hops=2) as e:
        first = await settled(e, await e.speaker.noojee(LEAD, {"njDisposition": "Sale"}))
        host = e.backends.host
        await eventually(lambda: len(host.calls("noojee")) == 3)
        await e.when("/connectors", is_settled)
        stories = [await e.when(f"/rules/updates/{first}", _ended)]
        events = await e.admin.call("GET", "/admin/v1/events?topic=triggers", b"")
        last = orjson.loads(events.body.splitlines()[-1])["data"]
        stories.append(await e.when(f"/rules/updates/{last['event_id']}", bool))
    results = [one["facts"][0]["matched"][0]["result"] for one in stories]
    assert results == ["fired", "loop_refused"]
    (action,) = stories[0]["facts"][0]["matched"][0]["actions"]
    assert (action["consumer"], action["state"]) == ("automations.update_lead", "applied")
    assert last["update"]["origin"]["hops"] == 2
    assert len(host.calls("noojee")) == 3


def _ended(story: Any) -> bool:
    actions = story["facts"][0]["matched"][0]["actions"]
    return all(one["state"] == "applied" for one in actions)


@asynccontextmanager
async def outside() -> AsyncIterator[tuple[int, int, list[str], Box]]:
    """Somebody's web page and mail server: their ports, the request lines, the messages."""
    asked, box = list[str](), Box()

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0].decode())
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    loop = asyncio.get_running_loop()
    web = await asyncio.start_server(page, "127.0.0.1", 0)
    mail = await loop.create_server(lambda: SMTP(box, hostname="mail.example.com"), "127.0.0.1")
    ports = [server.sockets[0].getsockname()[1] for server in (web, mail)]
    try:
        yield ports[0], ports[1], asked, box
    finally:
        web.close()
        mail.close()


async def test_a_disposition_does_as_noojee_has_it(tmp_path: Path) -> None:
    """Several actions for a code, a code in several rows, a URL action, a message, and a
    continuation at the second in a row."""
    async with outside() as (web, mail, asked, box):
        url = f"http://127.0.0.1:{web}/done?lead=${{njExternalLeadId}}&what=${{njDisposition}}"
        page = {"url": url, "secret": NEW, "payload": "noojee", "method": "GET"}
        email = {"to": "sales@example.com", "subject": "${disposition}", "text": "again"}
        rows = [
            {"codes": ["No Answer", "Busy"], "do": [{"webhook": "page"}]},
            {"codes": ["No Answer"], "at": 2, "do": [{"email": email}, {"log": "no answer"}]},
        ]
        own = {
            "endpoints": {"page": page},
            "email": {"host": "127.0.0.1", "port": mail, "tls": "none", "from": "a@example.com"},
            "dispositions": rows,
        }
        async with automated(tmp_path, **own) as e:
            for code in ("No Answer", "Busy", "No Answer", "No Answer", "No Answer"):
                await settled(e, await e.speaker.noojee(LEAD, {"njDisposition": code}))
            await eventually(lambda: len(asked) == 5 and len(box.taken) == 1)
            await e.when("/connectors", is_settled)
        lead = quote(dict(ids_of_lead())["noojee-au"], safe="")
    codes = ["No%20Answer", "Busy", *["No%20Answer"] * 3]
    assert asked == [f"GET /done?lead={lead}&what={code} HTTP/1.1" for code in codes]
    assert [message["Subject"] for message in box.taken] == ["No Answer"]


async def test_a_receiver_that_knows_leadsquared_is_told_as_by_leadsquared(tmp_path: Path) -> None:
    """What was before and is after; 200 with an error in its body is on record, and final."""
    said, told = [b'{"Status":"Error"}', b'{"Status":"Success"}'], list[Any]()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        told.append(orjson.loads(await reader.readexactly(length)))
        answer = said[len(told) - 1]
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer))
        writer.close()

    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    endpoints = {"theirs": {"url": url, "secret": NEW, "payload": "leadsquared"}}
    tells = {"name": "tell", "on": DISPOSITION, "do": [{"webhook": "theirs"}]}
    async with automated(tmp_path, tells, endpoints=endpoints) as e:
        for code in ("Callback", "Sale"):
            await settled(e, await e.speaker.noojee(LEAD, {"njDisposition": code}))
        await eventually(lambda: len(told) == 2)
        await e.when("/connectors", is_settled)
        events = await e.admin.call("GET", "/admin/v1/events?topic=outcomes", b"")
        ends = [orjson.loads(line)["data"] for line in events.body.splitlines()]
    server.close()
    kinds = [one["kind"] for one in ends if one["connector"] == "automations.theirs"]
    assert kinds == ["rejected", "applied"]
    assert [sorted(one) for one in told] == [["After", "Before"]] * 2


def ids_of_lead() -> list[tuple[str, str]]:
    """The lead's ids, by system."""
    return [(one.system, one.id) for one in ids_of(LEAD)]


@alone("it looks at the metrics of the one that asks the rules")
async def test_a_new_file_is_used_and_a_broken_one_is_not(tmp_path: Path) -> None:
    """While the server runs."""
    async with automated(tmp_path, tell(DISPOSITION)) as e:
        file = tmp_path / "rules.yaml"
        whole = file.read_bytes()
        file.write_text("rules: [{name: x}]")
        metrics = "/metrics"

        async def refused() -> bytes:
            return (await e.admin.call("GET", metrics, b"")).body

        while b"leadwire_rules_refused 1.0" not in await refused():
            pass
        await settled(e, await e.speaker.noojee(LEAD, {"njDisposition": "Sale"}))
        await eventually(lambda: len(told_of(e)) == 1)
        book = orjson.loads(whole)
        book["rules"][0]["dispositions"] = ["Callback"]
        file.write_bytes(orjson.dumps(book))
        while b"leadwire_rules_refused 0.0" not in await refused():
            pass
        await settled(e, await e.speaker.noojee(LEAD, {"njDisposition": "Sale"}))
        await settled(e, await e.speaker.noojee(LEAD, {"njDisposition": "Callback"}))
        await eventually(lambda: len(told_of(e)) == 2)
        assert len(told_of(e)) == 2


async def test_what_the_commands_say(tmp_path: Path) -> None:
    """Of the rules, of what they would have done, and why they did not."""
    sold = tell(DISPOSITION, when='connector == "noojee-au" && changes.disposition.value == "Sale"')
    async with automated(tmp_path, sold) as e:
        event = await settled(e, await e.speaker.noojee(LEAD, {"njDisposition": "Callback"}))
        await e.when(f"/rules/updates/{event}", bool)
        listed = await leadwire(e.config, "rules", "list", "--json")
        why = await leadwire(e.config, "rules", "why", event, "--json")
        other = tmp_path / "other.yaml"
        other.write_bytes(orjson.dumps({"rules": [{**sold, "when": "true", "do": [{"log": "x"}]}]}))
        tried = await leadwire(e.config, "rules", "test", str(other), "--json")
        unknown = await leadwire(e.config, "rules", "why", "nothing")
    assert [one["name"] for one in orjson.loads(listed[1])["rules"]] == [sold["name"]]
    (fact,) = orjson.loads(why[1])["facts"]
    false = 'changes.disposition.value == "Sale" — it is false'
    assert fact["unmatched"] == [{"rule": sold["name"], "why": false}]
    told = orjson.loads(tried[1])
    assert (told["triggers"], told["rules"][0]["fired"]) == (1, 1)
    assert told["fired"][0]["event_id"] == event
    assert (unknown[0], unknown[2]) == (
        1,
        "leadwire: rules were asked about no update with the id nothing\n",
    )


@pytest.mark.parametrize("text", ["rules: [{name: x}]", "endpoints: 3"])
async def test_a_server_does_not_start_with_broken_rules(tmp_path: Path, text: str) -> None:
    """Exit 2, with file and line."""
    (tmp_path / "rules.yaml").write_text(text)
    whole = everything(tmp_path, "http://127.0.0.1:9")
    config = written(tmp_path, {**whole, "automations": str(tmp_path / "rules.yaml")})
    code, _, err = await leadwire(config, "config", "check")
    assert code == 2
    assert err.startswith(f"{tmp_path}/rules.yaml:1: ")
