"""LeadSquared's words and ours, as tables, and the texts both directions read and write.

Schema names are the account's own: `FIELDS` holds the system's and the address fields every
account begins with. Others (a disposition, a call-back) have the names that `fields` of a
credential or a connector gives them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from gateway.dialect import Caller
from gateway.model.event import LeadId
from gateway.model.json import JsonValue
from gateway.phones import e164

DIALECT = "leadsquared"
ASYNC, BULK = "leadUpdate", "leadBulkUpdateV2"
"""Operations."""

FIELDS: Mapping[str, str] = {
    "first_name": "FirstName",
    "last_name": "LastName",
    "email": "EmailAddress",
    "phones.primary": "Phone",
    "phones.secondary": "Mobile",
    "company": "Company",
    "address.line1": "mx_Street1",
    "address.line2": "mx_Street2",
    "address.city": "mx_City",
    "address.region": "mx_State",
    "address.postal_code": "mx_Zip",
    "address.country": "mx_Country",
    "status": "ProspectStage",
    "do_not_call": "DoNotCall",
    "source": "Source",
    "note": "Notes",
    "score": "Score",
    "owner_id": "OwnerId",
}
"""Canonical field -> schema name (page "Lead Fields"; `mx_` names are an account's defaults)."""

STAGES: Mapping[str, str] = {
    "new": "New",
    "contacted": "Contacted",
    "qualified": "Qualified",
    "negotiating": "Negotiating",
    "converted": "Converted",
    "lost": "Lost",
    "follow_up": "Follow Up",
    "unresponsive": "Unresponsive",
}
"""Canonical status -> stage (inferred: each account names its own, see the setting `stages`)."""

IDENTIFIERS = frozenset({"prospectid", "leadid"})
"""Names of the lead's own id, in lower case: the pages spell it `ProspectId`, `ProspectID`,
`leadId` and `LeadId`."""

# --- who a lead is --------------------------------------------------------------------------

SEARCHED: Mapping[str, str] = {"emailaddress": "email", "phone": "phone"}
"""SearchByKey in lower case -> the id space it shares with every other vendor."""


def lead_of(search_by: str, value: str, caller: Caller) -> LeadId:
    """The lead that a value of a unique field names. E-mail addresses are trimmed and in lower
    case, phones in E.164 where they can be read; other fields are a space of their own."""
    value = value.strip()
    name = search_by.strip().lower()
    if name in IDENTIFIERS:
        return LeadId(caller.system, value)
    system = SEARCHED.get(name)
    if system == "email":
        return LeadId(system, value.lower())
    if system == "phone":
        return LeadId(system, e164(value, caller.region) or value)
    return LeadId(f"{caller.system}:{search_by.strip()}", value)


def search_of(lead: LeadId, system: str) -> str | None:
    """The inverse: the unique field by which a lead can be sought in the account whose ids are
    `system`; None for an id that is no field of that account."""
    if lead.system == system:
        return "ProspectId"
    if lead.system in {"email", "phone"}:
        return "EmailAddress" if lead.system == "email" else "Phone"
    space, _, name = lead.system.partition(":")
    return name if space == system and name else None


# --- texts ----------------------------------------------------------------------------------

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_TRUE, _FALSE = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})


def instant_of(text: str) -> str | None:
    """`YYYY-MM-DD HH:MM:SS`, which is in UTC, as RFC 3339; None where it has another form."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).isoformat() + "Z"
    except ValueError:
        return None


def moment_of(instant: JsonValue) -> str | None:
    """RFC 3339 as `YYYY-MM-DD HH:MM:SS` in UTC; None where it is no such time."""
    if not isinstance(instant, str):
        return None
    try:
        moment = datetime.fromisoformat(instant)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")
    except (ValueError, OverflowError):
        return None


def truth_of(value: JsonValue) -> bool | None:
    """`"1"` and `"0"` (and the words people write) as a truth; None for anything else."""
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    return True if word in _TRUE else False if word in _FALSE else None


def wished(text: str | None) -> bool:
    """What `postUpdatedLead` says. Off by default, and for the page's own sample value, which is
    the parameter's name."""
    return (text or "").strip().lower() in _TRUE
