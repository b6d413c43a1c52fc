"""Rows for the store's contract suites."""

from __future__ import annotations

from gateway.store.settling import DeadLetterRow, ParkedRow

NOW = 1_767_225_600.0


def parked_row(lead: str, pos: int) -> ParkedRow:
    """An update that waits for its next try."""
    return ParkedRow(lead, pos, 0, f"e{pos}", 1, "retry", 10.0, "{}", '[["ce_id","1"]]', "{}", NOW)


def dead_letter(
    id: str, lead: str, pos: int, *, time: float = NOW, round: int = 1
) -> DeadLetterRow:
    """A condemned delivery."""
    return DeadLetterRow(
        id, lead, "acme", f"e{pos}", round, "lead_locked", time, 0, pos, "{}", "[]", "{}"
    )
