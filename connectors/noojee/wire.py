"""UpdateLeadFast on the wire: bytes to a vendor record and back. Pure.

Noojee Contact's page "Update Lead Fast": the lead and its place are query parameters, the body
is a flat JSON object whose keys are the Campaign Template's own field names plus the `nj…`
system fields, and the answer is `{"code":<int>,"message":"<NAME>"}`. `parse(*render(x)) == x`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson

from gateway.model.json import JsonValue, nested_too_deep

PATH = "/servicemanager/rest/CampaignAPI/updateLeadFast"
DEPRECATED_PATH = "/servicemanager/rest/CampaignAPI/updateLead"
"""The older end point, same arguments (page "Update Lead")."""

NO_CHANGE = "<No Change>"
"""The value that leaves a field as it is; the page's table of fields spells it so, its table of
errors `<NO CHANGE>`."""
PRIORITIES = range(101)
"""`njPriority` is 0 to 100, lower is called earlier (page, `njPriority`)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the query says: who calls, and which lead where. Texts as sent; None is absent."""

    external_id: str | None = None
    allocation_id: str | None = None
    campaign_id: str | None = None
    template_id: str | None = None
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NoojeeUpdate:
    """One call of UpdateLeadFast."""

    target: Target
    fields: Mapping[str, JsonValue] = field(repr=False)
    """The body, in the order sent; not in the repr, because it is people's data."""


PARAMETERS: tuple[tuple[str, str], ...] = (
    ("fTemplateId", "template_id"),
    ("fCampaignId", "campaign_id"),
    ("fAllocationId", "allocation_id"),
    ("njExternalLeadId", "external_id"),
    ("apiKey", "api_key"),
)
"""Query parameters in the order of the page's sample, and ours."""
_FIELD_OF = {name.lower(): ours for name, ours in PARAMETERS} | dict(PARAMETERS)


def read_target(query: Iterable[tuple[str, str]]) -> Target:
    """Read the query. Names may carry spaces (the page's own sample sends `& apiKey=`) and be in
    any case; the first of two equal names counts."""
    found: dict[str, str] = {}
    for name, value in query:
        ours = _FIELD_OF.get(name) or _FIELD_OF.get(name.strip().lower())
        if ours is not None and ours not in found:
            found[ours] = value.strip()
    return Target(**found)


def read_fields(body: bytes) -> dict[str, JsonValue]:
    """Read the body; raises ValueError where it is no JSON object, or one nested too deep to be
    written again."""
    fields = orjson.loads(body)
    if not isinstance(fields, dict) or nested_too_deep(body, fields):
        raise ValueError("the body is not a JSON object")
    return fields


def parse(query: Iterable[tuple[str, str]], body: bytes) -> NoojeeUpdate:
    """A whole call; raises ValueError where the body is no JSON object."""
    return NoojeeUpdate(read_target(query), read_fields(body))


def render_query(target: Target) -> list[tuple[str, str]]:
    """The query's parameters, in the order of the page's sample."""
    values = ((name, getattr(target, ours)) for name, ours in PARAMETERS)
    return [(name, value) for name, value in values if value is not None]


def render(update: NoojeeUpdate) -> tuple[list[tuple[str, str]], bytes]:
    """A whole call: query parameters and body."""
    return render_query(update.target), orjson.dumps(update.fields)


def encode_query(target: Target) -> str:
    """The query as it stands in a URL."""
    return "&".join(
        f"{name}={value if value.isascii() and value.isalnum() else quote(value, safe='')}"
        for name, value in render_query(target)
    )


_NO_CHANGE = re.compile(r"\s*<\s*no\s+change\s*>\s*", re.IGNORECASE)


def is_no_change(value: JsonValue) -> bool:
    """Whether a value asks that its field stays: any case, any number of spaces."""
    return isinstance(value, str) and "<" in value and _NO_CHANGE.fullmatch(value) is not None


def is_phone_name(name: str) -> bool:
    """Whether a body key names a phone field, as far as its letters tell."""
    lower = name.lower()
    return "phone" in lower or "mobile" in lower


# --- answers ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reply:
    """A row of the page's table of answers."""

    code: int
    message: str
    status: int

    @property
    def body(self) -> bytes:
        """The answer's exact bytes."""
        return reply_body(self.code, self.message)


TABLE: tuple[Reply, ...] = (
    Reply(0, "OK", 200),
    Reply(101, "COULDNT_FIND_THE_LEAD", 400),
    Reply(102, "NO_PHONE_FIELDS", 400),
    Reply(103, "EXCEPTION", 500),
    Reply(104, "DNC", 400),
    Reply(105, "DUPLICATE", 400),
    Reply(106, "INVALID_DISPOSTION", 400),
    Reply(107, "DISPOSTION_ISNT_SET_AND_NOCHANGE_SPECIFIED", 400),
    Reply(108, "IMPORT_BUT_NOCHANGE_SPECIFIED", 400),
    Reply(109, "TIMEOUT_TOO_MANY_CONCURRENT_REQUESTS", 400),
    Reply(110, "LEAD_NOT_UPDATED_DUE_TO_CONFLICT", 400),
    Reply(111, "INVALID_TIMEZONE_SPECIFIED", 400),
    Reply(112, "DUPLICATE_EXTERNAL_ID", 400),
    Reply(113, "EDIT_BUT_NO_EXTERNAL_ID_SUPPLIED", 400),
    Reply(114, "INVALID_CALLBACK_DATE_FORMAT", 400),
    Reply(115, "ALLOCATIN_ID_REQUIRED", 400),
    Reply(116, "TEMPLATE_ID_REQUIRED", 400),
    Reply(117, "CAMPAIGN_ID_REQUIRED", 400),
)
"""The page's "Error codes", misspellings included: callers compare the strings."""

REPLIES: Mapping[int, Reply] = {row.code: row for row in TABLE}
INVALID_API_KEY = Reply(-1, "INVALID_API_KEY", 403)
"""Not documented by the vendor: its own client only tells `code` 0 from the others."""
FORBIDDEN = Reply(-1, "FORBIDDEN", 403)
"""Inferred, as the one before: the page has no row for what a key may not do."""
MALFORMED = Reply(103, "EXCEPTION", 400)
"""A body that can't be read: 400 is the vendor's status for bad data, 103 its catch-all."""
NOT_FOUND_PAGE = b"<html><head><title>404 Not Found</title></head><body>Not Found</body></html>"
"""Unknown paths get an HTML page, not JSON."""


def reply_body(code: int, message: str) -> bytes:
    """The bytes of an answer."""
    return orjson.dumps({"code": code, "message": message})


def read_reply(body: bytes) -> tuple[int, str] | None:
    """Code and message of an answer; None where it is not an answer of this API."""
    try:
        reply = orjson.loads(body)
    except ValueError:
        return None
    code = reply.get("code") if isinstance(reply, dict) else None
    if isinstance(code, bool) or not isinstance(code, int):
        return None
    message = reply.get("message")
    return code, message if isinstance(message, str) else ""
