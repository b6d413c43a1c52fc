"""What the store has of a lead that a conversation needs: its ids, and its last applied fields."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.model.event import LeadId, LeadUpdate
from gateway.model.json import JsonValue
from gateway.store import fields
from gateway.store.links import Links
from gateway.store.port import Store


async def ids_of(links: Links, system: str, event: LeadUpdate) -> tuple[LeadId, ...]:
    """Every id of the lead as it is linked now, the event's own first. Links made since the update
    was accepted may have given its ids to a lead of another key. Raises DatabaseUnavailable."""
    tenant = event.tenant
    ids = (*event.ids, *await links.ids(tenant, event.lead_key))
    if all(lead.system != system for lead in ids):
        for lead in event.ids:
            ids = (*ids, *await links.ids(tenant, await links.key(tenant, lead)))
    return tuple(dict.fromkeys(ids))


async def last_applied(
    store: Store, connector: str, reads: Iterable[str], tenant: str, lead: str
) -> dict[str, JsonValue]:
    """The values of these fields as this connector last applied them; a field that was cleared or
    never applied is absent. Raises DatabaseUnavailable."""
    names = sorted(reads)
    found = await store.run(lambda: fields.known(tenant, lead, connector, names))
    return {
        name: change["value"]
        for name, change in found.items()
        if isinstance(change, dict) and change.get("op") == "set"
    }
