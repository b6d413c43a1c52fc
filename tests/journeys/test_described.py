"""A client that knows only the OpenAPI document, and tries everything it allows and some of what it
doesn't: every answer is one the document has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.edge.openapi import document
from tests.journeys.running import document as configuration
from tests.journeys.running import server, url_of

TOKEN = "native-inbound"
KEY = {"Authorization": f"Bearer {TOKEN}"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
NATIVE = ("postLeadUpdates", "getLeadUpdate")
ADMIN = tuple(
    operation["operationId"]
    for path, operations in document()["paths"].items()
    for method, operation in operations.items()
    if method != "servers" and operation["operationId"] not in {*NATIVE, "listEvents"}
)
"""`listEvents` goes on for ever where it is asked to follow."""
QUIET = {"getHealth", "getMetrics", "getOpenapi", "getReadiness", "listConnectors"}
"""Those of which nothing can be asked."""


@pytest.fixture
async def addresses(tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """Where callers and operators are answered. Nothing is sent: connectors only rehearse."""
    told = configuration(tmp_path, "http://127.0.0.1:9")
    credential = {"dialect": "native", "token": TOKEN, "system": "crm"}
    told["tenants"]["default"]["credentials"].append(credential)
    for connector in told["connectors"].values():
        connector["mode"] = "shadow"
    names = list(told["connectors"])
    told["routes"] = [{"name": "all", "connectors": names, "authority": {"default": names[0]}}]
    async with server(tmp_path, told) as running:
        yield url_of(running), f"http://127.0.0.1:{running.admin_port}"


def shortened(part: Any) -> None:
    """Let no list have more than two items, wherever it stands: small bodies are made sooner, and
    say as much."""
    if isinstance(part, dict) and "maxItems" in part:
        part["maxItems"] = 2
    inside = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    for inner in inside:
        shortened(inner)


def described(address: str, operation: str) -> Any:
    """An operation of the document, at this address."""
    told = orjson.loads(orjson.dumps(document(), default=dict))
    for path in told["paths"].values():
        path.pop("servers")
    shortened(told)
    told["components"]["schemas"]["LeadUpdate"]["properties"]["changes"]["maxProperties"] = 2
    api = schemathesis.openapi.from_dict(told)
    api.config.update(base_url=address)
    return api.find_operation_by_id(operation)


def asked(case: Any) -> int:
    """Make a call; its status, once the document has the answer."""
    answer = case.call(headers=KEY)
    case.validate_response(answer, checks=CHECKS)
    status: int = answer.status_code
    return status


def tried(address: str, operation: str, mode: GenerationMode, times: int) -> set[int]:
    """Try an operation in so many ways, the same each time; the statuses that came back."""
    found = described(address, operation)
    statuses: set[int] = set()

    @settings(
        max_examples=times,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(found.as_strategy(generation_mode=mode))
    def attempt(case: Any) -> None:
        statuses.add(asked(case))

    attempt()
    return statuses


@pytest.mark.parametrize(
    ("mode", "usual"), [(GenerationMode.POSITIVE, 202), (GenerationMode.NEGATIVE, 422)]
)
async def test_anything_may_be_posted(
    addresses: tuple[str, str], mode: GenerationMode, usual: int
) -> None:
    """What fits is taken, what doesn't is refused, and nothing fails."""
    assert usual in await asyncio.to_thread(tried, addresses[0], NATIVE[0], mode, 12)


@pytest.mark.parametrize("mode", GenerationMode)
async def test_anything_may_be_asked_for(addresses: tuple[str, str], mode: GenerationMode) -> None:
    """No update has such an id."""
    assert 404 in await asyncio.to_thread(tried, addresses[0], NATIVE[1], mode, 10)


async def test_good_calls_are_answered_as_described(addresses: tuple[str, str]) -> None:
    """One and many, waited for and not, and what became of them."""
    update = {"lead": {"ids": [{"id": "42"}]}, "changes": {"note": "x"}}
    statuses = await asyncio.to_thread(exchange, addresses[0], update)
    assert statuses == [202, 202, 200, 200, 200]


def exchange(address: str, update: object) -> list[int]:
    """Posts, and a question about the last of them."""
    post, get = (described(address, name) for name in NATIVE)
    plain = {"media_type": "application/json"}
    cases = [
        post.Case(body=body, headers=headers, **plain)
        for headers in ({}, {"Prefer": "wait=20"})
        for body in (update, [update, update])
    ]
    answers = [(case, case.call(headers=KEY)) for case in cases]
    case = get.Case(path_parameters={"id": answers[-1][1].json()[0]["id"]})
    answers.append((case, case.call(headers=KEY)))
    for case, answer in answers:
        case.validate_response(answer, checks=CHECKS)
    return [answer.status_code for _, answer in answers]


@pytest.mark.parametrize("operation", ADMIN)
async def test_the_admin_api_is_as_described(addresses: tuple[str, str], operation: str) -> None:
    """Each operation, with what fits."""
    times = 1 if operation in QUIET else 5
    assert await asyncio.to_thread(tried, addresses[1], operation, GenerationMode.POSITIVE, times)
