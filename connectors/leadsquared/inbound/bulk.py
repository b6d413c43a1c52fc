"""Bulk calls: each lead is taken or refused by itself, and all are answered in one 200."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from connectors.leadsquared.inbound.credential import LeadSquaredCredential
from connectors.leadsquared.mapping.outcomes import MISSING, reason_for
from connectors.leadsquared.mapping.reading import Named, named, requested
from connectors.leadsquared.mapping.tables import lead_of, wished
from connectors.leadsquared.wire import bulk
from connectors.leadsquared.wire.answers import mandatory, unknown_attributes
from connectors.leadsquared.wire.attributes import Unreadable, read_parameters
from connectors.leadsquared.wire.bulk import BulkAnswer, BulkLead, Entry
from gateway.dialect import (
    Accepted,
    Answer,
    Answering,
    Call,
    Caller,
    Fault,
    Invalid,
    Malformed,
    Parsed,
    Refusal,
    RequestedUpdate,
    UpdateResult,
)
from gateway.model.codes import Code
from gateway.model.json import JsonValue


@dataclass(frozen=True, slots=True)
class Memo:
    """A call's leads, for its answer."""

    entries: tuple[Entry, ...]
    """In the call's order; those refused at the door have their reason."""
    lists_unprocessed: bool


def parse(call: Call, body: bytes, caller: Caller) -> Parsed | Refusal:
    """The updates of the leads that can be taken."""
    try:
        asked = bulk.parse(body)
    except Unreadable as error:
        return Malformed(str(error))
    if len(asked.leads) > bulk.MOST_LEADS:
        return Invalid((Fault(Code.BATCH_TOO_LARGE, "LeadPropertiesList", len(asked.leads)),))
    settings = cast(LeadSquaredCredential, caller.settings)
    wishes = wished(read_parameters(call.query).post_updated_lead)
    entries: list[Entry] = []
    updates: list[RequestedUpdate] = []
    for lead in asked.leads:
        found = named(lead, asked.search_by)
        reason = _refused(lead, found, settings)
        entries.append(Entry(found.identifier, found.value, reason))
        if reason is None:
            updates.append(_requested(found, settings, caller, wishes=wishes))
    return Parsed(tuple(updates), Memo(tuple(entries), asked.unprocessed is True))


def _refused(lead: BulkLead, found: Named, settings: LeadSquaredCredential) -> str | None:
    """Why a lead can't be taken."""
    if not lead.fields:
        return mandatory("Fields")
    if not found.value.strip():
        return mandatory(found.identifier)
    known = settings.schema_names
    unknown = [
        each.name for each in found.fields if known is not None and each.name.lower() not in known
    ]
    return unknown_attributes(", ".join(unknown)) if unknown else None


def _requested(
    found: Named, settings: LeadSquaredCredential, caller: Caller, *, wishes: bool
) -> RequestedUpdate:
    scope: dict[str, JsonValue] = {"search_by": found.identifier, "identifier": found.value}
    lead = lead_of(found.identifier, found.value, caller)
    return requested(lead, found.fields, settings.reading, caller, wished=wishes, scope=scope)


# --- answers --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lists:
    successful: list[Entry] = field(default_factory=list)
    failed: list[Entry] = field(default_factory=list)
    unprocessed: list[Entry] = field(default_factory=list)


def answer(answering: Answering) -> Answer:
    """What became of each lead, in the call's order inside each list."""
    memo = answering.parsed.memo
    if not isinstance(memo, Memo):
        raise TypeError("a bulk call is answered from its own memo")
    lists = _Lists()
    for entry, result in _results(memo.entries, answering.results):
        _sort(lists, entry, result, memo)
    unprocessed = tuple(lists.unprocessed) if memo.lists_unprocessed else None
    said = BulkAnswer(tuple(lists.successful), tuple(lists.failed), unprocessed)
    return Answer(200, bulk.render_answer(said))


def _results(
    entries: Sequence[Entry], results: Sequence[UpdateResult]
) -> Iterator[tuple[Entry, UpdateResult | None]]:
    """Each lead with its result; None for one that was refused at the door."""
    taken = iter(results)
    for entry in entries:
        yield entry, None if entry.reason is not None else next(taken)


def _sort(lists: _Lists, entry: Entry, result: UpdateResult | None, memo: Memo) -> None:
    if result is None:
        lists.failed.append(entry)
    elif isinstance(result, Accepted) or result.outcome.fine:
        lists.successful.append(entry)
    else:
        outcome = result.outcome
        reason = reason_for(outcome.code, outcome.message, outcome.details)
        told = Entry(entry.identifier, entry.value, reason)
        missing = memo.lists_unprocessed and outcome.code in MISSING
        (lists.unprocessed if missing else lists.failed).append(told)
