"""Who runs a connector now: one process at a time, by name, with an epoch that only grows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gateway.database.port import Operation, Query

TTL = 15.0
"""Seconds a lease holds."""
RENEW = 3.0
"""Seconds between renewals, and how much must be left before anything is sent."""


class LeaseLost(Exception):
    """Another process has the lease, or had it since: nothing of ours may be settled."""


class Watch:
    """Sees which leases nobody renews, by this process's own monotonic clock. Wall clocks differ,
    and jump: by theirs a lease that its owner still has could look as if it had run out."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Nothing seen."""
        self._monotonic = monotonic
        self._seen: dict[str, tuple[str, float, float]] = {}

    def unrenewed(self, name: str, owner: str, until: float) -> bool:
        """Whether a lease was given back, or was seen just so for as long as its owner may leave
        it."""
        if until <= 0:
            return True
        now, known = self._monotonic(), self._seen.get(name)
        if known is None or known[:2] != (owner, until):
            self._seen[name] = owner, until, now
            return False
        return now - known[2] >= TTL


def acquire(name: str, owner: str, now: float, watch: Watch | None = None) -> Operation[int | None]:
    """Take or renew a lease; its epoch, or None while another holds it. Taking it from another
    owner, or after it was given back, starts a new epoch. One that only ran out goes on: nobody
    had it since, and a clock that was set forward must not make anybody deliver again. `watch`
    says whether another's still holds; without one, the wall clock does."""
    rows = yield Query("SELECT owner, epoch, until FROM leases WHERE name = ?", (name,))
    if not rows:
        yield Query(
            "INSERT INTO leases (name, owner, epoch, until) VALUES (?, ?, 1, ?)",
            (name, owner, now + TTL),
        )
        return 1
    holder, epoch, until = rows[0]
    if holder != owner:
        over = until <= now if watch is None else watch.unrenewed(name, holder, until)
        if not over:
            return None
    epoch = epoch if holder == owner and until > 0 else epoch + 1
    yield Query(
        "UPDATE leases SET owner = ?, epoch = ?, until = ? WHERE name = ?",
        (owner, epoch, now + TTL, name),
    )
    return int(epoch)


def release(name: str, owner: str) -> Operation[None]:
    """Give a lease back, so that another process need not wait for it to run out."""
    yield Query("UPDATE leases SET until = 0 WHERE name = ? AND owner = ?", (name, owner))


def release_all() -> Operation[None]:
    """Free every lease: for the process that has just locked an embedded file, in which any
    lease still held is that of a process that is gone."""
    yield Query("UPDATE leases SET until = 0")


def check(name: str, epoch: int) -> Operation[None]:
    """Raises LeaseLost unless the epoch is still the lease's."""
    rows = yield Query("SELECT epoch FROM leases WHERE name = ?", (name,))
    if not rows or rows[0][0] != epoch:
        raise LeaseLost(name)


class LeaseRow(NamedTuple):
    """A lease, as stored."""

    name: str
    owner: str
    until: float
    """Unix seconds; 0 for one that was given back."""


def everything() -> Operation[list[LeaseRow]]:
    """All leases."""
    rows = yield Query("SELECT name, owner, until FROM leases")
    return [LeaseRow(*row) for row in rows]


def member(role: str, process: str) -> str:
    """Name of the lease by which a process says that it lives and has a role."""
    return f"@{role}/{process}"


def enrol(role: str, process: str, now: float) -> Operation[None]:
    """Say that a process lives and has a role."""
    yield Query(
        "INSERT INTO leases (name, owner, epoch, until) VALUES (?, ?, 1, ?)"
        " ON CONFLICT (name) DO UPDATE SET until = excluded.until",
        (member(role, process), process, now + TTL),
    )


def dismiss(role: str, process: str) -> Operation[None]:
    """A process has a role no more."""
    yield Query("DELETE FROM leases WHERE name = ?", (member(role, process),))
