"""`python -m tests.faults [NAME…]`: live through every scenario, or some, and print the table."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from pprint import pformat
from tempfile import TemporaryDirectory

from tests.faults.scenarios import SCENARIOS, Scenario, live_through
from tests.faults.table import head, row

EXAMPLES = 3
"""How many of each fault are printed."""


async def main(scenarios: Sequence[Scenario]) -> bool:
    """Print each scenario's line as it ends, and what was wrong to stderr; whether nothing was.
    Ended by SIGTERM it ends the processes that it started."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    sys.stdout.write(head())
    fine = True
    for scenario in scenarios:
        with TemporaryDirectory(prefix="leadwire-faults-") as folder:
            finished = await live_through(scenario, Path(folder))
        sys.stdout.write(row(finished))
        sys.stdout.flush()
        for name, found in finished.faults.items():
            fine = False
            some = found[:EXAMPLES] if isinstance(found, list | tuple) else found
            sys.stderr.write(f"{scenario.name}: {name}: {pformat(some)}\n")
    return fine


if __name__ == "__main__":
    named = {scenario.name: scenario for scenario in SCENARIOS}
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(named)}")
    wanted = parser.parse_args().names or list(named)
    if not named.keys() >= set(wanted):
        parser.error(f"the scenarios are {', '.join(named)}")
    sys.exit(not asyncio.run(main([named[name] for name in wanted])))
