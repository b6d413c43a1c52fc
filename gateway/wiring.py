"""From settings to parts: the only place that knows both halves."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.automations.consumers import Means, Plans
from connectors.automations.loading import load
from connectors.delivery.connector import Limit
from connectors.delivery.judgement import Policy
from connectors.delivery.plan import Plan, Ports
from connectors.delivery.rehearsing import Rehearsing
from connectors.vendor import Vendor
from gateway import lines
from gateway.automating import Automating
from gateway.clock import Clock
from gateway.dialect import Dialect
from gateway.edge import openapi
from gateway.edge.admin.application import Admin
from gateway.edge.admin.asked import Parts
from gateway.edge.admin.gauges import Gauges
from gateway.edge.admin.health import Health
from gateway.edge.app import Door
from gateway.edge.asking import Asking
from gateway.edge.building import Builder
from gateway.edge.claiming import Claiming
from gateway.edge.credentials import Credentials
from gateway.edge.explaining import Explaining
from gateway.edge.following import Following
from gateway.edge.intake import Intake
from gateway.edge.mailbox import Mailbox
from gateway.edge.native import NATIVE
from gateway.edge.paths import Paths
from gateway.edge.patience import Patience
from gateway.edge.quota import Counting, counted_here, counted_together
from gateway.edge.views import Views
from gateway.edge.waiting import Waiting
from gateway.metrics import Metrics
from gateway.posting import endpoints, poster
from gateway.routes import Routes
from gateway.settings.checks import many_processes
from gateway.settings.model import ConnectorSettings, Settings
from gateway.storage import Storage
from gateway.store.board import Board
from gateway.store.links import Links
from gateway.transport.aiohttp_client import AiohttpClient, written
from gateway.transport.guard import Guard
from gateway.transport.port import HttpClient

_SOMEWHERE = "0"
"""Where a dry run would have its reply sent: nothing is sent."""


def process_name() -> str:
    """Who we are, as an owner of leases: a restart is somebody else."""
    return f"{socket.gethostname()}:{os.getpid()}:{random.randrange(1 << 32):08x}"  # noqa: S311 - a name, no secret


def dialects(vendors: Iterable[Vendor]) -> dict[str, Dialect]:
    """Every dialect that is spoken to us, by name: the vendors' and our own."""
    theirs = {vendor.name: vendor.dialect for vendor in vendors if vendor.dialect is not None}
    return {**theirs, NATIVE.name: NATIVE.dialect}


def ports(
    storage: Storage,
    clock: Clock,
    metrics: Metrics,
    links: Links,
    board: Board,
    process: str,
) -> Ports:
    """What connectors work with."""
    return Ports(
        storage.log,
        storage.journal,
        storage.store,
        links,
        board,
        clock,
        metrics,
        client,
        random.random,
        process,
    )


def client(plan: Plan) -> HttpClient:
    """A connector's own HTTP client: its connections are nobody else's."""
    return AiohttpClient(plan.concurrency, plan.guard)


def explaining(
    settings: Settings,
    vendors: Sequence[Vendor],
    storage: Storage,
    clock: Clock,
    metrics: Metrics,
    links: Links,
    board: Board,
) -> Explaining:
    """What says what would become of a call; it needs no role but the configuration."""
    spoken = dialects(vendors)
    routes = Routes(settings.routes, settings.tenants, _route_failed)
    return Explaining(
        spoken,
        Paths(spoken.values()),
        Credentials(settings.tenants, spoken, counting(settings, storage, clock)),
        Builder(routes, links, lambda: _SOMEWHERE),
        routes,
        Rehearsing(plans(settings, vendors), links, storage.store, clock, written),
        board,
        vendors_of(settings),
        clock,
        metrics,
    )


def counting(settings: Settings, storage: Storage, clock: Clock) -> Counting:
    """Who counts callers' quotas: all processes together where they share the store."""
    if many_processes(settings):
        return counted_together(storage.store, clock)
    return counted_here(clock)


def vendors_of(settings: Settings) -> Mapping[str, str]:
    """Each connector's vendor."""
    return {name: connector.vendor for name, connector in settings.connectors.items()}


def plans(settings: Settings, vendors: Sequence[Vendor]) -> list[Plan]:
    """Every configured connector, one plan per shard."""
    known = {vendor.name: vendor for vendor in vendors}
    return [
        _plan(name, connector, known[connector.vendor], settings, shard)
        for name, connector in settings.connectors.items()
        for shard in range(connector.shards)
    ]


def automating(
    settings: Settings, vendors: Sequence[Vendor], storage: Storage, ports: Ports
) -> Automating | None:
    """The automations role; None where there are no rules."""
    if settings.automations is None:
        return None
    path = Path(settings.automations)
    routes = Routes(settings.routes, settings.tenants, _route_failed)
    builder = Builder(routes, ports.links, lambda: None)
    following = Following(builder, storage.journal, storage.log, ports.clock, settings.tenants)

    known = endpoints(vendors, settings.log.url)
    means = Means(
        endpoints_of_rules(settings, vendors), following.accept, storage.publish, ports.clock
    )
    return Automating(path, lambda: load(path, known), means, ports)


def endpoints_of_rules(settings: Settings, vendors: Sequence[Vendor]) -> Plans:
    """How the endpoints that rules call are planned: as connectors to them are."""

    def endpoint(name: str, own: ConnectorSettings) -> Plan:
        plan = _plan(name, own, poster(vendors), settings, 0)
        return replace(plan, triggers="never", reads_log=False)

    return endpoint


def _plan(
    name: str, settings: ConnectorSettings, vendor: Vendor, whole: Settings, shard: int
) -> Plan:
    connector = vendor.connect(name, settings, whole.tenants)
    limits = connector.limits
    if settings.limits is not None:
        limits = tuple(Limit(window.requests, window.per) for window in settings.limits)
    retry, breaker = settings.retry, settings.breaker
    throttled = connector.throttle_wait if retry.throttled is None else retry.throttled
    return Plan(
        name=name,
        system=settings.system or name,
        connector=connector,
        policy=Policy(
            retry.attempts,
            retry.first,
            retry.max,
            retry.max_age,
            throttled,
            skip_unlinked=settings.on_unlinked == "skip",
        ),
        limits=limits,
        concurrency=settings.concurrency,
        failures=breaker.failures,
        open_for=breaker.open,
        max_open=breaker.max_open,
        triggers=settings.triggers,
        hold=settings.after_dead_letter == "hold",
        shadow=settings.mode == "shadow",
        start=settings.start,
        shard=shard,
        shards=settings.shards,
        guard=Guard(whole.egress.allow) if vendor.guarded else None,
    )


@dataclass(frozen=True)
class Front:
    """The front door and what runs beside it."""

    door: Door
    waiting: Waiting
    mailbox: Mailbox
    claiming: Claiming


def front(
    settings: Settings,
    spoken: Mapping[str, Dialect],
    storage: Storage,
    clock: Clock,
    metrics: Metrics,
    links: Links,
    board: Board,
    explained: Explaining,
    process: str,
) -> Front:
    """The inbound listener's parts."""
    routes = Routes(settings.routes, settings.tenants, _route_failed)
    waiting = Waiting(storage.log, storage.store, clock)
    claiming = Claiming(storage.store, clock)
    intake = Intake(
        Credentials(settings.tenants, spoken, counting(settings, storage, clock)),
        Builder(routes, links, lambda: waiting.replyto),
        storage.journal,
        storage.log,
        Patience(waiting, board, settings.server.max_waiting),
        Views(storage.store, vendors_of(settings)),
        claiming,
        clock,
        metrics,
    )
    asking = Asking(intake, storage.store, storage.log, clock)
    paths = Paths(spoken.values())
    door = Door(paths, intake, asking, explained, claiming, settings.server, clock, metrics)
    mailbox = Mailbox(waiting, storage.log, storage.store, clock, process)
    return Front(door, waiting, mailbox, claiming)


def operated(
    settings: Settings, storage: Storage, clock: Clock, links: Links, explained: Explaining
) -> Parts:
    """What operations of operators work on."""
    return Parts(settings, storage.log, storage.store, clock, links, explained.explain)


def health(storage: Storage, clock: Clock, going: Callable[[], bool]) -> Health:
    """What says whether the process can do its work."""
    return Health(storage.probe, storage.condition, clock, going)


def store_health(storage: Storage, clock: Clock) -> Health | None:
    """What sees when trouble of the store alone is over; None where log and store are one."""
    if storage.store_condition is storage.condition:
        return None
    return Health(storage.store_probe, storage.store_condition, clock, lambda: True)


def admin(
    parts: Parts,
    metrics: Metrics,
    waiting: Waiting | None,
    health: Health,
    going: Callable[[], bool],
) -> Admin:
    """The admin listener's parts; `waiting` where this process has the front door."""

    def counts() -> Mapping[str, int]:
        return {} if waiting is None else waiting.dialects

    gauges = Gauges(parts, metrics, counts)
    return Admin(parts, metrics, health, gauges, going, openapi.document)


def _route_failed(route: str, reason: str) -> None:
    lines.warning("route.failed", route=route, reason=reason)
