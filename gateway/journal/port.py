"""The journal port.

Accepting claims a call's retry row and appends its events; settling appends outcomes, triggers
and dead letters and moves a connector's frontier. Where log and store are one file, each is one
transaction. Where they are not, the log is written and acknowledged first, then the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from gateway.eventlog.port import NewRecord
from gateway.store.claims import Claim, Standing
from gateway.store.settling import Settlement


class Entry(NamedTuple):
    """A call to be made durable."""

    records: Sequence[NewRecord]
    claim: Claim | None
    """None for calls that neither wait nor carry a key."""


class JournalUnavailable(Exception):
    """Not now. What was given may or may not be durable; given again with the same ids it is
    kept once."""


class Journal(Protocol):
    """Makes calls and settlements durable."""

    async def accept(self, entry: Entry) -> Standing:
        """Durable when it returns `Fresh`; otherwise an earlier call has the events, and nothing
        was appended. Raises JournalUnavailable."""

    async def settle(self, settlement: Settlement, records: Sequence[NewRecord]) -> None:
        """Make an outcome durable. Raises LeaseLost, JournalUnavailable."""
