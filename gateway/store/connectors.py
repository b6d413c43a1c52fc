"""What operators wish of a connector, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.database.port import InsertMany, Operation, Query

_COLUMNS = "name, wish, wishes, resumes, state, reason, details, time"


@dataclass(frozen=True, slots=True)
class ConnectorRow:
    """A connector's line."""

    name: str
    wish: str
    """`run` or `paused`."""
    wishes: int
    """Moves whenever an operator changed something the connector must look at."""
    resumes: int
    """Moves whenever an operator said that what was wrong is mended."""
    state: str
    """`running`, `paused`, `breaker_open`, `stopped`, `waiting` (another process has it)."""
    reason: str
    details: str
    """JSON."""
    time: float


# Its lease, or those of its shards.
_LEASES = "({0} = ? OR substr({0}, 1, ?) = ?)"


def row(name: str) -> Operation[ConnectorRow]:
    """A connector's line; made if it is new."""
    yield Query(
        f"INSERT INTO connectors ({_COLUMNS})"
        " VALUES (?, 'run', 0, 0, 'new', '', '{}', 0) ON CONFLICT DO NOTHING",
        (name,),
    )
    rows = yield Query(
        f"SELECT {_COLUMNS} FROM connectors WHERE name = ?",
        (name,),
    )
    return ConnectorRow(*rows[0])


def all_rows() -> Operation[list[ConnectorRow]]:
    """Every connector ever seen."""
    rows = yield Query(f"SELECT {_COLUMNS} FROM connectors ORDER BY name")
    return [ConnectorRow(*line) for line in rows]


def report(name: str, state: str, reason: str, details: str, now: float) -> Operation[None]:
    """Say how a connector is."""
    yield Query(
        f"INSERT INTO connectors ({_COLUMNS})"
        " VALUES (?, 'run', 0, 0, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
        " state = excluded.state, reason = excluded.reason, details = excluded.details,"
        " time = excluded.time",
        (name, state, reason, details, now),
    )


def wish(name: str, value: str) -> Operation[None]:
    """Ask a connector to run or to pause; it looks within a second."""
    yield from row(name)
    yield Query(
        "UPDATE connectors SET wish = ?, wishes = wishes + 1, resumes = resumes + ? WHERE name = ?",
        (value, int(value == "run"), name),
    )


def seek(name: str, topic: str, bases: Mapping[int, int]) -> Operation[None]:
    """Move a connector's frontier. Its lease gets a new epoch, so a running owner's next settle
    is refused and it begins again from here."""
    yield InsertMany(
        "INSERT INTO frontiers (consumer, topic, part, base, settled)",
        [(name, topic, part, base, "") for part, base in bases.items()],
        "ON CONFLICT (consumer, topic, part) DO UPDATE SET base = excluded.base, settled = ''",
    )
    yield Query(
        f"UPDATE leases SET epoch = epoch + 1 WHERE {_LEASES.format('name')}", _leases(name)
    )
    yield Query("UPDATE connectors SET wishes = wishes + 1 WHERE name = ?", (name,))


def forget(name: str) -> Operation[bool]:
    """Forget a connector that is no longer configured, so that retention stops waiting for it;
    whether there was one."""
    rows = yield Query("SELECT 1 FROM frontiers WHERE consumer = ? LIMIT 1", (name,))
    for table in ("frontiers", "lead_fields", "parked", "connectors"):
        column = {"frontiers": "consumer", "connectors": "name"}.get(table, "connector")
        yield Query(f"DELETE FROM {table} WHERE {column} = ?", (name,))
    # The lease's row stays: an epoch that began again at 1 could be one that was held before.
    own, paces = _LEASES.format("name"), _LEASES.format("lease")
    yield Query(f"UPDATE leases SET epoch = epoch + 1, until = 0 WHERE {own}", _leases(name))
    yield Query(f"DELETE FROM paces WHERE {paces}", _leases(name))
    return bool(rows)


def _leases(name: str) -> tuple[str, int, str]:
    shards = name + "#"
    return name, len(shards), shards
