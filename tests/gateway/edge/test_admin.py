"""The admin API without a server: who may use it, what it says of itself, how it reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from gateway.edge.admin.access import Access
from gateway.edge.admin.application import Admin
from gateway.edge.admin.asked import Asked, Refused, lead_id, moment, named_lead
from gateway.edge.admin.endpoints import ENDPOINTS, check_query
from gateway.edge.admin.openapi import paths
from gateway.edge.admin.topics import Reading
from gateway.eventlog.port import Extent, Record, Topic
from gateway.model.event import LeadId
from gateway.settings.model import AdminSettings, Settings

LOCAL = {"Host": "127.0.0.1:8081"}
TOKEN = {"Host": "leadwire.example.com", "Authorization": "Bearer s3cret"}


def allowed(settings: AdminSettings, headers: Mapping[str, str], peer: str | None) -> int:
    """The status of the refusal; 200 for none."""
    try:
        Access(settings).check(headers, peer)
    except Refused as refused:
        return refused.status
    return 200


@pytest.mark.parametrize(
    ("host", "peer", "headers", "status"),
    [
        ("127.0.0.1", "127.0.0.1", LOCAL, 200),
        ("localhost", "127.0.0.1", {"Host": "localhost"}, 200),
        ("::1", "::1", {"Host": "[::1]:8081"}, 200),
        ("127.0.0.1", "::ffff:127.0.0.1", LOCAL, 200),
        ("192.0.2.1", "127.0.0.1", LOCAL, 403),
        ("127.0.0.1", "192.0.2.7", LOCAL, 403),
        ("127.0.0.1", None, LOCAL, 403),
        ("127.0.0.1", "127.0.0.1", {"Host": "rebound.example.com"}, 403),
        ("127.0.0.1", "127.0.0.1", {**LOCAL, "Origin": "https://example.com"}, 403),
    ],
)
def test_without_a_token_only_this_machine_may(
    host: str, peer: str | None, headers: Mapping[str, str], status: int
) -> None:
    """And only where the listener is bound to it alone; no page of a browser."""
    assert allowed(AdminSettings(host=host), headers, peer) == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (TOKEN, 200),
        ({"Authorization": "bearer s3cret"}, 200),
        ({"Authorization": "Bearer s3cre"}, 401),
        ({"Authorization": "Bearer s3cret2"}, 401),
        ({"Authorization": "Basic s3cret"}, 401),
        ({"Authorization": "Bearer \udcff"}, 401),
        (LOCAL, 401),
    ],
)
def test_with_a_token_whoever_has_it_may(headers: Mapping[str, str], status: int) -> None:
    """From anywhere, and nobody else, this machine included."""
    settings = AdminSettings(host="192.0.2.1", token=SecretStr("s3cret"))
    assert allowed(settings, headers, "127.0.0.1") == status


def routes(app: web.Application) -> set[tuple[str, str]]:
    """What is served, with plain path parameters; what answers 404 to the rest left out."""
    return {
        (route.method, re.sub(r"{(\w+):[^}]*}", r"{\1}", route.resource.canonical))
        for route in app.router.routes()
        if route.resource is not None and route.method not in {"*", "HEAD"}
    }


def test_openapi_tells_of_every_route_and_of_no_other() -> None:
    """The document is made from the table; this holds the server to it as well."""
    unused: Any = None

    class Parts:
        settings = Settings()

    admin = Admin(Parts(), unused, unused, unused, lambda: True, dict)  # type: ignore[arg-type]  # only its routes are asked for
    told = {(method.upper(), path) for path, operations in paths().items() for method in operations}
    assert told == routes(admin.application())


def test_a_parameter_nobody_knows_is_refused() -> None:
    """A misspelt filter must not pass as no filter."""
    endpoint = next(one for one in ENDPOINTS if one.name == "listDeadLetters")
    with pytest.raises(Refused, match="there is no parameter 'conector'"):
        check_query(Asked(query={"conector": "lsq"}), endpoint.query)


@pytest.mark.parametrize(
    ("text", "time"),
    [("1h", 6400.0), ("90s", 9910.0), ("1970-01-01T01:00:00Z", 3600.0)],
)
def test_a_moment_is_a_time_or_an_age(text: str, time: float) -> None:
    """Ages count from now."""
    assert moment(text, 10_000.0, "since") == time


@pytest.mark.parametrize("text", ["yesterday", "1970-01-01T01:00:00", "3600", ""])
def test_a_moment_without_a_zone_is_refused(text: str) -> None:
    """Whose midnight it was would be a guess."""
    with pytest.raises(Refused, match="since is a time with a zone"):
        moment(text, 10_000.0, "since")


def test_an_id_is_read_as_updates_carry_it() -> None:
    """An address trimmed and in lower case; a scope from its text; the id may hold a colon."""
    assert named_lead("email: Jane@Example.com ") == LeadId("email", "jane@example.com")
    assert named_lead("crm:a:b") == LeadId("crm", "a:b")
    scoped = lead_id("noojee-au", "9856", "allocation_id=38")
    assert scoped == LeadId("noojee-au", "9856", (("allocation_id", "38"),))


@pytest.mark.parametrize("text", ["9856", "noojee-au:", ":9856", "phone:0383218199"])
def test_half_an_id_is_refused(text: str) -> None:
    """So is a phone number that only one country can read."""
    with pytest.raises(Refused):
        named_lead(text)


class Partitions:
    """A log in memory: times of the records, by partition."""

    def __init__(self, times: Mapping[int, list[float]]) -> None:
        self.records = {
            part: [
                Record(Topic.UPDATES, part, offset, "", (), b"{}", time)
                for offset, time in enumerate(given)
            ]
            for part, given in times.items()
        }

    async def extents(self, _: Topic) -> dict[int, Extent]:
        return {part: Extent(0, len(given)) for part, given in self.records.items()}

    async def fetch(
        self, _topic: Topic, positions: dict[int, int], limit: int, _wait: float
    ) -> list[Record]:
        ((part, offset),) = positions.items()
        return self.records[part][offset : offset + limit]


async def test_a_topic_is_read_by_time_over_its_partitions() -> None:
    """More than is fetched at once, and from where a pass ended."""
    times = {
        0: [float(n) for n in range(0, 300, 2)],
        1: [float(n) for n in range(1, 300, 2)],
        2: [],
    }
    log: Any = Partitions(times)
    reading = Reading(log, Topic.UPDATES, {0: 0, 1: 0, 2: 0})
    first = []
    async for record in reading.records():
        first.append(record.time)
        if len(first) == 7:
            break
    assert (first, reading.position) == ([float(n) for n in range(7)], "4,3,0")
    rest = [record.time async for record in reading.records()]
    assert rest == [float(n) for n in range(7, 300)]
    assert reading.position == "150,150,0"
