"""The store: dead letters, connectors and the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.database.port import Row
from gateway.model.ids import first_id_at
from gateway.store import connectors, dead_letters, leases, ledger, parked, settling
from gateway.store.connectors import ConnectorRow
from gateway.store.dead_letters import Filter, Redriven
from gateway.store.fields import APPLIED
from gateway.store.port import Store
from gateway.store.settling import DeadLetterRow, FieldRow, FrontierRow, Settlement
from tests.contracts.stores import NOW, dead_letter, parked_row

SETTLEMENT = Settlement("polly", "polly", 1, "updates")


async def condemn(store: Store, *letters: DeadLetterRow, connector: str = "polly") -> None:
    """Settle dead letters of a connector."""
    await store.run(lambda: leases.acquire("polly", "us", NOW))
    row = replace(SETTLEMENT, consumer=connector, dead_letters=letters)
    await store.run(lambda: settling.settle(row))


async def found(store: Store, wanted: Filter) -> list[str]:
    """Ids of the dead letters that match."""
    return [letter.id for letter in await store.run(lambda: dead_letters.find(wanted))]


async def state_of(store: Store, id: str) -> str:
    """A dead letter's state."""
    letters = await store.run(lambda: dead_letters.find(Filter(ids=(id,), state=None)))
    return letters[0].state


async def applied(store: Store, lead: str, pos: int) -> None:
    """Note that an update was applied."""
    fields = [FieldRow("acme", lead, APPLIED, "true", pos)]
    await store.run(lambda: settling.settle(replace(SETTLEMENT, fields=fields)))


async def test_dead_letters_are_found_by_every_condition(store: Store) -> None:
    """In log order of each lead; the first durable one of an id stands."""
    await condemn(
        store,
        dead_letter("a", "ld_1", 9),
        dead_letter("b", "ld_1", 3, time=NOW + 5),
        dead_letter("c", "ld_2", 1)._replace(code="phone_invalid"),
    )
    await condemn(store, dead_letter("d", "ld_1", 4), connector="nexa")
    await condemn(store, dead_letter("a", "ld_7", 0))
    expected = {
        Filter(): ["d", "b", "a", "c"],
        Filter(connector="polly"): ["b", "a", "c"],
        Filter(lead="ld_1"): ["d", "b", "a"],
        Filter(code="phone_invalid"): ["c"],
        Filter(since=NOW + 5): ["b"],
        Filter(ids=("c", "a", "x")): ["a", "c"],
        Filter(connector="nexa", code="phone_invalid"): [],
        Filter(state="discarded"): [],
    }
    assert {wanted: await found(store, wanted) for wanted in expected} == expected


async def test_a_redriven_update_goes_before_the_leads_others(store: Store) -> None:
    """Parked at its place in the log, due at once, one round later, and its connector told."""
    await store.run(lambda: connectors.row("polly"))
    await condemn(store, dead_letter("a", "ld_1", 3), dead_letter("b", "ld_1", 1, round=2))
    waiting = replace(SETTLEMENT, park=[parked_row("ld_1", 7)])
    await store.run(lambda: settling.settle(waiting))
    done = await store.run(lambda: dead_letters.redrive(Filter(lead="ld_1"), NOW + 9))
    assert done == Redriven(("b", "a"), ())
    rows = await store.run(lambda: parked.oldest("polly", "ld_1", 9))
    shown = [(row.pos, row.event_id, row.round, row.state, row.due) for row in rows]
    assert shown == [
        (1, "e1", 3, "retry", NOW + 9),
        (3, "e3", 2, "retry", NOW + 9),
        (7, "e7", 1, "retry", 10.0),
    ]
    assert [await state_of(store, id) for id in "ab"] == ["redriven", "redriven"]
    assert (await store.run(lambda: connectors.row("polly"))).wishes == 1


async def test_a_dry_redrive_changes_nothing(store: Store) -> None:
    """It says what would be done."""
    await condemn(store, dead_letter("a", "ld_1", 3))
    done = await store.run(lambda: dead_letters.redrive(Filter(), NOW, dry_run=True))
    assert done == Redriven(("a",), ())
    assert await store.run(lambda: parked.blocked("polly")) == {}
    assert await state_of(store, "a") == "open"


async def test_a_redrive_does_not_undo_what_was_applied_since(store: Store) -> None:
    """Unless it is forced."""
    await condemn(store, dead_letter("a", "ld_1", 3), dead_letter("b", "ld_1", 9))
    await applied(store, "ld_1", 5)
    done = await store.run(lambda: dead_letters.redrive(Filter(), NOW))
    assert done == Redriven(("b",), ("a",))
    assert await state_of(store, "a") == "open"
    done = await store.run(lambda: dead_letters.redrive(Filter(), NOW, force=True))
    assert done == Redriven(("a",), ())


async def test_only_open_ones_are_redriven(store: Store) -> None:
    """One that was sent again or given up is not sent again by asking for its id."""
    await condemn(store, dead_letter("a", "ld_1", 3), dead_letter("b", "ld_2", 4))
    await store.run(lambda: dead_letters.redrive(Filter(ids=("a",)), NOW))
    await store.run(lambda: dead_letters.discard(["b"]))
    wanted = Filter(ids=("a", "b"), state=None)
    assert await store.run(lambda: dead_letters.redrive(wanted, NOW)) == Redriven((), ())


async def test_open_ones_can_be_given_up(store: Store) -> None:
    """Once."""
    await condemn(store, dead_letter("a", "ld_1", 3), dead_letter("b", "ld_2", 4))
    counts = [
        await store.run(lambda ids=ids: dead_letters.discard(ids))  # type: ignore[misc]  # bound at once
        for ids in (["a", "x"], ["a"], [])
    ]
    assert counts == [1, 0, 0]
    assert await found(store, Filter()) == ["b"]
    assert await found(store, Filter(state="discarded")) == ["a"]
    await store.run(lambda: dead_letters.expire(NOW + 1, 10))
    assert await found(store, Filter(state=None)) == []


async def test_releasing_a_lead_ends_its_hold(store: Store) -> None:
    """Its later updates stay where they are, and its connector is told."""
    await store.run(lambda: connectors.row("polly"))
    held = parked_row("ld_1", 3)._replace(state="held")
    other = parked_row("ld_2", 4)._replace(state="held")
    await condemn(store)
    await store.run(
        lambda: settling.settle(replace(SETTLEMENT, park=[held, parked_row("ld_1", 5), other]))
    )
    assert await store.run(lambda: dead_letters.release("polly", "ld_1")) == 1
    assert await store.run(lambda: dead_letters.release("polly", "ld_1")) == 0
    rows = await store.run(lambda: parked.oldest("polly", "ld_1", 9))
    assert [row.pos for row in rows] == [5]
    assert await store.run(lambda: parked.blocked("polly")) == {"ld_1": 1, "ld_2": 1}
    assert (await store.run(lambda: connectors.row("polly"))).wishes == 2


async def test_wishes_and_reports_do_not_overwrite_each_other(store: Store) -> None:
    """What an operator asked for, and how the connector is."""
    new = await store.run(lambda: connectors.row("polly"))
    assert new == ConnectorRow("polly", "run", 0, 0, "new", "", "{}", 0.0)
    await store.run(lambda: connectors.wish("polly", "paused"))
    await store.run(lambda: connectors.report("polly", "paused", "asked", '{"x":1}', NOW))
    await store.run(lambda: connectors.report("nexa", "running", "", "{}", NOW))
    await store.run(lambda: connectors.wish("nexa", "run"))
    assert await store.run(connectors.all_rows) == [
        ConnectorRow("nexa", "run", 1, 1, "running", "", "{}", NOW),
        ConnectorRow("polly", "paused", 1, 0, "paused", "asked", '{"x":1}', NOW),
    ]


@pytest.mark.parametrize("lease", ["polly", "polly#1"])
async def test_a_seek_refuses_the_owners_next_settle(store: Store, lease: str) -> None:
    """Of every shard; what it had settled above the old frontier is forgotten."""
    own = replace(SETTLEMENT, lease=lease, frontiers=[FrontierRow(0, 7, "05"), FrontierRow(1, 4)])
    await store.run(lambda: connectors.row("polly"))
    for name in (lease, "pollyx"):
        await store.run(lambda name=name: leases.acquire(name, "us", NOW))  # type: ignore[misc]  # bound at once
    await store.run(lambda: settling.settle(own))
    await store.run(lambda: connectors.seek("polly", "updates", {0: 2}))
    with pytest.raises(leases.LeaseLost):
        await store.run(lambda: settling.settle(own))
    stands = await store.run(lambda: settling.frontiers("polly", "updates"))
    assert stands == {0: FrontierRow(0, 2, ""), 1: FrontierRow(1, 4, "")}
    assert (await store.run(lambda: connectors.row("polly"))).wishes == 1
    assert await store.run(lambda: leases.acquire("pollyx", "us", NOW)) == 1


async def test_a_forgotten_connector_holds_nothing_back(store: Store) -> None:
    """Only its dead letters stay; an owner that still runs can't settle, not even later."""
    await condemn(store, dead_letter("a", "ld_1", 3))
    whole = replace(SETTLEMENT, frontiers=[FrontierRow(0, 7)], park=[parked_row("ld_1", 4)])
    await store.run(lambda: settling.settle(whole))
    await store.run(lambda: settling.settle(replace(whole, consumer="nexa", park=[])))
    assert await store.run(lambda: connectors.forget("polly")) is True
    assert await store.run(lambda: connectors.forget("polly")) is False
    assert await store.run(lambda: settling.frontiers("polly", "updates")) == {}
    assert await store.run(lambda: settling.lowest("updates")) == {0: 7}
    assert await store.run(lambda: parked.blocked("polly")) == {}
    assert await found(store, Filter()) == ["a"]
    epoch = await store.run(lambda: leases.acquire("polly", "them", NOW))
    assert epoch is not None
    assert epoch > SETTLEMENT.epoch
    with pytest.raises(leases.LeaseLost):
        await store.run(lambda: settling.settle(whole))


def update(event: str, pos: int, *, connectors: str = "polly,nexa", time: float = NOW) -> Row:
    """A row of `updates`."""
    return (event, "acme", "ld_1", "noojee", "updateLead", connectors, "polly", 0, pos, time)


def delivery(event: str, connector: str, round: int, outcome: str) -> Row:
    """A row of `deliveries`."""
    return (event, connector, round, "applied", "ok", NOW, outcome)


async def project(
    store: Store, updates: Sequence[Row], deliveries: Sequence[Row], base: int = 1
) -> None:
    """Project rows."""
    frontier = [FrontierRow(0, base)]
    await store.run(lambda: ledger.project("ledger", "outcomes", frontier, updates, deliveries))


async def test_projecting_again_changes_nothing(store: Store) -> None:
    """The first verdict of a round stands."""
    await project(store, [update("e1", 1)], [delivery("e1", "polly", 1, "first")])
    await project(store, [update("e1", 99)], [delivery("e1", "polly", 1, "second")], 2)
    assert await store.run(lambda: ledger.update("e1")) == update("e1", 1)
    assert await store.run(lambda: ledger.update("e2")) is None
    assert await store.run(lambda: ledger.deliveries("e1")) == [("polly", 1, "first")]
    stands = await store.run(lambda: settling.frontiers("ledger", "outcomes"))
    assert stands == {0: FrontierRow(0, 2)}


async def test_the_newest_round_is_the_verdict(store: Store) -> None:
    """Of each connector."""
    rounds = [delivery("e1", "polly", n, f"round {n}") for n in (1, 10, 2)]
    await project(store, [], [*rounds, delivery("e1", "nexa", 1, "other")])
    asked = [
        await store.run(lambda name=name: ledger.verdict("e1", name))  # type: ignore[misc]  # bound at once
        for name in ("polly", "nexa", "none")
    ]
    assert asked == ["round 10", "other", None]


async def test_a_lead_has_a_timeline(store: Store) -> None:
    """Its newest updates, oldest of them first; and how many have no verdict yet."""
    rows = [update(f"e{n}", n, time=NOW + n) for n in (3, 1, 2)]
    await project(store, rows, [delivery("e1", "polly", 1, ""), delivery("e1", "nexa", 1, "")])
    shown = await store.run(lambda: ledger.of_lead("acme", "ld_1", 2))
    assert [row[0] for row in shown] == ["e2", "e3"]
    await project(store, [update("e4", 4, connectors="")], [delivery("e2", "polly", 1, "")])
    assert await store.run(lambda: ledger.unsettled([("acme", "ld_1"), ("acme", "ld_2")])) == 2


async def test_old_records_go(store: Store) -> None:
    """With their verdicts, so many at a time."""
    old, older, new = (first_id_at(NOW + after) for after in (0, -1, 9))
    await project(
        store,
        [update(event, 1) for event in (old, older, new)],
        [delivery(event, "polly", 1, "x") for event in (old, older, new)],
    )
    counts = [await store.run(lambda: ledger.expire(NOW + 1, 1)) for _ in range(3)]
    assert counts == [1, 1, 0]
    assert await store.run(lambda: ledger.update(old)) is None
    assert await store.run(lambda: ledger.deliveries(old)) == []
    assert await store.run(lambda: ledger.deliveries(new)) == [("polly", 1, "x")]


async def test_a_lease_is_its_owners_while_he_renews_it_whatever_the_clocks_say(
    store: Store,
) -> None:
    """Whoever watches it by his own monotonic clock takes it from nobody that lives, and from
    nobody later because a wall clock was ahead."""
    monotonic = 0.0
    watch = leases.Watch(lambda: monotonic)

    async def take(owner: str, now: float, watching: leases.Watch | None = None) -> int | None:
        return await store.run(lambda: leases.acquire("polly", owner, now, watching))

    assert await take("them", NOW + 18_000) == 1
    assert await take("us", NOW, watch) is None
    monotonic = leases.TTL
    assert await take("them", NOW + 18_003) == 1
    assert await take("us", NOW + 36_000, watch) is None
    monotonic += leases.TTL - 1.0
    assert await take("us", NOW + 36_000, watch) is None
    monotonic += 1.0
    assert await take("us", NOW, watch) == 2
    await store.run(lambda: leases.release("polly", "us"))
    assert await take("them", NOW, leases.Watch(lambda: 0.0)) == 3
