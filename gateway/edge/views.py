"""The lead as an answer shows it, where the dialect answers with the lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.database.port import DatabaseUnavailable
from gateway.dialect import Accepted, Dialect, LeadView, Settled, UpdateResult
from gateway.edge.native.speech import NAME as NATIVE
from gateway.model.changes import Clear, Set
from gateway.model.codes import Code
from gateway.model.event import LeadUpdate
from gateway.model.json import JsonValue, merge_patch
from gateway.store import fields
from gateway.store.port import Store

_PREFIX = "attributes."
_TOLD_BY_WORDS = frozenset({Code.MALFORMED_REQUEST, Code.VALIDATION_FAILED})


class Views:
    """Puts views together from last applied fields and the update itself."""

    def __init__(self, store: Store, vendor_of: Mapping[str, str]) -> None:
        """`vendor_of` names each connector's vendor. The store is read only for dialects that
        want the lead: a snapshot may be of another of the vendor's APIs than the caller's, which
        only the dialect can tell."""
        self._store, self._vendor_of = store, vendor_of

    def translated(self, dialect: Dialect, result: UpdateResult) -> UpdateResult:
        """A result as a dialect may show it: another vendor's lead object, ids and words mean
        nothing in it. Words stay where the code alone doesn't say what is wrong, and for our own
        API, which is no vendor's."""
        if (
            isinstance(result, Accepted)
            or self._vendor_of.get(result.outcome.connector) == dialect.name
        ):
            return result
        outcome = result.outcome
        details = {
            name: None if name.endswith("_id") else value for name, value in outcome.details.items()
        }
        if outcome.code is Code.SHADOWED:
            # What a rehearsing connector would have sent is for operators.
            details = {}
        keeps = dialect.name == NATIVE or outcome.code in _TOLD_BY_WORDS
        message = outcome.message if keeps else ""
        said = replace(outcome, snapshot=None, details=details, message=message)
        return Settled(result.event_id, said)

    async def of(self, dialect: Dialect, events: Sequence[LeadUpdate]) -> list[LeadView]:
        """One view per update; none at all for a dialect that doesn't want them."""
        if not dialect.wants_lead:
            return []
        return [await self._view(event) for event in events]

    async def _view(self, event: LeadUpdate) -> LeadView:
        tenant, lead = event.tenant, event.lead_key
        try:
            known = await self._store.run(lambda: fields.view(tenant, lead))
        except DatabaseUnavailable:
            known = {}
        return overlaid(known, event)


def overlaid(known: Mapping[str, JsonValue], event: LeadUpdate) -> LeadView:
    """Last applied fields (as the store has them) with an update on top."""
    view: dict[str, JsonValue] = {}
    attributes: dict[str, JsonValue] = {}
    for name, change in known.items():
        if not isinstance(change, Mapping):
            continue
        value = change.get("value")
        if name.startswith(_PREFIX):
            attributes[name.removeprefix(_PREFIX)] = value
        elif change.get("op") == "set":
            view[name] = value
    for name, wanted in event.changes.items():
        if isinstance(wanted, Set):
            view[name] = wanted.value
        elif isinstance(wanted, Clear):
            view[name] = None
    patch = event.attributes.patch
    merged = merge_patch(attributes, patch) if event.attributes.mode == "merge" else dict(patch)
    view["attributes"] = merged
    view["id"] = event.ids[0].id if event.ids else None
    return view
