"""What is configured of one connector, and the ports it works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectors.delivery.connector import Connector, Limit
from connectors.delivery.judgement import Policy
from connectors.delivery.triggers import When
from gateway.clock import Clock
from gateway.eventlog.port import EventLog
from gateway.journal.port import Journal
from gateway.metrics import Metrics
from gateway.store.board import Board
from gateway.store.links import Links
from gateway.store.port import Store
from gateway.transport.guard import Guard
from gateway.transport.port import HttpClient


@dataclass(frozen=True)
class Plan:
    """One connector, as configured."""

    name: str
    system: str
    """Whose ids it speaks."""
    connector: Connector
    policy: Policy
    limits: tuple[Limit, ...]
    concurrency: int
    failures: int
    """Failures in a row that open the breaker."""
    open_for: float
    max_open: float
    triggers: When = "authority"
    hold: bool = False
    """Whether a dead letter keeps the lead's later updates back."""
    shadow: bool = False
    start: str = "end"
    shard: int = 0
    shards: int = 1
    guard: Guard | None = None
    """What may be dialled; none for anything."""
    reads_log: bool = True
    """Whether updates come from the log; else everything it has was put into the store for it."""
    disable_after: float | None = None
    """Seconds without a proper answer after which it is paused, as at once where the vendor asks to
    be sent no more; None: neither."""
    client: HttpClient | None = None
    """Who answers its requests, where that is nobody on the network."""

    @property
    def senders(self) -> int:
        """How many conversations are held at once."""
        most = self.connector.most_in_flight
        return self.concurrency if most is None else min(self.concurrency, most)

    @property
    def lease(self) -> str:
        """Name of the lease under which it runs."""
        return self.name if self.shards == 1 else f"{self.name}#{self.shard}"


@dataclass(frozen=True)
class Ports:
    """What every worker of a process shares."""

    log: EventLog
    journal: Journal
    store: Store
    links: Links
    board: Board
    clock: Clock
    metrics: Metrics
    client: Callable[[Plan], HttpClient]
    """A client for one connector."""
    jitter: Callable[[], float]
    """A number from 0 to 1."""
    process: str
    """Who we are, as a lease's owner."""
