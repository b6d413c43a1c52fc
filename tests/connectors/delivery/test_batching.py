"""Several leads in one conversation: who shares it, and who pays when it fails."""

from __future__ import annotations

from typing import Any

from connectors.delivery.connector import Delivery
from connectors.delivery.judgement import Policy
from connectors.delivery.plan import Plan
from gateway.model.outcome import Result
from gateway.transport.port import AnswerUnknown, HttpReply
from tests.connectors.delivery.engine import bench, follower, neighbours, passed, plan, update
from tests.connectors.delivery.fake_vendor import Answer, TestConnector, Vendor, ok, says
from tests.virtual import in_virtual_time

LEADS = neighbours(8)


def batched(connector: TestConnector | None = None, **changed: Any) -> Plan:
    """A plan of one conversation at a time, five leads in each."""
    return plan(connector=connector or TestConnector(5), concurrency=1, **changed)


@in_virtual_time
async def test_a_batch_holds_one_update_of_each_lead() -> None:
    """And no more than the vendor takes."""
    async with bench(ok) as made:
        await made.append(*(update(f"e{i}", LEADS[i % 3]) for i in range(6)))
        await made.append(*(update(f"f{i}", LEADS[i]) for i in range(8)))
        async with made.running(batched()):
            await passed(2.0)
        a, b, c, d, e, f, g, h = (LEADS[i] for i in range(8))
        expected = [(a, b, c, d, e), (f, g, h, a, b), (c, a, b), (c,)]
        assert expected == [call.leads for call in made.vendor.calls]
        assert (len(await made.ends()), made.vendor.clashes) == (14, 0)


@in_virtual_time
async def test_only_equal_keys_share_a_conversation() -> None:
    """The others come next, without waiting for the first to end where there is room."""
    connector = TestConnector(5)
    connector.key = lambda delivery: delivery.event.id in {"e1", "e3"}
    async with bench(ok) as made:
        await made.append(*(update(f"e{i}", LEADS[i]) for i in range(5)))
        async with made.running(plan(connector=connector, concurrency=2)):
            await passed(2.0)
        expected = [(0.0, ("e0", "e2", "e4")), (0.0, ("e1", "e3"))]
        assert expected == [(call.at, call.events) for call in made.vendor.calls]


@in_virtual_time
async def test_a_key_that_trips_sends_its_update_alone() -> None:
    """And nobody else is stopped."""

    def key(delivery: Delivery) -> None:
        if delivery.event.id == "e1":
            raise AttributeError("no such thing")

    connector = TestConnector(5)
    connector.key = key
    async with bench(ok) as made:
        await made.append(*(update(f"e{i}", LEADS[i]) for i in range(3)))
        async with made.running(batched(connector)):
            await passed(2.0)
        assert [call.events for call in made.vendor.calls] == [("e0", "e2"), ("e1",)]


@in_virtual_time
async def test_each_lead_gets_its_own_verdict() -> None:
    """A refusal of one is not the others'."""
    answers: list[HttpReply] = [says(200, 200, 422, 409, 500, 200)]
    async with bench(lambda call: answers.pop() if answers else ok(call)) as made:
        await made.append(*(update(f"e{i}", LEADS[i]) for i in range(5)))
        async with made.running(batched()):
            await passed(5.0)
        expected = {
            "e0": "applied",
            "e1": "rejected validation_failed",
            "e2": "dead_lettered conflict",
            "e3": "applied",
            "e4": "applied",
        }
        assert expected == await made.ends()
        # The one that failed while others were answered was charged, and came again after 1 s.
        assert [(call.at, len(call.events)) for call in made.vendor.calls] == [(0.0, 5), (1.01, 1)]


def poisons(status: int) -> Answer:
    """A vendor that can't take a whole batch because of one update in it."""
    return lambda call: says(status) if "e3" in call.events else ok(call)


@in_virtual_time
async def test_a_batch_refused_as_a_whole_is_halved_down_to_the_one() -> None:
    """Only that lead is rejected."""
    async with bench(poisons(422)) as made:
        await made.append(*(update(f"e{i}", LEADS[i]) for i in range(5)))
        async with made.running(batched()):
            await passed(2.0)
        sent = [call.events for call in made.vendor.calls]
        assert sent == [
            ("e0", "e1", "e2", "e3", "e4"),
            ("e0", "e1"),
            ("e2", "e3"),
            ("e4",),
            ("e2",),
            ("e3",),
        ]
        rejected = {name: end for name, end in (await made.ends()).items() if end != "applied"}
        assert rejected == {"e3": "rejected validation_failed"}


@in_virtual_time
async def test_a_batch_that_fails_as_a_whole_charges_nobody_before_it_is_one_lead() -> None:
    """Then it is charged like any other."""
    async with bench(poisons(500)) as made:
        await made.append(*(update(f"e{i}", LEADS[i]) for i in range(5)))
        async with made.running(batched(policy=Policy(attempts=2))):
            await passed(0.5)
            for number in range(8):
                await made.append(update(f"o{number}", LEADS[7]))
                await passed(1.0)
        outcomes = {outcome.event_id: outcome for outcome in await made.outcomes()}
        kinds = {name: outcome.kind for name, outcome in outcomes.items() if name[0] == "e"}
        assert kinds == {
            "e0": "applied",
            "e1": "applied",
            "e2": "applied",
            "e3": "dead_lettered",
            "e4": "applied",
        }
        tries = [
            [(one.number, one.result) for one in outcomes[name].attempts] for name in ("e0", "e3")
        ]
        spent = [(1, Result.UNAVAILABLE), (2, Result.UNAVAILABLE)]
        assert [[(1, Result.APPLIED)], spent] == tries


@in_virtual_time
async def test_a_batch_whose_answer_is_lost_is_on_the_record_of_each_lead() -> None:
    """The vendor may have applied all of it, so that what comes again can be explained."""
    lost: list[HttpReply] = [AnswerUnknown("the connection was lost")]
    async with bench(lambda call: lost.pop() if lost else ok(call)) as made:
        await made.append(*(update(f"e{i}", LEADS[i]) for i in range(3)))
        async with made.running(batched()):
            await passed(2.0)
        assert [call.events for call in made.vendor.calls] == [
            ("e0", "e1", "e2"),
            ("e0",),
            ("e1",),
            ("e2",),
        ]
        tries = {
            one.event_id: [(each.number, each.result, each.message) for each in one.attempts]
            for one in await made.outcomes()
        }
        unknown = (0, Result.ANSWER_UNKNOWN, "the connection was lost")
        assert tries == {f"e{i}": [unknown, (1, Result.APPLIED, "")] for i in range(3)}


@in_virtual_time
async def test_a_refused_follower_in_a_batch_is_not_sent() -> None:
    """Whatever its authority allowed of the others."""
    async with bench(ok) as made:
        refuses = {LEADS[1], LEADS[3]}
        made.vendors["boss"] = Vendor(
            lambda call: says(422) if refuses & set(call.leads) else ok(call)
        )
        await made.append(*(follower(f"e{i}", LEADS[i]) for i in range(5)))
        async with made.running(plan("boss")):
            await passed(2.0)
        async with made.running(batched()):
            await passed(5.0)
        assert made.vendor.received == ["e0", "e2", "e4"]
        crm = {one.event_id: one.code for one in await made.outcomes() if one.connector == "crm"}
        expected = {
            "e0": "ok",
            "e1": "not_sent_refused",
            "e2": "ok",
            "e3": "not_sent_refused",
            "e4": "ok",
        }
        assert expected == crm


@in_virtual_time
async def test_a_wrong_number_of_verdicts_is_the_slices_fault_alone() -> None:
    """The batch is halved, and each lead is tried by itself."""
    async with bench(lambda call: says(200, 200) if len(call.events) > 2 else ok(call)) as made:
        await made.append(*(update(f"e{i}", LEADS[i]) for i in range(4)))
        async with made.running(batched()):
            await passed(2.0)
        assert {f"e{i}": "applied" for i in range(4)} == await made.ends()
        assert [len(call.events) for call in made.vendor.calls] == [4, 2, 2]
