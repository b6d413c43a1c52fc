"""Collects the records of a run: from the sandboxes, and from the log by the command that
operators use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from connectors.leadsquared.wire.attributes import STATUS_PATH, UPDATE_PATH
from connectors.sandbox.host import SandboxHost
from gateway.clock import from_rfc3339
from gateway.eventlog.port import Topic
from tests.faults.records import (
    Acted,
    Duty,
    Fired,
    Logged,
    Place,
    Received,
    Redriven,
    Settled,
    Try,
    Update,
)
from tests.journeys.everyone import CONNECTORS
from tests.journeys.operating import leadwire
from tests.journeys.running import Document

QUEUED = "lsq-async"
"""The connector that speaks LeadSquared's asynchronous API; `lsq` sends in bulk."""
NAMED = ("full_name", "last_name")
"""Canonical fields that an update's number is in."""
TOLD = ("Name", "name", "LastName")
"""The same, as vendors are told them."""


class Log(NamedTuple):
    """What is in the log."""

    logged: tuple[Logged, ...]
    settled: tuple[Settled, ...]
    fired: tuple[Fired, ...]
    ids: Mapping[str, Duty]
    """Whose outcome an id is; a dead letter has its outcome's."""


async def log_of(config: Path) -> Log:
    """Ask `leadwire events` for updates, outcomes and triggers."""
    topics = (Topic.UPDATES, Topic.OUTCOMES, Topic.TRIGGERS)
    updates, outcomes, triggers = await asyncio.gather(*(_events(config, one) for one in topics))
    return Log(
        tuple(map(_logged, updates)),
        tuple(map(_settled, outcomes)),
        tuple(Fired(_duty(event), event["data"]["kind"]) for event in triggers),
        {event["id"]: _duty(event) for event in outcomes},
    )


async def _events(config: Path, topic: Topic) -> list[Document]:
    code, out, err = await leadwire(config, "events", "--topic", topic, "--json")
    assert code == 0, err
    return [orjson.loads(line) for line in out.splitlines()]


def _duty(event: Document) -> Duty:
    return Duty(event["data"]["event_id"], event["data"]["connector"])


def _logged(event: Document) -> Logged:
    data = event["data"]
    routed = event.get("connectors", "")
    return Logged(
        event["id"],
        Update(_lead(data["lead"]["ids"][0]), _number(data["changes"])),
        tuple(routed.split(",")) if routed else (),
        event.get("authority"),
        frozenset(_fires(data)),
        from_rfc3339(event["time"]),
    )


def _lead(known: Document) -> str:
    """Its name here, from the id that the caller called it by."""
    name: str = known["id"]
    vendor = CONNECTORS.get(known["system"])
    return name if vendor is None else name.removeprefix(f"{vendor}-")


def _number(changes: Mapping[str, Document]) -> int:
    (said,) = (changes[name]["value"] for name in NAMED if name in changes)
    return _last(said)


def _last(text: str) -> int:
    return int(text.rpartition(" ")[2])


def _fires(data: Document) -> Iterator[str]:
    wishes = data["triggers"]
    if wishes["post_updated_lead"]:
        yield "postUpdatedLead"
    if wishes["disposition_actions"] and data["changes"].get("disposition", {}).get("op") == "set":
        yield "dispositionAction"


def _settled(event: Document) -> Settled:
    data = event["data"]
    tries = tuple(Try(one["result"], one["number"] > 0) for one in data["attempts"])
    dropped = frozenset(data["dropped"])
    return Settled(_duty(event), data["kind"], data["round"], tries, dropped)


def redriven(log: Log, sent: Sequence[tuple[str, float]]) -> tuple[Redriven, ...]:
    """Dead letters by id and when they were sent again."""
    return tuple(Redriven(log.ids[letter], at) for letter, at in sent)


# --- what vendors recorded ------------------------------------------------------------------


class Recorded(NamedTuple):
    """What the sandboxes hold."""

    received: tuple[Received, ...]
    calls: Mapping[str, tuple[float, ...]]


def recorded(hosts: Mapping[str, SandboxHost]) -> Recorded:
    """Of each vendor's host, by the vendor's name."""
    received: list[Received] = []
    calls: dict[str, list[float]] = {}
    call: Any
    for vendor, host in hosts.items():
        for call in host.calls(vendor):
            connector = _connector(vendor, call["path"])
            calls.setdefault(connector, []).append(call["at"])
            for id, said in _updates(vendor, call):
                update = Update(id.removeprefix(f"{vendor}-"), _told(said))
                received.append(Received(Place(connector, update), call["at"], call["status"]))
    return Recorded(tuple(received), {name: tuple(some) for name, some in calls.items()})


def _connector(vendor: str, path: str) -> str:
    if path in {UPDATE_PATH, STATUS_PATH}:
        return QUEUED
    return next(name for name, whose in CONNECTORS.items() if whose == vendor)


def acted(host: SandboxHost) -> tuple[Acted, ...]:
    """Calls of actions, as the receiver of webhooks holds them."""
    call: Any
    found = []
    for call in host.calls("webhook"):
        data = call["body"]["data"]
        trigger = Fired(Duty(data["event_id"], data["connector"]), data["kind"])
        found.append(Acted(call["body"]["id"], data["rule"], trigger, call["at"]))
    return tuple(found)


def _updates(vendor: str, call: Document) -> Iterator[tuple[str, Document]]:
    """The id and the fields of each lead that a call updates; none for reads and questions."""
    body = call["body"]
    if call["method"] == "GET":
        return
    if vendor != "leadsquared":
        yield call["lead"], body
    elif isinstance(body, list):
        yield call["query"]["leadId"], _mapping(body)
    else:
        for lead in body["LeadPropertiesList"]:
            said = _mapping(lead["Fields"])
            yield said.pop("ProspectId"), said


def _mapping(fields: Sequence[Document]) -> Document:
    return {each["Attribute"]: each["Value"] for each in fields}


def _told(said: Document) -> int:
    return _last(next(said[name] for name in TOLD if name in said))
