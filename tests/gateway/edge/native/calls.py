"""Calls of the native API, as the front door hands them to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from hypothesis import strategies as st

from gateway.dialect import Call, Caller, Invalid, Parsed, Refusal, RequestedUpdate
from gateway.edge.native import NativeCredential, NativeDialect
from gateway.edge.native.values import STATUSES
from gateway.model.changes import CLEAR, FIELDS, KEEP, Change, Set, change_to_json
from gateway.model.event import Attributes, LeadId, TriggerWishes, scope_of
from tests.gateway.model.strategies import names, objects, values

PATH = "/v1/lead-updates"
TOKEN = "native-S3CRET"
LEAD = {"ids": [{"system": "crm", "id": "42"}]}
CRM = LeadId("crm", "42")
SALE = {"lead": LEAD, "changes": {"disposition": "Sale"}}
DIALECT = NativeDialect()


def call(content_type: str | None = "application/json", **headers: str) -> Call:
    """A POST; headers are given with `_` for `-`."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    if content_type is not None:
        told["content-type"] = content_type
    return Call("POST", PATH, "postLeadUpdates", {}, (), told)


def caller(system: str = "", **settings: Any) -> Caller:
    """An Australian tenant's credential."""
    given = {"dialect": "native", "token": TOKEN, "system": system, **settings}
    credential = NativeCredential.model_validate(given)
    return Caller("default", system, "AU", "Australia/Melbourne", credential)


def parse(
    body: object, content_type: str | None = "application/json", system: str = "", **headers: str
) -> Parsed | Refusal:
    """A call with this body; bytes go as they are."""
    text = body if isinstance(body, bytes) else orjson.dumps(body)
    return DIALECT.parse(call(content_type, **headers), text, caller(system))


def asked(
    body: object, content_type: str | None = "application/json", system: str = "", **headers: str
) -> RequestedUpdate:
    """The one update of a good call."""
    parsed = parse(body, content_type, system, **headers)
    assert isinstance(parsed, Parsed), parsed
    (update,) = parsed.updates
    return update


def wrong(
    body: object, content_type: str | None = "application/json", system: str = "", **headers: str
) -> list[tuple[str, str, str]]:
    """Pointer, code and message of every fault of a bad call."""
    refusal = parse(body, content_type, system, **headers)
    assert isinstance(refusal, Invalid), refusal
    return [(fault.field, str(fault.code), fault.message) for fault in refusal.faults]


# --- updates and how they are written -----------------------------------------------------

_parts = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
_numbers = st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True)
_raws = values.filter(lambda value: value is not None) | st.none()
_instants = st.datetimes().map(lambda one: one.replace(microsecond=0).isoformat() + "Z")
_KINDS: Mapping[str, st.SearchStrategy[Any]] = {
    "status": st.sampled_from(STATUSES),
    "callback.at": _instants,
    "priority": st.integers(0, 100),
    "do_not_call": st.booleans(),
    "score": st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    "tags": st.lists(_parts, max_size=3),
}
_systems = _parts.filter(lambda text: text not in {"email", "phone"})
lead_ids = st.builds(
    LeadId, _systems, _parts, st.dictionaries(_parts, _parts, max_size=2).map(scope_of)
)


def _changes(field: str) -> st.SearchStrategy[Change]:
    if field.startswith("phones."):
        given = st.builds(lambda number, raw: Set(number, number, raw), _numbers, _raws)
    else:
        given = st.builds(lambda value, raw: Set(value, raw=raw), _KINDS.get(field, _parts), _raws)
    return given | st.sampled_from([CLEAR, KEEP])


_fields = st.sampled_from(sorted(FIELDS)) | names.map("phones.{}".format)
_pairs = _fields.flatmap(lambda field: st.tuples(st.just(field), _changes(field)))
updates = st.builds(
    RequestedUpdate,
    lead=lead_ids,
    changes=st.lists(_pairs, max_size=5).map(dict),
    attributes=st.builds(Attributes, st.sampled_from(["merge", "replace"]), objects),
    triggers=st.builds(TriggerWishes, st.booleans()),
    others=st.lists(lead_ids, max_size=3).map(tuple),
)
"""What can be said in the native body."""


def spelt(update: RequestedUpdate) -> dict[str, Any]:
    """An update as a native body, every change in its explicit form."""
    return {
        "lead": {
            "ids": [
                {"system": one.system, "id": one.id, "scope": dict(one.scope)}
                for one in (update.lead, *update.others)
            ]
        },
        "changes": {name: change_to_json(change) for name, change in update.changes.items()},
        "attributes": {"mode": update.attributes.mode, "patch": update.attributes.patch},
        "post_updated_lead": update.triggers.post_updated_lead,
    }
