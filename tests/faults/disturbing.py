"""What scenarios do to a stage while its callers call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import TypeAlias

from connectors.sandbox.faults import Fault
from gateway.serving import ROLES
from tests.faults.launching import CLOCK, PRAGMA
from tests.faults.stage import LEADS, Stage
from tests.journeys import answers
from tests.journeys.everyone import CONNECTORS

Disturb: TypeAlias = Callable[[Stage], Awaitable[None]]

CALM, ILL = 2.0, 8.0
"""Seconds of load without and with a fault."""
KILLS, KILLING, FEWEST = 12, 30.0, 3
"""Most kills, and the seconds after which there is no further one where starts are slow."""
STOPPED = ("gateway", "connectors", "ledger")
"""Roles whose processes are asked to end in turn."""
HOURS = 5 * 3600
THROTTLES: Mapping[str, tuple[int, object]] = {
    "noojee-au": answers.NOOJEE_BUSY,
    "lsq": answers.LEADSQUARED_BUSY,
    "polly": (429, answers.polly_error("Rate limit exceeded", "RATE_LIMIT_EXCEEDED")),
    "nexa": answers.DIALNEXA_BUSY,
}
"""How each connector's vendor says that it is called too often."""


async def nothing(stage: Stage) -> None:
    """All is well."""
    await stage.clock.sleep(CALM + ILL)


async def kills(stage: Stage) -> None:
    """SIGKILL again and again, of one role after the other, at random moments; every other time
    soon after the start."""
    random, until = Random(20), stage.clock.monotonic() + KILLING
    for kill in range(KILLS):
        if stage.clock.monotonic() > until:
            return
        if kill % 2:
            await stage.flow(10)
        await stage.clock.sleep(random.uniform(0.0, 0.5))
        await stage.crash(ROLES[kill % len(ROLES)], random.uniform(0.05, 0.2))


async def stops(stage: Stage) -> None:
    """SIGTERM and a start, of one role after the other."""
    for role in STOPPED:
        await stage.flow(60)
        assert await stage.deployment.terminate(role) == 0
        await stage.deployment.start()


async def ill(stage: Stage, faults: Mapping[str, tuple[Fault, ...]]) -> None:
    """Each connector's vendor has these faults for a while."""
    await stage.clock.sleep(CALM)
    for connector, some in faults.items():
        for fault in some:
            stage.fault(connector, fault)
    await stage.clock.sleep(ILL)
    stage.cure()
    await stage.clock.sleep(CALM)


def everywhere(*faults: Fault) -> dict[str, tuple[Fault, ...]]:
    """The same at every vendor."""
    return dict.fromkeys(CONNECTORS, faults)


BROWN_OUT = {
    connector: (
        Fault(status=500, probability=0.25, seed=1),
        Fault(status=status, body=body, probability=0.25, seed=2),
    )
    for connector, (status, body) in THROTTLES.items()
}
SLOW = everywhere(Fault(delay=4.0, probability=0.05, seed=1), Fault(delay=0.3))
LOST_ANSWERS = everywhere(Fault(drop="after", probability=0.15, seed=1))


async def poisoned(stage: Stage) -> None:
    """Two vendors fail about one lead until its updates are dead letters; then they are well, and
    all of these are sent again."""
    await stage.clock.sleep(CALM)
    for connector in ("noojee-au", "polly"):
        stage.fault(connector, Fault(status=500, body={"x": 1}), LEADS[0])
    await stage.clock.sleep(ILL)
    stage.cure()
    await stage.redrive()
    await stage.clock.sleep(CALM)


async def away(stage: Stage, connector: str) -> None:
    """Nobody listens at one vendor."""
    await stage.clock.sleep(CALM)
    await stage.away(connector, ILL)
    await stage.clock.sleep(CALM)


async def clock_jumps(stage: Stage) -> None:
    """The machine's clock is set by hours, forward and back, while a vendor fails about one lead;
    and a kill in between."""
    for ahead in (HOURS, 0, -HOURS, HOURS):
        stage.fault("noojee-au", Fault(status=500, body={"x": 1}, times=6), LEADS[0])
        await stage.flow(40)
        stage.deployment.inflict(CLOCK, str(ahead))
        await stage.flow(60)
    await stage.crash("connectors", 0.1)
    stage.deployment.inflict(CLOCK, str(-HOURS))
    await stage.flow(60)


async def disk_full(stage: Stage) -> None:
    """The database may not grow for a while."""
    await stage.clock.sleep(CALM)
    stage.deployment.inflict(PRAGMA, "PRAGMA max_page_count=1")
    await stage.clock.sleep(ILL)
    stage.deployment.inflict(PRAGMA, "PRAGMA max_page_count=1073741823")
    await stage.flow(60)
