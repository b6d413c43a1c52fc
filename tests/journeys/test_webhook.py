"""A call in, a signed webhook out, over real sockets; and a target that must not be called."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.sandbox.faults import Fault
from connectors.webhook.wire import HOOK_PATH
from tests.journeys.running import (
    OK,
    QUICK,
    Backends,
    Caller,
    Document,
    Running,
    backends,
    document,
    eventually,
    noojee_lead,
    server,
    url_of,
)

SECRET = "whsec_dGhlIHNhbmRib3gncyBvd24gc2VjcmV0"


def with_hook(folder: Path, vendors: Backends, allow: list[str], **own: Any) -> Document:
    """A configuration in which an endpoint hears of every Noojee call."""
    told = document(folder, vendors.url)
    url = f"{vendors.url}/webhook{HOOK_PATH}"
    told["connectors"]["hook"] = {"vendor": "webhook", "url": url, "secret": SECRET, **QUICK, **own}
    told["routes"][0]["connectors"].append("hook")
    told["egress"] = {"allow": allow}
    return told


async def closed_as_a_sale(running: Running) -> str:
    """A Noojee call that its backend applies; the event's id."""
    async with Caller(url_of(running)) as caller:
        answer = await caller.noojee("9856", {"njDisposition": "Sale"})
    assert (answer.status, answer.body) == (200, OK)
    (event,) = answer.events
    return event


async def test_an_endpoint_is_told_and_verifies_the_signature(tmp_path: Path) -> None:
    """The event's id is the webhook's."""
    async with backends() as vendors:
        vendors.host.seed("noojee", noojee_lead("9856"))
        told = with_hook(tmp_path, vendors, ["127.0.0.1/32"])
        async with server(tmp_path, told) as running:
            event = await closed_as_a_sale(running)
            await eventually(lambda: len(vendors.host.leads("webhook")) == 1)
        (lead,) = vendors.host.leads("webhook")
        (call,) = vendors.host.calls("webhook")
    assert (lead["event"], lead["verified"], lead["received"]) == (event, True, 1)
    assert call["lead"] == lead["id"]
    payload = orjson.loads(orjson.dumps(lead["payload"]))
    assert (payload["id"], payload["subject"]) == (event, lead["id"])
    assert payload["data"]["changes"]["disposition"] == {"op": "set", "value": "Sale"}


async def test_an_endpoint_is_told_in_a_vendors_form(tmp_path: Path) -> None:
    """Noojee's, exported by its slice."""
    async with backends() as vendors:
        vendors.host.seed("noojee", noojee_lead("9856"))
        told = with_hook(tmp_path, vendors, ["127.0.0.1/32"], payload="noojee")
        async with server(tmp_path, told) as running:
            await closed_as_a_sale(running)
            await eventually(lambda: len(vendors.host.calls("webhook")) == 1)
        (call,) = vendors.host.calls("webhook")
    body = orjson.loads(orjson.dumps(call["body"]))
    assert (body["njExternalLeadId"], body["njDisposition"]) == ("9856", "Sale")


@pytest.mark.parametrize("failure", [{"status": 503, "times": 2}, {"drop": "after", "times": 1}])
async def test_a_repeat_is_known_by_its_id(tmp_path: Path, failure: Document) -> None:
    """Whatever went wrong, it comes again with the same id, and is taken once."""
    async with backends() as vendors:
        host = vendors.host
        host.seed("noojee", noojee_lead("9856"))
        host.add_fault("webhook", Fault.model_validate(failure))
        told = with_hook(tmp_path, vendors, ["127.0.0.1/32"])
        async with server(tmp_path, told) as running:
            event = await closed_as_a_sale(running)
            await eventually(lambda: [c["status"] for c in host.calls("webhook")][-1:] == [200])
        calls = orjson.loads(orjson.dumps(host.calls("webhook")))
        (lead,) = host.leads("webhook")
    assert len(calls) == failure["times"] + 1
    assert {call["headers"]["webhook-id"] for call in calls} == {event}
    assert (lead["received"], lead["verified"]) == (1, True)


async def test_a_target_inside_stops_its_connector_and_says_why(tmp_path: Path) -> None:
    """Its update waits, nothing is sent, and nobody else waits."""
    async with backends() as vendors:
        vendors.host.seed("noojee", noojee_lead("9856"))
        async with server(tmp_path, with_hook(tmp_path, vendors, [])) as running:
            await closed_as_a_sale(running)
            async with Caller(f"http://127.0.0.1:{running.admin_port}") as admin:
                shown: Document = {}
                async with asyncio.timeout(20):
                    while shown.get("state") != "stopped":
                        answer = await admin.call("GET", "/admin/v1/connectors/hook", b"")
                        shown = orjson.loads(answer.body)["connector"]
                        await asyncio.sleep(0.02)
            await closed_as_a_sale(running)
        assert vendors.host.calls("webhook") == []
    why = "forbidden: blocked: 127.0.0.1 is not a public address (egress.allow opens ranges)"
    assert shown["reason"] == why
