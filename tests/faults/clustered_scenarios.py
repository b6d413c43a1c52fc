"""The scenarios of several processes on a cluster: those of one process that make sense there, and
what only a cluster can meet."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

from gateway.store.leases import TTL
from tests.faults.checker import Verdict
from tests.faults.deployment import Deploy, Deployment
from tests.faults.disturbing import CALM, nothing
from tests.faults.records import Run
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.stage import Stage
from tests.faults.storage import LAUNCHER
from tests.journeys.clustered import Cluster, Clustered
from tests.journeys.running import Document

TAKEN_OVER = TTL + 7.0
"""Seconds in which a connector whose process died is at work again at another: its lease runs out,
somebody looks, and reads on from the frontier."""
STORMS, EVERY = 8, 3.0
"""How many processes come or go in a lease storm, and the seconds between."""
AWAY = 4.0
"""Seconds after which brokers or the database are started again; they take some to be there."""
SENT = 0.2
"""Seconds in which vendors have read what a process had sent before it hung."""


def deploying(cluster: Cluster) -> Deploy:
    """Deployments on a cluster, with the faults of `launching`."""

    def deploy(folder: Path, told: Document) -> Deployment:
        return cluster.deploy(folder, told, program=(str(LAUNCHER), str(folder)))

    return deploy


def _deployed(stage: Stage) -> Clustered:
    assert isinstance(stage.deployment, Clustered)
    return stage.deployment


async def leaders_killed(stage: Stage) -> None:
    """Each broker in turn fails as a machine does, and comes back."""
    cluster = _deployed(stage).cluster
    for node in cluster.kafka.nodes:
        await stage.flow(30)
        await cluster.kill(node)
        await stage.flow(30)
        await cluster.revive([node])
    await stage.flow(60)


async def brokers_restarted(stage: Stage) -> None:
    """All brokers are away at once."""
    cluster = _deployed(stage).cluster
    await stage.flow(60)
    async with stage.outage():
        await asyncio.gather(*map(cluster.kill, cluster.kafka.nodes))
        await stage.clock.sleep(AWAY)
        await cluster.revive(cluster.kafka.nodes)
    await stage.flow(60)


async def database_restarted(stage: Stage) -> None:
    """PostgreSQL crashes, and recovers some seconds later."""
    postgres = _deployed(stage).cluster.postgres
    await stage.flow(60)
    async with stage.outage():
        await asyncio.to_thread(postgres.stop, signal.SIGQUIT)
        await stage.clock.sleep(AWAY)
        await asyncio.to_thread(postgres.start)
    await stage.flow(60)


async def lease_storm(stage: Stage) -> None:
    """Every few seconds a process that runs connectors is killed, or another one joins or goes."""
    deployed, random = _deployed(stage), Random(20)
    guests = []
    for storm in range(STORMS):
        match storm % 3:
            case 0:
                guests.append(await deployed.join("connectors"))
            case 1:
                await stage.crash("connectors", random.uniform(0.1, 1.0))
            case _:
                assert await guests.pop().terminate() == 0
        await stage.clock.sleep(EVERY)
    for guest in guests:
        assert await guest.terminate() == 0
    await stage.flow(60)


async def frozen(stage: Stage) -> None:
    """A process that runs connectors hangs until others have taken them over, and then goes on:
    what it had in hand is not its own any more. Whatever it sent would come again without a
    reason, as only what was under way when it hung may."""
    deployed = _deployed(stage)
    for _ in range(2):
        await stage.flow(60)
        member = deployed.next("connectors")
        member.freeze()
        await stage.clock.sleep(SENT)
        stage.kills.append(stage.clock.now())
        await stage.clock.sleep(TAKEN_OVER)
        member.thaw()
        await stage.flow(60)


async def brief(stage: Stage) -> None:
    """SIGSTOP and SIGCONT within a lease: nothing changes hands."""
    deployed = _deployed(stage)
    await stage.flow(60)
    member = deployed.next("connectors")
    member.freeze()
    await stage.clock.sleep(CALM)
    member.thaw()
    await stage.flow(60)


# --- the table ------------------------------------------------------------------------------

TOLD = frozenset(
    {
        "automations.interrupted",
        "clock.jumped",
        "connector.interrupted",
        "ledger.interrupted",
        "replies.lost",
    }
)
"""What operators are told where work changes hands."""
_STALLS: Mapping[str, float] = {"kills": 2 * TAKEN_OVER, "stops": 20.0, "clock jumps": TAKEN_OVER}
"""Of scenarios in which connectors change hands."""
LINES = frozenset(
    {
        "automations.interrupted",
        "connector.interrupted",
        "ledger.interrupted",
        "library.said",
        "log.available",
        "log.consumer_replaced",
        "log.frontier_untold",
        "log.unavailable",
        "replies.interrupted",
        "replies.lost",
        "retention.interrupted",
        "storage.available",
        "storage.unavailable",
        "store.available",
        "store.unavailable",
    }
)
"""What operators are told while brokers or the database are away."""


def _shared() -> Iterator[Scenario]:
    """Those of one process, with the time that several take; two cores carry fewer calls for
    nine processes than for two."""
    for scenario in SCENARIOS:
        if scenario.name != "disk full":
            stall = _STALLS.get(scenario.name, scenario.stall)
            lines = scenario.lines | (TOLD if scenario.name in _STALLS else frozenset())
            least = scenario.least // 2 if scenario.disturb is nothing else scenario.least
            yield replace(scenario, stall=stall, lines=lines, least=least, within=300.0)


def _kills(run: Run, _: Verdict) -> int:
    return len(run.kills)


def _interrupted(run: Run, _: Verdict) -> int:
    return run.busy + run.unanswered


CLUSTERED: tuple[Scenario, ...] = (
    *_shared(),
    Scenario(
        "broker killed",
        "each of three brokers is killed in turn, and comes back",
        leaders_killed,
        lambda run, _: len(run.answered),
        least=150,
        stall=20.0,
        lines=LINES,
        within=300.0,
    ),
    Scenario(
        "brokers restarted",
        f"all three brokers are killed, and started after {AWAY:.0f} s",
        brokers_restarted,
        _interrupted,
        stall=15.0,
        lines=LINES,
        within=300.0,
    ),
    Scenario(
        "database restarted",
        f"PostgreSQL crashes, and is started after {AWAY:.0f} s",
        database_restarted,
        _interrupted,
        stall=15.0,
        lines=LINES,
        within=300.0,
    ),
    Scenario(
        "lease storm",
        f"every {EVERY:.0f} s a process with connectors is killed, joins or goes",
        lease_storm,
        _kills,
        least=2,
        stall=3 * TAKEN_OVER,
        within=300.0,
    ),
    Scenario(
        "frozen",
        f"a process with connectors is stopped by SIGSTOP for {TAKEN_OVER:.0f} s, twice",
        frozen,
        _kills,
        least=2,
        stall=TAKEN_OVER + 3.0,
        lines=LINES,
        within=300.0,
    ),
    Scenario(
        "hiccup",
        f"a process with connectors is stopped by SIGSTOP for {CALM:.0f} s",
        brief,
        lambda run, _: len(run.answered),
        least=100,
        within=300.0,
    ),
)
