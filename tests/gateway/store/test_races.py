"""Several processes on one store: whatever the order of their statements, each operation means
what it means on SQLite, where one runs after another."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from gateway.database.port import Operation, Query
from gateway.database.postgres import PostgresDatabase
from gateway.model.event import LeadId, lead_key
from gateway.store import claims, leads, leases, quotas, schema, settling
from gateway.store.claims import Attached, Claim, Fresh
from gateway.store.leases import TTL, LeaseLost
from gateway.store.port import Store
from gateway.store.settling import FrontierRow, Settlement
from tests.contracts.stores import NOW
from tests.gateway.store.racing import Race, orders, race
from tests.postgres_server import PostgresServer


@pytest.fixture
async def raced(postgres_server: PostgresServer) -> AsyncIterator[Race]:
    """Two processes on a new store."""
    async with race(postgres_server) as found:
        yield found


def acquiring(name: str, owner: str, now: float) -> Callable[[Store], Any]:
    """Take a lease."""
    return lambda store: store.run(partial(leases.acquire, name, owner, now))


async def test_a_new_lease_has_one_winner(raced: Race) -> None:
    """In every order of their two statements and their commit."""
    for number, order in enumerate(orders(3, 3)):
        name = f"lease {number}"
        won = await raced.run(order, acquiring(name, "a", NOW), acquiring(name, "b", NOW))
        assert sorted(won, key=str) == [1, None], order
        winner = "ab"[won.index(1)]
        assert await raced.first.run(partial(leases.acquire, name, winner, NOW)) == 1


async def test_a_lease_that_ran_out_has_one_winner(raced: Race) -> None:
    """Who lost sees that it is held, not that it may have it next."""
    for number, order in enumerate(orders(3, 3)):
        name = f"lease {number}"
        await raced.first.run(partial(leases.acquire, name, "gone", NOW))
        later = NOW + TTL
        won = await raced.run(order, acquiring(name, "a", later), acquiring(name, "b", later))
        assert sorted(won, key=str) == [2, None], order


async def test_the_last_call_of_a_quota_has_one_winner(raced: Race) -> None:
    """In every order of their two statements and their commit, of a new quota and a known one."""

    def calling(name: str, now: float) -> Callable[[Store], Any]:
        return lambda store: store.run(partial(quotas.count, name, 1, 1, 10.0, now))

    for number, order in enumerate(orders(3, 3)):
        name = f"quota {number}"
        for now in (NOW, NOW + 10.0):
            took = await raced.run(order, calling(name, now), calling(name, now))
            assert sorted(each.granted for each in took) == [0, 1], (order, now)


async def test_a_lease_is_renewed_or_lost(raced: Race) -> None:
    """The owner that comes late and the process that takes over are never both owners."""
    for number, order in enumerate(orders(3, 3)):
        name = f"lease {number}"
        await raced.first.run(partial(leases.acquire, name, "a", NOW))
        late = NOW + TTL
        won = await raced.run(order, acquiring(name, "a", late), acquiring(name, "b", late))
        assert won in ([1, None], [None, 2]), order


CLAIM = Claim("acme", "key", "body", ("e1", "e2"), keyed=True)


async def test_a_claim_has_one_winner(raced: Race) -> None:
    """The other attaches to its events."""
    for number, order in enumerate(orders(3, 3)):
        one = replace(CLAIM, key=str(number), events=("a",))
        two = replace(one, events=("b",))
        stood = await raced.run(
            order,
            lambda store, one=one: store.run(partial(claims.stand, [one], NOW)),  # type: ignore[misc]  # bound at once
            lambda store, two=two: store.run(partial(claims.stand, [two], NOW)),  # type: ignore[misc]  # bound at once
        )
        assert stood in ([[Fresh()], [Attached(("a",))]], [[Attached(("b",))], [Fresh()]]), order


SETTLEMENT = Settlement("polly", "polly", 1, "updates", frontiers=[FrontierRow(0, 7)])


async def test_an_old_owner_settles_before_the_new_one_looks_or_not_at_all(raced: Race) -> None:
    """So that what the new owner begins from is where the old one ended."""

    async def settle(store: Store, settlement: Settlement) -> bool:
        try:
            await store.run(lambda: settling.settle(settlement))
        except LeaseLost:
            return False
        return True

    async def take_over(store: Store, name: str) -> dict[int, FrontierRow]:
        epoch = await store.run(lambda: leases.acquire(name, "b", NOW + TTL))
        assert epoch == 2
        return await store.run(lambda: settling.frontiers(name, "updates"))

    for number, order in enumerate(orders(3, 5)):
        name = f"lease {number}"
        await raced.first.run(partial(leases.acquire, name, "a", NOW))
        settlement = replace(SETTLEMENT, consumer=name, lease=name)
        settled, seen = await raced.run(
            order, partial(settle, settlement=settlement), partial(take_over, name=name)
        )
        assert (settled, seen) in (
            (True, {0: FrontierRow(0, 7)}),
            (False, {}),
        ), order
        stands = await raced.first.run(partial(settling.frontiers, name, "updates"))
        assert stands == seen, order


async def test_links_made_at_once_are_one_set(raced: Race) -> None:
    """Two sets that share an id, in some of their many orders."""
    dice = random.Random(7)
    a, b, c = (LeadId("crm", letter) for letter in "abc")
    for number in range(40):
        order = "".join(dice.sample("ab" * 9, 18))
        tenant = f"tenant {number}"
        await raced.run(
            order,
            lambda store, tenant=tenant: store.run(partial(leads.link, tenant, [[a, b]])),  # type: ignore[misc]  # bound at once
            lambda store, tenant=tenant: store.run(partial(leads.link, tenant, [[b, c]])),  # type: ignore[misc]  # bound at once
        )
        keys = {await raced.first.run(partial(leads.resolve, tenant, lead)) for lead in (a, b, c)}
        assert keys <= {lead_key(tenant, a), lead_key(tenant, b)}, order
        assert len(keys) == 1, order
    assert await raced.first.run(leads.link_version) == 80


async def test_many_processes_make_one_store(postgres_server: PostgresServer) -> None:
    """All start at once, and all can work."""
    async with postgres_server.database() as url:
        databases = [PostgresDatabase(url) for _ in range(6)]

        async def start(database: PostgresDatabase) -> None:
            await database.start()
            await Store(database).start()

        await asyncio.gather(*map(start, databases))
        versions = [await database.run(_version) for database in databases]
        assert versions == [[(schema.VERSION,)]] * 6
        epochs = [
            await Store(database).run(partial(leases.acquire, f"lease {number}", "us", NOW))
            for number, database in enumerate(databases)
        ]
        assert epochs == [1] * 6
        await asyncio.gather(*(database.close() for database in databases))


def _version() -> Operation[list[tuple[int]]]:
    return (yield Query("SELECT value FROM facts WHERE name = 'schema'"))
