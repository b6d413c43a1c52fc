"""A lead that was dialled already: refused, or enrolled anew where that is wanted."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.delivery.connector import (
    Applied,
    NeedsHuman,
    Refused,
    Throttled,
    Unreachable,
    Verdict,
)
from connectors.dialnexa import wire
from gateway.model.changes import Set
from gateway.model.codes import Code
from gateway.transport.port import AnswerUnknown, ConnectFailed, HttpReply
from tests.connectors.dialnexa.calls import (
    LEAD,
    NUMBER,
    SEED,
    backend,
    foreign,
    own,
    replied,
    said,
    talk,
)

NAMED = foreign({"full_name": Set("Priya")})
THERE: dict[str, Any] = {**SEED, "status": "pending"}


def test_a_lead_that_is_dialled_meanwhile_is_locked() -> None:
    """By the vendor's own 409."""
    conflict = replied(wire.failure(409, "Lead is locked"), 409)
    _, verdicts = talk(NAMED, [replied(THERE), conflict])
    assert verdicts == (Refused(Code.LOCKED, "Lead is locked", 409),)


@pytest.mark.parametrize("style", ["camel", "both"])
@pytest.mark.parametrize("meanwhile", [False, True])
def test_a_locked_lead_is_enrolled_anew_where_that_is_wanted(meanwhile: bool, style: str) -> None:
    """With everything it had and the change on top, in its campaign, in the create page's words."""
    there = backend({**SEED, "status": "completed"})
    replies: list[HttpReply] = [replied(THERE), replied(wire.failure(409, "x"), 409)]
    created = {"id": "lead_new", "status": "pending", "phone_number": NUMBER}
    delivery = foreign({"disposition": Set("Sale"), "status": Set("new")})
    talked = [*replies, replied(created, 201)] if meanwhile else there
    sent, (verdict,) = talk(delivery, talked, on_locked="re_enrol", field_style=style)
    assert said(sent[-1]) == (
        "POST",
        "/v1/campaigns-leads",
        {
            "name": "Priya Sharma",
            "phoneNumber": "9876543210",
            "countryCode": "+91",
            "campaignId": "cmp_5tw8vz2rnx1q",
            "notes": {"product": "home_loan", "disposition": "Sale"},
        },
    )
    assert isinstance(verdict, Applied)
    assert verdict.snapshot is not None
    assert (verdict.dropped, verdict.status) == (("status",), 201)
    assert (verdict.snapshot["replaces"], verdict.snapshot["status"]) == (LEAD, "pending")


def test_an_enrolment_has_the_corrected_number_and_name_and_no_note() -> None:
    """What can't be enrolled is named."""
    delivery = own({"name": None, "phone_number": "+61491570156", "notes": "Six"})
    there = [replied({**THERE, "status": "failed"}), replied({"id": "n"}, 201)]
    sent, (verdict,) = talk(delivery, there, on_locked="re_enrol")
    assert said(sent[-1])[2] == {
        "name": None,
        "phoneNumber": "491570156",
        "countryCode": "+61",
        "campaignId": "cmp_5tw8vz2rnx1q",
        "notes": {"product": "home_loan"},
    }
    assert verdict == Applied({"id": "n", "replaces": LEAD}, ("note",), 201)


@pytest.mark.parametrize("lacking", ["campaign_id", "phone_number"])
def test_a_lead_that_does_not_show_enough_can_not_be_enrolled(lacking: str) -> None:
    """It stays locked."""
    lead = {name: value for name, value in THERE.items() if name != lacking}
    _, verdicts = talk(NAMED, [replied({**lead, "status": "failed"})], on_locked="re_enrol")
    assert verdicts == (Refused(Code.LOCKED, wire.LOCKED),)


UNKNOWN = "it is not known whether the lead was enrolled anew"


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (AnswerUnknown("reset"), NeedsHuman(Code.LOCKED, UNKNOWN)),
        (replied(b"", 502), NeedsHuman(Code.LOCKED, UNKNOWN, 502)),
        (replied(b"{}", 201), NeedsHuman(Code.LOCKED, UNKNOWN, 201)),
        (ConnectFailed("dns"), Unreachable("dns")),
        (replied(b"", 429), Throttled(None, "", 429)),
        (
            replied(wire.failure(404, "No campaign"), 404),
            Refused(Code.SCOPE_INVALID_CAMPAIGN, "No campaign", 404),
        ),
        (
            replied(wire.failure(404, "Cannot POST /v1"), 404),
            Refused(Code.LOCKED, wire.LOCKED),
        ),
        (
            replied(wire.failure(403, "Blocked"), 403),
            Refused(Code.FORBIDDEN, "Blocked", 403),
        ),
    ],
)
def test_nobody_is_enrolled_twice(reply: HttpReply, verdict: Verdict) -> None:
    """What may have been done is for a person to look at."""
    there = [replied({**THERE, "status": "completed"}), reply]
    assert talk(NAMED, there, on_locked="re_enrol")[1] == (verdict,)


def test_a_removed_lead_is_not_enrolled_anew() -> None:
    """Somebody asked for that."""
    there = [replied({**THERE, "status": "removed"})]
    (verdict,) = talk(NAMED, there, on_locked="re_enrol")[1]
    assert verdict == Refused(Code.LEAD_NOT_FOUND, wire.NO_LEAD)
