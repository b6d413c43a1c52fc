"""`X-Leadwire-Outcome`: whose word a caller got that waited, update by update."""

from __future__ import annotations

from pathlib import Path

import orjson

from tests.journeys.everybody import CALLS, LEADS, Said, document, linked, seed
from tests.journeys.running import Caller, Document, backends, server, url_of
from tests.journeys.test_dry_run import DRY, everybody

ASYNC, BULK, NATIVE = CALLS[3], CALLS[4], CALLS[6]


def several(said: Said, *bodies: Document) -> Said:
    """The call with other updates in it."""
    listed = {"SearchByKey": "ProspectId", "LeadPropertiesList": bodies}
    body = listed if said is BULK else bodies
    return Said(said.name, said.method, said.path, orjson.dumps(body), said.headers)


def lead(id: str) -> Document:
    """One lead of a bulk call."""
    named = {"Attribute": "ProspectId", "Value": id}
    return {"Fields": [named, {"Attribute": "Notes", "Value": "Ready"}]}


def note(system: str, id: str) -> Document:
    """One update of a native call."""
    return {"lead": {"ids": [{"system": system, "id": id}]}, "changes": {"note": "Ready"}}


async def test_each_lead_of_a_bulk_call_is_told(tmp_path: Path) -> None:
    """In the order of the call, also where none of them is waited for in vain."""
    async with everybody(tmp_path) as (_, _, caller):
        call = several(BULK, lead(LEADS["lsq"]), lead("nobody"), lead(LEADS["lsq-sync"]))
        told = await call.by(caller)
        dry = await call.by(caller, **DRY)
    assert told.headers["X-Leadwire-Outcome"] == "lsq=applied,lsq=rejected,lsq=applied"
    assert (len(told.events), len(orjson.loads(dry.body)["updates"])) == (3, 3)


async def test_each_update_of_a_native_call_is_told(tmp_path: Path) -> None:
    """Applied, refused by the vendor, and one whose lead the vendor can't be told of."""
    async with everybody(tmp_path) as (_, _, caller):
        told = await several(
            NATIVE,
            note("polly-gen2", LEADS["polly-gen2"]),
            note("polly-gen2", "nobody"),
            note("elsewhere", "1"),
        ).by(caller)
    assert told.headers["X-Leadwire-Outcome"] == (
        "polly-gen2=applied,polly-gen2=rejected,polly-gen2=dead_lettered"
    )


async def test_a_queued_call_that_is_made_to_wait_is_told(tmp_path: Path) -> None:
    """LeadSquared's async update, where its key says that it waits."""
    async with backends() as vendors:
        seed(vendors)
        told = document(tmp_path, vendors.url)
        told["tenants"]["default"]["credentials"][2]["answer"] = "applied"
        async with server(tmp_path, told) as running, Caller(url_of(running)) as caller:
            await linked(running)
            answer = await ASYNC.by(caller)
    assert answer.headers["X-Leadwire-Outcome"] == "lsq=applied"
