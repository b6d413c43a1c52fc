"""The store: which ids are one lead."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.database.port import Operation, T, Urgency
from gateway.model.event import LeadId, lead_key, scope_of
from gateway.store import leads
from gateway.store.leads import scope_from_text, scope_text
from gateway.store.links import Links
from gateway.store.port import Store

RUNS = itertools.count()
TENANT = "acme"
A, B, C, D = (LeadId("crm", letter) for letter in "abcd")


async def linked(store: Store, *sets: list[LeadId], tenant: str = TENANT) -> list[str]:
    """Link sets of ids."""
    return await store.run(lambda: leads.link(tenant, sets))


async def key_of(store: Store, lead: LeadId, tenant: str = TENANT) -> str:
    """The key of an id."""
    return await store.run(lambda: leads.resolve(tenant, lead))


async def test_an_id_that_is_linked_to_nothing_has_a_computed_key(store: Store) -> None:
    """Without a row."""
    assert await key_of(store, A) == lead_key(TENANT, A)
    assert await store.run(leads.link_version) == 0


async def test_a_set_has_the_key_of_the_id_linked_first(store: Store) -> None:
    """Whatever is linked to it later, in whatever order."""
    assert await linked(store, [A, B]) == [lead_key(TENANT, A)]
    assert await linked(store, [C, B]) == [lead_key(TENANT, A)]
    keys = [await key_of(store, lead) for lead in (A, B, C, D)]
    assert keys == [*[lead_key(TENANT, A)] * 3, lead_key(TENANT, D)]
    assert await store.run(lambda: leads.ids_of(TENANT, lead_key(TENANT, A))) == [A, B, C]


async def test_the_scopes_of_an_id_are_told(store: Store) -> None:
    """Those of this tenant's id, first-linked first."""
    narrow = LeadId("crm", "a", scope_of({"list": "7"}))
    await linked(store, [B, narrow], [A, C])
    assert await store.run(lambda: leads.scopes_of(TENANT, A)) == ["list=7", ""]
    assert await store.run(lambda: leads.scopes_of("other", A)) == []


async def test_sets_that_share_an_id_become_one(store: Store) -> None:
    """Under the key of the id linked first of all."""
    assert await linked(store, [A, B], [C, D]) == [lead_key(TENANT, A), lead_key(TENANT, C)]
    assert await linked(store, [D, B]) == [lead_key(TENANT, A)]
    keys = {await key_of(store, lead) for lead in (A, B, C, D)}
    assert keys == {lead_key(TENANT, A)}


async def test_the_oldest_set_keeps_its_key_though_a_late_member_is_named(store: Store) -> None:
    """What counts is when the set began, not when the named id joined it."""
    await linked(store, [A], [B])
    await linked(store, [A, C])
    assert await linked(store, [C, B]) == [lead_key(TENANT, A)]
    assert await key_of(store, B) == lead_key(TENANT, A)


async def test_tenants_do_not_share_leads(store: Store) -> None:
    """The same ids are other leads elsewhere."""
    await linked(store, [A, B])
    assert await key_of(store, B, "other") == lead_key("other", B)
    assert await store.run(lambda: leads.ids_of("other", lead_key(TENANT, A))) == []


async def test_an_id_is_looked_up_in_its_scope_and_then_without(store: Store) -> None:
    """Exact scope, empty scope, computed."""
    bare = LeadId("noojee", "9856")
    here = LeadId("noojee", "9856", scope_of({"allocation_id": "38"}))
    there = LeadId("noojee", "9856", scope_of({"allocation_id": "39"}))
    assert await key_of(store, here) == lead_key(TENANT, here) != lead_key(TENANT, bare)
    await linked(store, [A, bare])
    assert await key_of(store, here) == lead_key(TENANT, A)
    await linked(store, [B, here])
    keys = [await key_of(store, lead) for lead in (here, there, bare)]
    assert keys == [lead_key(TENANT, B), lead_key(TENANT, A), lead_key(TENANT, A)]


async def test_the_version_moves_with_every_change(store: Store) -> None:
    """And a failed change moves nothing."""
    await linked(store, [A, B])
    first = await store.run(leads.link_version)
    with pytest.raises(IndexError):
        await linked(store, [C, D], [])
    assert await store.run(leads.link_version) == first
    assert await key_of(store, D) == lead_key(TENANT, D)
    await linked(store, [A, C])
    assert await store.run(leads.link_version) > first


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sets=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), max_size=8),
    together=st.booleans(),
)
async def test_links_are_a_union_of_sets(
    store: Store, sets: list[list[int]], together: bool
) -> None:
    """Against a plain model: sets in the order in which they began."""
    tenant = str(next(RUNS))
    asked = [[LeadId("crm", str(n)) for n in ids] for ids in sets]
    if together:
        await linked(store, *asked, tenant=tenant)
    else:
        for one in asked:
            await linked(store, one, tenant=tenant)
    model: list[list[int]] = []
    for ids in sets:
        touched = [known for known in model if set(known) & set(ids)]
        merged = touched[0] if touched else []
        if not touched:
            model.append(merged)
        for other in touched[1:]:
            merged += other
            model.remove(other)
        merged += [n for n in dict.fromkeys(ids) if n not in merged]
    expected = {n: known[0] for known in model for n in known}
    for number in range(10):
        first = LeadId("crm", str(expected.get(number, number)))
        assert await key_of(store, LeadId("crm", str(number)), tenant) == lead_key(tenant, first)


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=3))
def test_a_scope_comes_back_from_its_text(values: dict[str, str]) -> None:
    """Whatever is in it; two scopes never have the same text."""
    assert scope_from_text(scope_text(scope_of(values))) == scope_of(values)


def test_a_scope_reads_as_people_write_it() -> None:
    """In import files, with spaces or without."""
    assert scope_from_text(" b = 2; a=1 ;") == (("a", "1"), ("b", "2"))
    assert scope_text((("a", "1"), ("b", "2"))) == "a=1;b=2"
    with pytest.raises(ValueError, match="key=value"):
        scope_from_text("38")


async def test_cached_links_follow_the_version(store: Store) -> None:
    """What was cached before a change is dropped when it is seen."""
    links = Links(store)
    await links.refresh()
    assert links.cached_key(TENANT, B) == lead_key(TENANT, B)
    await linked(store, [A, B])
    assert await links.key(TENANT, B) == lead_key(TENANT, B)
    await links.refresh()
    assert links.cached_key(TENANT, B) is None
    assert await links.key(TENANT, B) == lead_key(TENANT, A)
    assert links.cached_key(TENANT, B) == lead_key(TENANT, A)
    assert await links.ids(TENANT, lead_key(TENANT, A)) == (A, B)


class Held(Store):
    """A store whose answers are held back on their way."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.database)
        self.gate = asyncio.Event()
        self.answers = asyncio.Semaphore(0)
        """Those held back, or once held back."""

    async def run(
        self, operation: Callable[[], Operation[T]], urgency: Urgency = Urgency.LATER
    ) -> T:
        result = await super().run(operation, urgency)
        self.answers.release()
        await self.gate.wait()
        return result


async def test_a_look_up_that_a_change_overtook_is_not_cached(store: Store) -> None:
    """It would be wrong until the next change."""
    await linked(store, [A, C])
    held = Held(store)
    links = Links(held)
    held.gate.set()
    await links.refresh()
    await held.answers.acquire()
    held.gate.clear()
    slow = asyncio.create_task(links.key(TENANT, B))
    ids = asyncio.create_task(links.ids(TENANT, lead_key(TENANT, A)))
    await held.answers.acquire()
    await held.answers.acquire()
    await linked(store, [A, B])
    links._store = store
    await links.refresh()
    held.gate.set()
    assert (await slow, await ids) == (lead_key(TENANT, B), (A, C))
    assert links.cached_key(TENANT, B) is None
    assert await links.ids(TENANT, lead_key(TENANT, A)) == (A, C, B)
