"""The store: calls that may come again."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.dialect import Answer
from gateway.store import claims
from gateway.store.claims import KEPT, Answered, Answering, Attached, Claim, Fresh, Reused, Standing
from gateway.store.port import Store

RUNS = itertools.count()
NOW = 1_767_225_600.0
CLAIM = Claim("acme", "key", "body", ("e1", "e2"), keyed=True)
LATER = replace(CLAIM, events=("e3", "e4"))
"""The same call again, with event ids made anew."""
ANSWER = Answer(201, 'ü"'.encode(), (("X-A", "1"), ("X-A", "2")), "text/plain")


async def stand(store: Store, *asked: Claim, now: float = NOW) -> list[Standing]:
    """How claims stand."""
    return await store.run(lambda: claims.stand(asked, now))


async def answered(store: Store, *done: Answering) -> None:
    """Note answers."""
    await store.run(lambda: claims.answered(done))


async def test_the_first_call_is_fresh_and_its_repeats_are_attached(store: Store) -> None:
    """To the events of the first."""
    assert await stand(store, CLAIM) == [Fresh()]
    assert await stand(store, LATER) == [Attached(CLAIM.events)]


async def test_calls_of_one_batch_see_each_other(store: Store) -> None:
    """As if they had come one after the other."""
    other = replace(CLAIM, key="other")
    asked = [CLAIM, other, LATER, replace(LATER, digest="changed")]
    assert await stand(store, *asked) == [Fresh(), Fresh(), Attached(CLAIM.events), Reused()]


async def test_an_answered_call_is_answered_again(store: Store) -> None:
    """Byte for byte, until it is forgotten."""
    await stand(store, CLAIM)
    await answered(store, Answering("acme", "key", CLAIM.events, ANSWER, NOW + 50))
    assert await stand(store, LATER, now=NOW + 49) == [Answered(CLAIM.events, ANSWER)]
    assert await stand(store, LATER, now=NOW + 50) == [Fresh()]
    assert await stand(store, CLAIM, now=NOW + 50) == [Attached(LATER.events)]


async def test_a_key_with_another_body_is_said(store: Store) -> None:
    """Answered or not."""
    changed = replace(CLAIM, digest="changed")
    await stand(store, CLAIM)
    assert await stand(store, changed) == [Reused()]
    await answered(store, Answering("acme", "key", CLAIM.events, ANSWER, NOW + 50))
    assert await stand(store, changed) == [Reused()]


async def test_tenants_do_not_share_keys(store: Store) -> None:
    """The same key is another one elsewhere."""
    assert await stand(store, CLAIM, replace(CLAIM, tenant="other")) == [Fresh(), Fresh()]


async def test_a_forgotten_call_is_a_new_one(store: Store) -> None:
    """Two identical calls that were both answered are two updates."""
    await stand(store, CLAIM)
    await answered(store, Answering("acme", "key", CLAIM.events, None))
    assert await stand(store, LATER) == [Fresh()]


async def test_forgetting_spares_a_claim_made_since(store: Store) -> None:
    """By its events; so does an answer that comes late."""
    await stand(store, CLAIM)
    assert await stand(store, replace(LATER, renew=CLAIM.events)) == [Fresh()]
    await answered(
        store,
        Answering("acme", "key", CLAIM.events, None),
        Answering("acme", "key", CLAIM.events, ANSWER, NOW + 50),
    )
    assert await stand(store, CLAIM) == [Attached(LATER.events)]


async def test_a_renewed_claim_is_attached_to(store: Store) -> None:
    """Renewing passes over the row of an answered call, not over a call that waits."""
    await stand(store, CLAIM)
    second = replace(CLAIM, events=("e5",), renew=CLAIM.events)
    third = replace(CLAIM, events=("e6",), renew=CLAIM.events)
    assert await stand(store, second, third) == [Fresh(), Attached(("e5",))]
    assert await stand(store, third) == [Attached(("e5",))]
    assert await stand(store, CLAIM) == [Attached(("e5",))]


async def test_an_unanswered_claim_is_kept_for_a_day(store: Store) -> None:
    """Then it expires, and nothing else does."""
    await stand(store, CLAIM)
    await stand(store, replace(CLAIM, key="younger"), now=NOW + 1)
    await store.run(lambda: claims.expire(NOW + KEPT, 10))
    rows = await store.run(lambda: claims._known([CLAIM, replace(CLAIM, key="younger")], NOW))
    assert list(rows) == [("acme", "younger")]


async def test_a_long_batch_is_whole(store: Store) -> None:
    """Longer than one statement takes."""
    asked = [replace(CLAIM, key=str(n), events=(f"e{n}",)) for n in range(1200)]
    assert await stand(store, *asked) == [Fresh()] * 1200
    assert await stand(store, *asked[::-1]) == [Attached(claim.events) for claim in asked[::-1]]
    await answered(store, *(Answering("acme", c.key, c.events, None) for c in asked[:1100]))
    assert await stand(store, *asked) == [
        *[Fresh()] * 1100,
        *(Attached(claim.events) for claim in asked[1100:]),
    ]


class Model:
    """What claims are, in one dict."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, tuple[str, ...], Answer | None, float]] = {}

    def stand(self, claim: Claim, now: float) -> Standing:
        """How one claim stands."""
        row = self.rows.get(claim.key)
        if row is None or row[3] <= now:
            self.rows[claim.key] = (claim.digest, claim.events, None, now + KEPT)
            return Fresh()
        if row[0] != claim.digest:
            return Reused()
        return Attached(row[1]) if row[2] is None else Answered(row[1], row[2])

    def answered(
        self, key: str, events: tuple[str, ...], kept: Answer | None, until: float
    ) -> None:
        """An answer was given."""
        row = self.rows.get(key)
        if row is None or row[1] != events:
            return
        if kept is None:
            del self.rows[key]
        else:
            self.rows[key] = (row[0], row[1], kept, until)


STEP = st.one_of(
    st.tuples(
        st.just("stand"),
        st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy")), min_size=1, max_size=4),
    ),
    st.tuples(st.just("answer"), st.sampled_from("ab"), st.booleans(), st.integers(0, 99)),
    st.tuples(st.just("expire")),
    st.tuples(st.just("wait"), st.sampled_from([10.0, KEPT / 2])),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=12))
async def test_claims_behave_like_their_model(store: Store, steps: list[Any]) -> None:
    """Over any course of calls, repeats, answers, waits and clearing up."""
    model, now, made, tenant = Model(), NOW, 0, str(next(RUNS))
    for step in steps:
        match step:
            case ("stand", [*calls]):
                asked = []
                for key, digest in calls:
                    made += 1
                    asked.append(Claim(tenant, key, digest, (f"e{made}",), keyed=True))
                assert await stand(store, *asked, now=now) == [model.stand(c, now) for c in asked]
            case ("answer", str(key), bool(keep), int(which)):
                events = model.rows[key][1] if key in model.rows and which else (f"e{which}",)
                kept = ANSWER if keep else None
                await answered(store, Answering(tenant, key, events, kept, now + KEPT))
                model.answered(key, events, kept, now + KEPT)
            case ("expire",):
                moment = now
                await store.run(lambda moment=moment: claims.expire(moment, 100))  # type: ignore[misc]  # bound at once
            case ("wait", float(seconds)):
                now += seconds
