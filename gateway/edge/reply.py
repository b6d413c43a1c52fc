"""What the front door does with a call."""

from __future__ import annotations

from typing import NamedTuple

from gateway.dialect import Answer
from gateway.store.claims import Claim


class Reply(NamedTuple):
    """An answer, and what to do once it was written to a connected client."""

    answer: Answer
    events: tuple[str, ...] = ()
    claim: Claim | None = None
    """To be marked answered; None where the answer is not final."""
    refused: str = ""
    """Why, in one word, where the call was not taken."""
    dedupe_window: float = 0.0
    """Seconds for which an identical call gets the same answer."""
    dry_run: bool = False
    """Whether the call only asked what would happen."""
