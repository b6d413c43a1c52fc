"""Noojee's words and ours, as tables, and the texts both directions read and write.

Names of people's fields are the Campaign Template's own, so `TEMPLATE_NAMES` is a default that
`fields` of a credential or a connector overrides; the `nj…` names are the system's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.noojee import wire
from gateway.model.codes import Code
from gateway.model.json import JsonValue

TEMPLATE_NAMES: Mapping[str, str] = {
    "full_name": "Name",
    "first_name": "FirstName",
    "last_name": "LastName",
    "email": "Email",
    "company": "Company",
    "address.line1": "StreetAddress",
    "address.city": "City",
    "address.region": "State",
    "address.postal_code": "PostCode",
    "address.country": "Country",
}
"""Canonical field -> the sample's (or the plainest) name of a template field."""

SYSTEM_NAMES: Mapping[str, str] = {
    "disposition": "njDisposition",
    "callback.at": "njCallBackDate",
    "priority": "njPriority",
}
"""Canonical field -> system field, as the page spells it."""

ACCEPTED: Mapping[str, str] = {
    "njdisposition": "disposition",
    "njdispositon": "disposition",
    "njcallbackdate": "callback.at",
    "njcallbacktime": "callback.time",
    "njpriority": "priority",
    "njtimezone": "contact_hours",
    "njcontacthours": "contact_hours",
    "njcontacthoursname": "contact_hours",
    "njexternalleadid": "id",
}
"""System names in lower case, with the page's own slip (`njDispositon`), the older split time,
and the names the undocumented contact-hours field may have. `callback.time` and `id` are parts of
something else, not canonical fields."""

PHONE_ROLES = ("phones.primary", "phones.secondary")


def phone_roles(names: Sequence[str]) -> dict[str, str]:
    """Phone fields in order -> their canonical field."""
    further = (f"phones.{name.lower()}" for name in names[len(PHONE_ROLES) :])
    return dict(zip(names, (*PHONE_ROLES, *further), strict=False))


CELLS: Mapping[Code, int] = {
    Code.OK: 0,
    Code.LEAD_NOT_FOUND: 101,
    Code.PHONE_MISSING: 102,
    Code.PHONE_INVALID: 102,
    Code.INTERNAL: 103,
    Code.DNC_BLOCKED: 104,
    Code.DUPLICATE_PHONE: 105,
    Code.DISPOSITION_INVALID: 106,
    Code.DISPOSITION_REQUIRED: 107,
    Code.NOCHANGE_NOT_ALLOWED: 108,
    Code.RATE_LIMITED: 109,
    Code.TIMEOUT: 109,
    Code.CONFLICT: 110,
    Code.TIMEZONE_INVALID: 111,
    Code.DUPLICATE_EXTERNAL_ID: 112,
    Code.LEAD_ID_MISSING: 113,
    Code.CALLBACK_INVALID: 114,
    Code.SCOPE_INVALID_ALLOCATION: 115,
    Code.SCOPE_INVALID_TEMPLATE: 116,
    Code.SCOPE_INVALID_CAMPAIGN: 117,
}
"""Canonical code -> Noojee's code, for answers. A code without a cell is told as `reply_for`
says."""

REFUSALS: Mapping[int, Code] = {
    row: code
    for code, row in CELLS.items()
    if row not in {0, 103, 109} and code is not Code.PHONE_INVALID
}
"""Noojee's code -> canonical code, for what is said about a lead."""


def reply_for(code: Code) -> wire.Reply:
    """The answer that tells a canonical code. One that Noojee has no word for is bad data with
    our word in the message, under the vendor's status for bad data so that nobody repeats it; so is
    `ok`, because whoever asks here was not told OK."""
    row = CELLS.get(code)
    if row:
        return wire.REPLIES[row]
    if code is Code.FORBIDDEN:
        return wire.FORBIDDEN
    return wire.Reply(wire.MALFORMED.code, f"EXCEPTION: {code}", wire.MALFORMED.status)


# --- texts --------------------------------------------------------------------------------

_CALLBACK = re.compile(r"[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}")


def instant_of(local: str, zone: ZoneInfo) -> str | None:
    """`yyyy/MM/dd HH:mm` in a zone as RFC 3339 UTC; None where it has another form."""
    if not _CALLBACK.fullmatch(local):
        return None
    try:
        moment = datetime.fromisoformat(local.replace("/", "-")).replace(tzinfo=zone)
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return None


def local_of(instant: JsonValue, zone: ZoneInfo) -> str | None:
    """RFC 3339 as `yyyy/MM/dd HH:mm` in a zone; None where it is no such time."""
    if not isinstance(instant, str):
        return None
    try:
        moment = datetime.fromisoformat(instant)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(zone).isoformat(" ", "minutes")[:16].replace("-", "/")
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=1024)
def zone_of(contact_hours: str | None, timezone: str) -> ZoneInfo:
    """The zone a call-back date is in: that of the lead's contact hours where their name is one,
    else the tenant's. The date itself carries none."""
    if contact_hours and "/" in contact_hours:
        try:
            return ZoneInfo(contact_hours)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo(timezone)
    return ZoneInfo(timezone)
