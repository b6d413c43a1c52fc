"""A shadow connector: it builds and records what it would send, and never sends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from connectors.registry import VENDORS
from tests.gateway.edge.lines import written_lines
from tests.journeys.deployments import alone
from tests.journeys.everybody import CALLS, NAMES, Said, document
from tests.journeys.operating import leadwire
from tests.journeys.running import Document, written
from tests.journeys.test_dry_run import DRY, everybody, rehearsed, secrets_in, settled

every_call = pytest.mark.parametrize("said", CALLS, ids=lambda said: said.name)


def sent_of(requests: list[Document]) -> list[tuple[str, str, str]]:
    """What of a request both a dry run and an outcome tell."""
    return [(one["method"], one["url"], one["body"]) for one in requests]


@every_call
async def test_what_a_shadow_records_is_what_a_dry_run_shows(said: Said, tmp_path: Path) -> None:
    """At every vendor; the caller hears success, and nothing goes out or into a line."""
    async with everybody(tmp_path, mode="shadow") as (running, vendors, caller):
        update = rehearsed(await said.by(caller, **DRY))
        with written_lines() as lines:
            real = await said.by(caller)
            (event_id,) = real.events
            deliveries = (await settled(running, event_id))["deliveries"]
        received = [vendors.host.calls(vendor.name) for vendor in VENDORS if vendor.sandbox]
    assert real.status in {200, 202}
    assert real.headers.get("X-Leadwire-Outcome") == (
        said.outcome and said.outcome.replace("applied", "shadowed")
    )
    assert [calls for calls in received if calls] == []
    found = {one["connector"]: one["verdicts"][0] for one in deliveries}
    shown = {side["connector"]: side for side in update["connectors"]}
    for name in set(NAMES) - {"hook"}:
        verdict, side = found[name], shown[name]
        assert (verdict["kind"], verdict["code"]) == ("skipped", "shadowed")
        assert sent_of(verdict["details"]["requests"]) == sent_of(side["requests"])
        assert (side["shadow"], side["triggers"]) == (True, [])
    (hook,) = found["hook"]["details"]["requests"]
    assert event_id in hook["body"]
    told = orjson.dumps([found, list(lines)]).decode()
    assert secrets_in(told) == []
    assert [word for word in ("Jan", "Priya", "491570006") if word in repr(list(lines))] == []


async def until(config: Path, event: str) -> tuple[int, str, str]:
    """What `connectors show` says once it has heard of an update."""
    async with asyncio.timeout(20):
        while True:
            said = await leadwire(config, "connectors", "show", "nexa")
            if event in said[1]:
                return said
            await asyncio.sleep(0.1)


@alone("which connectors a process runs makes the table wider than it reads")
async def test_operators_see_what_would_have_been_sent(tmp_path: Path) -> None:
    """By update, and at the connector."""
    async with everybody(tmp_path, mode="shadow") as (running, vendors, caller):
        real = await CALLS[1].by(caller)
        await settled(running, *real.events)
        told = document(tmp_path, vendors.url, mode="shadow")
        config = written(tmp_path, {**told, "admin": {"port": running.admin_port}})
        out = await until(config, real.events[0])
        code, status, _ = await leadwire(config, "status", *real.events)
        _, listed, _ = await leadwire(config, "connectors", "list")
    assert (code, out[0]) == (0, 0)
    assert "shadow: it builds and records, and never sends" in out[1]
    for text in (out[1], status):
        assert "  PATCH http://127.0.0.1:" in text
        assert '{"name":"Jan\u00e9 Smith"' in text
        assert secrets_in(text) == []
        assert max(map(len, text.splitlines())) <= 80
    assert listed.count(", shadow") == len(NAMES)
