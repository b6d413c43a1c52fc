"""A call, from its first line to its answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.registry import VENDORS
from gateway.database.port import DatabaseUnavailable
from gateway.dialect import Answer, TooLarge
from gateway.edge.reply import Reply
from gateway.eventlog.port import Topic
from gateway.journal.port import EntryTooLong, JournalUnavailable
from gateway.model.codec import read_outcome, read_update
from gateway.model.codes import Code
from gateway.model.outcome import Kind
from gateway.store.claims import Answered, Attached, Claim, Reused
from gateway.wiring import dialects
from tests.gateway.edge.front import BODY, NOWHERE, Front, front, noojee_call
from tests.journeys.running import BUSY, OK, document
from tests.virtual import VirtualClock, in_virtual_time

DNC = b'{"code":104,"message":"DNC"}'
REUSED = b'{"code":103,"message":"EXCEPTION: idempotency_key_reused"}'


@pytest.fixture
def door(tmp_path: Path) -> Front:
    """Both vendors configured."""
    return front(tmp_path)


def claim_of(door: Front) -> Claim:
    """What the last call claimed."""
    claim = door.journal.entries[-1].claim
    assert claim is not None
    return claim


async def test_what_is_appended(door: Front) -> None:
    """One record with the event's id, addressed to the connectors of its route, by lead."""
    reply = await door.noojee()
    (entry,) = door.journal.entries
    (record,) = entry.records
    event = read_update(record.headers, record.value)
    assert (event.id, event.lead_key) == (reply.events[0], record.key)
    assert (event.connectors, event.authority, event.replyto) == (("noojee-au",), "noojee-au", "0")
    assert reply.answer == Answer(
        200,
        OK,
        (("X-Leadwire-Event-Id", event.id), ("X-Leadwire-Outcome", "noojee-au=applied")),
    )
    assert (reply.claim, door.waiting.calls) == (claim_of(door), 0)


async def test_an_update_that_no_route_wants_leaves_an_outcome(tmp_path: Path) -> None:
    """Together with the update, since no connector will ever settle it."""
    told = document(tmp_path, NOWHERE)
    told["routes"] = []
    nobody = front(tmp_path, told)
    reply = await nobody.noojee()
    (entry,) = nobody.journal.entries
    update, verdict = entry.records
    outcome = read_outcome(verdict.headers, verdict.value)
    assert (reply.answer.status, reply.answer.body) == (200, OK)
    assert (update.topic, verdict.topic) == (Topic.UPDATES, Topic.OUTCOMES)
    assert (outcome.event_id, outcome.connector) == (reply.events[0], "")
    assert (outcome.kind, outcome.code) == (Kind.SKIPPED, Code.UNROUTED)
    assert (verdict.key, verdict.partition) == (update.key, update.partition)


async def test_a_refusal_by_the_authority(door: Front) -> None:
    """Is the answer, and final."""
    door.journal.outcome = Kind.REJECTED
    reply = await door.noojee()
    assert (reply.answer.status, reply.answer.body) == (400, DNC)
    assert reply.answer.headers[-1] == ("X-Leadwire-Outcome", "noojee-au=rejected")
    assert reply.claim is not None


@pytest.mark.parametrize("error", [JournalUnavailable("full"), DatabaseUnavailable("away")])
async def test_what_cant_be_made_durable_is_busy(door: Front, error: Exception) -> None:
    """Never an OK, no event's id, nobody left waiting, and nothing to mark as answered."""
    door.journal.standings = [error]
    reply = await door.noojee()
    assert (reply.answer, reply.claim) == (Answer(400, BUSY), None)
    assert (reply.events, door.waiting.calls, door.waiting._futures) == ((), 0, {})


async def test_a_retry_takes_over_the_earlier_calls_events(door: Front) -> None:
    """Their ids are answered, and claimed: not those made for the retry."""
    door.journal.standings = [Attached(("earlier",))]
    door.journal.outcome = None
    door.board.set("noojee-au", "breaker_open")
    waited = await door.noojee()
    assert (waited.answer.body, waited.events, waited.claim) == (BUSY, ("earlier",), None)


async def test_an_answered_retry_claims_what_was_answered(tmp_path: Path) -> None:
    """With `answer: accepted` and a key: the earlier events' ids."""
    told = document(tmp_path, NOWHERE)
    told["tenants"]["default"]["credentials"][0]["answer"] = "accepted"
    door = front(tmp_path, told)
    door.journal.standings = [Attached(("earlier",))]
    reply = await door.noojee(idempotency_key="one")
    assert (reply.answer.body, reply.events) == (OK, ("earlier",))
    assert reply.claim is not None
    assert (reply.claim.events, reply.claim.keyed) == (("earlier",), True)


async def test_an_answered_call_is_repeated_as_it_was(door: Front) -> None:
    """The stored answer; nothing is marked again."""
    stored = Answer(200, b"stored", (("X", "y"),))
    door.journal.standings = [Answered(("earlier",), stored)]
    reply = await door.noojee(idempotency_key="one")
    assert (reply.answer, reply.events, reply.claim) == (stored, ("earlier",), None)
    assert door.waiting.calls == 0


async def test_a_key_used_for_another_call(door: Front) -> None:
    """Refused in the dialect's words."""
    door.journal.standings = [Reused()]
    reply = await door.noojee(idempotency_key="one")
    assert (reply.answer, reply.refused) == (Answer(400, REUSED), "key_reused")
    assert door.waiting.calls == 0


async def test_what_makes_a_call_the_same(door: Front) -> None:
    """Without a key its every byte; with one the key, and the bytes tell a wrong use."""
    await door.noojee()
    plain = claim_of(door)
    await door.noojee()
    assert (claim_of(door).key, claim_of(door).keyed) == (plain.key, False)
    await door.noojee(b'{"FirstPhone":"<No Change>","njDisposition":"Lost"}')
    assert claim_of(door).key != plain.key
    keys = []
    for given in ("one", '"one"', " one ", "two", "", '""'):
        await door.noojee(idempotency_key=given)
        keys.append((claim_of(door).key, claim_of(door).keyed))
    assert keys[0] == keys[1] == keys[2] == ("key:default/noojee/0:one", True)
    assert keys[3] == ("key:default/noojee/0:two", True)
    assert keys[4] == keys[5] == (plain.key, False)


async def test_a_call_that_was_answered_is_told_from_its_retry(door: Front) -> None:
    """What counts as gone travels with the claim."""
    reply = await door.noojee()
    door.claiming.answered(reply)
    await door.noojee()
    assert claim_of(door).renew == reply.events


async def test_accepted_calls_without_a_key_claim_nothing(tmp_path: Path) -> None:
    """And wait for nobody."""
    told = document(tmp_path, NOWHERE)
    told["tenants"]["default"]["credentials"][0]["answer"] = "accepted"
    door = front(tmp_path, told)
    door.journal.outcome = None
    reply = await door.noojee()
    (entry,) = door.journal.entries
    event = read_update(entry.records[0].headers, entry.records[0].value)
    assert (reply.answer.body, entry.claim, reply.claim, event.replyto) == (OK, None, None, None)


async def test_who_is_not_known_is_refused_before_the_body(door: Front) -> None:
    """By the first line alone."""
    dialect = dialects(VENDORS)["noojee"]
    reply = await door.intake.admit(dialect, noojee_call({}, key="other"))
    assert isinstance(reply, Reply)
    assert (reply.answer.status, reply.refused) == (403, "unauthenticated")


def test_the_deadline_runs_from_the_calls_first_line(tmp_path: Path) -> None:
    """Time spent on the body, or waiting for a turn, is the caller's time too."""

    @in_virtual_time
    async def run() -> None:
        clock = VirtualClock()
        door = front(tmp_path, clock=clock)
        door.journal.outcome = None
        dialect, call = dialects(VENDORS)["noojee"], noojee_call({})
        admitted = await door.intake.admit(dialect, call)
        assert not isinstance(admitted, Reply)
        began = clock.monotonic()
        await clock.sleep(20.0)
        body = b'{"FirstPhone":"<No Change>"}'
        reply = await door.intake.take(dialect, call, body, *admitted, began)
        assert (reply.answer.body, clock.monotonic() - began) == (BUSY, 55.0)

    run()


@pytest.mark.parametrize(
    "given",
    ["k" * 256, "ключ", "a\x01b"],
    ids=["long", "no ASCII", "control"],
)
async def test_an_odd_idempotency_key_is_kept_by_its_digest(door: Front, given: str) -> None:
    """Not every database takes it as it is; two keys stay two."""
    await door.noojee(idempotency_key=given)
    await door.noojee(idempotency_key=given + "x")
    one, other = (entry.claim.key for entry in door.journal.entries if entry.claim is not None)
    assert one != other
    assert one.isascii()
    assert len(one) == len(other) == len("key:default/noojee/0:") + 64
    await door.noojee(idempotency_key="k" * 255)
    assert claim_of(door).key == "key:default/noojee/0:" + "k" * 255


@pytest.mark.parametrize("given", ["\udcff", "k" * 8000, "00-0-0-00", "00-" + "G" * 32, ""])
async def test_a_trace_that_is_none_is_not_handed_on(door: Front, given: str) -> None:
    """One that is stays as it is."""
    trace = f"00-{'1' * 32}-{'2' * 16}-01"
    await door.noojee(traceparent=given)
    await door.noojee(traceparent=trace)
    told = [dict(entry.records[0].headers).get("ce_traceparent") for entry in door.journal.entries]
    assert told == [None, trace]


@pytest.mark.parametrize(
    "id",
    ["a\x00b", "é\x00", "a\ud800", "x" * 1025],
    ids=["NUL", "NUL, no ASCII", "surrogate", "long"],
)
async def test_an_id_that_no_vendor_has_is_refused(door: Front, id: str) -> None:
    """Before anything is looked up by it."""
    dialect, call = dialects(VENDORS)["noojee"], noojee_call({})
    call = call._replace(query=(call.query[0], ("njExternalLeadId", id), call.query[2]))
    admitted = await door.intake.admit(dialect, call)
    assert not isinstance(admitted, Reply)
    reply = await door.intake.take(dialect, call, BODY, *admitted, 0.0)
    assert (reply.answer.status, reply.refused, door.journal.entries) == (400, "invalid", [])


async def test_the_events_of_an_earlier_call_can_be_appended_again(door: Front) -> None:
    """Under the ids that they have: where the log is apart, they may not have come into it."""
    await door.noojee()
    (entry,) = door.journal.entries
    assert entry.again is not None
    ((record,),) = entry.again(["01890000-0000-7000-8000-000000000001"])
    (first,) = entry.records
    event, original = (read_update(each.headers, each.value) for each in (record, first))
    assert event == original.renamed("01890000-0000-7000-8000-000000000001")
    assert (record.key, record.partition) == (first.key, first.partition)


@pytest.mark.parametrize(
    ("credential", "headers", "optional"),
    [
        ({}, {}, False),
        ({"answer": "accepted", "dedupe_window": "1m"}, {}, True),
        ({"answer": "accepted"}, {"idempotency_key": "k"}, False),
    ],
)
async def test_a_call_that_neither_waits_nor_has_a_key_can_do_without_its_claim(
    tmp_path: Path, credential: dict[str, str], headers: dict[str, str], optional: bool
) -> None:
    """Where the store is away."""
    told = document(tmp_path, NOWHERE)
    told["tenants"]["default"]["credentials"][0] |= credential
    made = front(tmp_path, told)
    await made.noojee(BODY, **headers)
    (entry,) = made.journal.entries
    assert (entry.claim is not None, entry.optional) == (True, optional)


async def test_an_update_that_no_log_would_take_is_refused(door: Front) -> None:
    """As a body that is too long: it would never be taken."""
    door.journal.standings = [EntryTooLong(400_000)]
    reply = await door.noojee()
    expected = dialects(VENDORS)["noojee"].refuse(noojee_call({}), TooLarge(400_000), None)
    assert (reply.answer, reply.refused, door.waiting.calls) == (expected, "too_large", 0)
