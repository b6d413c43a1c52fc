"""The store: where consumers stand, and what a lane loads of what is parked."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import inf

from connectors.delivery.loading import load, reach
from gateway.database.port import Operation, Query, Rows
from gateway.store import claims, leases, settling, standing
from gateway.store.port import Store
from gateway.store.settling import FrontierRow, Settlement
from gateway.store.standing import ParkedCount
from tests.contracts.stores import NOW, parked_row

SETTLEMENT = Settlement("polly", "polly", 1, "updates")


async def settle(store: Store, settlement: Settlement) -> None:
    """Settle as the owner of `polly`."""
    await store.run(partial(leases.acquire, "polly", "us", NOW))
    await store.run(partial(settling.settle, settlement))


async def test_every_connector_has_its_places(store: Store) -> None:
    """In order of names and partitions; what is no connector, and other topics, have no part."""
    rows = [FrontierRow(1, 7, "05"), FrontierRow(0, 3)]
    await settle(store, replace(SETTLEMENT, frontiers=rows))
    await settle(store, replace(SETTLEMENT, consumer="Acme", frontiers=rows[1:]))
    await settle(store, replace(SETTLEMENT, consumer="@ledger", frontiers=rows))
    await settle(store, replace(SETTLEMENT, topic="outcomes", frontiers=rows))
    found = await store.run(partial(standing.places, "updates"))
    assert [(name, list(places.items())) for name, places in found.items()] == [
        ("Acme", [(0, rows[1])]),
        ("polly", [(0, rows[1]), (1, rows[0])]),
    ]


async def test_what_is_parked_is_counted(store: Store) -> None:
    """Leads, updates, and since when."""
    waiting = [
        parked_row("ld_1", 4)._replace(time=NOW - 5),
        parked_row("ld_1", 5),
        parked_row("ld_2", 6),
    ]
    await settle(store, replace(SETTLEMENT, park=waiting))
    await settle(store, replace(SETTLEMENT, consumer="nexa", park=waiting[2:]))
    assert await store.run(standing.parked) == {
        "polly": ParkedCount(2, 3, NOW - 5),
        "nexa": ParkedCount(1, 1, NOW),
    }


async def test_leases_that_are_held_are_known(store: Store) -> None:
    """Until they run out."""
    await store.run(partial(leases.acquire, "polly", "us", NOW))
    await store.run(partial(leases.acquire, "nexa", "us", NOW + 1))
    assert await store.run(partial(standing.held, NOW + leases.TTL)) == {"nexa"}


async def test_a_probe_leaves_one_row_that_is_nobodys(store: Store) -> None:
    """However often, and it counts as no claim."""
    for now in (1, 2, 2, 3):
        await store.run(partial(standing.probe, now))
    assert await store.run(_claims) == [("", "probe 3", standing.PROBE_BYTES)]
    assert await store.run(partial(claims.expire, NOW, 10)) == 1
    assert await store.run(_claims) == []


def _claims() -> Operation[Rows]:
    return (yield Query("SELECT tenant, claim, LENGTH(digest) FROM claims"))


async def test_a_lane_loads_what_is_due(store: Store) -> None:
    """Up to the first that must wait; a damaged one is shown alone."""
    rows = [
        parked_row("ld_1", 4)._replace(state="awaiting"),
        parked_row("ld_1", 5)._replace(due=NOW + 60),
        parked_row("ld_2", 6)._replace(part=1),
    ]
    await settle(store, replace(SETTLEMENT, park=rows))
    assert await store.run(partial(reach, "polly")) == {0: 5, 1: 6}
    loaded = await store.run(partial(load, "polly", "ld_1", NOW, 3600.0))
    assert (loaded.ready, loaded.left, loaded.due, loaded.unreadable) == ([], 2, inf, None)
    await settle(store, replace(SETTLEMENT, verdicts=[("e4", True, NOW)]))
    damaged = await store.run(partial(load, "polly", "ld_1", NOW, 3600.0))
    assert (damaged.ready, damaged.left, damaged.unreadable) == ([], 2, rows[0])
