"""Any dialect's call can have any vendor as authority, and is answered in its own shape: every
dialect × every vendor × what can become of an update."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from connectors.sandbox.faults import Fault
from gateway.model.codes import Code
from gateway.store import leads
from tests.journeys import answers
from tests.journeys.answers import ID, WORDS, Body, Said
from tests.journeys.everyone import (
    CONNECTORS,
    DIALECTS,
    Everyone,
    Speaker,
    arrived,
    credentials,
    everything,
    id_at,
    ids_of,
    is_settled,
    seed,
    served,
)
from tests.journeys.running import Document, Told, backends
from tests.ports import free_port

LEAD = "one"
SAID: Mapping[str, Document] = {
    "noojee": {"Name": "Ada Lovelace"},
    "leadsquared": {"FirstName": "Ada", "LastName": "Lovelace"},
    "bulk": {"FirstName": "Ada", "LastName": "Lovelace"},
    "pollybot": {"name": "Ada Lovelace"},
    "dialnexa": {"name": "Ada Lovelace"},
    "native": {"full_name": "Ada Lovelace"},
}


class Case(NamedTuple):
    """How an authority refuses an update."""

    authority: str
    code: Code
    status: int
    body: Body
    words: str
    """Its sentence."""


def _noojee(code: Code) -> Case:
    status, body = answers.NOOJEE[code]
    return Case("noojee-au", code, status, body, body["message"])


def _leadsquared(code: Code, reason: str, where: str = "FailedLeads") -> Case:
    lead = {"Identifier": "ProspectId", "IdentifierValue": ID, "Reason": reason}
    status = {"TotalCount": 1, "SuccessCount": 0, "FailureCount": 1, "Message": "Error"}
    return Case("lsq", code, 200, {"Status": status, "Details": {where: [lead]}}, reason)


def _pollybot(code: Code, said: Said) -> Case:
    status, body = said
    return Case("polly", code, status, body, body.get("details", {}).get("message", body["error"]))


def _dialnexa(code: Code) -> Case:
    status, body = answers.dialnexa(code)
    return Case("nexa", code, status, body, body["message"])


BAD_STATUS = "Status must be one of: new, contacted, qualified, converted, lost, follow_up"
BROKEN = answers.polly_error(
    "Validation failed", "VALIDATION_ERROR", field="status", value="bad", message=BAD_STATUS
)
TAKEN = "A different lead with this email already exists in your workspace"
OTHERS = answers.polly_error(
    "Email already exists",
    "DUPLICATE_EMAIL",
    email="other@example.com",
    existingLeadId="lead_another123",
    message=TAKEN,
)
CASES = (
    _noojee(Code.LEAD_NOT_FOUND),
    _noojee(Code.DUPLICATE_PHONE),
    _noojee(Code.DISPOSITION_REQUIRED),
    _noojee(Code.DNC_BLOCKED),
    _noojee(Code.CONFLICT),
    _leadsquared(Code.LEAD_NOT_FOUND, answers.NOT_THERE, "UnProcessedLeads"),
    _leadsquared(Code.DUPLICATE_PHONE, "A Lead with same Phone Number already exists."),
    _leadsquared(
        Code.DUPLICATE_EMAIL, "Duplicate entry 'x' for key 'UQ_Prospect_Base_EmailAddress'"
    ),
    _leadsquared(Code.UNKNOWN_ATTRIBUTE, "Attribute(s) does not exist - mx_A."),
    _leadsquared(Code.VALIDATION_FAILED, "The value is too long"),
    _pollybot(Code.LEAD_NOT_FOUND, answers.POLLYBOT[Code.LEAD_NOT_FOUND]),
    _pollybot(Code.DUPLICATE_EMAIL, (409, OTHERS)),
    _pollybot(Code.VALIDATION_FAILED, (400, BROKEN)),
    _pollybot(Code.CONFLICT, answers.POLLYBOT[Code.CONFLICT]),
    _dialnexa(Code.LEAD_NOT_FOUND),
    _dialnexa(Code.PHONE_INVALID),
    _dialnexa(Code.FORBIDDEN),
    _dialnexa(Code.LOCKED),
)
"""Each vendor's documented refusals: not found, duplicate or invalid, locked or in conflict."""

SYSTEM = {dialect: name for name, dialect in CONNECTORS.items()} | {"bulk": "lsq"}
"""Dialect -> the connector of the same vendor, whose ids its callers have."""
BUSY: Mapping[str, Said] = {
    "noojee": answers.NOOJEE_BUSY,
    "bulk": answers.LEADSQUARED_BUSY,
    "pollybot": answers.POLLYBOT_BUSY,
    "dialnexa": answers.DIALNEXA_BUSY,
}


# --- what is expected ----------------------------------------------------------------------


def filled(value: Any, texts: Mapping[str, str]) -> Any:
    """With every stand-in replaced."""
    text = orjson.dumps(value).decode()
    for name, given in texts.items():
        text = text.replace(orjson.dumps(name).decode(), orjson.dumps(given).decode())
    return orjson.loads(text)


def refusal(dialect: str, case: Case) -> Any:
    """What the caller is told: by its own vendor what that said, else what the dialect has for
    the code."""
    if SYSTEM.get(dialect) == case.authority and dialect in {"noojee", "pollybot", "dialnexa"}:
        return [case.status, case.body]
    if dialect == "leadsquared":
        return answers.task(case.code)
    by = {
        "noojee": answers.noojee,
        "bulk": answers.bulk,
        "pollybot": answers.pollybot,
        "dialnexa": answers.dialnexa,
    }
    return list(by[dialect](case.code))


def expected(dialect: str, case: Case) -> Any:
    """The same with ids and words in it."""
    told = refusal(dialect, case)
    own = case.authority == "lsq" and dialect in {"leadsquared", "bulk"}
    if own and dialect == "bulk":
        told[1]["Details"]["FailedLeads"][0]["Reason"] = case.words
    elif own:
        told["StatusReason"] = f"{told['StatusReason'].partition(':')[0]}: {case.words}"
    if dialect == "leadsquared":
        told["StatusReason"] = told["StatusReason"].replace(WORDS, case.words)
    elif dialect == "pollybot" and case.code is Code.UNKNOWN_ATTRIBUTE:
        told[1]["details"] |= {"field": "mx_A"}
    return filled(told, {ID: id_at(SYSTEM[dialect], LEAD), WORDS: case.words})


def native(case: Case) -> Document:
    """Our own API tells the code, and the vendor's words. One refusal is a person's to look at."""
    person = (case.authority, case.code) == ("noojee-au", Code.CONFLICT)
    kind = "dead_lettered" if person else "rejected"
    return {"status": kind, "connector": case.authority, "code": case.code, "message": case.words}


# --- what is told --------------------------------------------------------------------------


async def heard(speaker: Speaker, dialect: str) -> Any:
    """Make a call; what its caller hears, and for LeadSquared's asynchronous API the task."""
    told = await speaker.say(dialect, LEAD, SAID[dialect])
    if dialect == "leadsquared":
        assert (told.status, len(told.events)) == (200, 1)
        async with asyncio.timeout(20):
            while True:
                found = await task(speaker, told)
                if found["Status"] != "In-Queue":
                    return {name: found[name] for name in ("Status", "StatusReason", "Message")}
                await asyncio.sleep(0.02)
    body = orjson.loads(told.body)
    if dialect == "native":
        outcome = {name: body["outcome"][name] for name in ("connector", "code", "message")}
        return {"status": body["status"], **outcome}
    return [told.status, body]


async def task(speaker: Speaker, told: Told) -> Document:
    """The status call's task."""
    found: Document = orjson.loads((await speaker.status(told.events[0])).body)["TaskStatus"]
    return found


@asynccontextmanager
async def ruled(folder: Path) -> AsyncIterator[tuple[Everyone, AsyncExitStack, int]]:
    """Tenants whose callers are answered by one vendor each, patient ones and hasty ones; with
    the vendors on a stack that can be closed, and their port."""
    port = free_port()
    async with AsyncExitStack() as serving:
        vendors = await serving.enter_async_context(backends(port))
        seed(vendors.host, LEAD)
        told = everything(folder, vendors.url)
        told["tenants"] = {
            name + suffix: {"region": "AU", "credentials": credentials(name + suffix, **more)}
            for name in CONNECTORS
            for suffix, more in (
                ("", {"answer_within": "30s"}),
                ("-hasty", {"answer_within": "1s"}),
            )
        }
        told["routes"] = [
            {
                "name": tenant,
                "tenant": tenant,
                "connectors": [tenant.removesuffix("-hasty")],
                "authority": {"default": tenant.removesuffix("-hasty")},
            }
            for tenant in told["tenants"]
        ]
        async with served(folder, told, vendors) as e:
            for tenant in told["tenants"]:
                await e.server.storage.store.run(partial(leads.link, tenant, [ids_of(LEAD)]))
            await e.server.links.refresh()
            yield e, serving, port


async def test_every_refusal_of_every_vendor_in_every_dialect(tmp_path: Path) -> None:
    """In its own shape and words; ids of another vendor's are null; a code without a cell is a
    failed validation with our code in it. And an update that is applied."""
    wrong = {}
    async with ruled(tmp_path) as (e, _, _):
        for case in CASES:
            vendor, lead = CONNECTORS[case.authority], id_at(case.authority, LEAD)
            body = filled(case.body, {ID: lead})
            e.backends.host.add_fault(vendor, Fault(status=case.status, body=body, lead=lead))
            speaker = Speaker(e.caller, case.authority)
            for dialect in DIALECTS:
                told = await heard(speaker, dialect)
                want = native(case) if dialect == "native" else expected(dialect, case)
                if told != want:
                    wrong[case.authority, case.code, dialect] = told, want
            e.backends.host.clear_faults(vendor)
    assert wrong == {}


def applied(dialect: str, authority: str) -> Any:
    """What a caller hears of success. A vendor that shows the lead shows what it has of it; of
    another vendor's, what is known."""
    own = SYSTEM.get(dialect) == authority
    lead: Document
    if dialect == "native":
        return {"status": "applied", "connector": authority, "code": "ok", "message": ""}
    if dialect == "leadsquared":
        return answers.task(Code.OK)
    if dialect == "pollybot":
        lead = {"id": ID, "name": "Ada Lovelace", "email": None, "phone": None, "source": None}
        lead |= {"status": "new" if own else None, "metadata": {}}
        lead |= {"createdAt": "2024-01-15T10:30:00.000Z" if own else None, "updatedAt": "<time>"}
        lead |= {"workspaceId": "ws_sandbox" if own else None}
        return [200, {"success": True, "data": lead}]
    if dialect == "dialnexa":
        lead = {"id": ID, "name": "Ada Lovelace", "phone_number": None}
        lead |= {"campaign_id": "cmp_sandbox" if own else None, "status": "pending"}
        lead |= {"notes": {}, "metadata": {}, "call_log_id": None}
        return [200, {**lead, "created_at": "2024-05-01T09:05:00.000Z" if own else None}]
    return list(answers.noojee(Code.OK) if dialect == "noojee" else answers.bulk(Code.OK))


def timeless(value: Any) -> Any:
    """Without the moment of the update."""
    text = orjson.dumps(value).decode()
    return orjson.loads(re.sub(r'"updatedAt":"20[^"]+"', '"updatedAt":"<time>"', text))


async def test_success_by_every_vendor_in_every_dialect(tmp_path: Path) -> None:
    """The dialect's own success, whoever applied it."""
    wrong = {}
    async with ruled(tmp_path) as (e, _, _):
        for authority in CONNECTORS:
            for dialect in DIALECTS:
                told = timeless(await heard(Speaker(e.caller, authority), dialect))
                own_id = id_at(SYSTEM.get(dialect, "lsq"), LEAD)
                want = filled(applied(dialect, authority), {ID: own_id})
                if told != want:
                    wrong[authority, dialect] = told, want
    assert wrong == {}


THROTTLED: Mapping[str, Said] = {
    "noojee-au": answers.NOOJEE_BUSY,
    "lsq": answers.LEADSQUARED_BUSY,
    "polly": (429, answers.polly_error("Rate limit exceeded", "RATE_LIMIT_EXCEEDED")),
    "nexa": answers.DIALNEXA_BUSY,
}


async def unanswered(e: Everyone, name: str) -> dict[tuple[str, str], Any]:
    """Hasty callers of every dialect at every authority at once give the lead another first name:
    what was wrong with the answers."""
    cells = [(authority, dialect) for authority in CONNECTORS for dialect in DIALECTS]

    async def call(authority: str, dialect: str) -> Any:
        speaker = Speaker(e.caller, f"{authority}-hasty")
        fields = {own: text.replace("Ada", name) for own, text in SAID[dialect].items()}
        if dialect == "native":
            told = await speaker.native(LEAD, fields, prefer="wait=1")
            found = told.status, orjson.loads(told.body)["code"], len(told.events)
            return None if found == (503, "busy", 1) else found
        told = await speaker.say(dialect, LEAD, fields)
        if dialect == "leadsquared":
            state = (await task(speaker, told))["Status"]
            return None if (told.status, state) == (200, "In-Queue") else (told, state)
        said = told.status, orjson.loads(told.body)
        return None if said == BUSY[dialect] and len(told.events) == 1 else said

    told = await asyncio.gather(*(call(*cell) for cell in cells))
    return {cell: wrong for cell, wrong in zip(cells, told, strict=True) if wrong is not None}


async def test_a_vendor_that_throttles_or_is_down_is_busy_in_every_dialect(
    tmp_path: Path,
) -> None:
    """With the event's id, because the update is safe: it arrives, once, when the vendor can."""
    async with ruled(tmp_path) as (e, serving, port):
        host = e.backends.host
        for name, (status, body) in THROTTLED.items():
            host.add_fault(CONNECTORS[name], Fault(status=status, body=body))
        assert await unanswered(e, "Grace") == {}
        for name in CONNECTORS:
            host.clear_faults(CONNECTORS[name])
        await e.when("/connectors", is_settled)
        for vendor in CONNECTORS.values():
            host.forget_calls(vendor)
        await serving.pop_all().aclose()
        assert await unanswered(e, "Mary") == {}
        async with backends(port, host):
            await e.when("/connectors", is_settled)
        got = {name: len(arrived(host, name, LEAD)) for name in CONNECTORS}
    assert got == dict.fromkeys(CONNECTORS, len(DIALECTS))
