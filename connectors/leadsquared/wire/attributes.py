"""The list of attributes that every lead update carries, and the parameters of a call.

Page "Update a Lead (Async)": `[{"Attribute":<schema name>,"Value":<new value>}, …]`. An attribute
may be a set of fields (`Fields`, with `Value` empty; page "Create or Update a Lead").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from gateway.model.json import DEEPEST, JsonValue, nested_too_deep

UPDATE_PATH = "/lead/update"
"""On the async host, without a prefix (page "Update a Lead (Async)")."""
STATUS_PATH = "/lead/update/status"
"""Inferred: the path is lost in every public copy of the status page."""
STATUS_ALIAS = "/lead/status"
"""Inferred, after the capture API's path."""
METRICS_PATH = "/lead/update/metrics"
"""Inferred, after `activity/createcustom/metrics`."""
SYNC_PATH = "/v2/LeadManagement.svc/Lead.Update"
"""Page "Update a Lead", the synchronous twin."""
BULK_PATH = "/v2/LeadManagement.svc/Lead/Bulk/UpdateV2"
"""Page "Update Leads in Bulk v2"."""

ACCESS_KEY, SECRET_KEY, API_KEY = "x-LSQ-AccessKey", "x-LSQ-SecretKey", "x-api-key"
"""Headers (pages "Authentication" and "Async API"); the first two may be parameters instead."""


class Unreadable(ValueError):
    """A body without the documented structure."""


class Attribute(NamedTuple):
    """One lead field and its new value."""

    name: str
    """Its schema name."""
    value: JsonValue
    """A text, a number, a boolean or null."""
    fields: tuple[Attribute, ...] | None = None
    """Those of a set of fields; None where it is none."""

    def __repr__(self) -> str:
        """Without the value, which is people's data."""
        return f"Attribute({self.name!r})"


def read_json(body: bytes) -> Any:
    """The JSON of a body. Raises Unreadable for none, and for one nested too deep to be written
    again."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable("Request body is not valid JSON") from error
    if nested_too_deep(body, value):
        raise Unreadable(f"Request body is nested deeper than {DEEPEST} levels")
    return value


def read_attribute(value: object) -> Attribute:
    """One attribute. Raises Unreadable."""
    if not isinstance(value, dict):
        raise Unreadable("Each lead field must be an object with Attribute and Value")
    name, fields = value.get("Attribute"), value.get("Fields")
    if not isinstance(name, str) or not name.strip():
        raise Unreadable("Attribute must be the schema name of a lead field")
    if "Value" not in value and fields is None:
        raise Unreadable(f"Value is missing for {name}")
    said = value.get("Value", "")
    if isinstance(said, dict | list):
        raise Unreadable(f"Value of {name} must be a text, a number, a boolean or null")
    if fields is None:
        return Attribute(name, said)
    return Attribute(name, said, read_attributes(fields))


def read_attributes(value: object) -> tuple[Attribute, ...]:
    """A list of attributes. Raises Unreadable."""
    if not isinstance(value, list):
        raise Unreadable("Lead fields must be an array of Attribute and Value pairs")
    return tuple([read_attribute(each) for each in value])


def parse_attributes(body: bytes) -> tuple[Attribute, ...]:
    """The body of a single update; one bare attribute is a list of one. Raises Unreadable, for
    an empty list too."""
    value = read_json(body)
    if isinstance(value, dict):
        return (read_attribute(value),)
    attributes = read_attributes(value)
    if not attributes:
        raise Unreadable("At least one lead field is needed")
    return attributes


def attribute_json(attribute: Attribute) -> dict[str, Any]:
    """The object of an attribute, keys in the page's order."""
    said: dict[str, Any] = {"Attribute": attribute.name, "Value": attribute.value}
    if attribute.fields is not None:
        said["Fields"] = [attribute_json(each) for each in attribute.fields]
    return said


def render_attributes(attributes: Sequence[Attribute]) -> bytes:
    """The body of a single update."""
    return orjson.dumps([attribute_json(each) for each in attributes])


# --- parameters -----------------------------------------------------------------------------


class Parameters(NamedTuple):
    """What the query of a call says. Texts as sent; None is absent."""

    access_key: str | None = None
    secret_key: str | None = None
    lead_id: str | None = None
    post_updated_lead: str | None = None
    request_id: str | None = None

    def __repr__(self) -> str:
        """Without the keys."""
        return f"Parameters({self.lead_id!r}, {self.post_updated_lead!r}, {self.request_id!r})"


PARAMETERS: tuple[tuple[str, str], ...] = (
    ("accessKey", "access_key"),
    ("secretKey", "secret_key"),
    ("leadId", "lead_id"),
    ("postUpdatedLead", "post_updated_lead"),
    ("RequestID", "request_id"),
)
"""Parameters in the order of the page's URL, and ours."""
_FIELD_OF: Mapping[str, str] = {name.lower(): ours for name, ours in PARAMETERS} | dict(PARAMETERS)


def read_parameters(query: Iterable[tuple[str, str]]) -> Parameters:
    """Read the query. Names may be in any case (the vendor's own pages differ); the first of two
    equal names counts."""
    return _read_parameters(tuple(query))


@lru_cache(maxsize=4)
def _read_parameters(query: tuple[tuple[str, str], ...]) -> Parameters:
    """A call's query is read for its keys, and again for its lead."""
    found: dict[str, str] = {}
    for name, value in query:
        ours = _FIELD_OF.get(name) or _FIELD_OF.get(name.strip().lower())
        if ours is not None and ours not in found:
            found[ours] = value.strip()
    return Parameters(**found)


def render_parameters(parameters: Parameters) -> list[tuple[str, str]]:
    """The parameters of a query, in the page's order."""
    values = ((name, getattr(parameters, ours)) for name, ours in PARAMETERS)
    return [(name, value) for name, value in values if value is not None]


def encode_parameters(parameters: Parameters) -> str:
    """The query as it stands in a URL."""
    return "&".join(
        f"{name}={quote(value, safe='')}" for name, value in render_parameters(parameters)
    )
