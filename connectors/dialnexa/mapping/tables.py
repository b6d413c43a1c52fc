"""Names of Dialnexa's and ours, as tables.

The dynamic variables of a lead are the event's `attributes`; they have no row here, and keep their
names.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

DIALECT = "dialnexa"
OPERATION = "updateCampaignLead"

CANONICAL: Mapping[str, str] = {
    "name": "full_name",
    "phone_number": "phones.primary",
    "phoneNumber": "phones.primary",
    "notes": "note",
}
"""Dialnexa's field -> ours."""

UNSAYABLE = frozenset({"do_not_call", "owner_id", "status"})
"""Fields of ours that must not become a variable: Dialnexa sets the status itself, and a variable
that forbids the call would not stop it."""


class Style(StrEnum):
    """Which of the page's two ways to name the fields."""

    CAMEL = "camel"
    SNAKE = "snake"
    BOTH = "both"


HOLDERS: Mapping[Style, tuple[str, ...]] = {
    Style.CAMEL: ("notes",),
    Style.SNAKE: ("metadata",),
    Style.BOTH: ("metadata", "notes"),
}
"""The fields that hold the variables."""
