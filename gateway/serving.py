"""The life of a server process: start, run, drain.

On SIGTERM the process first says that it is not ready; a moment later (`server.drain_after`) it
takes no new connections, answers the calls that wait, lets deliveries under way end and settles
them, gives its leases back and closes. What does not end within `shutdown_within` is left for the
next process, which finds it in the log.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

from connectors.delivery.owner import Owner
from connectors.delivery.plan import Ports
from connectors.vendor import Vendor
from gateway import __version__, lines, wiring
from gateway.automating import Automating
from gateway.clock import Clock
from gateway.database.port import DatabaseUnavailable
from gateway.edge.admin.listener import AdminListener
from gateway.edge.http.bounds import bounds
from gateway.edge.http.connections import Connections
from gateway.edge.http.listener import Listener
from gateway.ledger.projector import Projector
from gateway.ledger.retention import Retention
from gateway.metrics import Metrics
from gateway.settings.model import Settings
from gateway.storage import open_storage
from gateway.store import connectors
from gateway.store.board import Board
from gateway.store.links import Links

ROLES = ("gateway", "connectors", "automations", "ledger")
BEAT = 1.0
ADMIN_CLOSES_WITHIN = 2.0
"""Seconds for operators' requests under way to end; it is the last to close."""
SPARE_FILES = 200
"""Open files kept for everything but waiting callers."""


class Server:
    """One process with some roles."""

    def __init__(
        self,
        settings: Settings,
        vendors: Sequence[Vendor],
        clock: Clock,
        roles: Sequence[str],
        *,
        shared: bool = False,
    ) -> None:
        """`start` opens everything; `shared`: other processes listen on our port too."""
        self._shared = shared
        self._settings = _fitted(settings)
        self._vendors, self._clock, self._roles = vendors, clock, frozenset(roles)
        self._process = wiring.process_name()
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self.metrics = Metrics()
        self.board = Board()
        self.ready = False
        self.port = 0
        self.admin_port = 0
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when a task that must run for ever has ended."""
        self.owner: Owner | None = None
        self.automating: Automating | None = None
        self._door: Listener | None = None

    async def start(self) -> None:
        """Open log and store, start the roles, listen. Raises ForeignDatabase, NewerStore,
        DatabaseUnavailable, LogUnavailable, OSError, and ValueError for an address that is
        none."""
        self.metrics.build_info(__version__).set(1)
        self.storage = await open_storage(self._settings, self._clock, self.metrics)
        self._stack.push_async_callback(self.storage.close)
        self.links = Links(self.storage.store)
        await self.links.refresh()
        self._run(self._beat())
        kept = self._settings.log.retention, self._settings.store.retention
        self._run(Retention(self.storage.own_log, self.storage.store, self._clock, *kept).run())
        ports = wiring.ports(
            self.storage, self._clock, self.metrics, self.links, self.board, self._process
        )
        self.owner = Owner(wiring.plans(self._settings, self._vendors), ports)
        await self.owner.introduce()
        if "connectors" in self._roles:
            self._run(self.owner.run())
        if "automations" in self._roles:
            await self._automate(ports)
        if "ledger" in self._roles:
            log, store = self.storage.log, self.storage.store
            self._run(Projector(log, store, self._clock, self._process).run())
        self.explaining = wiring.explaining(
            self._settings,
            self._vendors,
            self.storage,
            self._clock,
            self.metrics,
            self.links,
            self.board,
        )
        if "gateway" in self._roles:
            await self._open_door()
        await self._open_admin()
        self.ready = True
        lines.info("server.ready", port=self.port, admin_port=self.admin_port)

    async def _automate(self, ports: Ports) -> None:
        automating = wiring.automating(self._settings, self._vendors, self.storage, ports)
        if automating is not None:
            await automating.introduce()
            self._run(automating.run())
            self.automating = automating

    async def leave(self) -> None:
        """Say that this process is not ready, and go on for as long as it takes whoever sends
        calls here to hear of it."""
        self.ready = False
        if self._door is not None and not self.failed.done():
            await self._clock.sleep(self._settings.server.drain_after)

    async def stop(self) -> None:
        """Drain and close."""
        self.ready = False
        within = self._settings.shutdown_within
        began = self._clock.monotonic()
        if self._door is not None:
            await self._door.close(self._settings.shutdown_within)
            await self.front.claiming.finish()
            await self.front.mailbox.stop()
        left = max(1.0, within - (self._clock.monotonic() - began))
        if self.owner is not None:
            await self.owner.stop(left)
        if self.automating is not None:
            await self.automating.stop(max(1.0, within - (self._clock.monotonic() - began)))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()
        lines.info("server.stopped", seconds=round(self._clock.monotonic() - began, 3))

    async def _open_door(self) -> None:
        spoken = wiring.dialects(self._vendors)
        self.front = wiring.front(
            self._settings,
            spoken,
            self.storage,
            self._clock,
            self.metrics,
            self.links,
            self.board,
            self.explaining,
            self._process,
        )
        await self.front.mailbox.start()
        self._run(self.front.mailbox.run())
        self._run(self.front.waiting.run())
        self._run(self.front.claiming.run())
        server = self._settings.server
        connections = Connections(bounds(server), self._clock, self.metrics)
        serve = self.front.door.serve
        self._door = Listener(
            serve, server.host, server.port, server.tls, connections, shared=self._shared
        )
        await self._door.open()
        self.port = self._door.port

    async def _open_admin(self) -> None:
        parts = wiring.operated(
            self._settings, self.storage, self._clock, self.links, self.explaining
        )
        waiting = None if self._door is None else self.front.waiting
        health = wiring.health(self.storage, self._clock, lambda: self.ready)
        self._run(health.watch())
        of_store = wiring.store_health(self.storage, self._clock)
        if of_store is not None:
            self._run(of_store.watch())
        served = wiring.admin(parts, self.metrics, waiting, health, lambda: self.ready)
        settings = self._settings.admin
        listener = AdminListener(served.application(), settings.host, settings.port, settings.tls)
        self._stack.push_async_callback(listener.close)
        await listener.open(ADMIN_CLOSES_WITHIN)
        self.admin_port = listener.port

    async def _beat(self) -> None:
        """Each second: what did others change?"""
        while True:
            try:
                await self.links.refresh()
                self.board.read(await self.storage.store.run(connectors.all_rows))
            except DatabaseUnavailable as error:
                self.storage.store_condition.failed(str(error))
            await self._clock.sleep(BEAT)

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        failed = self.failed
        if task.cancelled() or failed.done():
            return
        error = task.exception()
        if error is not None:
            failed.set_exception(error)


def _fitted(settings: Settings) -> Settings:
    """Raise the open-file limit to its hard value, and let no more callers in, and no more calls
    wait, than it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most, server = max(1, hard - SPARE_FILES), settings.server
    fitted = {name: min(getattr(server, name), most) for name in ("max_waiting", "max_connections")}
    server = server.model_copy(update=fitted)
    return settings.model_copy(update={"server": server})
