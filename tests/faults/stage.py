"""A run: vendors, leadwire, callers and what is done to them, from start to records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from connectors.sandbox.faults import Fault
from connectors.sandbox.host import SandboxHost
from connectors.webhook.wire import HOOK_PATH
from gateway.clock import Clock, SystemClock
from gateway.model.trigger import TriggerKind
from tests.faults import evidence
from tests.faults.calling import Callers
from tests.faults.deployment import Deploy, Deployment
from tests.faults.evidence import QUEUED
from tests.faults.records import Acted, Run
from tests.journeys.everyone import CONNECTORS, everything, id_at, is_settled, rows_of, seed
from tests.journeys.operating import leadwire
from tests.journeys.outage import Vendor
from tests.journeys.running import Caller, Document

TOLD = "webhook"
"""Whom rules tell, among the addresses of vendors."""
SECRET = f"whsec_{'M' * 32}"
LEADS = tuple(f"lead{number}" for number in range(40))
CONCURRENCY, BULK = 4, 25
AT_ONCE = len(CONNECTORS) * CONCURRENCY + BULK
"""Updates under way at a time, of five connectors: LeadSquared's bulk calls go one by one."""


def settings(folder: Path, urls: Mapping[str, str], attempts: int) -> Document:
    """Every update goes to all four vendors, those by LeadSquared's asynchronous API to its queue
    as well. An update waits for that queue for two seconds and its lead's next one behind it, so
    it is given no more than it can take."""
    told = everything(folder, urls)
    told["connectors"][QUEUED] = {**told["connectors"]["lsq"], "mode": "async", "system": "lsq"}
    for connector in told["connectors"].values():
        connector |= {"concurrency": CONCURRENCY, "timeout": "3s"}
        connector["retry"] = {**connector["retry"], "attempts": attempts, "max": "1s"}
    for credential in told["tenants"]["default"]["credentials"]:
        credential["answer_within"] = "5s"
    queue = {"name": "queue", "when": "origin.operation == 'leadUpdate'", "connectors": [QUEUED]}
    told["routes"].append(queue)
    told["shutdown_within"] = "8s"
    told["egress"] = {"allow": ["127.0.0.0/8"]}
    rules = folder / "rules.yaml"
    rules.write_bytes(orjson.dumps(_rules(f"{urls[TOLD]}/webhook{HOOK_PATH}")))
    told["automations"] = str(rules)
    return told


def _rules(receiver: str) -> Document:
    """A rule for each kind of trigger, which tells one receiver."""
    hook = {"url": receiver, "secret": SECRET, "concurrency": CONCURRENCY, "timeout": "3s"}
    return {
        "endpoints": {"hook": hook},
        "rules": [
            {"name": f"tell {kind}", "on": kind, "do": [{"webhook": "hook"}]}
            for kind in TriggerKind
        ],
    }


class Stage:
    """What a scenario does things to."""

    def __init__(
        self,
        vendors: Mapping[str, Vendor],
        receiver: Vendor,
        deployment: Deployment,
        callers: Callers,
    ) -> None:
        """`open_stage` makes it; `receiver` takes webhooks."""
        self._receiver = receiver
        self.deployment, self.callers = deployment, callers
        self._vendors = vendors
        self.clock: Clock = SystemClock()
        self.kills: list[float] = []
        self._outage = 0.0
        self._redriven: list[tuple[str, float]] = []

    def hosts(self) -> dict[str, SandboxHost]:
        """Each vendor's sandbox, by the vendor's name."""
        return {CONNECTORS[name]: one.backends.host for name, one in self._vendors.items()}

    def fault(self, connector: str, fault: Fault, lead: str | None = None) -> None:
        """From now on something goes wrong at its vendor, for everybody or for one lead."""
        if lead is not None:
            fault = fault.model_copy(update={"lead": id_at(connector, lead)})
        self._vendors[connector].backends.host.add_fault(CONNECTORS[connector], fault)

    def cure(self) -> None:
        """Nothing goes wrong at any vendor any more."""
        for vendor, host in self.hosts().items():
            host.clear_faults(vendor)

    async def away(self, connector: str, seconds: float) -> None:
        """Nobody listens in a vendor's place for so long."""
        await self._vendors[connector].close()
        try:
            await self.clock.sleep(seconds)
        finally:
            await self._vendors[connector].open()

    async def crash(self, role: str, rest: float) -> None:
        """Kill what has a role, and start it again after so long. The kill is dated by its end:
        until then vendors read what the dead process had sent."""
        await self.deployment.kill(role)
        await self.clock.sleep(rest)
        self.kills.append(self.clock.now())
        await self.deployment.start()

    @asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        """What leadwire stands on is away, until it can be used again."""
        began = self.clock.monotonic()
        yield
        self._outage += self.clock.monotonic() - began

    async def flow(self, more: int) -> None:
        """Wait until so many more calls were answered with 2xx. Raises TimeoutError."""
        wanted = len(self.callers.answered) + more
        async with asyncio.timeout(self.deployment.patience):
            while len(self.callers.answered) < wanted:
                await self.clock.sleep(0.02)

    async def redrive(self) -> None:
        """Send every dead letter again, also where later updates were applied since."""
        at = self.clock.now()
        words = ("dead-letters", "redrive", "--force", "--json")
        code, out, err = await leadwire(self.deployment.config, *words)
        assert code == 0, err
        self._redriven += [(letter, at) for letter in orjson.loads(out)["sent"]]

    async def drained(self) -> None:
        """Wait until every connector has settled all it has."""
        async with Caller(self.deployment.admin) as operator:
            while True:
                told = await operator.call("GET", "/admin/v1/connectors", b"")
                if told.status == 200 and is_settled(orjson.loads(told.body)):
                    return
                await self.clock.sleep(0.1)

    async def _told(self, count: int) -> tuple[Acted, ...]:
        """The calls of actions, once there is one about each of so many triggers, or time is up."""
        until = self.clock.monotonic() + self.deployment.patience
        while True:
            acted = evidence.acted(self._receiver.backends.host)
            heard = len({one.trigger for one in acted})
            if heard >= count or self.clock.monotonic() > until:
                return acted
            await self.clock.sleep(0.1)

    async def records(self) -> Run:
        """What it left; while the server runs."""
        log = await evidence.log_of(self.deployment.config)
        acted = await self._told(len(set(log.fired)))
        received, calls = evidence.recorded(self.hosts())
        return Run(
            answered=tuple(self.callers.answered),
            logged=log.logged,
            received=received,
            settled=log.settled,
            fired=log.fired,
            acted=acted,
            redriven=evidence.redriven(log, self._redriven),
            kills=tuple(self.kills),
            at_once=AT_ONCE,
            calls=calls,
            refused=len(self.callers.refused),
            busy=self.callers.busy,
            unanswered=self.callers.unanswered,
            outage=self._outage,
            lines=tuple(self.deployment.lines()),
        )

    async def ended(self) -> None:
        """End the processes as an operator does."""
        assert await self.deployment.end() == {0}


@asynccontextmanager
async def open_stage(
    folder: Path, deploy: Deploy, dialects: Sequence[str], attempts: int
) -> AsyncIterator[Stage]:
    """Vendors that know every lead, and leadwire that knows them as one each; nobody calls yet."""
    async with AsyncExitStack() as stack:
        vendors: dict[str, Vendor] = {}
        for name in CONNECTORS:
            vendors[name] = await _vendor(stack)
        urls: dict[str, Any] = {
            CONNECTORS[name]: vendor.backends.url for name, vendor in vendors.items()
        }
        receiver = await _vendor(stack)
        urls[TOLD] = receiver.backends.url
        deployment = deploy(folder, settings(folder, urls, attempts))
        stack.push_async_callback(deployment.close)
        await deployment.start()
        leads = folder / "leads.csv"
        leads.write_text(rows_of(LEADS))
        code, _, err = await leadwire(deployment.config, "leads", "import", str(leads))
        assert code == 0, err
        callers = Callers(deployment.doors, LEADS, dialects, SystemClock())
        yield Stage(vendors, receiver, deployment, callers)


async def _vendor(stack: AsyncExitStack) -> Vendor:
    vendor = Vendor()
    await vendor.open()
    stack.push_async_callback(vendor.close)
    for lead in LEADS:
        seed(vendor.backends.host, lead)
    return vendor
