"""The store's tables, in SQL that SQLite and PostgreSQL both read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.database.port import Operation, Query

VERSION: Final = 3

AUTOMATIONS: Final = (
    # What fired, which rules it matched, and what was done: an id that is here fires nothing more.
    """CREATE TABLE IF NOT EXISTS facts_seen (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, event_id TEXT NOT NULL, tenant TEXT NOT NULL,
        lead TEXT NOT NULL, connector TEXT NOT NULL, version TEXT NOT NULL, matched TEXT NOT NULL,
        fact TEXT NOT NULL, time DOUBLE PRECISION NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS facts_seen_by_event ON facts_seen (event_id)",
    "CREATE INDEX IF NOT EXISTS facts_seen_by_time ON facts_seen (time)",
    # Until when a rule does not fire again for a lead.
    """CREATE TABLE IF NOT EXISTS rule_rests (
        rule TEXT NOT NULL, tenant TEXT NOT NULL, lead TEXT NOT NULL,
        until DOUBLE PRECISION NOT NULL, PRIMARY KEY (rule, tenant, lead))""",
    # How many dispositions of a rule's a lead had in a row.
    """CREATE TABLE IF NOT EXISTS rule_counts (
        rule TEXT NOT NULL, tenant TEXT NOT NULL, lead TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (rule, tenant, lead))""",
    # Texts of rules by their version: why one did not match is found from these.
    """CREATE TABLE IF NOT EXISTS rule_texts (
        version TEXT PRIMARY KEY, text TEXT NOT NULL, time DOUBLE PRECISION NOT NULL)""",
)

# What callers have used of their quotas, where several processes count together.
QUOTAS: Final = ("CREATE TABLE IF NOT EXISTS quotas (name TEXT PRIMARY KEY, taken TEXT NOT NULL)",)
# Until when a connector's vendor wants nothing, and what its limits have given out: for its next
# owner.
PACES: Final = ("CREATE TABLE IF NOT EXISTS paces (lease TEXT PRIMARY KEY, pace TEXT NOT NULL)",)


def _adding(tables: Sequence[str]) -> Callable[[], Operation[None]]:
    def operation() -> Operation[None]:
        for statement in tables:
            yield Query(statement)

    return operation


MIGRATIONS: Final[Mapping[int, Callable[[], Operation[None]]]] = {
    1: _adding(AUTOMATIONS),
    2: _adding((*QUOTAS, *PACES)),
}
"""What makes a store of a version one of the next. Whoever changes `TABLES` raises `VERSION` and
adds here what a store that is there already needs for it. All of it is one transaction, in which
no statement may take longer than the database lets any."""

TABLES: Final = (
    # Small facts by name: the schema's version, the version of the links.
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
    # Which ids are one lead.
    """CREATE TABLE IF NOT EXISTS lead_links (
        tenant TEXT NOT NULL, system TEXT NOT NULL, scope TEXT NOT NULL, id TEXT NOT NULL,
        lead TEXT NOT NULL, place BIGINT NOT NULL, PRIMARY KEY (tenant, system, scope, id))""",
    "CREATE INDEX IF NOT EXISTS lead_links_by_lead ON lead_links (tenant, lead)",
    # Calls that may come again: which events they became, and the answer they got.
    """CREATE TABLE IF NOT EXISTS claims (
        tenant TEXT NOT NULL, claim TEXT NOT NULL, digest TEXT NOT NULL, events TEXT NOT NULL,
        answer TEXT, expires DOUBLE PRECISION NOT NULL, PRIMARY KEY (tenant, claim))""",
    "CREATE INDEX IF NOT EXISTS claims_by_expiry ON claims (expires)",
    # Who runs what.
    """CREATE TABLE IF NOT EXISTS leases (
        name TEXT PRIMARY KEY, owner TEXT NOT NULL, epoch BIGINT NOT NULL,
        until DOUBLE PRECISION NOT NULL)""",
    # Below `base` all is settled; `settled` is a bitmap of what is settled above it.
    """CREATE TABLE IF NOT EXISTS frontiers (
        consumer TEXT NOT NULL, topic TEXT NOT NULL, part INTEGER NOT NULL, base BIGINT NOT NULL,
        settled TEXT NOT NULL, PRIMARY KEY (consumer, topic, part))""",
    # Updates that wait for their next try, and what waits behind them.
    """CREATE TABLE IF NOT EXISTS parked (
        connector TEXT NOT NULL, lead TEXT NOT NULL, pos BIGINT NOT NULL, part INTEGER NOT NULL,
        event_id TEXT NOT NULL, round INTEGER NOT NULL, state TEXT NOT NULL,
        due DOUBLE PRECISION NOT NULL, progress TEXT NOT NULL, headers TEXT NOT NULL,
        value TEXT NOT NULL, time DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (connector, lead, pos))""",
    "CREATE INDEX IF NOT EXISTS parked_by_event ON parked (event_id)",
    # Last applied value of each field, with the log position that set it.
    """CREATE TABLE IF NOT EXISTS lead_fields (
        tenant TEXT NOT NULL, lead TEXT NOT NULL, connector TEXT NOT NULL, field TEXT NOT NULL,
        value TEXT NOT NULL, pos BIGINT NOT NULL,
        PRIMARY KEY (tenant, lead, connector, field))""",
    # How an authority decided, for the followers that wait for it.
    """CREATE TABLE IF NOT EXISTS verdicts (
        event_id TEXT PRIMARY KEY, applied INTEGER NOT NULL, time DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS dead_letters (
        id TEXT PRIMARY KEY, connector TEXT NOT NULL, lead TEXT NOT NULL, tenant TEXT NOT NULL,
        event_id TEXT NOT NULL, round INTEGER NOT NULL, code TEXT NOT NULL,
        time DOUBLE PRECISION NOT NULL, part INTEGER NOT NULL, pos BIGINT NOT NULL,
        state TEXT NOT NULL, outcome TEXT NOT NULL, headers TEXT NOT NULL, value TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS dead_letters_by_connector ON dead_letters (connector, state, time)",
    # What operators asked of a connector, and what it says of itself.
    """CREATE TABLE IF NOT EXISTS connectors (
        name TEXT PRIMARY KEY, wish TEXT NOT NULL, wishes BIGINT NOT NULL,
        resumes BIGINT NOT NULL, state TEXT NOT NULL,
        reason TEXT NOT NULL, details TEXT NOT NULL, time DOUBLE PRECISION NOT NULL)""",
    # The ledger: an update, and each verdict on it.
    """CREATE TABLE IF NOT EXISTS updates (
        event_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, lead TEXT NOT NULL, dialect TEXT NOT NULL,
        operation TEXT NOT NULL, connectors TEXT NOT NULL, authority TEXT NOT NULL,
        part INTEGER NOT NULL, pos BIGINT NOT NULL, time DOUBLE PRECISION NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS updates_by_lead ON updates (tenant, lead, time)",
    """CREATE TABLE IF NOT EXISTS deliveries (
        event_id TEXT NOT NULL, connector TEXT NOT NULL, round INTEGER NOT NULL,
        kind TEXT NOT NULL, code TEXT NOT NULL, time DOUBLE PRECISION NOT NULL,
        outcome TEXT NOT NULL, PRIMARY KEY (event_id, connector, round))""",
    *AUTOMATIONS,
    *QUOTAS,
    *PACES,
)

_NONE: Final = 0
"""The version of a store that has nothing yet."""


class NewerStore(Exception):
    """The store was written by a later leadwire; this one would not understand it."""


def create() -> Operation[None]:
    """Make a new store, or one of this version of an older. Several processes may do it at once:
    one does, the others find it done. Raises NewerStore, before anything is changed."""
    facts, *others = TABLES
    yield Query(facts)
    yield Query(
        "INSERT INTO facts (name, value) VALUES ('schema', ?) ON CONFLICT DO NOTHING", (_NONE,)
    )
    rows = yield Query("SELECT value FROM facts WHERE name = 'schema'")
    found = int(rows[0][0])
    if found > VERSION:
        raise NewerStore(
            f"the store was written by a later leadwire: it has version {found}, this one"
            f" reads {VERSION}; run the later one, nothing was changed"
        )
    if found == VERSION:
        return
    # First, so that whoever does the same waits here, and not in the midst of it.
    yield Query("UPDATE facts SET value = ? WHERE name = 'schema'", (VERSION,))
    if found == _NONE:
        for statement in others:
            yield Query(statement)
        return
    for version in range(found, VERSION):
        yield from MIGRATIONS[version]()
