"""Lead ids, cached: most calls name a lead that is linked to nothing, or that was looked up a
moment ago."""

from __future__ import annotations

from gateway.model.event import LeadId, Scope, lead_key
from gateway.store import leads
from gateway.store.port import Store

MOST = 200_000
"""Entries kept of each kind."""
_Place = tuple[str, str, str, Scope]
"""A tenant and what makes up a `LeadId`, which as a dataclass takes long to hash."""


class Links:
    """Looks ids up; everything cached is dropped when the links' version has moved."""

    def __init__(self, store: Store) -> None:
        """`refresh` must be called once before use, and then each second."""
        self._store = store
        self._version = 0
        self._keys: dict[_Place, str] = {}
        self._ids: dict[tuple[str, str], tuple[LeadId, ...]] = {}

    @property
    def none(self) -> bool:
        """Whether nothing was ever linked."""
        return self._version == 0

    async def refresh(self) -> None:
        """See whether links changed. Raises DatabaseUnavailable."""
        version = await self._store.run(leads.link_version)
        if version != self._version:
            self._version = version
            self._keys.clear()
            self._ids.clear()

    def cached_key(self, tenant: str, lead: LeadId) -> str | None:
        """The key of a lead, if no look-up is needed."""
        key = self._keys.get((tenant, lead.system, lead.id, lead.scope))
        if key is None and self._version == 0:
            key = self._remember(tenant, lead, lead_key(tenant, lead))
        return key

    async def key(self, tenant: str, lead: LeadId) -> str:
        """The key of a lead. Raises DatabaseUnavailable."""
        cached = self.cached_key(tenant, lead)
        if cached is not None:
            return cached
        version = self._version
        found = await self._store.run(lambda: leads.resolve(tenant, lead))
        return self._remember(tenant, lead, found) if version == self._version else found

    async def ids(self, tenant: str, lead: str) -> tuple[LeadId, ...]:
        """Every linked id of a lead. Raises DatabaseUnavailable."""
        if self._version == 0:
            return ()
        cached = self._ids.get((tenant, lead))
        if cached is None:
            version = self._version
            cached = tuple(await self._store.run(lambda: leads.ids_of(tenant, lead)))
            if len(self._ids) >= MOST:
                self._ids.clear()
            if version == self._version:
                self._ids[tenant, lead] = cached
        return cached

    def _remember(self, tenant: str, lead: LeadId, key: str) -> str:
        if len(self._keys) >= MOST:
            self._keys.clear()
        self._keys[tenant, lead.system, lead.id, lead.scope] = key
        return key
