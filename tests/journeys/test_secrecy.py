"""What a server writes down for people holds no key and nobody's number or address."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connectors.sandbox.faults import Fault
from tests.journeys.running import (
    NOOJEE_KEY,
    POLLY_KEY,
    Backends,
    Caller,
    Told,
    backends,
    document,
    eventually,
    everywhere,
    free_port,
    noojee_lead,
    spawn,
)

PHONE, EMAIL, NAME = "+15550100199", "jane.smith@example.com", "Jane Quillfeather"
PRIVATE = (
    NOOJEE_KEY, POLLY_KEY, "outbound-noojee", "sk-workspace_outbound", "wrong-inbound-key",
    PHONE, PHONE[1:], "5550100199", EMAIL, "jane.smith", "Quillfeather", "idem-secret-key",
)  # fmt: skip


async def everything(caller: Caller, vendors: Backends) -> list[Told]:
    """Calls of every kind, good, refused and failing, all full of people's data."""
    fields = {"Name": NAME, "FirstPhone": PHONE, "Email": EMAIL, "njDisposition": "Sale"}
    lead = {"name": NAME, "phone": PHONE, "email": EMAIL}
    wrong = {"Authorization": "Bearer wrong-inbound-key"}
    told = [
        await caller.noojee("1", fields),
        await caller.noojee("1", fields, {"Idempotency-Key": "idem-secret-key"}),
        await caller.noojee("2", fields, {"Idempotency-Key": "idem-secret-key"}),
        await caller.noojee("1", fields, apiKey="wrong-inbound-key"),
        await caller.noojee(EMAIL, fields, fAllocationId=PHONE),
        await caller.noojee("1", {**fields, "njCallBackDate": EMAIL}),
        await caller.noojee("unknown", fields),
        await caller.polly("lead_1", lead),
        await caller.polly("lead_1", lead, wrong),
        await caller.polly(EMAIL, {**lead, "status": PHONE}),
        await caller.call("POST", f"/nowhere/{EMAIL}?apiKey={NOOJEE_KEY}", b"{"),
        await caller.call("DELETE", f"/api/v1/leads/{EMAIL}?apiKey={NOOJEE_KEY}", b""),
    ]
    body = f"{EMAIL} {PHONE} outbound-noojee {NAME}"
    faults = (
        Fault(status=500, body=body, times=2),
        Fault(status=400, body={"code": 104, "message": body}, times=1),
        Fault(drop="after", times=1),
        Fault(status=403, body=body, times=1),
    )
    for number, fault in enumerate(faults):
        vendors.host.add_fault("noojee", fault)
        told.append(await caller.noojee("1", {**fields, "njDisposition": f"{number}"}))
    return told


@pytest.mark.timeout(90)
async def test_stderr_and_error_pages(tmp_path: Path) -> None:
    """The most talkative level, calls and failures of every kind, a client that gives up, a kill
    and a restart."""
    port = free_port()
    async with backends() as vendors, Caller(f"http://127.0.0.1:{port}") as caller:
        vendors.host.seed("noojee", noojee_lead("1"))
        vendors.host.seed("pollybot", {"id": "lead_1"})
        told = everywhere(document(tmp_path, vendors.url))
        told["logging"]["level"] = "debug"
        for credential in told["tenants"]["default"]["credentials"]:
            credential["answer_within"] = "2s"
        child = await spawn(tmp_path, told, port=port)
        try:
            await give_up(child.url, vendors)
            answers = await everything(caller, vendors)
            await child.kill()
            child = await spawn(tmp_path, told, port=port)
            answers.append(await caller.noojee("1", {"Name": NAME, "njDisposition": "After"}))
            assert await child.terminate() == 0
        finally:
            await child.kill()
    written = child.errors.read_text()
    assert "call.answered" in written
    assert "Traceback" not in written
    assert [word for word in PRIVATE if word in written] == []
    pages = b"".join(told.body for told in answers if told.status in {403, 404, 405}).decode()
    assert [word for word in PRIVATE if word in pages] == []


async def give_up(url: str, vendors: Backends) -> None:
    """A client that is gone when its answer comes."""
    vendors.host.add_fault("noojee", Fault(delay=1.0, times=1))
    async with Caller(url, timeout=0.4) as impatient:
        with pytest.raises(TimeoutError):
            await impatient.noojee("1", {"Name": NAME, "njDisposition": "Gone"})
    await eventually(lambda: vendors.host.calls("noojee")[-1]["status"] == 200)
    await asyncio.sleep(0.5)
