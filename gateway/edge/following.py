"""Updates that follow from our own actions: accepted as the native API accepts one, by nobody's
call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from gateway.clock import Clock
from gateway.dialect import Call, Caller
from gateway.edge.building import Builder, records_of, renamed
from gateway.edge.native import body as native
from gateway.edge.native.findings import Findings
from gateway.eventlog.port import EventLog, Topic
from gateway.journal.port import Entry, Journal
from gateway.model.action import DIALECT, Follow
from gateway.settings.model import CredentialSettings, TenantSettings
from gateway.store.claims import Claim

_CALL = Call("POST", "", "update_lead", {}, (), {})
_CREDENTIAL = CredentialSettings(dialect=DIALECT, system="")


class Following:
    """Takes them."""

    def __init__(
        self,
        builder: Builder,
        journal: Journal,
        log: EventLog,
        clock: Clock,
        tenants: Mapping[str, TenantSettings],
    ) -> None:
        """`tenants` say how texts are read."""
        self._builder, self._journal, self._log = builder, journal, log
        self._clock, self._tenants = clock, tenants

    async def accept(self, follow: Follow) -> str | None:
        """Durable when it returns None; else what is wrong with it. Taken once for each key, by a
        claim. Raises JournalUnavailable, DatabaseUnavailable."""
        habits = self._tenants.get(follow.tenant) or TenantSettings()
        caller = Caller(follow.tenant, "", habits.region, habits.timezone, _CREDENTIAL)
        found = Findings()
        updates = native.read(follow.body, "", caller, found)
        if found.faults:
            fault = found.faults[0]
            return f"{fault.field} {fault.message}"
        now = self._clock.now()
        built = await self._builder.build(
            DIALECT, _CALL, caller, updates, now, wait=False, hops=follow.hops
        )
        count = self._log.partitions(Topic.UPDATES)
        records = [one for event in built.events for one in records_of(event, count, now)]
        events = tuple(event.id for event in built.events)
        claim = Claim(follow.tenant, f"{DIALECT}/{follow.key}", "", events, keyed=True)
        again = partial(renamed, built.events, count, now)
        await self._journal.accept(Entry(records, claim, again))
        return None
