"""What tells automations fires when an update was applied, if it was asked for, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.sandbox.faults import Fault
from gateway.model.event import LeadId
from tests.journeys.everyone import (
    DIALECTS,
    Everyone,
    everyone,
    everything,
    ids_of,
    served,
)
from tests.journeys.running import Told, backends, eventually, link

POST, DISPOSITION = "postUpdatedLead", "dispositionAction"
LEAD = "one"


@pytest.fixture
async def e(tmp_path: Path) -> AsyncIterator[Everyone]:
    """All vendors with a lead that is linked."""
    async with everyone(tmp_path, [LEAD, "later"]) as started:
        await link(started.server, ids_of(LEAD))
        yield started


async def fired(e: Everyone) -> list[tuple[str, str, str]]:
    """Every trigger in the log: its event, what it is, and where it fired."""
    url = "/admin/v1/events?topic=triggers"
    told = await e.admin.call("GET", url, b"")
    lines = [orjson.loads(line) for line in told.body.splitlines()]
    return [
        (one["data"]["event_id"], one["type"].split(".")[-2], one["data"]["connector"])
        for one in lines
    ]


async def settled(e: Everyone, told: Told) -> str:
    """The one event of a call, when every connector has a verdict."""
    (event,) = told.events
    await e.settled(event)
    return event


async def test_an_update_fires_what_its_caller_asked_for(e: Everyone) -> None:
    """`postUpdatedLead` true once, false and absent never; a disposition whatever the flag says,
    kept ones never; each at the vendor that answers for it, and at no other."""
    say, sale = e.speaker, {"mx_Call_Disposition": "Sale"}
    note = {"Notes": "Ready"}
    calls: Sequence[tuple[Any, list[str]]] = (
        (say.leadsquared(LEAD, note, "true"), [POST]),
        (say.leadsquared(LEAD, note, "false"), []),
        (say.leadsquared(LEAD, note), []),
        (say.leadsquared(LEAD, sale), [DISPOSITION]),
        (say.leadsquared(LEAD, sale, "false"), [DISPOSITION]),
        (say.leadsquared(LEAD, sale, "true"), [POST, DISPOSITION]),
        (say.leadsquared(LEAD, {"mx_Call_Disposition": ""}), []),
        (say.bulk(LEAD, note, "true"), [POST]),
        (say.bulk(LEAD, note, "false"), []),
        (say.bulk(LEAD, note), []),
        (say.bulk(LEAD, sale), [DISPOSITION]),
        (say.native(LEAD, {"note": "Ready"}, post_updated_lead=True), [POST]),
        (say.native(LEAD, {"note": "Ready"}, post_updated_lead=False), []),
        (say.native(LEAD, {"note": "Ready"}), []),
        (say.native(LEAD, {"disposition": "Sale"}, post_updated_lead=False), [DISPOSITION]),
        (say.native(LEAD, {"disposition": {"op": "keep"}, "note": "x"}), []),
        (say.noojee(LEAD, {"njDisposition": "Sale"}), [DISPOSITION]),
        (say.noojee(LEAD, {"njDisposition": "<No Change>", "Name": "Ada"}), []),
        (say.noojee(LEAD, {"njDisposition": "<NO CHANGE>", "Name": "Ada"}), []),
        (say.pollybot(LEAD, {"status": "contacted"}), []),
        (say.dialnexa(LEAD, {"name": "Ada"}), []),
    )
    expected = set()
    for call, kinds in calls:
        event = await settled(e, told := await call)
        authority = told.headers.get("X-Leadwire-Outcome", "lsq=").partition("=")[0]
        expected |= {(event, kind, authority) for kind in kinds}
    found = await fired(e)
    assert set(found) == expected
    assert len(found) == len(expected)


async def test_a_refused_update_fires_nothing(e: Everyone) -> None:
    """Whoever asked, though other vendors applied it."""
    for vendor, fault in (
        ("noojee", Fault(status=400, body={"code": 104, "message": "DNC"})),
        ("leadsquared", Fault(status=500, body={"Status": "Error", "ExceptionType":
         "MXInvalidInputException", "ExceptionMessage": "Too long"})),
    ):  # fmt: skip
        e.backends.host.add_fault(vendor, fault)
    sale = {"mx_Call_Disposition": "Sale"}
    for call in (
        e.speaker.noojee(LEAD, {"njDisposition": "Sale"}),
        e.speaker.leadsquared(LEAD, sale, "true"),
        e.speaker.bulk(LEAD, sale, "true"),
        e.speaker.native(LEAD, {"disposition": "Sale"}, post_updated_lead=True),
    ):
        states = await e.settled((await call).events[0])
        assert states["polly"] == states["nexa"] == "applied"
    assert await fired(e) == []


async def test_a_redriven_update_fires_if_it_never_did(e: Everyone) -> None:
    """Refused for want of a link, in each dialect that can ask for it: it fires when it is applied
    in the end. What has fired does not again when it is sent again."""
    note = {"Notes": "Ready"}
    told = [
        await e.speaker.leadsquared("later", note, "true"),
        await e.speaker.bulk("later", note, "true"),
    ]
    first = {(await settled(e, one), POST, "lsq") for one in told}
    sale = await settled(e, await e.speaker.native("later", {"disposition": "Sale"},
                                                   post_updated_lead=True))  # fmt: skip
    assert set(await fired(e)) == first
    await link(e.server, ids_of("later"))
    only = {"filter": {"code": "lead_not_linked"}}
    status, done = await e.ask("POST", "/dead-letters/redrive", only)
    assert (status, len(done["sent"]), done["refused"]) == (200, 10, [])
    await e.until("/dead-letters", dead_letters=[])
    await e.settled(sale)
    every = first | {(sale, kind, "lsq") for kind in (POST, DISPOSITION)}
    assert sorted(await fired(e)) == sorted(every)
    await e.when("/connectors/lsq", lambda one: one["connector"]["backlog"] == 0)
    before = len(e.backends.host.calls("leadsquared"))
    status, done = await e.ask("POST", "/connectors/lsq/seek", {"to": "beginning"})
    assert (status, done["again"]) == (200, 3)
    await eventually(lambda: len(e.backends.host.calls("leadsquared")) >= before + 3)
    await e.when("/connectors/lsq", lambda one: one["connector"]["backlog"] == 0)
    assert set(await fired(e)) == every


FORWARDED: dict[str, dict[str, str | None]] = {
    "same_dialect": {"leadsquared": "true", "bulk": "true", "native": None},
    "always": dict.fromkeys(("leadsquared", "bulk", "native"), "true"),
    "never": dict.fromkeys(("leadsquared", "bulk", "native")),
}


@pytest.mark.parametrize("mode", ["bulk", "async"])
async def test_the_flag_is_passed_on_as_configured(tmp_path: Path, mode: str) -> None:
    """As LeadSquared receives it; three connectors to one account differ in this alone. A call
    without the flag, or in a dialect without one, never has it."""
    async with backends() as vendors:
        told = everything(tmp_path, vendors.url, mode)
        base = told["connectors"].pop("lsq")
        for how in FORWARDED:
            told["connectors"][how] = {**base, "forward_post_updated_lead": how}
        told["routes"] = [{"name": "all", "connectors": list(FORWARDED)}]
        for dialect in DIALECTS:
            for how in FORWARDED:
                vendors.host.seed("leadsquared", {"id": f"{how}-{dialect}"})
        async with served(tmp_path, told, vendors) as e:
            sets = [
                (*ids_of(one), *(LeadId(how, f"{how}-{one}") for how in FORWARDED))
                for one in DIALECTS
            ]
            await link(e.server, *sets)
            await e.speaker.leadsquared("leadsquared", {"Notes": "x"}, "true")
            await e.speaker.bulk("bulk", {"Notes": "x"}, "true")
            await e.speaker.native("native", {"note": "x"}, post_updated_lead=True)
            await e.speaker.noojee("noojee", {"Name": "Ada"})
            await e.speaker.pollybot("pollybot", {"name": "Ada"})
            await e.speaker.dialnexa("dialnexa", {"name": "Ada"})
            await eventually(lambda: len(flags(e)) == len(DIALECTS) * len(FORWARDED))
            found = flags(e)
    assert found == {
        f"{how}-{dialect}": table.get(dialect)
        for how, table in FORWARDED.items()
        for dialect in DIALECTS
    }


def flags(e: Everyone) -> dict[str, Any]:
    """`postUpdatedLead` of every update that arrived, by the lead."""
    call: Any
    found: dict[str, Any] = {}
    for call in e.backends.host.calls("leadsquared"):
        if call["method"] == "POST":
            found |= dict.fromkeys(leads_in(call), call["query"].get("postUpdatedLead"))
    return found


def leads_in(call: Any) -> list[str]:
    """Whom a call to LeadSquared is about: a bulk call may hold several."""
    if not isinstance(call["body"], dict):
        return [call["lead"]]
    fields = [field for lead in call["body"]["LeadPropertiesList"] for field in lead["Fields"]]
    return [field["Value"] for field in fields if field["Attribute"] == "ProspectId"]
