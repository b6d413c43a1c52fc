"""Conversations held with nobody: what they show, and where they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from connectors.delivery.connector import (
    Applied,
    Conversation,
    Delivery,
    Misconfigured,
    NothingToSend,
    NotLinked,
    Pending,
    Refused,
    Unavailable,
    Verdict,
)
from connectors.delivery.judgement import Policy
from connectors.delivery.plan import Plan
from connectors.delivery.rehearsing import (
    KEPT_BODY,
    KEPT_REQUESTS,
    LONGEST_TALK,
    Rehearsing,
    shadowed,
    talk,
)
from gateway.model.changes import Set
from gateway.model.codes import Code
from gateway.model.event import LeadId, TriggerWishes
from gateway.model.outcome import Kind
from gateway.model.trigger import TriggerKind
from gateway.rehearsal import Rehearsed, Shown
from gateway.store import leads
from gateway.transport.port import HttpRequest
from tests.connectors.delivery.engine import NAME, Bench, bench, plan, update
from tests.connectors.delivery.fake_vendor import TestConnector
from tests.virtual import in_virtual_time


class Scripted(TestConnector):
    """Sends so many requests, and ends with a verdict."""

    def __init__(self, *verdicts: Verdict, requests: int = 1, body: bytes = b"hush") -> None:
        super().__init__(reads=("note",))
        self.verdicts, self.requests, self.body = list(verdicts), requests, body

    def converse(self, deliveries: Sequence[Delivery]) -> Conversation:
        self.seen += deliveries
        for number in range(self.requests):
            yield HttpRequest("POST", f"https://vendor.example.com/{number}", body=self.body)
        return (self.verdicts.pop(0),)


DELIVERY = Delivery(update("e0"), ())


def test_a_conversation_is_held_to_its_end() -> None:
    """With its requests in order, and its verdict."""
    found = talk(Scripted(Applied(), requests=3), DELIVERY)
    assert [request.url[-2:] for request in found.requests] == ["/0", "/1", "/2"]
    assert (found.verdict, found.pending) == (Applied(), False)


def test_what_is_taken_first_is_asked_about_and_not_shown() -> None:
    """The token that it would be asked by is the vendor's."""
    connector = Scripted(Pending("token"), Applied(dropped=("note",)))
    found = talk(connector, DELIVERY)
    assert (len(found.requests), found.verdict) == (1, Applied(dropped=("note",)))
    assert (found.pending, [each.pending for each in connector.seen]) == (True, [None, "token"])


def test_one_that_never_ends_and_one_that_trips_are_told() -> None:
    """As what they would be: a failure that is tried again."""
    assert talk(Scripted(Applied(), requests=LONGEST_TALK + 5), DELIVERY).verdict == Unavailable(
        "the conversation has no end"
    )

    def trip(_: Delivery) -> None:
        raise KeyError("jane@example.com")

    connector = TestConnector()
    connector.trip = trip
    assert talk(connector, DELIVERY).verdict == Unavailable(
        "the connector failed: KeyError", code=Code.INTERNAL
    )


def rehearsing(made: Bench, *plans: Plan) -> Rehearsing:
    """Over a bench's store."""
    return Rehearsing(plans, made.links, made.store, made.clock, lambda request: request.headers)


ENDS: list[tuple[Verdict, dict[str, Any]]] = [
    (Applied(dropped=("fax",)), {"dropped": ("fax",)}),
    (
        NothingToSend(("fax",)),
        {"kind": Kind.SKIPPED, "code": Code.NOTHING_TO_SEND, "dropped": ("fax",)},
    ),
    (NotLinked(), {"kind": Kind.DEAD_LETTERED, "code": Code.LEAD_NOT_LINKED}),
    (
        Refused(Code.LOCKED, "hush: +61 491 570 156"),
        {"kind": Kind.REJECTED, "code": Code.LOCKED, "message": "***: [phone]"},
    ),
    (Unavailable("down"), {"kind": None, "code": None, "message": "down"}),
    (Misconfigured(Code.FORBIDDEN, "no"), {"kind": None, "code": None, "message": "no"}),
]


@pytest.mark.parametrize(("verdict", "expected"), ENDS)
@in_virtual_time
async def test_an_event_is_held_against_its_connectors(
    verdict: Verdict, expected: dict[str, Any]
) -> None:
    """How it would end, without a secret, and what would fire if it is applied."""
    event = update(
        "e0",
        connectors=(NAME, "gone"),
        authority=NAME,
        changes={"disposition": Set("Sale")},
        triggers=TriggerWishes(post_updated_lead=True),
    )
    async with bench() as made:
        (found,) = await rehearsing(made, plan(connector=Scripted(verdict))).rehearse(event)
    request = HttpRequest("POST", "https://vendor.example.com/0", body=b"***")
    applied = isinstance(verdict, Applied)
    usual = Rehearsed(
        connector=NAME,
        shadow=False,
        requests=(Shown(request, assumed=False),),
        kind=Kind.APPLIED,
        code=Code.OK,
        message="",
        dropped=(),
        batch=1,
        pending=False,
        triggers=tuple(TriggerKind) if applied else (),
    )
    assert found == usual._replace(**expected)


@in_virtual_time
async def test_a_lead_is_looked_up_as_it_is_now() -> None:
    """Its links, and what this connector last applied to it."""
    connector = Scripted(Applied(), Applied())
    async with bench() as made:
        asked = rehearsing(made, plan(connector=connector))
        event = update("e1", ids=(LeadId("other", "9"),))
        await asked.rehearse(event)
        await made.append(update("e0", lead_key="a"))
        async with made.running(plan(connector=TestConnector())):
            await made.clock.sleep(1.0)
        ids = (LeadId(NAME, "7"), LeadId("other", "9"))
        await made.store.run(lambda: leads.link("default", [ids]))
        await made.links.refresh()
        await asked.rehearse(replace(event, lead_key="a"))
    before, after = connector.seen
    assert (before.ids, before.other_ids, before.known) == ((), (LeadId("other", "9"),), {})
    assert (after.ids, after.known) == ((LeadId(NAME, "7"),), {"note": "e0"})


def test_what_a_shadow_keeps_is_bounded_and_tells_no_secret() -> None:
    """So many requests, so much of each body."""
    body = b"hush " + b"x" * (2 * KEPT_BODY)
    connector = Scripted(Refused(Code.LOCKED), requests=KEPT_REQUESTS + 2, body=body)
    finish = shadowed(plan(connector=connector, policy=Policy()), DELIVERY)
    assert (finish.kind, finish.code) == (Kind.SKIPPED, Code.SHADOWED)
    assert {**finish.details, "requests": 0} == {
        "would": "rejected",
        "code": "locked",
        "requests": 0,
    }
    requests = finish.details["requests"]
    assert isinstance(requests, list)
    assert len(requests) == KEPT_REQUESTS
    assert requests[0] == {
        "method": "POST",
        "url": "https://vendor.example.com/0",
        "headers": [],
        "body": "*** " + "x" * (KEPT_BODY - 4),
        "bytes": len(body) - 1,
    }
