"""Numbered updates of many leads to all four vendors, which fail, throttle and hang up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from connectors.sandbox.faults import Fault
from connectors.sandbox.host import SandboxHost
from tests.journeys import answers
from tests.journeys.everyone import (
    CONNECTORS,
    Everyone,
    Speaker,
    arrived_with,
    everything,
    id_at,
    ids_of,
    is_settled,
    seed,
    served,
)
from tests.journeys.running import BUSY, OK, Told, backends, link

NAMES = {
    "noojee-au": "Name",
    "lsq": "LastName",
    "polly": "name",
    "nexa": "name",
}
"""Connector -> where its vendor is told the number of an update."""


def numbered(number: int) -> dict[str, str]:
    """The fields of a lead's update, as Noojee's callers say them."""
    return {"Name": f"Update {number:06}"}


def numbers_of_all(host: SandboxHost, connector: str) -> dict[str, list[int]]:
    """Which updates of each lead a vendor received, in order, by the lead's name."""
    prefix = f"{CONNECTORS[connector]}-"
    found: dict[str, list[int]] = {}
    for part in arrived_with(host, connector):
        numbers = found.setdefault(part.id.removeprefix(prefix), [])
        numbers.append(number_of(part.body, connector))
    return found


def number_of(body: Mapping[str, Any], connector: str) -> int:
    """The number of an update, as a vendor is told it."""
    return int(body[NAMES[connector]].rpartition(" ")[2])


def kept(host: SandboxHost, connector: str, lead: str) -> int:
    """The number of the update that a vendor's lead now shows."""
    return number_of(host.lead(CONNECTORS[connector], id_at(connector, lead)), connector)


def is_ordered(sequence: Sequence[int]) -> bool:
    """Whether numbers only ever go up, or stay: an update came again, never an older one."""
    return all(before <= after for before, after in pairwise(sequence))


async def told(call: Any) -> Told | None:
    """A call's answer; None where it is to be made again."""
    try:
        answer: Told = await call
    except (aiohttp.ClientError, TimeoutError):
        return None
    if (answer.status, answer.body) == (400, BUSY):
        return None
    assert (answer.status, answer.body) == (200, OK)
    return answer


def disturb(host: SandboxHost) -> None:
    """At each vendor one call in twenty fails, one in twenty is too many, one in fifty gets no
    answer: half of these after it was applied."""
    throttles = (
        answers.NOOJEE_BUSY,
        answers.LEADSQUARED_BUSY,
        (429, answers.polly_error("Rate limit exceeded", "RATE_LIMIT_EXCEEDED")),
        answers.DIALNEXA_BUSY,
    )
    for vendor, (status, body) in zip(CONNECTORS.values(), throttles, strict=True):
        for fault in (
            Fault(drop="before", probability=0.01, seed=1),
            Fault(drop="after", probability=0.01, seed=2),
            Fault(status=500, probability=0.05, seed=3),
            Fault(status=status, body=body, probability=0.05, seed=4),
        ):
            host.add_fault(vendor, fault)


class Disturbed:
    """A run, and what it left at the vendors."""

    def __init__(self, folder: Path, mode: str, leads: int, each: int) -> None:
        """`mode` is LeadSquared's; `each` is how many updates a lead gets."""
        self._folder, self._mode, self._each = folder, mode, each
        self._leads = [str(number) for number in range(leads)]
        self._host: SandboxHost
        self.letters: list[Any] = []

    async def run(self, within: float) -> None:
        """All updates, settled everywhere within so many seconds of the last answer."""
        async with backends() as vendors:
            self._host = vendors.host
            for lead in self._leads:
                seed(self._host, lead)
            disturb(self._host)
            whole = everything(self._folder, vendors.url, self._mode)
            for connector in whole["connectors"].values():
                connector["concurrency"] = 32
                connector["retry"]["attempts"] = 30
            async with served(self._folder, whole, vendors) as e:
                await link(e.server, *map(ids_of, self._leads))
                await asyncio.gather(*(self._lead(e.speaker, lead) for lead in self._leads))
                await self._settled(e, within)
            assert self._arrived()

    async def _lead(self, speaker: Speaker, lead: str) -> None:
        """A lead's updates, each after the answer to the one before; busy ones are called again,
        as the vendor's page asks."""
        for number in range(1, self._each + 1):
            while await told(speaker.noojee(lead, numbered(number))) is None:  # noqa: ASYNC110 - as a client does
                await asyncio.sleep(0.05)

    def _arrived(self) -> bool:
        """Whether every vendor has had every update."""
        whole = len(self._leads) * self._each
        return all(
            sum(len(set(some)) for some in numbers_of_all(self._host, name).values()) >= whole
            for name in CONNECTORS
        )

    async def _settled(self, e: Everyone, within: float) -> None:
        await e.when("/connectors", is_settled, within)
        _, found = await e.ask("GET", "/dead-letters?state=all")
        self.letters = found["dead_letters"]

    def faults(self) -> dict[str, Any]:
        """What is not as it should be."""
        found: dict[str, Any] = {}
        whole = list(range(1, self._each + 1))
        for name in CONNECTORS:
            got = numbers_of_all(self._host, name)
            for lead in self._leads:
                sequence, last = got.get(lead, []), kept(self._host, name, lead)
                if not is_ordered(sequence) or sorted(set(sequence)) != whole:
                    found[f"{name}/{lead}"] = sequence
                if last != self._each:
                    found[f"{name}/{lead} shows"] = last
        codes = [orjson.loads(orjson.dumps(one))["code"] for one in self.letters]
        return found | ({"dead letters": codes} if codes else {})
