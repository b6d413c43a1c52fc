"""The journal port.

Accepting claims a call's retry row and appends its events; settling appends outcomes, triggers
and dead letters and moves a connector's frontier. Where log and store are one file, each is one
transaction. Where they are not, the log is written and acknowledged first, then the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from gateway.eventlog.port import NewRecord
from gateway.store.claims import Claim, Standing
from gateway.store.settling import Settlement


class Entry(NamedTuple):
    """A call to be made durable."""

    records: Sequence[NewRecord]
    claim: Claim | None
    """None for calls that neither wait nor carry a key."""
    again: Callable[[Sequence[str]], Sequence[Sequence[NewRecord]]] | None = None
    """The records of each event under these event ids: those of an earlier call, whose events may
    not have come into the log."""
    optional: bool = False
    """Whether the call goes on without its claim where the store can't be reached."""


class JournalUnavailable(Exception):
    """Not now. What was given may or may not be durable; given again with the same ids it is
    kept once."""


class EntryTooLong(Exception):
    """A record of the entry is longer than the log takes; it never will be taken."""

    def __init__(self, limit: int) -> None:
        """`limit` is in bytes."""
        super().__init__(f"an update has at most {limit} bytes")
        self.limit = limit


class Journal(Protocol):
    """Makes calls and settlements durable."""

    async def accept(self, entry: Entry) -> Standing:
        """Durable when it returns `Fresh`; otherwise an earlier call has the events, they are
        durable, and nothing was appended under other ids. Raises JournalUnavailable,
        EntryTooLong."""

    async def settle(self, settlement: Settlement, records: Sequence[NewRecord]) -> None:
        """Make an outcome durable. Raises LeaseLost, JournalUnavailable."""
