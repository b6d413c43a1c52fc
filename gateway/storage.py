"""Log and store as configured: the only place that picks their adapters.

log.url     store.url      processes
sqlite:F    sqlite:F       one: a settle is one transaction of the file
kafka:…     sqlite:F       one: the store's file is locked
kafka:…     postgresql:…   any number
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from gateway import lines
from gateway.clock import Clock
from gateway.database.files import ForeignDatabase
from gateway.database.port import Database, DatabaseUnavailable, Urgency
from gateway.database.sqlite import SqliteDatabase
from gateway.eventlog.port import EventLog, LogUnavailable, Message, NewRecord, Topic
from gateway.eventlog.sqlite import SqliteLog
from gateway.journal.condition import Condition
from gateway.journal.embedded import EmbeddedJournal
from gateway.journal.port import Journal
from gateway.journal.split import SplitJournal
from gateway.metrics import Metrics
from gateway.settings.checks import kind_of
from gateway.settings.model import Settings
from gateway.store import belonging, leases, standing
from gateway.store.belonging import OtherLog
from gateway.store.port import Store
from gateway.store.schema import NewerStore

UNOPENED: Final = (
    ForeignDatabase,
    NewerStore,
    OtherLog,
    DatabaseUnavailable,
    LogUnavailable,
    OSError,
)
"""Why log and store can't be opened, as `open_storage` raises it."""
Probe: TypeAlias = Callable[[], Awaitable[None]]
"""A real write, made durable. Raises DatabaseUnavailable, LogUnavailable."""


@dataclass(frozen=True)
class Storage:
    """The log and the store, open."""

    log: EventLog
    store: Store
    journal: Journal
    condition: Condition
    """Whether appends can be made durable."""
    probe: Probe
    """As large as an append, and where appends go."""
    store_condition: Condition
    """Whether the store can be written; the same as `condition` where both are one file."""
    store_probe: Probe
    """A write to the store."""
    own_log: SqliteLog | None
    """The log, where it is ours to let go of what is old."""
    publish: Callable[[str, Message], Awaitable[None]] | None
    """Append to somebody else's topic, where the log's cluster has any. Raises LogUnavailable,
    AppendUnknown."""
    opened: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def close(self) -> None:
        """Finish what is queued and let go of both."""
        await self.opened.aclose()


async def open_storage(settings: Settings, clock: Clock, metrics: Metrics) -> Storage:
    """Open the log and the store. Raises what `UNOPENED` names, and ValueError for an address
    that is none: `settings.checks` lets none through."""
    opened = AsyncExitStack()
    try:
        if settings.log.url.startswith("sqlite:"):
            return await _one_file(settings, clock, metrics, opened)
        return await _apart(settings, clock, metrics, opened)
    except BaseException:
        await opened.aclose()
        raise


def embedded(
    database: SqliteDatabase,
    log: SqliteLog,
    store: Store,
    clock: Clock,
    metrics: Metrics,
    opened: AsyncExitStack,
) -> Storage:
    """Log and store that are one open file."""
    condition = Condition(clock, metrics.log_writable(), metrics.store_writable())
    flushed = metrics.log_append_seconds().observe
    journal = EmbeddedJournal(database, log, clock, flushed, condition.failed)
    probe = partial(write_to_store, store, clock)
    return Storage(log, store, journal, condition, probe, condition, probe, log, None, opened)


async def _one_file(
    settings: Settings, clock: Clock, metrics: Metrics, opened: AsyncExitStack
) -> Storage:
    database = _file(settings.log.url, opened)
    store = await _locked(database)
    await store.run(partial(belonging.belong, "sqlite"))
    log = SqliteLog(database, settings.log.partitions)
    await log.start()
    return embedded(database, log, store, clock, metrics, opened)


async def _apart(
    settings: Settings, clock: Clock, metrics: Metrics, opened: AsyncExitStack
) -> Storage:
    # Nobody with an embedded log has to load it.
    from gateway.eventlog.kafka import KafkaLog  # noqa: PLC0415 - as above

    store, prefix = await _store(settings.store.url, opened), settings.log.prefix
    await store.run(partial(belonging.belong, f"kafka {prefix}"))
    log = KafkaLog(
        settings.log.url,
        prefix,
        clock,
        access=settings.log.kafka,
        compression=settings.log.compression,
    )
    await log.start()
    opened.push_async_callback(log.close)
    condition = Condition(clock, metrics.log_writable(), what="log")
    away = Condition(clock, metrics.store_writable(), what="store")
    journal = SplitJournal(
        log,
        store,
        clock,
        metrics.log_append_seconds().observe,
        condition.failed,
        away.failed,
        metrics.unclaimed_calls().inc,
    )
    probe, store_probe = partial(_append, log, clock), partial(write_to_store, store, clock)
    return Storage(
        log, store, journal, condition, probe, away, store_probe, None, log.publish, opened
    )


async def _store(url: str, opened: AsyncExitStack) -> Store:
    if kind_of(url) == "sqlite":
        return await _locked(_file(url, opened))
    # As above, with a file.
    from gateway.database.postgres import PostgresDatabase  # noqa: PLC0415 - as above

    database = PostgresDatabase(url)
    opened.push_async_callback(database.close)
    await database.start()
    store = Store(database)
    await store.start()
    return store


async def _locked(database: Database) -> Store:
    """The store in a file that is locked by us: whoever held a lease in it is gone."""
    store = Store(database)
    await store.start()
    await store.run(leases.release_all)
    return store


def _file(url: str, opened: AsyncExitStack) -> SqliteDatabase:
    database = SqliteDatabase(url.removeprefix("sqlite:"))
    opened.push_async_callback(_close, database)
    return database


async def _close(database: SqliteDatabase) -> None:
    await database.close()
    rescued = database.connection.rescued
    if rescued is not None:
        lines.error("storage.rescued", copy=rescued)


async def write_to_store(store: Store, clock: Clock) -> None:
    """A write as large as an append. Raises DatabaseUnavailable."""
    now = int(clock.now())
    await store.run(lambda: standing.probe(now), Urgency.FIRST)


async def _append(log: EventLog, clock: Clock) -> None:
    """To the replies, whose readers pass over what is none."""
    value = b'"%s"' % (b"p" * standing.PROBE_BYTES)
    await log.append([NewRecord(Topic.REPLIES, 0, "probe", (), value, clock.now())])
