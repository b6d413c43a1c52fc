"""What a connector's next owner must know of its pace: a text that its owner writes and reads."""

from __future__ import annotations

from gateway.database.port import Operation, Query
from gateway.store import leases


def keep(lease: str, epoch: int, pace: str) -> Operation[None]:
    """Write it down. Raises LeaseLost for who is the owner no more."""
    yield from leases.check(lease, epoch)
    yield Query(
        "INSERT INTO paces (lease, pace) VALUES (?, ?)"
        " ON CONFLICT (lease) DO UPDATE SET pace = excluded.pace",
        (lease, pace),
    )


def kept(lease: str) -> Operation[str | None]:
    """What its last owner wrote down; None: nothing."""
    rows = yield Query("SELECT pace FROM paces WHERE lease = ?", (lease,))
    return rows[0][0] if rows else None
