"""What a server writes down, counts and tells its operator holds no key and nobody's number or
address: over all vendors, every dialect and a webhook, whatever goes wrong.

The update itself is not searched: an operator who asks for it (`events`, a dead letter's own page)
is shown it, with no key in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.sandbox.faults import Fault
from connectors.webhook.sandbox import SECRET
from tests.journeys.deployments import alone
from tests.journeys.everyone import (
    CONNECTORS,
    DIALECTS,
    Speaker,
    everything,
    id_at,
    ids_of,
    key_of,
    seed,
    with_hook,
)
from tests.journeys.operating import leadwire
from tests.journeys.running import (
    Backends,
    Caller,
    Child,
    Document,
    Told,
    backends,
    eventually,
    link,
    server,
    spawn,
    written,
)
from tests.ports import free_port

PHONE, EMAIL, NAME = "+61491570156", "jane.smith@example.com", "Jane Quillfeather"
IN_URL = "secret-in-the-hooks-url"
OUTBOUND: Mapping[str, tuple[str, ...]] = {
    "noojee": ("outbound-noojee",),
    "leadsquared": ("outbound-access", "outbound-secret", "outbound-third"),
    "pollybot": ("sk-workspace_outbound",),
    "dialnexa": ("outbound:dialnexa",),
    "webhook": (SECRET, IN_URL),
}
"""Our keys as each vendor has them."""
SECRETS = (
    *(key for keys in OUTBOUND.values() for key in keys),
    *(key_of("default", name) for name in ("noojee", "access", "secret", "third", "pollybot",
                                           "dialnexa", "native")),
    SECRET.removeprefix("whsec_"),
    "wrong-inbound-key", "idem-secret-key", "admin-token",
)  # fmt: skip
PEOPLE = (PHONE, PHONE[1:], "0491570156", "491570156", "491 570 156", EMAIL, "jane.smith")

FIELDS: Mapping[str, Document] = {
    "noojee": {"Name": NAME, "FirstPhone": PHONE, "Email": EMAIL, "njDisposition": "Sale"},
    "leadsquared": {"FirstName": "Jane", "LastName": "Quillfeather", "EmailAddress": EMAIL,
                    "Phone": "+61-491570156"},
    "bulk": {"FirstName": "Jane", "LastName": "Quillfeather", "EmailAddress": EMAIL,
             "Phone": "0491570156"},
    "pollybot": {"name": NAME, "phone": PHONE, "email": EMAIL},
    "dialnexa": {"name": NAME, "phone_number": PHONE, "metadata": {"email": EMAIL}},
    "native": {"full_name": NAME, "phones.primary": PHONE, "email": EMAIL},
}  # fmt: skip
"""People's data in every dialect."""


def found(words: tuple[str, ...], text: str) -> list[str]:
    """Which of them are in a text."""
    return [word for word in words if word in text]


async def good_and_refused(speaker: Speaker) -> list[Told]:
    """Every dialect: applied, not linked, with another key, without a sense, and elsewhere."""
    told = []
    stranger = Speaker(speaker.caller, "wrong-inbound-key")
    for dialect in DIALECTS:
        for who, lead in ((speaker, "one"), (speaker, "unlinked"), (stranger, "one")):
            answer = await who.say(dialect, lead, FIELDS[dialect])
            told.append(answer)
    call, native = speaker.caller.call, {"Authorization": f"Bearer {key_of('default', 'native')}"}
    keyed = {**native, "Idempotency-Key": "idem-secret-key"}
    body = {"lead": {"ids": [{"system": "email", "id": EMAIL}]}, "changes": {"email": EMAIL}}
    other = {**body, "attributes": {"a": PHONE}}
    told += [
        await call("POST", "/v1/lead-updates", orjson.dumps(body), keyed),
        await call("POST", "/v1/lead-updates", orjson.dumps(other), keyed),
        await call("POST", "/v1/lead-updates", b'{"lead":"' + EMAIL.encode() + b'"}', native),
        await call("POST", f"/nowhere/{EMAIL}?apiKey={key_of('default', 'noojee')}", b"{"),
        await call("DELETE", f"/api/v1/leads/{EMAIL}?accessKey=wrong-inbound-key", b""),
        await call("PATCH", f"/lead/update?secretKey=wrong-inbound-key&leadId={EMAIL}", b""),
        await speaker.noojee("one", {**FIELDS["noojee"], "njCallBackDate": EMAIL}),
        await speaker.status("0192d000-0000-7000-8000-000000000001"),
    ]
    return told


def wrong(kind: str, vendor: str, words: str) -> Fault:
    """A failure of a vendor that says these words."""
    envelopes: Mapping[str, Any] = {
        "noojee": {"code": 104, "message": words},
        "leadsquared": {"Status": "Error", "ExceptionType": "MXDuplicateEntryException",
                        "ExceptionMessage": f"Duplicate entry '{EMAIL}' {words}"},
        "pollybot": {"success": False, "error": words, "code": "DUPLICATE_EMAIL",
                     "details": {"email": EMAIL, "message": words}},
        "dialnexa": {"statusCode": 400, "message": words, "error": "Bad Request"},
        "webhook": words,
    }  # fmt: skip
    return {
        "fails": Fault(status=500, body=words, times=2),
        "refuses": Fault(status=400, body=envelopes[vendor], times=1),
        "drops": Fault(drop="after", times=1),
        "throttles": Fault(status=429, body=words, times=1),
        "denies": Fault(status=401, body=words, times=1),
    }[kind]


async def failing(speaker: Speaker, vendors: Backends) -> list[Told]:
    """Every vendor fails in every way, and says everything it knows: the lead and our keys."""
    told = []
    said = {name: f"{EMAIL} {PHONE} {NAME} {' '.join(keys)}" for name, keys in OUTBOUND.items()}
    for number, kind in enumerate(("fails", "refuses", "drops", "throttles", "denies")):
        for vendor, words in said.items():
            vendors.host.add_fault(vendor, wrong(kind, vendor, words))
        told.append(await speaker.noojee("one", {**FIELDS["noojee"], "njDisposition": f"{number}"}))
        told.append(
            await speaker.pollybot("one", {**FIELDS["pollybot"], "metadata": {"n": number}})
        )
        await asyncio.sleep(0.3)
    return told


async def shown(operator: Caller, config: Path, events: list[str]) -> dict[str, str]:
    """Whatever the admin API and the commands tell."""
    token = {"Authorization": "Bearer admin-token"}
    texts: dict[str, str] = {}

    async def ask(path: str, name: str = "") -> Any:
        told = await operator.call("GET", path, b"", token)
        assert told.status == 200, path
        texts[name or path] = told.body.decode()
        return told.body

    for path in ("/metrics", "/healthz", "/readyz", "/openapi.json", "/admin/v1/connectors"):
        await ask(path)
    for name in (*CONNECTORS, "hook"):
        await ask(f"/admin/v1/connectors/{name}")
    letters = orjson.loads(await ask("/admin/v1/dead-letters?state=all"))["dead_letters"]
    assert letters
    for event in events:
        await ask(f"/admin/v1/updates/{event}")
    await ask(f"/admin/v1/leads/crm/{'one'}")
    for topic in ("updates", "outcomes", "triggers", "dead-letters"):
        await ask(f"/admin/v1/events?topic={topic}", f"update: {topic}")
    await ask(f"/admin/v1/dead-letters/{letters[0]['id']}", "update: a dead letter")
    for words in (
        ("connectors", "list"),
        ("connectors", "show", "noojee-au"),
        ("dead-letters", "list"),
        ("status", events[0]),
        ("leads", "show", "crm:one"),
        ("config", "show"),
        ("config", "check"),
    ):
        code, out, err = await leadwire(config, *words)
        assert code == 0, (words, err)
        texts[" ".join(words)] = out + err
    return texts


async def dry_run(caller: Caller) -> str:
    """What would happen: the requests that every vendor would get."""
    headers = {"Authorization": f"Bearer {key_of('default', 'native')}", "X-Leadwire-Dry-Run": "1"}
    body = {"lead": {"ids": [{"system": "crm", "id": "one"}]}, "changes": FIELDS["native"]}
    told = await caller.call("POST", "/v1/lead-updates", orjson.dumps(body), headers)
    assert (told.status, told.events) == (200, [])
    text = told.body.decode()
    assert [vendor for vendor in CONNECTORS.values() if f"/{vendor}/" not in text] == []
    return text


@asynccontextmanager
async def talkative(folder: Path, vendors: Backends) -> AsyncIterator[tuple[Document, int]]:
    """The configuration at the most talkative level, its lead linked; and the caller's port."""
    told = with_hook(everything(folder, vendors.url), vendors.url)
    told["connectors"]["hook"]["url"] += f"?key={IN_URL}"
    told["logging"]["level"] = "debug"
    told["admin"] |= {"port": free_port(), "token": "admin-token"}
    for credential in told["tenants"]["default"]["credentials"]:
        credential["answer_within"] = "1s"
    seed(vendors.host, "one")
    async with server(folder, told) as running:
        await link(running, ids_of("one"))
    port = free_port()
    yield told, port


@alone("it reads what one process wrote, which it ends with a kill")
@pytest.mark.timeout(240)
async def test_nothing_that_is_written_or_told(tmp_path: Path) -> None:
    """Calls and failures of every kind, a client that gives up, a kill and a restart; then a
    search of every line, metric, admin answer, command's output and error page."""
    async with backends() as vendors, talkative(tmp_path, vendors) as (told, port):
        config = written(tmp_path, {**told, "server": {**told["server"], "port": port}})
        admin = f"http://127.0.0.1:{told['admin']['port']}"
        async with Caller(f"http://127.0.0.1:{port}") as caller, Caller(admin) as operator:
            speaker = Speaker(caller)
            child = await spawn(tmp_path, told, port=port)
            try:
                await give_up(child, vendors)
                answers = await good_and_refused(speaker)
                answers += await failing(speaker, vendors)
                await child.kill()
                child = await spawn(tmp_path, told, port=port)
                answers.append(await speaker.noojee("one", {"Name": NAME}))
                events = [event for one in answers for event in one.events]
                texts = await shown(operator, config, events)
                texts["update: a dry run"] = await dry_run(caller)
                refused = await operator.call("GET", f"/admin/v1/leads/email/{EMAIL}", b"")
                assert await child.terminate() == 0
            finally:
                await child.kill()
    texts["stderr"] = await asyncio.to_thread(child.errors.read_text)
    pages = [one for one in answers if one.status in {401, 403, 404, 405, 415}]
    texts["error pages"] = b"".join(one.body for one in (*pages, refused)).decode()
    assert len(pages) > len(DIALECTS)
    assert NAME.partition(" ")[2] not in texts["stderr"] + texts["error pages"] + texts["/metrics"]
    assert "call.answered" in texts["stderr"]
    assert "Traceback" not in texts["stderr"]
    leaks = {name: found(SECRETS, text) for name, text in texts.items()}
    assert {name: words for name, words in leaks.items() if words} == {}
    people = {n: found(PEOPLE, text) for n, text in texts.items() if not n.startswith("update: ")}
    assert {name: words for name, words in people.items() if words} == {}


async def give_up(child: Child, vendors: Backends) -> None:
    """A client that is gone when its answer comes."""
    vendors.host.add_fault("noojee", Fault(delay=1.0, times=1))
    async with Caller(child.url, timeout=0.4) as impatient:
        with pytest.raises(TimeoutError):
            await Speaker(impatient).noojee("one", {"Name": NAME, "njDisposition": "Gone"})
    lead = id_at("noojee-au", "one")
    await eventually(lambda: vendors.host.calls("noojee", lead)[-1]["status"] == 200)
    await asyncio.sleep(0.5)
