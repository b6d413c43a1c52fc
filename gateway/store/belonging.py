"""Which log a store goes with: its frontiers are positions in that one, and mean nothing in
another."""

from __future__ import annotations

from zlib import crc32

from gateway.database.port import Operation, Query


class OtherLog(Exception):
    """The store was used with another log."""


def belong(log: str) -> Operation[None]:
    """Say which log the store goes with, the first time. Raises OtherLog."""
    wanted = crc32(log.encode())
    yield Query(
        "INSERT INTO facts (name, value) VALUES ('log', ?) ON CONFLICT DO NOTHING", (wanted,)
    )
    rows = yield Query("SELECT value FROM facts WHERE name = 'log'")
    if rows[0][0] != wanted:
        raise OtherLog(
            f"the store was used with another log than {log}: where connectors stand in that one"
            " says nothing of this one, and updates would be passed by; begin with a new store"
        )
