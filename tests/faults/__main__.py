"""`python -m tests.faults [--on DEPLOYMENT] [NAME…]`: live through every scenario, or some, and
print the tables."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from pprint import pformat
from tempfile import TemporaryDirectory

from tests.faults.clustered_scenarios import CLUSTERED, deploying
from tests.faults.deployment import Deploy, Embedded
from tests.faults.scenarios import SCENARIOS, Scenario, live_through
from tests.faults.table import head, row
from tests.journeys.clustered import cluster
from tests.kafka import artifacts

DEPLOYMENTS = ("embedded", "cluster")
EXAMPLES = 3
"""How many of each fault are printed."""


async def live(scenarios: Sequence[Scenario], deploy: Deploy) -> bool:
    """Print each scenario's line as it ends, and what was wrong to stderr; whether nothing was."""
    sys.stdout.write(head())
    fine = True
    for scenario in scenarios:
        with TemporaryDirectory(prefix="leadwire-faults-") as folder:
            finished = await live_through(scenario, Path(folder), deploy)
        sys.stdout.write(row(finished))
        sys.stdout.flush()
        for name, found in finished.faults.items():
            fine = False
            some = found[:EXAMPLES] if isinstance(found, list | tuple) else found
            sys.stderr.write(f"{scenario.name}: {name}: {pformat(some)}\n")
    return fine


async def main(names: Sequence[str], wanted: Sequence[str]) -> bool:
    """The table of each deployment; whether nothing was wrong. Ended by SIGTERM it ends the
    processes that it started."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    fine = True
    alone = [one for one in SCENARIOS if one.name in names]
    several = [one for one in CLUSTERED if one.name in names]
    if "embedded" in wanted and alone:
        sys.stdout.write("One process with one file:\n\n")
        fine = await live(alone, Embedded)
    if "cluster" in wanted and several:
        sys.stdout.write("\nFive processes, three brokers, PostgreSQL:\n\n")
        with (
            TemporaryDirectory(prefix="leadwire-kafka-") as folder,
            cluster(Path(folder)) as shared,
        ):
            fine = await live(several, deploying(shared)) and fine
    return fine


def chosen() -> tuple[list[str], list[str]]:
    """Scenarios and deployments, as the command line has them."""
    names = list(dict.fromkeys(one.name for one in (*SCENARIOS, *CLUSTERED)))
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(names)}")
    parser.add_argument("--on", choices=DEPLOYMENTS, help="what they are lived through on; both")
    told = parser.parse_args()
    if not set(names) >= set(told.names):
        parser.error(f"the scenarios are {', '.join(names)}")
    wanted = [told.on] if told.on else list(DEPLOYMENTS)
    lacking = artifacts.lacking()
    if "cluster" in wanted and lacking is not None:
        parser.error(f"{lacking}, which a cluster needs: --on embedded goes without")
    return told.names or names, wanted


if __name__ == "__main__":
    sys.exit(not asyncio.run(main(*chosen())))
