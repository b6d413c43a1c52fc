"""A call of "Update Leads in Bulk v2", and its answer.

The answer is 200 whatever became of the leads: it counts them, and lists each with the name and
value it was sought by. Only lists with something in them are there, and `UnProcessedCount` only
where the call asked for that list (the page's two samples).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.leadsquared.wire.attributes import (
    Attribute,
    Unreadable,
    attribute_json,
    read_attributes,
    read_json,
)

MOST_LEADS = 25
"""In one call (page, first paragraph)."""
PROSPECT_ID = "ProspectId"
"""What leads are sought by where the call doesn't say."""
NOT_FOUND = "Lead does not exist in the system or You do not have permission to update the lead"
"""The page's one reason."""
PROCESSED, ERROR = "Processed", "Error"

_OPTION = "PushNonExistentLeadsToUnProcessedList"


@dataclass(frozen=True, slots=True)
class BulkLead:
    """One lead of a call."""

    fields: tuple[Attribute, ...]
    """Empty where `Fields` is missing too."""
    prospect_id: str | None = field(default=None, repr=False)
    """Where it stands beside `Fields` instead of in it: the page's words allow either."""


@dataclass(frozen=True, slots=True)
class BulkUpdate:
    """A whole call."""

    leads: tuple[BulkLead, ...]
    search_by: str | None = None
    """`SearchByKey` as sent."""
    unprocessed: bool | None = None
    """Whether leads that don't exist are listed as unprocessed; None where there are no
    `Options`."""


def parse(body: bytes) -> BulkUpdate:
    """Read a call. Raises Unreadable, for a list without leads too."""
    value = read_json(body)
    if not isinstance(value, dict):
        raise Unreadable("Request body must be a JSON object")
    search_by, leads = value.get("SearchByKey"), value.get("LeadPropertiesList")
    if search_by is not None and not isinstance(search_by, str):
        raise Unreadable("SearchByKey must be the schema name of a lead field")
    if not isinstance(leads, list) or not leads:
        raise Unreadable("LeadPropertiesList must be an array of leads")
    return BulkUpdate(tuple([_lead(each) for each in leads]), search_by, _option(value))


def _option(value: dict[str, Any]) -> bool | None:
    """True and false, as booleans and as the words of the page's prose."""
    options = value.get("Options")
    if options is None:
        return None
    if not isinstance(options, dict):
        raise Unreadable("Options must be an object")
    said = options.get(_OPTION)
    if said is None or isinstance(said, bool):
        return said
    word = said.strip().lower() if isinstance(said, str) else ""
    if word not in {"true", "false"}:
        raise Unreadable(f"{_OPTION} must be true or false")
    return word == "true"


def _lead(value: object) -> BulkLead:
    if not isinstance(value, dict):
        raise Unreadable("Each lead must be an object with Fields")
    fields = value.get("Fields")
    beside = next((value[name] for name in value if name.lower() == "prospectid"), None)
    if beside is not None and not isinstance(beside, str):
        raise Unreadable("ProspectId must be a text")
    return BulkLead(() if fields is None else read_attributes(fields), beside)


def render(call: BulkUpdate) -> bytes:
    """The body of a call, keys in the page's order."""
    body: dict[str, Any] = {}
    if call.search_by is not None:
        body["SearchByKey"] = call.search_by
    if call.unprocessed is not None:
        body["Options"] = {_OPTION: call.unprocessed}
    body["LeadPropertiesList"] = [_lead_json(lead) for lead in call.leads]
    return orjson.dumps(body)


def _lead_json(lead: BulkLead) -> dict[str, Any]:
    beside = {} if lead.prospect_id is None else {PROSPECT_ID: lead.prospect_id}
    return {**beside, "Fields": [attribute_json(each) for each in lead.fields]}


# --- answers --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A lead in an answer."""

    identifier: str
    """The name of the attribute it was sought by."""
    value: str = field(repr=False)
    """As the call has it."""
    reason: str | None = None
    """Why it was not updated."""


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    """What became of a call's leads, in the order of the call inside each list."""

    successful: tuple[Entry, ...] = ()
    failed: tuple[Entry, ...] = ()
    unprocessed: tuple[Entry, ...] | None = None
    """None where the call did not ask for that list."""

    @property
    def message(self) -> str:
        """`Error` where no lead was updated (the page's samples), else `Processed`, for some
        leads too (inferred)."""
        return PROCESSED if self.successful else ERROR

    @property
    def total(self) -> int:
        """How many leads the answer speaks of."""
        return len(self.successful) + len(self.failed) + len(self.unprocessed or ())


def render_answer(answer: BulkAnswer) -> bytes:
    """The body of a 200, keys in the page's order."""
    status: dict[str, Any] = {
        "TotalCount": answer.total,
        "SuccessCount": len(answer.successful),
        "FailureCount": len(answer.failed),
    }
    if answer.unprocessed is not None:
        status["UnProcessedCount"] = len(answer.unprocessed)
    status["Message"] = answer.message
    lists = {
        "SuccessfulLeads": answer.successful,
        "FailedLeads": answer.failed,
        "UnProcessedLeads": answer.unprocessed or (),
    }
    details = {name: [_entry_json(each) for each in some] for name, some in lists.items() if some}
    return orjson.dumps({"Status": status, "Details": details})


def _entry_json(entry: Entry) -> dict[str, str]:
    said = {"Identifier": entry.identifier, "IdentifierValue": entry.value}
    return said if entry.reason is None else {**said, "Reason": entry.reason}


def read_answer(body: bytes) -> BulkAnswer | None:
    """Read the lists of an answer; None for one that is no answer of a bulk call. Whether they
    are all the leads that were sent is for the reader to count."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("Status"), dict):
        return None
    details = value.get("Details")
    details = details if isinstance(details, dict) else {}
    unprocessed = _entries(details.get("UnProcessedLeads"))
    told = bool(unprocessed) or "UnProcessedCount" in value["Status"]
    return BulkAnswer(
        _entries(details.get("SuccessfulLeads")),
        _entries(details.get("FailedLeads")),
        unprocessed if told else None,
    )


def _entries(value: object) -> tuple[Entry, ...]:
    some: Sequence[object] = value if isinstance(value, list) else ()
    return tuple([_entry(each) for each in some if isinstance(each, dict)])


def _entry(value: dict[str, Any]) -> Entry:
    name, sought, reason = (value.get(k) for k in ("Identifier", "IdentifierValue", "Reason"))
    return Entry(
        name if isinstance(name, str) else "",
        sought if isinstance(sought, str) else "" if sought is None else str(sought),
        reason if isinstance(reason, str) else None,
    )
