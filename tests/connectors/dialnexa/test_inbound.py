"""Dialnexa's server, played by us: who is let in, and what an accepted call is answered."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from connectors.dialnexa.inbound import DialnexaCredential
from gateway.dialect import Accepted, Answering, Malformed, Parsed, QuotaState, Route
from gateway.model.codes import Code
from gateway.model.event import LeadId, TriggerWishes
from gateway.model.json import JsonObject
from gateway.model.outcome import Kind
from tests.connectors.dialnexa.calls import (
    DIALECT,
    LEAD,
    NUMBER,
    asked,
    call,
    caller,
    settled,
    shown,
    told,
)
from tests.contracts.vendors import EVENT_ID, NOW, ended


def test_both_paths_are_known() -> None:
    """The unversioned one is served only where a credential says so."""
    assert DIALECT.routes == (
        Route("PATCH", "/v1/campaigns-leads/{id}", "updateCampaignLead"),
        Route("PATCH", "/campaigns-leads/{id}", "updateCampaignLead"),
    )


@pytest.mark.parametrize(
    ("header", "presented"),
    [
        ("Bearer key_1:secret", "key_1:secret"),
        ("bearer dnx_live_x", "dnx_live_x"),
        ("Basic abc", ""),
        ("Bearer ", ""),
        ("key_1:secret", ""),
    ],
)
def test_the_key_is_a_bearer_token_with_both_its_parts(header: str, presented: str) -> None:
    """A header without one presents nothing that could be right."""
    assert DIALECT.presented(call(authorization=header)) == presented


def test_a_call_without_the_header_presents_nothing() -> None:
    """Which is the same 401."""
    assert DIALECT.presented(call()) is None


def test_a_credentials_defaults() -> None:
    """It waits ten seconds for the true answer, without a quota: the vendor has no numbers."""
    credential = DialnexaCredential(system="nexa", token="key:secret")
    assert DIALECT.secrets_of(credential) == ("key:secret",)
    assert DIALECT.patience(call(), credential) == 10.0
    assert (credential.quota, credential.answer, credential.response_shape) == (
        None, "applied", "union",
    )  # fmt: skip
    assert (credential.max_variables, credential.unversioned_path) == (15, False)
    assert (DIALECT.quota_of("updateCampaignLead"), "secret" in repr(credential)) == (
        "quota", False,
    )  # fmt: skip


def test_a_call_asks_for_one_update_and_no_automation() -> None:
    """A disposition is none of its fields; the lead is the path's, in the caller's system."""
    update = asked({"name": "Priya"})
    assert (update.lead, update.triggers) == (LeadId("nexa", LEAD), TriggerWishes())


def test_a_body_that_is_no_object_is_malformed() -> None:
    """With what is wrong."""
    assert DIALECT.parse(call(), b"[]", caller()) == Malformed("Request body must be a JSON object")


def test_an_accepted_call_is_answered_by_what_is_known() -> None:
    """Unknown is null; a number of another vendor's in E.164."""
    view: JsonObject = {
        "first_name": "Priya",
        "last_name": "Sharma",
        "phones.primary": "0383218199",
        "attributes": {"product": "home_loan"},
    }
    status, lead = shown(told(Accepted(EVENT_ID), view=view))
    assert (status, lead) == (
        200,
        {
            "id": LEAD,
            "name": "Priya Sharma",
            "phone_number": "+61383218199",
            "campaign_id": None,
            "status": "pending",
            "notes": {"product": "home_loan"},
            "metadata": {"product": "home_loan"},
            "call_log_id": None,
            "created_at": None,
        },
    )


def test_an_answer_shows_the_note_that_was_sent() -> None:
    """As it was sent, text or object."""
    for note in ("Call after six", {"by": ["branch"]}):
        view: JsonObject = {"phones.primary": "no number", "note": "an older one"}
        body = {"metadata": {}, "notes": note}
        _, lead = shown(told(Accepted(EVENT_ID), orjson.dumps(body), view))
        assert (lead["notes"], lead["phone_number"]) == (note, None)


def test_the_vendors_lead_is_shown_by_the_callers_id() -> None:
    """The authority may know it by another; a lead enrolled in its place is shown by its own."""
    outcome = ended(Kind.APPLIED, Code.OK)
    snapshot = {"id": "elsewhere", "phone_number": NUMBER, "status": "pending"}
    answer = told(settled(replace(outcome, snapshot=snapshot)))
    assert orjson.loads(answer.body)["id"] == LEAD
    answer = told(settled(replace(outcome, snapshot={**snapshot, "replaces": LEAD})))
    assert orjson.loads(answer.body)["id"] == "elsewhere"


def test_every_answer_says_the_rate_where_there_is_a_quota() -> None:
    """Page "Rate Limits": limit, what is left, and the Unix second of the reset."""
    quota = QuotaState(limit=60, remaining=7, used=53, reset_at=NOW + 0.2, per=60.0)
    result = Accepted(EVENT_ID)
    parsed = Parsed((asked({"name": "x"}),))
    answering = Answering(call(), caller(), parsed, [result], [{}], quota, NOW)
    assert DIALECT.answer(answering).headers == (
        ("X-RateLimit-Limit", "60"),
        ("X-RateLimit-Remaining", "7"),
        ("X-RateLimit-Reset", str(int(NOW) + 1)),
    )
