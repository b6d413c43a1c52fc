"""Updates that a vendor takes and answers for later: asked about, and sent only once."""

from __future__ import annotations

from itertools import pairwise

import pytest

from connectors.delivery.connector import Limit
from connectors.delivery.judgement import NOT_YET, Policy
from gateway.clock import rfc3339
from gateway.edge.admin.records import attempts_of, due_of
from gateway.eventlog.port import Topic
from gateway.metrics import Metrics
from gateway.model.codec import read_outcome
from gateway.model.outcome import Result
from gateway.store import parked
from gateway.transport.port import ConnectFailed, HttpReply
from tests.connectors.delivery.engine import (
    NAME,
    Bench,
    bench,
    follower,
    neighbours,
    passed,
    plan,
    update,
    worker_of,
)
from tests.connectors.delivery.fake_vendor import Answer, Call, TestConnector, Vendor, ok, says
from tests.virtual import EPOCH, in_virtual_time

LEADS = neighbours(6)
APPLIED = (1, Result.APPLIED)
PENDING = (1, Result.PENDING)
ASKED = (0, Result.PENDING)


def takes(*said: HttpReply, until: float = 0.0) -> Answer:
    """A vendor that takes every update with a ticket of its own, says this of what it has, one
    after the other, then `not yet` until then, and then that it is done."""
    left = list(said)

    def answer(call: Call) -> HttpReply:
        if not call.asks:
            return says(202, ticket=f"ticket of {call.events[0]}")
        if left:
            return left.pop(0)
        return says(202, ticket=f"ticket of {call.events[0]}") if call.at < until else ok(call)

    return answer


def calls(made: Bench) -> list[tuple[float, str, str | None]]:
    """When which update was sent or asked about, and by what token."""
    return [(call.at, call.events[0], call.tokens[0]) for call in made.vendor.calls]


async def tries(made: Bench, event: str) -> list[tuple[int, Result]]:
    """Number and result of each try at an update."""
    [outcome] = [one for one in await made.outcomes() if one.event_id == event]
    return [(one.number, one.result) for one in outcome.attempts]


@in_virtual_time
async def test_what_is_taken_is_asked_about_and_sent_only_once() -> None:
    """After 2, 4, 8 seconds; the lead's later updates wait behind it, other leads don't."""
    async with bench(takes(until=10.0)) as made:
        await made.append(update("e0"), update("e1"), update("f0", "b"))
        async with made.running():
            await passed(8.0)
            waiting = made.parked()
            await made.append(update("e2"))
            await passed(22.0)
        mine = [one for one in calls(made) if one[1] != "f0"]
        assert waiting == [("e0", "pending"), ("e1", "waiting"), ("f0", "pending")]
        assert mine == [
            (0.0, "e0", None),
            (2.01, "e0", "ticket of e0"),
            (6.02, "e0", "ticket of e0"),
            (14.03, "e0", "ticket of e0"),
            (14.04, "e1", None),
            (16.05, "e1", "ticket of e1"),
            (16.06, "e2", None),
            (18.07, "e2", "ticket of e2"),
        ]
        assert dict.fromkeys(("e0", "e1", "e2", "f0"), "applied") == await made.ends()
        assert await tries(made, "e0") == [PENDING, ASKED, APPLIED]
        assert (made.parked(), made.unsettled()) == ([], 0)


@in_virtual_time
async def test_a_restart_asks_and_never_sends_again() -> None:
    """By the token that was settled, at the time that was due."""
    async with bench(takes(until=30.0)) as made:
        await made.append(update("e0"), update("e1"))
        async with made.running():
            await passed(5.0)
        await made.boot()
        async with made.running():
            await passed(6.0)
        await made.boot()
        await passed(100.0)
        async with made.running():
            await passed(20.0)
        sent = [event for _, event, token in calls(made) if token is None]
        assert sent == ["e0", "e1"]
        asks = [(at, token) for at, event, token in calls(made) if event == "e0"][1:]
        assert [(at, "ticket of e0") for at in (2.01, 6.02, 111.0)] == asks
        assert await made.ends() == {"e0": "applied", "e1": "applied"}


@in_virtual_time
async def test_a_crash_before_the_settle_may_send_again() -> None:
    """Only what was in flight, and nothing after it goes first."""
    async with bench(takes()) as made:
        await made.append(update("e0"), update("e1"))
        made.database.failing = lambda urgency: urgency == 0
        async with made.running():
            await passed(1.0)
        made.database.failing = lambda _: False
        async with made.running():
            await passed(20.0)
        sent = [event for _, event, token in calls(made) if token is None]
        assert sent == ["e0", "e0", "e1"]


@pytest.mark.parametrize(
    ("said", "kind", "dead"),
    [
        (says(200), "applied ok", {}),
        (says(422), "rejected validation_failed", {}),
        (says(409), "dead_lettered conflict", {"e0": "conflict"}),
    ],
)
def test_a_caller_who_waits_is_told_what_the_question_brought(
    said: HttpReply, kind: str, dead: dict[str, str]
) -> None:
    """Once, and not before."""

    @in_virtual_time
    async def scenario() -> None:
        async with bench(takes(says(202), said)) as made:
            await made.append(update("e0", authority=NAME, replyto="0"))
            async with made.running():
                await passed(6.0)
                before = await made.everything(Topic.REPLIES)
                await passed(1.0)
            [reply] = await made.everything(Topic.REPLIES)
            told = read_outcome(reply.headers, reply.value)
            assert ([], kind) == (before, f"{told.kind} {told.code}")
            assert dead == await made.dead()

    scenario()


@in_virtual_time
async def test_followers_wait_until_the_question_is_answered() -> None:
    """What the authority has only taken, it has not applied."""
    async with bench(ok) as made:
        made.vendors["boss"] = Vendor(takes(until=5.0))
        await made.append(follower("e0"))
        async with made.running(plan("boss"), plan()):
            await passed(20.0)
        assert [call.asks for call in made.vendors["boss"].calls] == [False, True, True]
        assert [call.at > 6.0 for call in made.vendor.calls] == [True]


@pytest.mark.parametrize("down", [ConnectFailed("refused"), says(503)])
def test_a_vendor_that_is_down_loses_no_token_and_counts_no_attempt(down: HttpReply) -> None:
    """Its breaker holds the questions back; over a restart too."""

    @in_virtual_time
    async def scenario() -> None:
        async with bench(takes()) as made:
            await made.append(*(update(f"e{i}", lead) for i, lead in enumerate(LEADS)))
            async with made.running(plan(policy=Policy(attempts=2))):
                await passed(1.0)
                made.vendor.answer = lambda _: down
                await passed(60.0)
                state = await made.state()
                probes = len(made.vendor.calls)
            async with made.running(plan(policy=Policy(attempts=2))):
                await passed(600.0)
                made.vendor.answer = ok
                await passed(120.0)
            assert state[0] == "breaker_open"
            # Taken, then five questions and the sixth under way; then single probes.
            assert 6 + 6 <= probes <= 6 + 6 + 5
            sent = [event for _, event, token in calls(made) if token is None]
            assert ([f"e{i}" for i in range(6)], {}) == (sorted(sent), await made.dead())
            assert dict.fromkeys(sent, "applied") == await made.ends()
            numbers = {number for event in sent for number, _ in await tries(made, event)}
            assert numbers == {0, 1}

    scenario()


@in_virtual_time
async def test_questions_keep_the_vendors_pace() -> None:
    """Its limits, and the wait it asks for."""
    answer = takes(says(429, retry_after="9"))
    async with bench(answer) as made:
        await made.append(update("e0"))
        async with made.running(plan(limits=(Limit(1, 3.0),))):
            await passed(60.0)
        assert made.vendor.times == [0.0, 3.01, 12.02]
        assert await tries(made, "e0") == [PENDING, (0, Result.THROTTLED), APPLIED]


@in_virtual_time
async def test_a_question_that_fails_while_others_are_answered_stops_only_its_lead() -> None:
    """It goes back to the store each time and never counts, and is answered in the end."""
    well = takes()
    async with bench(
        lambda call: says(500) if call.asks and "e0" in call.events and call.at < 90 else well(call)
    ) as made:
        await made.append(update("e0"), update("e1"))
        async with made.running(plan(policy=Policy(attempts=2))):
            for number in range(150):
                await made.append(update(f"o{number:03}", "other"))
                await passed(1.0)
                if number == 80:
                    waiting = [row for row in made.parked() if str(row[0]).startswith("e")]
        asks = [at for at, event, token in calls(made) if event == "e0" and token is not None]
        assert waiting == [("e0", "pending"), ("e1", "waiting")]
        assert asks == [2.01, 6.02, 14.03, 30.04, 62.05, 112.06]
        expected = [PENDING, (0, Result.UNAVAILABLE), APPLIED]
        assert (expected, "applied") == (await tries(made, "e0"), (await made.ends())["e1"])


@in_virtual_time
async def test_its_own_taking_is_not_another_leads_answer() -> None:
    """Questions that fail while nobody else is heard of are the vendor's, and wait in the lane."""
    async with bench(takes(says(500), says(500), says(500))) as made:
        await made.append(update("e0"))
        async with made.running():
            await passed(30.0)
        assert made.vendor.times == [0.0, 2.01, 3.02, 5.03, 9.04]


@in_virtual_time
async def test_what_waits_behind_it_stays_in_the_store() -> None:
    """Most questions are answered with `not yet`: only the asked one is read and written."""
    async with bench(takes(until=60.0)) as made:
        await made.append(*(update(f"e{i}") for i in range(5)))
        async with made.running() as owner:
            await passed(1.0)
            made.vendor.latency = 0.5
            await passed(1.3)
            lanes = worker_of(owner).lanes
            assert (made.vendor.under_way, lanes.held, lanes.stored) == (1, 1, 4)


@in_virtual_time
async def test_what_the_vendor_gave_up_is_sent_again_as_an_attempt() -> None:
    """By another ticket; its attempts are spent like any other's."""
    async with bench(takes(says(410), says(202), says(410))) as made:
        await made.append(update("e0"), update("e1"))
        async with made.running(plan(policy=Policy(attempts=2))):
            await passed(30.0)
        sent = [(event, token) for _, event, token in calls(made)]
        ticket = ("e0", "ticket of e0")
        assert sent[:5] == [("e0", None), ticket, ("e0", None), ticket, ("e0", "a ticket")]
        assert await made.ends() == {"e0": "dead_lettered attempts_spent", "e1": "applied"}
        counted = [(1, Result.UNAVAILABLE), (2, Result.PENDING), ASKED, (2, Result.UNAVAILABLE)]
        assert [PENDING, *counted] == await tries(made, "e0")


@in_virtual_time
async def test_what_is_pending_never_shares_a_conversation_with_what_is_sent() -> None:
    """Where the connector's key says so."""
    async with bench(takes()) as made:
        await made.append(*(update(f"e{i}", LEADS[i]) for i in range(3)))
        async with made.running(plan(connector=TestConnector(5), concurrency=1)):
            await passed(2.0)
            await made.append(*(update(f"f{i}", LEADS[3 + i]) for i in range(3)))
            await passed(30.0)
        mixed = [call for call in made.vendor.calls if len({t is None for t in call.tokens}) > 1]
        assert (mixed, len(await made.ends())) == ([], 6)
        assert [len(call.events) for call in made.vendor.calls] == [3, 3, 3, 3]


@pytest.fixture
def _lazily(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few looks at the clock, so that hours pass quickly."""
    monkeypatch.setattr("connectors.delivery.worker.BEAT", 600.0)
    monkeypatch.setattr("gateway.store.leases.TTL", 1e7)
    monkeypatch.setattr("connectors.delivery.owner.TTL", 1e7)
    monkeypatch.setattr("connectors.delivery.owner.RENEW", 1e6)


@pytest.mark.usefixtures("_lazily")
def test_after_ten_hours_it_is_a_dead_letter_and_a_redrive_begins_afresh() -> None:
    """The lead's later updates go on; the redriven one is sent, not asked about."""
    hours = 3600.0

    @in_virtual_time
    async def scenario() -> None:
        async with bench(takes(until=10 * hours + 100.0)) as made:
            await made.append(update("e0"))
            async with made.running(plan(policy=Policy(max_age=60.0, attempts=2))):
                await passed(11 * hours)
                [outcome] = await made.outcomes()
                asks = [call.at for call in made.vendor.calls if call.asks]
                gaps = {round(b - a, 2) for a, b in pairwise(asks[10:-1])}
                await made.redrive("e0")
                await passed(1200.0)
            assert (outcome.code, outcome.message) == ("timeout", NOT_YET)
            assert {50.01} == gaps
            assert 10 * hours <= asks[-1] < 10 * hours + 0.1
            assert [(event, token) for _, event, token in calls(made)[-2:]] == [
                ("e0", None),
                ("e0", "ticket of e0"),
            ]
            ends = [(one.round, one.kind) for one in await made.outcomes()]
            assert ends == [(1, "dead_lettered"), (2, "applied")]

    scenario()


@pytest.mark.usefixtures("_lazily")
def test_time_in_which_nobody_could_ask_does_not_age_it() -> None:
    """It is asked about once more after a pause of days, and that answer stands."""

    @in_virtual_time
    async def scenario() -> None:
        async with bench(takes(until=1e5)) as made:
            await made.append(update("e0"))
            async with made.running():
                await passed(700.0)
                await made.wish("paused")
                await passed(200_000.0)
                await made.wish("run")
                await passed(2000.0)
            assert await made.ends() == {"e0": "applied"}

    scenario()


@in_virtual_time
async def test_a_redrive_is_refused_while_the_vendor_has_a_later_update() -> None:
    """It would come after it there; unless it is forced."""
    well = takes(until=100.0)
    async with bench(lambda call: says(409) if "e0" in call.events else well(call)) as made:
        async with made.running():
            await made.append(update("e0"), update("e1"))
            await passed(1.0)
            refused = await made.redrive("e0")
            forced = await made.redrive("e0", force=True)
        assert (len(refused.refused), len(forced.sent)) == (1, 1)


@in_virtual_time
async def test_a_forced_redrive_goes_first_and_the_token_of_the_later_one_is_kept() -> None:
    """Also where both are loaded together and the first one is parked again."""
    answer = takes(until=60.0)
    async with bench(lambda call: says(409) if "e0" in call.events else answer(call)) as made:
        async with made.running():
            await made.append(update("e0"), update("e1"))
            await passed(1.0)
            made.vendor.answer = answer
            await made.redrive("e0", force=True)
            await passed(120.0)
        sent = [event for _, event, token in calls(made) if token is None]
        assert (sent, await made.ends()) == (["e0", "e1", "e0"], {"e0": "applied", "e1": "applied"})


@in_virtual_time
async def test_operators_see_what_is_pending_and_when_it_is_asked_about() -> None:
    """In the store's rows and in the metrics."""
    async with bench(takes(until=100.0)) as made:
        await made.append(update("e0"), update("e1"))
        async with made.running():
            await passed(5.0)
            [(lead, event, state, due, progress, _, count)] = await made.store.run(
                lambda: parked.summary(NAME, 9)
            )
            pending = _gauge(made.metrics)
            [(connector, row)] = await made.store.run(lambda: parked.of_event("e0"))
        shown = (lead, event, state, due_of(str(state), due), count, pending)
        assert shown == ("a", "e0", "pending", rfc3339(EPOCH + 6.02), 2, 1.0)
        counted, tried = attempts_of(progress)
        assert (counted, [(one.number, one.result) for one in tried]) == (0, [PENDING, ASKED])
        assert (connector, row.state) == (NAME, "pending")


def _gauge(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("leadwire_pending_deliveries", {"connector": NAME})
