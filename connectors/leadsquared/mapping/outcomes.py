"""What becomes of an update, in LeadSquared's words and ours: exception types, sentences and
reasons, both ways.

The vendor publishes no list of its exceptions. Types and sentences were seen by its integrators;
which of ours each stands for is our reading of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from connectors.leadsquared.wire.answers import (
    LEAD_ID_MISSING,
    Exc,
    Failure,
    mandatory,
    unknown_attributes,
)
from connectors.leadsquared.wire.bulk import MOST_LEADS, NOT_FOUND, PROSPECT_ID
from gateway.model.codes import Code
from gateway.model.json import JsonObject

# --- ours to theirs -------------------------------------------------------------------------


class Cell(NamedTuple):
    """An exception for a canonical code."""

    type: Exc
    sentence: str
    """Empty: our word."""


CELLS: Mapping[Code, Cell] = {
    Code.UNAUTHENTICATED: Cell(Exc.UNAUTHORIZED, "Invalid AccessKey or SecretKey"),
    Code.FORBIDDEN: Cell(Exc.INVALID_INPUT, NOT_FOUND),
    Code.LEAD_NOT_FOUND: Cell(Exc.INVALID_INPUT, NOT_FOUND),
    Code.LEAD_NOT_LINKED: Cell(Exc.INVALID_INPUT, NOT_FOUND),
    Code.LEAD_ID_MISSING: Cell(Exc.MANDATORY_MISSING, LEAD_ID_MISSING.message),
    Code.UNKNOWN_ATTRIBUTE: Cell(Exc.UNKNOWN_ATTRIBUTE, ""),
    Code.DUPLICATE_EMAIL: Cell(Exc.DUPLICATE, "A Lead with same EmailAddress already exists."),
    Code.DUPLICATE_PHONE: Cell(Exc.DUPLICATE, "A Lead with same Phone Number already exists."),
    Code.DUPLICATE_EXTERNAL_ID: Cell(Exc.DUPLICATE, ""),
    Code.BATCH_TOO_LARGE: Cell(
        Exc.INVALID_INPUT, f"A maximum of {MOST_LEADS} leads can be updated in one call"
    ),
}
"""Canonical code -> exception. A code without a cell is bad input with our word in the message."""


def failure_for(code: Code, message: str = "", details: JsonObject | None = None) -> Failure:
    """The exception that tells a canonical code. `message` is the outcome's: where LeadSquared
    itself said it, it is told as it is; of what another vendor said, the code."""
    cell = CELLS.get(code)
    if cell is None:
        plain = code is Code.VALIDATION_FAILED and message
        return Failure(Exc.INVALID_INPUT, message if plain else _ours(code, message))
    if message and code not in MISSING and code_of(Failure(cell.type, message)) is code:
        return Failure(cell.type, message)
    if code is Code.UNKNOWN_ATTRIBUTE:
        field = (details or {}).get("field")
        return Failure(cell.type, unknown_attributes(field if isinstance(field, str) else ""))
    return Failure(cell.type, cell.sentence or _ours(code, message))


def reason_for(code: Code, message: str = "", details: JsonObject | None = None) -> str:
    """The reason that a bulk answer gives for a lead."""
    if code is Code.LEAD_ID_MISSING:
        return mandatory(PROSPECT_ID)
    return failure_for(code, message, details).message


def _ours(code: Code, message: str) -> str:
    return f"{message or 'The lead was not updated'} ({code})"


MISSING = frozenset({Code.LEAD_NOT_FOUND, Code.FORBIDDEN, Code.LEAD_NOT_LINKED})
"""Codes of a lead that, to a caller, doesn't exist: one reason for all, so that nothing is told
of leads it may not see."""

# --- theirs to ours -------------------------------------------------------------------------

CODES: Mapping[str, Code] = {
    Exc.MANDATORY_MISSING: Code.VALIDATION_FAILED,
    Exc.UNKNOWN_ATTRIBUTE: Code.UNKNOWN_ATTRIBUTE,
    Exc.INVALID_INPUT: Code.VALIDATION_FAILED,
    Exc.RATE_LIMIT: Code.RATE_LIMITED,
    Exc.UNAUTHORIZED: Code.UNAUTHENTICATED,
    Exc.AUTHENTICATION_FAILED: Code.UNAUTHENTICATED,
}
"""Exception type -> canonical code; `MXDuplicateEntryException` is told apart by its sentence."""

_NOT_FOUND = re.compile(r"(?:lead|prospect)\b.*\b(?:does not exist|not found)", re.IGNORECASE)
_RATE = re.compile(r"exceeded the limit|rate ?limit|too many requests", re.IGNORECASE)
_PASSING = re.compile(r"time(?:d)? ?out|deadlock|temporar", re.IGNORECASE)
_ID_MISSING = re.compile(r"'(?:lead|prospect)id' is mandatory", re.IGNORECASE)
_NAMES = re.compile(r"does not exist\s*-\s*(.+?)\.?\s*$", re.IGNORECASE)


def code_of(failure: Failure) -> Code:
    """What an exception is to us: `rate_limited` and `unauthenticated` are about the account,
    `timeout` may pass, the others are about the lead for good. Total."""
    type_, message = failure.type, failure.message
    if type_ == Exc.RATE_LIMIT or "RateLimit" in type_ or _RATE.search(message):
        return Code.RATE_LIMITED
    if type_ == Exc.DUPLICATE:
        return _duplicate(message)
    if type_ in {LEAD_ID_MISSING.type, ""} and _ID_MISSING.search(message):
        return Code.LEAD_ID_MISSING
    known = CODES.get(type_)
    if known in {None, Code.VALIDATION_FAILED}:
        if _PASSING.search(message):
            return Code.TIMEOUT
        if _NOT_FOUND.search(message):
            return Code.LEAD_NOT_FOUND
    if known is None and _NAMES.search(message):
        return Code.UNKNOWN_ATTRIBUTE
    return known or Code.VALIDATION_FAILED


def code_of_reason(reason: str) -> Code:
    """What the reason of a bulk answer is to us. Total."""
    if reason.strip().lower() == NOT_FOUND.lower():
        return Code.LEAD_NOT_FOUND
    lower = reason.lower()
    if "duplicate entry" in lower or "already exists" in lower:
        return _duplicate(reason)
    return code_of(Failure("", reason))


def _duplicate(message: str) -> Code:
    """Two sentences were seen: `Duplicate entry '<value>' for key '…_EmailAddress'` and `A Lead
    with same Phone Number already exists.`"""
    about = message.rpartition(" for key ")[2].lower()
    if "email" in about:
        return Code.DUPLICATE_EMAIL
    return Code.DUPLICATE_PHONE if "phone" in about else Code.DUPLICATE_EXTERNAL_ID


def details_of(failure: Failure) -> dict[str, str]:
    """The structured facts of an exception: `field` of unknown attributes."""
    found = _NAMES.search(failure.message)
    unknown = code_of(failure) is Code.UNKNOWN_ATTRIBUTE
    return {"field": found.group(1)} if unknown and found is not None else {}
