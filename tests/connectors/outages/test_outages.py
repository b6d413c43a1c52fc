"""Five minutes without a vendor, for every vendor, every way to fail and both roles."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import pytest

from gateway.model.outcome import Result
from tests.connectors.outages.promises import CELLS, TABLE, Promise, fault_of
from tests.connectors.outages.rig import SHAKY, Heard, Rig, Role, Sent, running
from tests.connectors.outages.rows import Row
from tests.virtual import in_virtual_time

FROM, LATE, UNTIL = 10.0, 270.0, 310.0
"""Seconds at which the vendor begins to fail, a late call comes, and it is well again."""
BACK = 130.0
"""Seconds after which all must be as if nothing had been: the longest wait of any vendor, and
some."""
OPEN = (5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds between probes as the breaker is documented; the last one over and over."""
A_MINUTE = 60.0
"""Seconds between what a stopped connector tries."""
FAILURES = 5
HIT = ("A1", "B1", "B2", "C1")
"""Marks of the updates whose calls come while the vendor fails."""


class Story(NamedTuple):
    """What was seen."""

    rig: Rig
    heard: dict[str, Heard]
    """Mark to what its caller was told."""
    retried: Heard | None
    """What the caller of A1 was told when it had heard busy and called again, after the fault."""
    state: tuple[str, str]
    """The connector's at the end of the fault."""
    steady: dict[str, float]
    """Mark to the seconds from its call to the other vendor."""
    again: int
    """Requests that this call made."""


async def lived(rig: Rig, fault: str) -> Story:
    """Calls before, during and after."""
    heard: dict[str, Heard] = {}
    called: dict[str, float] = {}

    async def call(mark: str, at: float) -> None:
        await asyncio.sleep(at - rig.bench.clock.monotonic())
        called[mark] = rig.bench.clock.monotonic()
        heard[mark] = await rig.call(mark)

    await call("A0", 2.0)
    await asyncio.sleep(FROM - rig.bench.clock.monotonic())
    rig.shaky.fault = fault_of(rig.row, fault)
    times = {"A1": FROM, "B1": FROM, "B2": FROM + 1, "C1": LATE}
    calls = [asyncio.create_task(call(mark, at)) for mark, at in times.items()]
    await asyncio.sleep(UNTIL - 0.5 - FROM)
    state = await rig.bench.state(SHAKY)
    await asyncio.sleep(0.5)
    rig.shaky.fault = None
    await asyncio.gather(*calls)
    await call("D1", UNTIL + BACK)
    await asyncio.sleep(5.0)
    before = len(rig.shaky.sent)
    busy = heard["A1"].answer.body == rig.row.busy[1]
    retried = await rig.call("A1") if busy else None
    steady = {mark: sent.at - called[mark] for sent in rig.steady.sent for mark in sent.marks[:1]}
    return Story(rig, heard, retried, state, steady, len(rig.shaky.sent) - before)


@pytest.mark.parametrize("role", ["authority", "follower"])
@pytest.mark.parametrize(
    ("fault", "row"), CELLS, ids=[f"{row.name}-{fault}" for fault, row in CELLS]
)
def test_five_minutes_without_a_vendor(fault: str, row: Row, role: Role) -> None:
    """Each cell of the table holds, whole."""

    @in_virtual_time
    async def scenario() -> None:
        async with running(row, role) as rig:
            story = await lived(rig, fault)
            promise = TABLE[fault][row.name]
            callers_hear(story, promise, role)
            the_connector_says(story, promise)
            the_vendor_is_spared(story, promise)
            all_is_delivered(story, promise)
            await all_is_recorded(story, promise, role)
            nobody_else_notices(story)

    scenario()


# --- what each cell holds -------------------------------------------------------------------


def callers_hear(story: Story, promise: Promise, role: Role) -> None:
    """Of a follower nothing; of an authority busy, at once where no outcome can come soon."""
    row = story.rig.row
    spared = role == "follower" or row.deadline is None or promise.does == "goes on"
    refused = promise.does == "refuses"
    for mark, heard in story.heard.items():
        if spared or mark in {"A0", "D1"}:
            assert is_ok(row, mark, heard), (mark, heard)
            assert heard.after < 0.5, (mark, heard)
            continue
        if refused:
            assert is_no(row, mark, heard), (mark, heard)
            continue
        near = promise.does == "waits" or mark != "C1"
        assert (heard.answer.status, heard.answer.body) == row.busy, (mark, heard)
        assert dict(heard.answer.headers).get("Retry-After") == row.busy_after
        assert heard.after == (row.deadline if near else 0.0), (mark, heard)
        assert heard.event
    again = story.retried
    if again is not None:
        assert is_ok(row, "A1", again), again
        assert (again.event, story.again) == (story.heard["A1"].event, 0)


def is_no(row: Row, mark: str, heard: Heard) -> bool:
    """Whether an answer is the dialect's own word for the vendor's refusal."""
    status, told = row.no(row.id_of(mark[0]))
    outcome = dict(heard.answer.headers).get("X-Leadwire-Outcome")
    return (
        (heard.answer.status, outcome) == (status, f"{SHAKY}=rejected")
        and says(heard.answer.body, told)
        and heard.after < 0.5
    )


def is_ok(row: Row, mark: str, heard: Heard) -> bool:
    """Whether an answer is the dialect's own word for what was done."""
    told = row.ok(row.id_of(mark[0]), f"mark-{mark}", heard.event)
    return heard.answer.status == 200 and says(heard.answer.body, told)


def says(body: bytes, told: bytes | Mapping[str, Any]) -> bool:
    """Whether a body is these bytes, or JSON that holds at least this."""
    return body == told if isinstance(told, bytes) else holds(orjson.loads(body), told)


def holds(told: Any, expected: Any) -> bool:
    """Whether an answer has at least this in it."""
    if not isinstance(expected, Mapping):
        return bool(told == expected)
    return all(name in told and holds(told[name], value) for name, value in expected.items())


STATES = {"probes": "breaker_open", "stops": "stopped"}


def the_connector_says(story: Story, promise: Promise) -> None:
    """Its state, and why."""
    state, reason = story.state
    expected = promise.reason if promise.does == "stops" else ""
    if promise.does == "probes":
        expected = "no proper answer from the vendor"
    assert (state, reason.partition(":")[0]) == (STATES.get(promise.does, "running"), expected)


def the_vendor_is_spared(story: Story, promise: Promise) -> None:
    """Nothing is sent but what may be: a probe when it is due, one try a minute, nothing before
    the vendor's own time."""
    hits = sorted(sent for sent in story.rig.shaky.sent if sent.hit)
    match promise.does:
        case "probes":
            opened = sorted(hit.until for hit in hits)[FAILURES - 1]
            probes = [hit for hit in hits if hit.at >= opened]
            assert len(hits) - len(probes) <= FAILURES + 1
            assert_apart(opened, probes, OPEN)
        case "stops":
            first = min(hit.until for hit in hits)
            tries = [hit for hit in hits if hit.at > first + 1]
            assert_apart(first, tries, (A_MINUTE,))
        case "waits":
            assert_waves(hits, story.rig.row.wait)
        case "goes on" | "refuses":
            # A call of several leads that is refused as a whole is halved first.
            alone = (hit.marks[0] for hit in hits if len(hit.marks) == 1)
            assert Counter(alone) == Counter(HIT)


def assert_apart(since: float, tries: Sequence[Sent], pauses: Sequence[float]) -> None:
    """Each try is so long after the end of the one before, and none is missing."""
    for number, hit in enumerate(tries):
        pause = pauses[min(number, len(pauses) - 1)]
        assert hit.at == pytest.approx(since + pause, abs=0.02), (number, tries)
        since = hit.until
    assert since + pauses[min(len(tries), len(pauses) - 1)] >= UNTIL


def assert_waves(hits: Sequence[Sent], wait: float) -> None:
    """What is sent together is sent exactly `wait` seconds after the last answer to what was sent
    before."""
    waves: list[list[Sent]] = []
    for hit in hits:
        if waves and hit.at < waves[-1][0].until:
            waves[-1].append(hit)
        else:
            waves.append([hit])
    ends = [max(hit.until for hit in wave) for wave in waves]
    for end, wave in zip(ends, waves[1:], strict=False):
        assert {hit.at for hit in wave} == {round(end + wait, 3)}, waves
    assert ends[-1] + wait >= UNTIL


def all_is_delivered(story: Story, promise: Promise) -> None:
    """Each lead's updates in log order: once, or where the vendor applied tries whose answers were
    lost, the newest again."""
    got = story.rig.shaky.applied
    for lead in "ABCD":
        mine = [mark for mark in got if mark[0] == lead]
        assert mine == sorted(mine)
    wanted = Counter(story.heard.keys())
    met = [mark for hit in story.rig.shaky.sent if hit.hit for mark in hit.marks]
    if promise.does in {"goes on", "refuses"}:
        wanted.subtract(met)
    if promise.again:
        wanted.update(met)
    assert Counter(got) == +wanted


async def all_is_recorded(story: Story, promise: Promise, role: Role) -> None:
    """One outcome for each update, applied by the first try that counts. Those before it are told,
    and count for nothing. A dead letter only of what was refused and whose caller did not hear."""
    rig = story.rig
    marks = await rig.marks()
    outcomes = [one for one in await rig.bench.outcomes() if one.connector == SHAKY]
    refused = HIT if promise.does == "refuses" else ()
    told = role == "authority" and rig.row.deadline is not None
    dead = {} if told else dict.fromkeys(refused, promise.reason)
    found = {marks[event]: code for event, code in (await rig.bench.dead()).items()}
    assert (found, rig.bench.parked()) == (dead, [])
    assert Counter(marks[one.event_id] for one in outcomes) == Counter(story.heard.keys())
    for one in outcomes:
        *before, last = one.attempts
        mark = marks[one.event_id]
        expected = ("rejected", promise.reason) if mark in refused else ("applied", "ok")
        assert ((one.kind, one.code), last.number) == (expected, 1), one
        tries = {(attempt.number, attempt.result) for attempt in before}
        if mark == "A1" and promise.result is not None:
            # That an endpoint is gone must be said of two leads. B1 was sent in the same moment:
            # which of both heard it first is nobody's promise.
            gone = promise.reason == "vendor_endpoint_retired"
            first = {(0, Result.UNAVAILABLE)} if gone else set()
            assert tries - {(1, Result.PENDING)} - first == {(0, promise.result)}, one.attempts


def nobody_else_notices(story: Story) -> None:
    """The other connector has each update at once."""
    assert sorted(story.steady) == sorted(story.heard)
    assert max(story.steady.values()) < 0.5, story.steady
