"""A minute in which a vendor fails for one lead only, and for what it has taken already."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from gateway.model.outcome import Result
from gateway.transport.port import HttpReply, HttpRequest
from tests.connectors.outages.promises import TABLE, fault_of
from tests.connectors.outages.rig import SHAKY, Fault, Heard, Line, Rig, running
from tests.connectors.outages.rows import ASYNC, BULK, ROWS, Row
from tests.virtual import in_virtual_time

FROM, UNTIL, END = 10.0, 70.0, 230.0
"""Seconds at which it begins and ends, and after which all must be done."""
SOON = {BULK.name: 5.0}
"""Seconds in which others are served where it is not at once: an account's bulk calls are counted
over this window, and the tries of the lead that fails are among them."""
OTHERS = 30
"""Updates of another lead, one every two seconds."""

CELLS = [
    (fault, row)
    for fault, cells in TABLE.items()
    for row in ROWS
    # A connection that is refused is refused to every lead.
    if fault != "dead" and row.name in cells and cells[row.name].does == "probes"
]


def only_of(lead: str, fault: Fault) -> Fault:
    """A fault that only meets requests about one lead."""

    async def chosen(line: Line, request: HttpRequest) -> HttpReply | None:
        about = lead in request.url or lead.encode() in request.body
        return await fault(line, request) if about else None

    return chosen


async def called(rig: Rig) -> dict[str, Heard]:
    """Two updates of the lead that fails, and many of another; what their callers heard."""
    times = {f"C{number}": 9.0 + 2 * number for number in range(OTHERS)}
    times |= {"A1": FROM, "A2": FROM + 1}

    async def call(mark: str, at: float) -> tuple[str, Heard]:
        await asyncio.sleep(at - rig.bench.clock.monotonic())
        return mark, await rig.call(mark)

    return dict(await asyncio.gather(*(call(mark, at) for mark, at in times.items())))


@pytest.mark.parametrize(
    ("fault", "row"), CELLS, ids=[f"{row.name}-{fault}" for fault, row in CELLS]
)
def test_a_minute_without_one_lead(fault: str, row: Row) -> None:
    """Its tries count, it is parked, and done afterwards, in order; nobody else notices, not even
    a lead whose update was in the same call."""

    @in_virtual_time
    async def scenario() -> None:
        async with running(row, "authority") as rig:
            rig.shaky.fault = only_of(row.id_of("A"), fault_of(row, fault))
            calls = asyncio.create_task(called(rig))
            await asyncio.sleep(UNTIL - rig.bench.clock.monotonic())
            state = await rig.bench.state(SHAKY)
            rig.shaky.fault = None
            heard = await calls
            await asyncio.sleep(END - rig.bench.clock.monotonic())
            assert state == ("running", "")
            await done(rig, heard, fault, again=TABLE[fault][row.name].again)

    scenario()


async def done(rig: Rig, heard: dict[str, Heard], fault: str, *, again: bool) -> None:
    """Everybody was told the truth and everything was applied."""
    row, marks = rig.row, await rig.marks()
    # An account that takes one bulk call at a time waits for the one without an answer.
    held_up = row is BULK and fault == "slow"
    for mark, one in heard.items():
        quick = row.deadline is None or (mark[0] == "C" and not held_up)
        busy = (one.answer.status, one.answer.body) == row.busy
        assert (one.after < SOON.get(row.name, 0.5) and not busy) if quick else held_up or busy, (
            mark,
            one,
        )
    got = [mark for mark in rig.shaky.applied if mark[0] == "A"]
    assert (got == sorted(got) and set(got) == {"A1", "A2"}) if again else got == ["A1", "A2"]
    assert set(rig.shaky.applied) == set(heard)
    assert (await rig.bench.dead(), rig.bench.parked()) == ({}, [])
    outcomes = [one for one in await rig.bench.outcomes() if one.connector == SHAKY]
    tries = {marks[one.event_id]: one.attempts for one in outcomes}
    counted = [each.number for each in tries["A1"] if each.result is not Result.PENDING]
    numbers = [number for number in counted if number]
    assert numbers == list(range(1, len(numbers) + 1)), tries["A1"]
    assert len(numbers) >= 2 or fault == "slow", tries["A1"]
    assert tries["A2"][-1].number == 1
    assert {tries[mark][-1].number for mark in heard if mark[0] == "C"} == {1}


# --- what is pending -------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [fault for fault, cells in TABLE.items() if ASYNC.name in cells])
def test_what_a_vendor_has_taken_is_not_sent_again(fault: str) -> None:
    """It fails after it took two updates and before it said what became of them: they are asked
    about when it is well again, and a lead's next update is sent after that."""

    @in_virtual_time
    async def scenario() -> None:
        async with running(ASYNC, "authority") as rig:
            await asyncio.gather(rig.call("A1"), rig.call("B1"))
            await asyncio.sleep(0.5)
            rig.shaky.fault = fault_of(ASYNC, fault)
            await rig.call("A2")
            await asyncio.sleep(UNTIL)
            rig.shaky.fault = None
            before = sorted(set(rig.shaky.applied))
            await asyncio.sleep(END)
            applied = Counter(rig.shaky.applied)
            assert (applied["A1"], applied["B1"], sorted(applied)) == (1, 1, ["A1", "A2", "B1"])
            assert before == ["A1", "B1"] or fault in {"answer lost", "200 that refuses"}
            assert (await rig.bench.dead(), rig.bench.parked()) == ({}, [])
            marks = await rig.marks()
            outcomes = [one for one in await rig.bench.outcomes() if one.connector == SHAKY]
            ends = {marks[one.event_id]: one.attempts[-1].result for one in outcomes}
            assert ends == dict.fromkeys(["A1", "A2", "B1"], Result.APPLIED)

    scenario()
