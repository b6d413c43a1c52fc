"""The store: what callers have used of their quotas, and how fast connectors may go on."""

from __future__ import annotations

from functools import partial

import orjson
import pytest

from gateway.database.port import Operation, Query, Rows
from gateway.store import connectors, leases, paces, quotas
from gateway.store.leases import LeaseLost
from gateway.store.port import Store
from gateway.store.quotas import GRAINS, Counted
from tests.contracts.stores import NOW


async def count(
    store: Store, calls: int, now: float, quota: str = "acme/polly", requests: int = 3
) -> Counted:
    """Take calls out of three in any ten seconds."""
    return await store.run(partial(quotas.count, quota, calls, requests, 10.0, now))


def kept() -> Operation[Rows]:
    """The row of every quota."""
    return (yield Query("SELECT taken FROM quotas"))


async def test_a_window_takes_what_is_left_of_it(store: Store) -> None:
    """The first of those that come at once; a refused call uses nothing up."""
    assert await count(store, 2, NOW) == Counted(0, 2, NOW)
    assert await count(store, 3, NOW + 4.0) == Counted(2, 1, NOW)
    assert await count(store, 1, NOW + 9.9) == Counted(3, 0, NOW)
    assert await count(store, 3, NOW + 10.0) == Counted(1, 2, NOW + 4.0)


async def test_each_quota_has_its_own_window(store: Store) -> None:
    """Whatever another has used."""
    assert await count(store, 5, NOW) == Counted(0, 3, NOW)
    assert await count(store, 1, NOW + 1.0, "acme/lsq") == Counted(0, 1, NOW + 1.0)


async def test_a_quota_that_was_lowered_counts_what_was_taken(store: Store) -> None:
    """It takes nothing until that has left its window."""
    await count(store, 3, NOW)
    assert await count(store, 1, NOW + 1.0, requests=2) == Counted(3, 0, NOW)
    assert await count(store, 3, NOW + 10.0, requests=2) == Counted(0, 2, NOW + 10.0)


async def test_a_clock_that_is_behind_locks_nobody_out(store: Store) -> None:
    """What was taken later than now, by another's clock, counts as taken now."""
    await count(store, 3, NOW + 10_000.0)
    assert await count(store, 1, NOW) == Counted(3, 0, NOW)
    assert await count(store, 1, NOW + 1.0) == Counted(3, 0, NOW)
    assert await count(store, 1, NOW + 10.0) == Counted(0, 1, NOW + 10.0)


async def test_a_large_quota_has_a_small_row(store: Store) -> None:
    """Moments that are close together are kept as one."""
    for number in range(5 * GRAINS):
        at = NOW + number * 10.0 / (5 * GRAINS)
        assert (await count(store, 7, at, requests=100_000)).used == 7 * number
    ((taken,),) = await store.run(kept)
    assert len(orjson.loads(taken)) <= GRAINS + 1


async def test_a_pace_is_its_owners(store: Store) -> None:
    """Who lost the lease can't write over what the next one knows."""
    assert await store.run(partial(paces.kept, "polly")) is None
    assert await store.run(partial(leases.acquire, "polly", "one", NOW)) == 1
    await store.run(partial(paces.keep, "polly", 1, "first"))
    await store.run(partial(paces.keep, "polly", 1, "second"))
    await store.run(partial(leases.release, "polly", "one"))
    assert await store.run(partial(leases.acquire, "polly", "two", NOW)) == 2
    with pytest.raises(LeaseLost):
        await store.run(partial(paces.keep, "polly", 1, "third"))
    assert await store.run(partial(paces.kept, "polly")) == "second"


async def test_a_forgotten_connector_has_no_pace(store: Store) -> None:
    """Nor have its shards; that of another with a longer name stays."""
    for lease in ("polly", "polly#1", "pollyx"):
        await store.run(partial(leases.acquire, lease, "one", NOW))
        await store.run(partial(paces.keep, lease, 1, "fast"))
    await store.run(partial(connectors.forget, "polly"))
    found = [await store.run(partial(paces.kept, name)) for name in ("polly", "polly#1", "pollyx")]
    assert found == [None, None, "fast"]
