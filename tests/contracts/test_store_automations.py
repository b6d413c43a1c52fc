"""The store: what automations remember, and that it is written whole or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.ledger.retention import AUTOMATIONS
from gateway.store import automations, leases, parked, settling
from gateway.store.automations import Count, FactRow, Fired, Memory, Rest
from gateway.store.leases import LeaseLost
from gateway.store.port import Store
from gateway.store.settling import FrontierRow
from tests.contracts.stores import parked_row

NOW = 1_767_225_600.0
LEAD = ("sold", "default", "a")
FACT = FactRow(
    "t1",
    "dispositionAction",
    "e1",
    "default",
    "a",
    "crm",
    "v1",
    '[["sold","fired","",["action 1"]]]',
    '{"id":"t1"}',
    NOW,
)
FIRED = Fired(
    AUTOMATIONS,
    1,
    "triggers",
    [FrontierRow(0, 5)],
    [FACT],
    [Rest(*LEAD, NOW + 60.0)],
    [Count(*LEAD, 2)],
    [("automations.hook", parked_row("a", 256))],
)


@pytest.fixture
async def leased(store: Store) -> Store:
    """A store in which rules are asked in epoch 1."""
    assert await store.run(lambda: leases.acquire(AUTOMATIONS, "us", NOW)) == 1
    return store


async def fire(store: Store, fired: Fired = FIRED) -> None:
    """Write it."""
    await store.run(lambda: automations.fire(fired))


async def recalled(store: Store, *, remembers: bool = True) -> Memory:
    """What is known of the fact and its lead."""
    return await store.run(lambda: automations.recall(["t1", "t2"], ["a"], remembers=remembers))


async def test_what_fired_is_written_with_its_actions_and_its_place(leased: Store) -> None:
    """All in one."""
    await fire(leased)
    assert await recalled(leased) == Memory(frozenset({"t1"}), {LEAD: NOW + 60.0}, {LEAD: 2})
    assert await recalled(leased, remembers=False) == Memory(frozenset({"t1"}), {}, {})
    assert await leased.run(lambda: automations.of_event("e1")) == [FACT]
    assert await leased.run(lambda: parked.blocked("automations.hook")) == {"a": 1}
    frontiers = await leased.run(lambda: settling.frontiers(AUTOMATIONS, "triggers"))
    assert {part: row.base for part, row in frontiers.items()} == {0: 5}


async def test_what_is_seen_again_is_kept_as_it_was(leased: Store) -> None:
    """Rests and counts are as last said."""
    await fire(leased)
    later = replace(
        FIRED,
        facts=[FACT._replace(matched="[]")],
        rests=[Rest(*LEAD, NOW + 90.0)],
        counts=[Count(*LEAD, 2), Count(*LEAD, 3)],
        actions=[],
    )
    await fire(leased, later)
    assert await leased.run(lambda: automations.of_event("e1")) == [FACT]
    assert await recalled(leased) == Memory(frozenset({"t1"}), {LEAD: NOW + 90.0}, {LEAD: 3})


async def test_who_has_no_lease_writes_nothing(leased: Store) -> None:
    """Somebody else goes on from the place before."""
    with pytest.raises(LeaseLost):
        await fire(leased, replace(FIRED, epoch=2))
    assert await recalled(leased) == Memory(frozenset(), {}, {})
    assert await leased.run(lambda: parked.blocked("automations.hook")) == {}


async def test_texts_are_kept_once(store: Store) -> None:
    """By their version."""
    await store.run(lambda: automations.keep_text("v1", "one", NOW))
    await store.run(lambda: automations.keep_text("v1", "another", NOW))
    assert await store.run(lambda: automations.text_of("v1")) == "one"
    assert await store.run(lambda: automations.text_of("v2")) is None


async def test_what_is_old_is_let_go(leased: Store) -> None:
    """Facts by their age, rests when they are over."""
    await fire(leased)
    assert await leased.run(lambda: automations.forget(NOW, NOW, 10)) == 0
    assert await leased.run(lambda: automations.forget(NOW + 1.0, NOW + 61.0, 10)) == 2
    assert await recalled(leased) == Memory(frozenset(), {}, {LEAD: 2})
    assert await leased.run(lambda: automations.of_event("e1")) == []
