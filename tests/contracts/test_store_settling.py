"""The store: leases, settles, and what a settle leaves behind."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.database.port import Operation, Query
from gateway.store import fields, leases, parked, settling
from gateway.store.fields import APPLIED
from gateway.store.leases import RENEW, TTL, LeaseLost
from gateway.store.port import Store
from gateway.store.settling import FieldRow, FrontierRow, ParkedRow, Settlement
from tests.contracts.stores import dead_letter, parked_row

NOW = 1_767_225_600.0
SETTLEMENT = Settlement("polly", "polly", 1, "updates")


async def acquire(store: Store, owner: str, now: float) -> int | None:
    """Take the lease `polly`."""
    return await store.run(lambda: leases.acquire("polly", owner, now))


async def settle(store: Store, settlement: Settlement) -> None:
    """Settle."""
    await store.run(lambda: settling.settle(settlement))


@pytest.fixture
async def leased(store: Store) -> Store:
    """A store in which `polly` runs in epoch 1."""
    assert await acquire(store, "us", NOW) == 1
    return store


async def test_a_lease_has_one_owner_at_a_time(store: Store) -> None:
    """Renewed it goes on in its epoch; taken over, it starts another."""
    assert await acquire(store, "us", NOW) == 1
    assert await acquire(store, "them", NOW + TTL - 0.1) is None
    assert await acquire(store, "us", NOW + RENEW) == 1
    assert await acquire(store, "them", NOW + TTL) is None
    assert await acquire(store, "them", NOW + RENEW + TTL) == 2
    assert await acquire(store, "us", NOW + RENEW + TTL) is None


async def test_an_owner_that_was_late_goes_on_if_nobody_came_between(store: Store) -> None:
    """A store that was away for long, or a clock that was set forward, makes nobody deliver
    again."""
    assert await acquire(store, "us", NOW) == 1
    assert await acquire(store, "us", NOW + 3600.0) == 1
    assert await acquire(store, "them", NOW + 3600.0 + TTL) == 2
    assert await acquire(store, "us", NOW + 7200.0) == 3


async def test_a_lease_outlives_a_clock_that_is_set_back(store: Store) -> None:
    """For its owner."""
    assert await acquire(store, "us", NOW) == 1
    assert await acquire(store, "us", NOW - 7200.0) == 1
    assert await acquire(store, "them", NOW - 7200.0 + TTL) == 2


async def test_a_released_lease_can_be_taken_at_once(store: Store) -> None:
    """By the next owner; only its own owner can release it."""
    await acquire(store, "us", NOW)
    await store.run(lambda: leases.release("polly", "them"))
    assert await acquire(store, "them", NOW) is None
    await store.run(lambda: leases.release("polly", "us"))
    assert await acquire(store, "them", NOW) == 2
    await store.run(leases.release_all)
    assert await acquire(store, "us", NOW) == 3


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["take", "take", "release", "bump"]),
            st.sampled_from(["us", "them"]),
            st.sampled_from([0.0, RENEW, TTL]),
        ),
        max_size=20,
    )
)
async def test_an_epoch_only_grows_and_never_has_two_owners(
    store: Store, steps: list[tuple[str, str, float]]
) -> None:
    """Over any course of takings and releases."""
    now, last = NOW, 0
    owners: dict[int, str] = {}
    await store.run(lambda: one("DELETE FROM leases"))
    for what, owner, wait in steps:
        now += wait
        if what == "take":
            epoch = await acquire(store, owner, now)
            if epoch is not None:
                assert epoch >= last
                assert owners.setdefault(epoch, owner) == owner
                last = epoch
        elif what == "release":
            await store.run(lambda name=owner: leases.release("polly", name))  # type: ignore[misc]  # bound at once


def one(sql: str) -> Operation[None]:
    """One statement."""
    yield Query(sql)


async def test_a_settle_writes_everything(leased: Store) -> None:
    """Frontier, parked, fields, verdicts and dead letters, in one transaction."""
    waiting = parked_row("ld_1", 4)
    await settle(leased, replace(SETTLEMENT, park=[waiting, parked_row("ld_2", 6)]))
    await settle(
        leased,
        replace(
            SETTLEMENT,
            frontiers=[FrontierRow(0, 7, "05"), FrontierRow(3, 1)],
            park=[parked_row("ld_3", 8)],
            unpark=[("ld_2", 6)],
            fields=[FieldRow("acme", "ld_1", "email", '{"op":"clear"}', 5)],
            verdicts=[("e1", True, NOW), ("e2", False, NOW)],
            dead_letters=[dead_letter("d1", "ld_1", 5)],
        ),
    )
    found = await leased.run(lambda: settling.frontiers("polly", "updates"))
    assert found == {0: FrontierRow(0, 7, "05"), 3: FrontierRow(3, 1, "")}
    assert await leased.run(lambda: parked.blocked("polly")) == {"ld_1": 1, "ld_3": 1}
    assert await leased.run(lambda: parked.oldest("polly", "ld_1", 9)) == [waiting]
    known = await leased.run(lambda: fields.known("acme", "ld_1", "polly", ["email", "x"]))
    assert known == {"email": {"op": "clear"}}
    decided = await leased.run(lambda: parked.verdicts(["e1", "e2", "e3"]))
    assert decided == {"e1": True, "e2": False}
    assert await leased.run(lambda: rows("SELECT id, state FROM dead_letters")) == [("d1", "open")]


async def content(store: Store, table: str) -> list[tuple[object, ...]]:
    """All of a table."""
    return await store.run(lambda: rows(f"SELECT * FROM {table}"))  # noqa: S608 - a table of ours


def rows(sql: str) -> Operation[list[tuple[object, ...]]]:
    """The rows of a query."""
    return (yield Query(sql))


async def test_an_old_epoch_settles_nothing(leased: Store) -> None:
    """Nor does a lease that never was."""
    await acquire(leased, "them", NOW + TTL)
    whole = replace(
        SETTLEMENT,
        frontiers=[FrontierRow(0, 7)],
        park=[parked_row("ld_1", 4)],
        fields=[FieldRow("acme", "ld_1", "email", "1", 5)],
        verdicts=[("e1", True, NOW)],
        dead_letters=[dead_letter("d1", "ld_1", 5)],
    )
    for refused in (whole, replace(whole, lease="nobody's")):
        with pytest.raises(LeaseLost):
            await settle(leased, refused)
    for table in ("frontiers", "parked", "lead_fields", "verdicts", "dead_letters"):
        assert await content(leased, table) == []


async def test_a_settle_that_comes_again_changes_nothing(leased: Store) -> None:
    """It is repeated when its commit was unknown."""
    again = replace(
        SETTLEMENT,
        frontiers=[FrontierRow(0, 7)],
        park=[parked_row("ld_1", 4)],
        fields=[FieldRow("acme", "ld_1", "email", "1", 5)],
        dead_letters=[dead_letter("d1", "ld_1", 5)],
    )
    await settle(leased, again)
    tables = ("frontiers", "parked", "lead_fields", "dead_letters")
    before = [await content(leased, table) for table in tables]
    await settle(leased, again)
    assert before == [await content(leased, table) for table in tables]


async def test_a_field_takes_a_newer_value_only(leased: Store) -> None:
    """By log position, in one settle and over many; other connectors have their own."""
    newest = [FieldRow("acme", "ld_1", "email", str(pos), pos) for pos in (5, 9, 7)]
    await settle(leased, replace(SETTLEMENT, fields=newest))
    older = [FieldRow("acme", "ld_1", "email", "8", 8), FieldRow("acme", "ld_1", APPLIED, "1", 8)]
    await settle(leased, replace(SETTLEMENT, fields=older))
    await settle(leased, replace(SETTLEMENT, consumer="nexa", fields=older))
    known = [
        await leased.run(lambda name=name: fields.known("acme", "ld_1", name, ["email"]))  # type: ignore[misc]  # bound at once
        for name in ("polly", "nexa", "other")
    ]
    assert known == [{"email": 9}, {"email": 8}, {}]
    assert await leased.run(lambda: fields.view("acme", "ld_1")) == {"email": 9}
    leads = ["ld_1", "ld_2"]
    applied = await leased.run(lambda: fields.newest_applied("acme", "polly", leads))
    assert applied == {"ld_1": 9}


async def test_a_field_may_have_any_name(leased: Store) -> None:
    """Endless ones too, which begin alike; whoever asks by it is told."""
    dice = random.Random(3)
    start = "".join(dice.choices("abcdefü", k=300))
    names = [start + "".join(dice.choices("abcdefü", k=5000)) for _ in range(2)] + ["\0", "a" * 256]
    rows = [FieldRow("acme", "ld_1", name, str(n), n) for n, name in enumerate(names)]
    await settle(leased, replace(SETTLEMENT, fields=rows))
    known = await leased.run(lambda: fields.known("acme", "ld_1", "polly", [*names, "other"]))
    assert known == {name: n for n, name in enumerate(names)}
    viewed = await leased.run(lambda: fields.view("acme", "ld_1"))
    assert [(name[:256], value) for name, value in viewed.items()] == [
        (name[:256], n) for n, name in enumerate(names)
    ]


async def test_parked_updates_come_in_log_order(leased: Store) -> None:
    """However they were parked, lead by lead."""
    order = [parked_row("ld_1", pos) for pos in (9, 2, 30, 4)]
    await settle(leased, replace(SETTLEMENT, park=[*order, parked_row("ld_2", 1)]))
    found = await leased.run(lambda: parked.oldest("polly", "ld_1", 3))
    assert [row.pos for row in found] == [2, 4, 9]
    assert await leased.run(lambda: parked.blocked("polly")) == {"ld_1": 4, "ld_2": 1}
    assert await leased.run(lambda: parked.blocked("nexa")) == {}


async def test_parking_again_takes_the_new_state(leased: Store) -> None:
    """Attempts and due time move; the update stays what it is."""
    first = parked_row("ld_1", 4)
    again = ParkedRow("ld_1", 4, 0, "e4", 2, "pending", 99.0, '{"n":3}', "[]", "{}", NOW)
    await settle(leased, replace(SETTLEMENT, park=[first]))
    await settle(leased, replace(SETTLEMENT, park=[again]))
    assert await leased.run(lambda: parked.oldest("polly", "ld_1", 9)) == [
        first._replace(round=2, state="pending", due=99.0, progress='{"n":3}')
    ]


async def test_what_is_taken_out_and_put_back_stays(leased: Store) -> None:
    """In one settle: an attempt that failed again."""
    await settle(leased, replace(SETTLEMENT, park=[parked_row("ld_1", 4)]))
    again = parked_row("ld_1", 4)._replace(due=7.0)
    await settle(leased, replace(SETTLEMENT, park=[again], unpark=[("ld_1", 4)]))
    assert await leased.run(lambda: parked.oldest("polly", "ld_1", 9)) == [again]


async def test_many_are_taken_out_at_once(leased: Store) -> None:
    """More than one statement takes."""
    many = [parked_row(f"ld_{n}", n) for n in range(1200)]
    await settle(leased, replace(SETTLEMENT, park=many))
    await settle(leased, replace(SETTLEMENT, unpark=[(r.lead, r.pos) for r in many[:1100]]))
    assert len(await leased.run(lambda: parked.blocked("polly"))) == 100


async def test_followers_hear_of_their_authority(leased: Store) -> None:
    """Only what awaits it, and only once it has decided."""
    held = [parked_row(f"ld_{n}", n)._replace(state="awaiting") for n in range(3)]
    await settle(leased, replace(SETTLEMENT, park=[*held, parked_row("ld_9", 9)]))
    assert await leased.run(lambda: parked.decided("polly")) == []
    await settle(leased, replace(SETTLEMENT, verdicts=[("e1", False, NOW), ("e9", True, NOW)]))
    assert await leased.run(lambda: parked.decided("polly")) == ["ld_1"]
    assert await leased.run(lambda: parked.verdicts([])) == {}


async def test_what_is_parked_is_shown(leased: Store) -> None:
    """Longest-blocked leads first, each by its first update; and an event's places."""
    old = parked_row("ld_2", 8)._replace(time=NOW - 5)
    await settle(leased, replace(SETTLEMENT, park=[parked_row("ld_1", 4), old]))
    await settle(leased, replace(SETTLEMENT, park=[parked_row("ld_1", 5)]))
    shown = await leased.run(lambda: parked.summary("polly", 9))
    assert shown == [
        ("ld_2", "e8", "retry", 10.0, "{}", NOW - 5, 1),
        ("ld_1", "e4", "retry", 10.0, "{}", NOW, 2),
    ]
    assert await leased.run(lambda: parked.of_event("e8")) == [("polly", old)]
    taken = parked_row("ld_1", 5)._replace(state="pending")
    await settle(leased, replace(SETTLEMENT, park=[taken]))
    standing = [await leased.run(partial(parked.standing, name)) for name in ("polly", "nexa")]
    assert standing == [(NOW - 5, 1), (None, 0)]
    leads = ["ld_1", "ld_2"]
    assert await leased.run(partial(parked.newest_pending, "polly", leads)) == {"ld_1": 5}


async def test_retention_waits_for_the_slowest(leased: Store) -> None:
    """The lowest frontier of all consumers, per partition of a topic."""
    await settle(leased, replace(SETTLEMENT, frontiers=[FrontierRow(0, 7), FrontierRow(1, 2)]))
    slow = replace(SETTLEMENT, consumer="nexa", frontiers=[FrontierRow(0, 3)])
    await settle(leased, slow)
    await settle(leased, replace(slow, topic="outcomes", frontiers=[FrontierRow(0, 1)]))
    assert await leased.run(lambda: settling.lowest("updates")) == {0: 3, 1: 2}
