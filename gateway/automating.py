"""The automations role: the rules in force, who asks them, and who carries out what they want.

The file of rules is looked at each second. A new one takes the place of the old at once, for what
fires from then on; a broken one is told of and changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from connectors.automations.consumers import Means, consumers
from connectors.automations.evaluator import Evaluator
from connectors.automations.evaluator import Ports as EvaluatorPorts
from connectors.automations.loading import Loaded
from connectors.delivery.owner import Owner
from connectors.delivery.plan import Ports
from gateway import lines
from gateway.settings import SettingsError

ROLE = "automations"
LOOK = 1.0
"""Seconds between looks at the file."""
Read = Callable[[], Loaded]
"""Reads the file of rules. Raises SettingsError."""


class Automating:
    """The role, in one process."""

    def __init__(self, path: Path, read: Read, means: Means, ports: Ports) -> None:
        """`read` reads the file at `path`; it was read once already, and was fine."""
        self._path, self._read = path, read
        self._means, self._ports = means, ports
        loaded = read()
        self.version = loaded.rules.version
        """Of the rules in force."""
        self._stamp = self._stamped()
        told = EvaluatorPorts(
            ports.log, ports.store, ports.clock, ports.metrics, ports.process, self._poke
        )
        self._evaluator = Evaluator(told, loaded)
        self._owner = self._owner_of(loaded)
        self._owning: asyncio.Task[None] | None = None

    def _owner_of(self, loaded: Loaded) -> Owner:
        plans = consumers(loaded.automations, self._means)
        return Owner(plans, self._ports, ROLE)

    def _poke(self, consumers: Iterable[str]) -> None:
        self._owner.poke(consumers)

    async def introduce(self) -> None:
        """Write down where rules begin. Raises DatabaseUnavailable, LogUnavailable."""
        await self._evaluator.introduce()

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._evaluator.run())
            tasks.create_task(self._own())
            tasks.create_task(self._watch())

    async def stop(self, within: float) -> None:
        """Drain those who carry actions out."""
        await self._owner.stop(within)

    async def _own(self) -> None:
        while True:
            owner = self._owner
            self._owning = asyncio.create_task(owner.run())
            with suppress(asyncio.CancelledError):
                await self._owning
            if owner is self._owner:
                await asyncio.Event().wait()  # stopped: the end of the process is near

    async def _watch(self) -> None:
        while True:
            await self._ports.clock.sleep(LOOK)
            stamp = self._stamped()
            if stamp == self._stamp:
                continue
            self._stamp = stamp
            try:
                loaded = self._read()
            except SettingsError as error:
                self._ports.metrics.rules_refused().set(1)
                lines.error("automations.refused", reason=str(error))
                continue
            self._ports.metrics.rules_refused().set(0)
            await self._use(loaded)

    async def _use(self, loaded: Loaded) -> None:
        lines.info("automations.reloaded", version=loaded.rules.version)
        self._evaluator.use(loaded)
        self.version = loaded.rules.version
        former, owning = self._owner, self._owning
        self._owner = self._owner_of(loaded)
        await former.stop(LOOK)
        if owning is not None:
            owning.cancel()

    def _stamped(self) -> Sequence[int]:
        """What changes when somebody writes the file; nothing while it is not there."""
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino
