"""LeadSquared's server, played by us: who is let in, what is taken, how the others are told."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from connectors.leadsquared.wire.bulk import NOT_FOUND
from gateway.clock import SystemClock
from gateway.dialect import (
    Accepted,
    Answer,
    Busy,
    Call,
    Fault,
    Invalid,
    KeyReused,
    Malformed,
    MethodNotAllowed,
    OverQuota,
    QuotaState,
    Refusal,
    RequestedUpdate,
    Route,
    TooLarge,
    Unauthenticated,
)
from gateway.edge.credentials import Credentials, Registered
from gateway.edge.quota import counted_here
from gateway.model.changes import Set
from gateway.model.codes import Code
from gateway.model.event import Attributes, LeadId, TriggerWishes
from gateway.model.outcome import Kind, Outcome
from gateway.settings.model import QuotaSettings, TenantSettings
from tests.connectors.leadsquared.calls import (
    ACCESS,
    API,
    BODY,
    DIALECT,
    EVENT_ID,
    KEYS,
    LEAD_ID,
    SECRET,
    answered,
    asked,
    asking,
    bulk,
    caller,
    credential,
    envelope,
    leads,
    parsed,
    settled,
    single,
    told,
)

Capture = Callable[[str], bytes]
QUOTA = QuotaState(limit=10, remaining=0, used=10, reset_at=1_700_000_000.2, per=1.0)
BULK_PATH = "/v2/LeadManagement.svc/Lead/Bulk/UpdateV2"

KNOWN = Credentials(
    {"default": TenantSettings(credentials=[credential()])},
    {"leadsquared": DIALECT},
    counted_here(SystemClock()),
)


def opens(call: Call) -> bool:
    """Whether the keys that it carries are the configured ones."""
    return isinstance(KNOWN.find(DIALECT, call), Registered)


def test_the_pages_paths_are_served() -> None:
    """Those of the status and metrics calls, which no public page has kept, by their likeliest
    names."""
    assert DIALECT.routes == (
        Route("POST", "/lead/update", "leadUpdate"),
        Route("POST", BULK_PATH, "leadBulkUpdateV2"),
        Route("GET", "/lead/update/status", "leadUpdateStatus", asks=True),
        Route("GET", "/lead/status", "leadUpdateStatus", asks=True),
        Route("GET", "/lead/update/metrics", "leadUpdateMetrics", asks=True),
    )


# --- who is let in --------------------------------------------------------------------------


def test_an_async_call_needs_three_keys() -> None:
    """The pair, in the query or in headers, and `x-api-key`."""
    pair = {"x-lsq-accesskey": ACCESS, "x-lsq-secretkey": SECRET}
    third = {"x-api-key": API}
    call = single()
    assert opens(call)
    assert opens(call._replace(query=(), headers=pair | third))
    assert not opens(call._replace(headers={}))
    assert not opens(call._replace(query=()))
    assert not opens(call._replace(query=KEYS[:1]))
    assert not opens(call._replace(headers={"x-api-key": API + "x"}))


def test_a_bulk_call_needs_two() -> None:
    """Without `x-api-key`, which its page doesn't know; another one there does no harm."""
    call = bulk()
    assert opens(call)
    assert opens(call._replace(headers={"x-api-key": "x"}))
    assert not opens(call._replace(query=KEYS[1:]))


def test_a_status_call_needs_one() -> None:
    """`x-api-key` alone."""
    for call in (asking(("RequestID", EVENT_ID)), asking(metrics=True)):
        assert opens(call)
        assert not opens(call._replace(query=KEYS, headers={}))


def test_a_call_without_any_key_presents_none() -> None:
    """Which is told from a wrong one in our own figures, not in the answer."""
    for call in (single(), bulk(), asking()):
        assert DIALECT.presented(call._replace(query=(), headers={})) is None
        answers = {DIALECT.refuse(call, Unauthenticated(said), None) for said in (True, False)}
        assert len(answers) == 1


def test_keys_are_not_shown() -> None:
    """Settings can be printed, with what they have worked out for themselves."""
    keys = credential()
    assert len(DIALECT.secrets_of(keys)) == 3
    for secret in (ACCESS, SECRET, API):
        assert secret not in f"{keys!r} {keys!s} {caller()!r}"


def test_async_and_bulk_calls_count_together_unless_told_otherwise() -> None:
    """25 in 5 seconds; status and metrics calls are not counted."""
    keys = credential()
    assert keys.quota == QuotaSettings(requests=25, per=5.0)
    operations = ("leadUpdate", "leadBulkUpdateV2", "leadUpdateStatus", "leadUpdateMetrics")
    assert [DIALECT.quota_of(each) for each in operations] == ["quota", "bulk_quota", "", ""]
    found = KNOWN.find(DIALECT, single())
    assert isinstance(found, Registered)
    assert found.quotas["leadUpdate"] is found.quotas["leadBulkUpdateV2"]
    assert set(found.quotas) == {"leadUpdate", "leadBulkUpdateV2"}


@pytest.mark.parametrize(
    ("answer", "patience"),
    [(None, (None, 10.0)), ("applied", (10.0, 10.0)), ("accepted", (None, None))],
)
def test_bulk_calls_wait_and_async_ones_do_not(
    answer: str | None, patience: tuple[float | None, float | None]
) -> None:
    """Unless told otherwise."""
    keys = credential(answer=answer)
    assert (DIALECT.patience(single(), keys), DIALECT.patience(bulk(), keys)) == patience


def test_settings_name_what_exists() -> None:
    """A field or a status of ours."""
    with pytest.raises(ValueError, match="'dispo' is no canonical field"):
        credential(fields={"dispo": "mx_Call_Disposition"})
    with pytest.raises(ValueError, match="'won' is no status"):
        credential(stages={"won": "Customer"})


# --- the async call -------------------------------------------------------------------------


def test_the_pages_async_call_is_taken_and_answered(capture: Capture) -> None:
    """By the very bytes of its sample."""
    call = single(("leadId", LEAD_ID), ("postUpdatedLead", "postUpdatedLead"))
    assert asked(call, capture("async_request")) == RequestedUpdate(
        LeadId("lsq", LEAD_ID),
        {"phones.primary": Set("9999999999", "+619999999999"), "address.city": Set("London")},
        Attributes(),
        TriggerWishes(),
        {"phones.primary": "Phone", "address.city": "mx_City"},
    )
    sample = orjson.loads(capture("async_answer"))
    answer = answered(call, BODY, Accepted(sample["RequestID"]))
    assert answer == Answer(200, orjson.dumps(sample))


def test_a_call_without_a_lead_id_is_refused_after_its_shape() -> None:
    """The documented 500; a body that can't be read is told first."""
    refusal = DIALECT.parse(single(("leadId", " ")), BODY, caller())
    assert refusal == Invalid((Fault(Code.LEAD_ID_MISSING, "leadId"),))
    assert isinstance(refusal, Invalid)
    assert DIALECT.refuse(single(), refusal, None) == Answer(
        500,
        b'{"Status":"Error","ExceptionType":"MXMandatoryAttributeMissingException",'
        b'"ExceptionMessage":"\'leadId\' is mandatory for updating lead"}',
    )
    assert DIALECT.parse(single(("leadId", "")), b"{", caller()) == Malformed(
        "Request body is not valid JSON"
    )


def test_a_caller_that_is_made_to_wait_hears_of_a_refusal() -> None:
    """As one of the synchronous API does."""
    answer = answered(single(), BODY, settled(Code.DUPLICATE_PHONE))
    assert told(answer) == (
        500,
        envelope("MXDuplicateEntryException", "A Lead with same Phone Number already exists."),
    )
    done = answered(single(), BODY, settled())
    assert orjson.loads(done.body)["RequestID"] == EVENT_ID


# --- the bulk call --------------------------------------------------------------------------


def test_the_pages_bulk_call_is_taken_and_answered(capture: Capture) -> None:
    """Two leads by their e-mail addresses; the answer has the call's own."""
    found = parsed(bulk(), capture("bulk_request"))
    assert [update.lead for update in found.updates] == [
        LeadId("email", "johnwick@gmail.com"),
        LeadId("email", "jack@gmail.com"),
    ]
    assert found.updates[0] == RequestedUpdate(
        LeadId("email", "johnwick@gmail.com"),
        {},
        Attributes("merge", {"mx_FirstName": "John", "mx_LastName": "Wick", "Age": "33"}),
        TriggerWishes(),
        {},
        {"search_by": "EmailAddress", "identifier": "johnwick@gmail.com"},
    )
    answer = answered(bulk(), capture("bulk_request"), settled(), settled())
    sample = orjson.loads(capture("bulk_answer"))
    sample["Details"]["SuccessfulLeads"][0]["IdentifierValue"] = "johnwick@gmail.com"
    assert answer == Answer(200, orjson.dumps(sample))


@pytest.mark.parametrize(
    ("name", "option", "address"),
    [
        ("bulk_failed_answer", None, "johnwick@gmail.com"),
        ("bulk_failed_answer", False, "johnwick@gmail.com"),
        ("bulk_unprocessed_answer", True, "johnwick @gmail.com"),
    ],
)
def test_a_lead_that_is_not_there_is_told_as_the_page_has_it(
    capture: Capture, name: str, option: bool | None, address: str
) -> None:
    """As failed, or as unprocessed where the call asked for that."""
    body = leads([("EmailAddress", address), ("Age", "3")], search_by="EmailAddress", option=option)
    answer = answered(bulk(), body, settled(Code.LEAD_NOT_FOUND))
    assert answer == Answer(200, orjson.dumps(orjson.loads(capture(name))))


def test_a_call_that_nobody_answers_for_succeeds() -> None:
    """All its leads are safe."""
    body = leads([("ProspectId", "1"), ("Age", "3")])
    assert told(answered(bulk(), body, Accepted(EVENT_ID))) == (
        200,
        {
            "Status": {
                "TotalCount": 1,
                "SuccessCount": 1,
                "FailureCount": 0,
                "Message": "Processed",
            },
            "Details": {"SuccessfulLeads": [{"Identifier": "ProspectId", "IdentifierValue": "1"}]},
        },
    )


def test_leads_that_cannot_be_taken_fail_while_the_others_go_on() -> None:
    """Each with its reason, in the order of the call."""
    body = leads(
        [("EmailAddress", "a@example.com"), ("Age", "1")],
        [("Age", "2")],
        [("EmailAddress", "c@example.com"), ("Age", "3")],
        [],
        [("EmailAddress", "e@example.com"), ("Age", "5")],
        search_by="EmailAddress",
        option=True,
    )
    found = parsed(bulk(), body)
    assert [update.attributes.patch["Age"] for update in found.updates] == ["1", "3", "5"]
    results = (
        settled(),
        settled(Code.FORBIDDEN),
        settled(Code.DUPLICATE_PHONE),
    )
    status, said = told(answered(bulk(), body, *results))
    assert (status, said["Status"]) == (
        200,
        {
            "TotalCount": 5,
            "SuccessCount": 1,
            "FailureCount": 3,
            "UnProcessedCount": 1,
            "Message": "Processed",
        },
    )
    assert said["Details"] == {
        "SuccessfulLeads": [_entry("a@example.com")],
        "FailedLeads": [
            _entry("", "'EmailAddress' is mandatory for updating lead"),
            _entry("", "'Fields' is mandatory for updating lead"),
            _entry("e@example.com", "A Lead with same Phone Number already exists."),
        ],
        "UnProcessedLeads": [_entry("c@example.com", NOT_FOUND)],
    }


def _entry(value: str, reason: str | None = None) -> dict[str, str]:
    entry = {"Identifier": "EmailAddress", "IdentifierValue": value}
    return entry if reason is None else {**entry, "Reason": reason}


def test_one_lead_twice_is_two_updates_in_order() -> None:
    """The second comes after the first."""
    body = leads([("ProspectId", "1"), ("Age", "1")], [("ProspectId", "1"), ("Age", "2")])
    found = parsed(bulk(), body)
    assert [(update.lead.id, update.attributes.patch) for update in found.updates] == [
        ("1", {"Age": "1"}),
        ("1", {"Age": "2"}),
    ]


def test_a_replaced_update_is_a_success() -> None:
    """There is nothing for the caller to do."""
    outcome = Outcome(EVENT_ID, "lsq", Kind.SUPERSEDED, Code.SUPERSEDED, "default", "ld_1")
    result = settled()
    answer = answered(bulk(), leads([("ProspectId", "1")]), type(result)(result.event_id, outcome))
    assert told(answer)[1]["Status"]["SuccessCount"] == 1


# --- refusals -------------------------------------------------------------------------------


def test_each_refusal_has_the_vendors_envelope() -> None:
    """401, 405, 413, 429 and 400."""
    invalid = "MXInvalidInputException"
    limited = "MXAPIRateLimitExceededException"
    cases: list[tuple[Refusal, int, dict[str, str]]] = [
        (
            Unauthenticated(presented=True),
            401,
            envelope("MXUnAuthorizedAccessException", "Invalid AccessKey or SecretKey"),
        ),
        (
            OverQuota(QUOTA, 0.5),
            429,
            envelope(limited, "API calls exceeded the limit of 10 in 1 second(s)"),
        ),
        (
            Busy(5.0, appended=True),
            429,
            envelope(limited, "API calls exceeded the limit of 25 in 5 second(s)"),
        ),
        (Malformed("why"), 400, envelope(invalid, "why")),
        (TooLarge(1024), 413, envelope(invalid, "Request body must be at most 1024 bytes")),
        (MethodNotAllowed(("POST",)), 405, envelope(invalid, "Method is not allowed")),
        (
            KeyReused(),
            400,
            envelope(invalid, "This idempotency key was used with another body"),
        ),
    ]
    for refusal, status, body in cases:
        assert told(DIALECT.refuse(single(), refusal, None)) == (status, body)
    busy = DIALECT.refuse(bulk(), Busy(5.0, appended=False), QUOTA)
    assert told(busy)[1]["ExceptionMessage"].endswith("the limit of 10 in 1 second(s)")
    wrong = DIALECT.refuse(single(), MethodNotAllowed(("POST", "PUT")), None)
    assert wrong.headers == (("Allow", "POST, PUT"),)
