"""A connector at work, in virtual time: what the vendor receives and when, and what is settled."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from connectors.delivery.connector import Limit
from connectors.delivery.judgement import Policy
from gateway.clock import rfc3339
from gateway.eventlog.port import NewRecord, Topic
from gateway.journal.port import JournalUnavailable
from gateway.model.codec import read_outcome
from gateway.model.outcome import Result
from gateway.transport.port import AnswerUnknown, ConnectFailed, HttpReply
from tests.connectors.delivery.engine import (
    NAME,
    bench,
    neighbours,
    passed,
    plan,
    update,
    worker_of,
)
from tests.connectors.delivery.fake_vendor import TestConnector, ok, says, until
from tests.virtual import EPOCH, in_virtual_time

POISON = "poison"


@in_virtual_time
async def test_leads_go_side_by_side_and_each_leads_updates_one_after_the_other() -> None:
    """Never more at once than `concurrency`, never two of one lead."""
    async with bench(ok) as made:
        await made.append(*(update(f"e{i}", "abcdef"[i % 6]) for i in range(12)))
        async with made.running(plan(concurrency=4)):
            await passed(1.0)
        assert (made.vendor.most_under_way, made.vendor.clashes) == (4, 0)
        assert {f"e{i}": "applied" for i in range(12)} == await made.ends()
        assert (made.parked(), made.unsettled()) == ([], 0)


@pytest.mark.parametrize(("most", "configured", "expected"), [(1, 4, 1), (3, 4, 3), (9, 4, 4)])
def test_a_vendor_may_take_fewer_calls_at_once_than_are_configured(
    most: int, configured: int, expected: int
) -> None:
    """The lower number holds."""

    @in_virtual_time
    async def scenario() -> None:
        connector = TestConnector()
        connector.most_in_flight = most
        async with bench(ok) as made:
            await made.append(*(update(f"e{i}", f"lead {i}") for i in range(12)))
            async with made.running(plan(connector=connector, concurrency=configured)):
                await passed(1.0)
            assert (expected, 12) == (made.vendor.most_under_way, len(await made.ends()))

    scenario()


@in_virtual_time
async def test_a_clear_refusal_ends_a_delivery_and_the_next_goes_on() -> None:
    """Rejected is also a dead letter, unless a caller waits to be told; a human's matter is one
    always."""
    answers = {"e0": 422, "e1": 422, "e2": 409, "e3": 200}
    async with bench(lambda call: says(answers[call.events[0]])) as made:
        waited = {"authority": NAME, "replyto": "0"}
        await made.append(
            update("e0"), update("e1", **waited), update("e2", **waited), update("e3")
        )
        async with made.running():
            await passed(1.0)
        ends = {
            "e0": "rejected validation_failed",
            "e1": "rejected validation_failed",
            "e2": "dead_lettered conflict",
            "e3": "applied",
        }
        assert ends == await made.ends()
        assert await made.dead() == {"e0": "validation_failed", "e2": "conflict"}
        replies = await made.everything(Topic.REPLIES)
        told = [read_outcome(record.headers, record.value).event_id for record in replies]
        assert told == ["e1", "e2"]


@in_virtual_time
async def test_an_unlinked_lead_is_never_sent() -> None:
    """A dead letter, or skipped where so configured."""
    unlinked = replace(update("e0").origin, operation="unlinked")
    async with bench(ok) as made:
        await made.append(update("e0", origin=unlinked), update("e1"))
        async with made.running():
            await passed(1.0)
        await made.append(update("e2", origin=unlinked))
        async with made.running(plan(policy=Policy(skip_unlinked=True))):
            await passed(1.0)
        ends = {
            "e0": "dead_lettered lead_not_linked",
            "e1": "applied",
            "e2": "skipped lead_not_linked",
        }
        assert (ends, ["e1"]) == (await made.ends(), made.vendor.received)


@in_virtual_time
async def test_a_throttled_connector_waits_as_long_as_it_was_told() -> None:
    """To the second, all its lanes; nothing counts as an attempt."""
    replies = [says(429, retry_after="7"), says(429), says(429, retry_after="0"), says(200)]
    async with bench(lambda call: replies.pop(0) if replies else ok(call)) as made:
        await made.append(update("e0", "a"), update("e1", "b"))
        async with made.running(plan(concurrency=1, policy=Policy(throttled=2.0))):
            await passed(20.0)
        outcomes = await made.outcomes()
        tries = {one.event_id: [(t.number, t.result) for t in one.attempts] for one in outcomes}
        throttled, applied = (0, Result.THROTTLED), (1, Result.APPLIED)
        assert {"e0": [throttled, applied], "e1": [throttled, applied]} == tries
        assert made.vendor.times == [0.0, 7.01, 9.02, 11.03, 11.04]


@pytest.mark.parametrize("reads", [(), ("note",)])
def test_a_conversation_is_told_when_its_attempt_begins(reads: tuple[str, ...]) -> None:
    """Each attempt anew, after whatever held it back; the attempt written down has that time."""

    @in_virtual_time
    async def scenario() -> None:
        connector = TestConnector(reads=reads)
        async with bench(until(1.0, says(429, retry_after="90"))) as made:
            await made.append(update("e0"))
            async with made.running(plan(connector=connector)):
                await passed(120.0)
            [outcome] = await made.outcomes()
        moments = [round(delivery.now - EPOCH, 3) for delivery in connector.seen]
        assert moments == [0.0, 90.01]
        written = [attempt.at for attempt in outcome.attempts]
        assert written == [rfc3339(delivery.now) for delivery in connector.seen]

    scenario()


@in_virtual_time
async def test_limits_are_held() -> None:
    """Two requests in any second."""
    async with bench(ok) as made:
        await made.append(*(update(f"e{i}", f"lead {i}") for i in range(6)))
        async with made.running(plan(limits=(Limit(2, 1.0),))):
            await passed(10.0)
        assert made.vendor.times == [0.0, 0.0, 1.01, 1.01, 2.02, 2.02]


@in_virtual_time
async def test_wrong_settings_stop_the_connector_until_the_vendor_answers_properly() -> None:
    """One delivery a minute is tried, another lead's each time; nothing is charged to them."""
    async with bench(until(150.0, says(401))) as made:
        await made.append(*(update(f"e{i}", lead) for i, lead in enumerate(neighbours(4))))
        async with made.running(plan(concurrency=1)):
            await passed(100.0)
            stopped = await made.state()
            able = made.board.able(NAME)
            await passed(100.0)
            running = await made.state()
        assert stopped == ("stopped", "unauthenticated: the key *** is wrong")
        assert (able, running) == (False, ("running", ""))
        expected = [0.0, 60.01, 120.02, 180.03, 180.04, 180.05, 180.06]
        assert expected == made.vendor.times
        assert made.vendor.received == ["e0", "e1", "e2", "e3", "e0", "e1", "e2"]
        assert {f"e{i}": "applied" for i in range(4)} == await made.ends()


@in_virtual_time
async def test_an_operator_resumes_a_stopped_connector() -> None:
    """It looks within a second."""
    async with bench(until(5.0, says(401))) as made:
        await made.append(update("e0"))
        async with made.running():
            await passed(10.3)
            await made.wish("run")
            await passed(2.0)
        assert (made.vendor.times, await made.ends()) == ([0.0, 11.0], {"e0": "applied"})


@in_virtual_time
async def test_a_pause_does_not_resume_a_stopped_connector() -> None:
    """It stays stopped when the pause ends without a word from the vendor, but for one try."""
    async with bench(lambda _: says(401)) as made:
        await made.append(update("e0"))
        async with made.running():
            await passed(10.3)
            await made.wish("paused")
            await passed(2.0)
            seen = [await made.state()]
            await made.wish("run")
            await passed(2.0)
            seen.append(await made.state())
        stopped = ("stopped", "unauthenticated: the key *** is wrong")
        assert ([stopped, stopped], [0.0, 13.0]) == (seen, made.vendor.times)


@in_virtual_time
async def test_a_paused_connector_sends_nothing_even_after_a_restart() -> None:
    """Until it is resumed."""
    async with bench(ok) as made:
        await made.wish("paused")
        await made.append(update("e0"))
        async with made.running():
            await passed(5.0)
            paused = await made.state()
        async with made.running():
            await passed(5.2)
            await made.wish("run")
            await passed(2.0)
        assert paused == ("paused", "by an operator, or because its endpoint was disabled")
        assert (made.vendor.times, await made.ends()) == ([11.0], {"e0": "applied"})


@in_virtual_time
async def test_a_dead_vendor_is_probed_one_lead_after_the_other() -> None:
    """Five failures open the breaker; each probe is another lead's; the first proper answer lets
    all go on."""
    async with bench(until(40.0, ConnectFailed("refused"))) as made:
        await made.append(*(update(f"e{i}", lead) for i, lead in enumerate(neighbours(8))))
        async with made.running(plan(concurrency=2)):
            await passed(30.0)
            state = await made.state()
            await passed(60.0)
        assert state == ("breaker_open", "no proper answer from the vendor")
        assert [f"e{i}" for i in range(6)] == made.vendor.received[:6]
        # 5 s, then 10, 20 and 40 after the one before; the two not yet tried come first.
        probes = [(call.at, call.events[0]) for call in made.vendor.calls[6:10]]
        assert probes == [(5.03, "e6"), (15.04, "e7"), (35.05, "e4"), (75.06, "e5")]
        assert {f"e{i}": "applied" for i in range(8)} == await made.ends()
        assert Counter(f"e{i}" for i in range(8)) == Counter(set(made.vendor.received))


@pytest.mark.parametrize("leads", [1, 30])
def test_two_days_of_outage_cost_no_update(leads: int) -> None:
    """No attempt is counted, nothing expires, nothing is parked; all is delivered in order
    afterwards."""
    down = 48 * 3600.0

    @in_virtual_time
    async def scenario() -> None:
        async with bench(until(down, says(503))) as made:
            events = [update(f"e{i:02}", f"lead {i % leads}") for i in range(30)]
            await made.append(*events)
            policy = Policy(attempts=3, max_age=3600.0)
            lazily = plan(policy=policy, open_for=900.0, max_open=3600.0)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("connectors.delivery.worker.BEAT", 600.0)
                patch.setattr("gateway.store.leases.TTL", 1e7)
                patch.setattr("connectors.delivery.owner.TTL", 1e7)
                patch.setattr("connectors.delivery.owner.RENEW", 1e6)
                async with made.running(lazily):
                    await passed(down + 8000.0)
            assert {event.id: "applied" for event in events} == await made.ends()
            counts = {one.attempts[-1].number for one in await made.outcomes()}
            assert ({}, {1}) == (await made.dead(), counts)
            for number in range(leads):
                mine = [
                    e for c in made.vendor.calls if c.leads == (f"lead {number}",) for e in c.events
                ]
                assert sorted(mine) == mine

    scenario()


@in_virtual_time
async def test_answer_unknown_is_told_apart_from_no_connection() -> None:
    """In the attempts of the outcome."""
    replies: list[HttpReply] = [
        ConnectFailed("refused"),
        AnswerUnknown("dropped"),
        says(500),
        says(200),
    ]
    async with bench(lambda _: replies.pop(0)) as made:
        await made.append(update("e0"))
        async with made.running():
            await passed(30.0)
        [outcome] = await made.outcomes()
        seen = [(one.number, one.result, one.message) for one in outcome.attempts]
        expected = [
            (0, Result.CONNECT_FAILED, "refused"),
            (0, Result.ANSWER_UNKNOWN, "dropped"),
            (0, Result.UNAVAILABLE, "server error"),
            (1, Result.APPLIED, ""),
        ]
        assert (expected, [0.0, 1.01, 3.02, 7.03]) == (seen, made.vendor.times)


@in_virtual_time
async def test_a_rehearsing_connector_sends_nothing() -> None:
    """It says that it would have; a slice that trips does not stop it."""
    connector = TestConnector()
    async with bench(ok) as made:
        await made.append(update("e0"), update("e1"))
        nothing: dict[str, None] = {}
        connector.trip = lambda delivery: nothing["e0"] if delivery.event.id == "e0" else None
        async with made.running(plan(shadow=True, connector=connector)):
            await passed(1.0)
        assert await made.ends() == {"e0": "skipped shadowed", "e1": "skipped shadowed"}
        assert (made.vendor.calls, [one.event.id for one in connector.seen]) == ([], ["e1"])


@pytest.mark.parametrize("fault", [KeyError, AttributeError, RuntimeError])
def test_a_slice_that_trips_over_one_update_stops_only_that_lead(fault: type[Exception]) -> None:
    """It is tried like a 5xx, and given up like one."""

    def trip(delivery: object) -> None:
        if POISON in repr(delivery):
            raise fault("jane@example.com")

    @in_virtual_time
    async def scenario() -> None:
        connector = TestConnector()
        connector.trip = trip
        async with bench(ok) as made:
            await made.append(update("e0", POISON), update("e1", POISON), update("e2", "b"))
            policy = Policy(attempts=2, first=1.0)
            async with made.running(plan(policy=policy, connector=connector)):
                for number in range(12):
                    await passed(1.0)
                    await made.append(update(f"o{number}", "c"))
                await passed(5.0)
            ends = await made.ends()
            others = {ends[name] for name in ends if name not in {"e0", "e1"}}
            spent = "dead_lettered attempts_spent"
            assert (spent, spent, {"applied"}) == (ends["e0"], ends["e1"], others)
            [outcome] = [one for one in await made.outcomes() if one.event_id == "e0"]
            assert f"the connector failed: {fault.__name__}" == outcome.message

    scenario()


@in_virtual_time
async def test_a_settle_that_fails_is_made_again_and_nothing_is_sent_meanwhile() -> None:
    """With the same ids; the vendor hears of no update twice."""
    async with bench(ok) as made:
        journal, failures = made.journal, 6
        settle = journal.settle
        tried: list[tuple[float, list[str]]] = []

        async def failing(settlement: object, records: list[NewRecord]) -> None:
            ids = [value for record in records for name, value in record.headers if name == "ce_id"]
            tried.append((made.clock.monotonic(), ids))
            if len(tried) <= failures:
                raise JournalUnavailable("disk full")
            await settle(settlement, records)  # type: ignore[arg-type]  # passed through

        journal.settle = failing  # type: ignore[assignment,method-assign]  # a disk that is full
        await made.append(update("e0"), update("e1"))
        async with made.running():
            await passed(0.5)
            await made.append(update("e2", "b"))
            await passed(20.0)
        first = [round(at, 2) for at, _ in tried[:7]]
        assert first == [0.01, 0.11, 0.31, 0.71, 1.51, 3.11, 6.31]
        assert len({tuple(ids) for _, ids in tried[:7]}) == 1
        assert sorted(made.vendor.received) == ["e0", "e1", "e2"]
        assert made.vendor.times == [0.0, 6.31, 6.31]


@in_virtual_time
async def test_the_reported_state_is_there_for_others_and_gone_with_the_process() -> None:
    """A row in the store, and the board of this process."""
    async with bench(ok) as made:
        async with made.running() as owner:
            await passed(1.5)
            seen = [await made.state(), made.board.states(), len(worker_of(owner).lanes)]
        seen.append(await made.state())
        expected = [("running", ""), {NAME: "running"}, 0, ("waiting", "no process runs it")]
        assert expected == seen
