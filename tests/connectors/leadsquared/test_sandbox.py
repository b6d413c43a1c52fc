"""LeadSquared's backend, faked: it answers by the vendor's pages."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connectors.leadsquared.sandbox import (
    IN_QUEUE,
    IN_VAIN,
    NO_API,
    NO_REQUEST,
    UNKNOWN_REQUEST,
    backend,
)
from connectors.leadsquared.wire import answers
from connectors.leadsquared.wire.answers import Failure, State, TaskStatus, Workload
from connectors.leadsquared.wire.attributes import (
    BULK_PATH,
    METRICS_PATH,
    STATUS_ALIAS,
    STATUS_PATH,
    SYNC_PATH,
    UPDATE_PATH,
)
from connectors.leadsquared.wire.bulk import NOT_FOUND, BulkAnswer, Entry, read_answer
from connectors.sandbox.port import Backend, BackendCall
from gateway.dialect import Answer
from gateway.model.json import JsonObject

NOW = 1_700_000_000.0
KEYS = {"x-lsq-accesskey": "any", "x-lsq-secretkey": "any", "x-api-key": "any"}
DUPLICATE_PHONE = Failure(
    "MXDuplicateEntryException", "A Lead with same Phone Number already exists."
)
DUPLICATE_EMAIL = Failure(
    "MXDuplicateEntryException",
    "Duplicate entry 'Jack@example.com' for key 'UQ_Prospect_Base_EmailAddress'",
)
MISSING = Failure("MXInvalidInputException", NOT_FOUND)


def call(
    method: str,
    path: str,
    body: object = None,
    *,
    keys: dict[str, str] | None = None,
    now: float = NOW,
    **query: str,
) -> BackendCall:
    """A call at a fixed time."""
    raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    headers = KEYS if keys is None else keys
    return BackendCall(method, path, tuple(query.items()), headers, raw, now)


def attributes(**values: object) -> list[dict[str, object]]:
    """A body of attributes."""
    return [{"Attribute": name, "Value": value} for name, value in values.items()]


def update(lead: str, path: str = SYNC_PATH, now: float = NOW, **values: object) -> BackendCall:
    """An update of one lead."""
    return call("POST", path, attributes(**values), now=now, leadId=lead)


def many(
    *leads: dict[str, object], key: str | None = None, option: bool | None = None
) -> BackendCall:
    """A bulk call."""
    body: dict[str, Any] = {} if key is None else {"SearchByKey": key}
    if option is not None:
        body["Options"] = {"PushNonExistentLeadsToUnProcessedList": option}
    body["LeadPropertiesList"] = [{"Fields": attributes(**lead)} for lead in leads]
    return call("POST", BULK_PATH, body)


def failure(answer: Answer) -> tuple[int, Failure | None]:
    """Status and exception of an answer."""
    return answer.status, answers.read_failure(answer.body)


@pytest.fixture
def account() -> Backend:
    """Two leads."""
    made = backend(faithful=False)
    made.seed({"id": "A-1", "EmailAddress": "jane@example.com", "Phone": "+61-491570006"})
    made.seed({"id": "A-2", "EmailAddress": "jack@example.com", "Phone": "+61-491570156"})
    return made


def lead(account: Backend, lead_id: str = "A-1") -> JsonObject:
    """A lead's attributes."""
    shown = next(dict(each) for each in account.leads() if each["id"] == lead_id)
    return {name: shown[name] for name in shown.keys() - {"id", "in_queue", "broken", "schema"}}


# --- one lead -------------------------------------------------------------------------------


def test_the_synchronous_update_changes_what_it_names(account: Backend) -> None:
    """Names keep the letters of their first writer; "" and null empty a field."""
    answer = account.handle(update("a-1", emailaddress="j@example.com", Phone="", Age=33))
    assert (answer.status, answer.body) == (
        200,
        b'{"Status":"Success","Message":{"AffectedRows":1}}',
    )
    assert lead(account) == {"EmailAddress": "j@example.com", "Age": 33}
    sets = [{"Attribute": "mx_Set", "Value": "", "Fields": attributes(a="1")}]
    account.handle(call("POST", SYNC_PATH, sets, leadId="A-1"))
    assert lead(account)["mx_Set"] == {"a": "1"}


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        (update("B-9", Age=1), 500, MISSING),
        (update("", Age=1), 500, answers.LEAD_ID_MISSING),
        (update("A-1", EmailAddress=" Jack@example.com"), 500, None),
        (update("A-1", Phone="+61 491 570 156"), 500, DUPLICATE_PHONE),
        (call("POST", SYNC_PATH, b"{", leadId="A-1"), 400, None),
        (call("POST", SYNC_PATH, [], leadId="A-1"), 400, None),
        (call("GET", SYNC_PATH), 404, NO_API),
        (call("POST", "/v2/LeadManagement.svc/Lead.Create"), 404, NO_API),
    ],
)
def test_refusals(
    account: Backend, asked: BackendCall, status: int, expected: Failure | None
) -> None:
    """By the vendor's pages, and nothing is changed."""
    before = account.leads()
    found = failure(account.handle(asked))
    assert found[0] == status
    assert found[1] is not None
    assert expected in {None, found[1]}
    assert account.leads() == before


def test_unique_fields_are_the_account_wide(account: Backend) -> None:
    """One's own value is no conflict; letters and signs make no difference."""
    asked = update("A-1", EmailAddress="Jack@example.com")
    assert failure(account.handle(asked)) == (500, DUPLICATE_EMAIL)
    own = update("A-1", EmailAddress="JANE@example.com", Phone="61491570006")
    assert account.handle(own).status == 200


def test_a_lead_with_a_schema_refuses_names_that_it_lacks(account: Backend) -> None:
    """The whole update."""
    account.seed({"id": "A-3", "schema": ["FirstName", "mx_City"]})
    asked = update("A-3", firstname="Jane", mx_Shoe="9", mx_Hat="L")
    assert failure(account.handle(asked)) == (
        500,
        Failure("MXUnknownAttributeException", "Attribute(s) does not exist - mx_Shoe, mx_Hat."),
    )
    assert lead(account, "A-3") == {}
    assert account.handle(update("A-3", mx_City="London")).status == 200


@pytest.mark.parametrize("missing", ["x-lsq-accesskey", "x-lsq-secretkey", "x-api-key"])
def test_keys_are_needed(account: Backend, missing: str) -> None:
    """Any are taken; the third only where the async host is called."""
    keys = {name: value for name, value in KEYS.items() if name != missing}
    paths = (("POST", UPDATE_PATH), ("POST", SYNC_PATH), ("POST", BULK_PATH), ("GET", STATUS_PATH))
    found = [account.handle(call(*where, keys=keys)).status for where in paths]
    third = missing == "x-api-key"
    assert [status == 401 for status in found] == [True, not third, not third, third]
    in_query = call("POST", UPDATE_PATH, keys={"x-api-key": "any"}, accessKey="u$r1", secretKey="x")
    assert account.handle(in_query).status == 400


# --- the queue ------------------------------------------------------------------------------


def accepted(account: Backend, asked: BackendCall) -> str:
    """The request id of an accepted update."""
    answer = account.handle(asked)
    request_id = answers.read_accepted(answer.body)
    assert (answer.status, bool(request_id)) == (200, True)
    return str(request_id)


def status(account: Backend, request_id: str, path: str = STATUS_PATH) -> tuple[State, str]:
    """What the status call says."""
    asked = call("GET", path, keys={"x-api-key": "any"}, RequestID=request_id)
    told = answers.read_status(account.handle(asked).body)
    assert told is not None
    return told.state, told.reason


def test_an_async_update_is_accepted_and_done(account: Backend) -> None:
    """The page's two answers, to the byte."""
    answer = account.handle(update("A-1", UPDATE_PATH, Age="33"))
    request_id = answers.read_accepted(answer.body)
    assert (answer.status, answer.body) == (200, answers.render_accepted(str(request_id)))
    assert lead(account)["Age"] == "33"
    asked = call("GET", STATUS_PATH, RequestID=str(request_id))
    done = TaskStatus(
        str(request_id),
        State.SUCCESS,
        answers.COMPLETED,
        '[{"Attribute":"Age","Value":"33"}]',
        '{"Status":"Success","Message":{"AffectedRows":1}}',
    )
    assert account.handle(asked).body == answers.render_status(done)
    assert status(account, str(request_id), STATUS_ALIAS) == (State.SUCCESS, answers.COMPLETED)


def test_a_task_waits_as_long_as_its_lead_says_and_keeps_its_turn(account: Backend) -> None:
    """A later task of the lead is never done before an earlier one."""
    account.seed({"id": "A-3", "in_queue": 2})
    first = accepted(account, update("A-3", UPDATE_PATH, Age="1"))
    account.seed({**next(x for x in account.leads() if x["id"] == "A-3"), "in_queue": 0})
    second = accepted(account, update("a-3", UPDATE_PATH, Age="2"))
    assert status(account, first) == (State.SUCCESS, answers.COMPLETED)
    assert (status(account, second)[0], lead(account, "A-3")) == (State.SUCCESS, {"Age": "2"})
    account.seed({"id": "A-4", "in_queue": 2})
    alone = accepted(account, update("A-4", UPDATE_PATH, Age="1"))
    assert [status(account, alone) for _ in range(4)] == [
        (State.IN_QUEUE, IN_QUEUE),
        (State.IN_QUEUE, IN_QUEUE),
        (State.SUCCESS, answers.COMPLETED),
        (State.SUCCESS, answers.COMPLETED),
    ]


def test_what_only_the_account_knows_is_told_by_the_status_call(account: Backend) -> None:
    """The call itself is accepted."""
    account.seed({"id": "A-3", "broken": True})
    asked = [
        update("B-9", UPDATE_PATH, Age="1"),
        update("A-1", UPDATE_PATH, Phone="+61491570156"),
        update("A-3", UPDATE_PATH, Age="1"),
    ]
    assert [status(account, accepted(account, one)) for one in asked] == [
        (State.FAILURE, f"MXInvalidInputException: {NOT_FOUND}"),
        (State.FAILURE, f"MXDuplicateEntryException: {DUPLICATE_PHONE.message}"),
        (State.ERROR, IN_VAIN),
    ]
    assert lead(account, "A-3") == {}


def test_a_status_call_about_nothing_is_an_exception(account: Backend) -> None:
    """Without an id, or with one that was never given out."""
    asked = call("GET", STATUS_PATH), call("GET", STATUS_PATH, RequestId="x")
    assert [failure(account.handle(each)) for each in asked] == [
        (500, NO_REQUEST),
        (500, UNKNOWN_REQUEST),
    ]


def test_metrics_count_the_queue(account: Backend) -> None:
    """What waits, how long, and how many were done in the last ten minutes."""
    account.seed({"id": "A-3", "in_queue": 9})
    for seconds, lead_id in ((0, "A-1"), (500, "A-1"), (580, "A-2"), (590, "A-3")):
        account.handle(update(lead_id, UPDATE_PATH, NOW + seconds, Age="1"))
    answer = account.handle(call("GET", METRICS_PATH, now=NOW + 600))
    assert answers.read_metrics(answer.body) == Workload(1, 10.0, 0.2)


# --- many leads -----------------------------------------------------------------------------


def test_a_bulk_call_lists_what_became_of_each_lead(account: Backend) -> None:
    """In its own words; leads that are not there apart, where that is asked for."""
    account.seed({"id": "A-3", "EmailAddress": "x@example.com", "schema": ["EmailAddress"]})
    leads: list[dict[str, object]] = [
        {"EmailAddress": "JANE@example.com ", "Age": "33"},
        {"EmailAddress": "nobody@example.com", "Age": "33"},
        {"EmailAddress": "x@example.com", "Age": "33"},
        {"Age": "33"},
    ]
    first = Entry("EmailAddress", "JANE@example.com ")
    nobody = Entry("EmailAddress", "nobody@example.com", NOT_FOUND)
    failed = (
        Entry("EmailAddress", "x@example.com", "Attribute(s) does not exist - Age."),
        Entry("EmailAddress", "", NOT_FOUND),
    )
    answer = account.handle(many(*leads, key="EmailAddress", option=True))
    assert (answer.status, read_answer(answer.body)) == (
        200,
        BulkAnswer((first,), failed, (nobody,)),
    )
    answer = account.handle(many(*leads, key="EmailAddress"))
    assert read_answer(answer.body) == BulkAnswer((first,), (nobody, *failed))
    assert lead(account) == {
        "EmailAddress": "jane@example.com",
        "Phone": "+61-491570006",
        "Age": "33",
    }


def test_leads_are_sought_by_their_own_id_or_any_field(account: Backend) -> None:
    """By the id where the call does not say; phones by their digits."""
    account.seed({"id": "A-3", "mx_Code": "7"})
    for asked in (
        many({"ProspectId": "a-1", "Age": 1}),
        many({"ProspectID": "A-2", "Age": 2}, key="ProspectId"),
        many({"mx_Code": "7", "Age": 3}, key="mx_Code"),
    ):
        assert account.handle(asked).status == 200
    assert [each.get("Age") for each in account.leads()] == [1, 2, 3]
    account.handle(many({"Phone": "+61491570006", "Age": 4}, key="Phone"))
    assert lead(account)["Age"] == 4


def test_a_bulk_call_is_refused_as_a_whole_for_its_shape_only(account: Backend) -> None:
    """No list, no leads, too many."""
    body: JsonObject = {"LeadPropertiesList": []}
    too_many = many(*({"ProspectId": f"x{n}", "Age": 1} for n in range(26)))
    found = [
        account.handle(asked).status
        for asked in (call("POST", BULK_PATH, b""), call("POST", BULK_PATH, body), too_many)
    ]
    assert found == [400, 400, 500]


# --- the account ----------------------------------------------------------------------------


def test_quotas_are_held_only_when_faithful() -> None:
    """25 in 5 seconds, 5 of them for bulk calls, with the documented sentence."""
    free, strict = backend(faithful=False), backend(faithful=True)
    for each in (free, strict):
        each.seed({"id": "A-1"})
        for _ in range(25):
            assert each.handle(update("A-1", Age=1)).status == 200
        for _ in range(5):
            assert each.handle(many({"ProspectId": "A-1", "Age": 1})).status == 200
    assert free.handle(update("A-1", Age=1)).status == 200
    found = [
        strict.handle(asked)
        for asked in (update("A-1", Age=1), many({"ProspectId": "A-1", "Age": 1}))
    ]
    assert [(answer.status, answer.body) for answer in found] == [
        (429, answers.render_failure(answers.rate_limited(25, 5))),
        (429, answers.render_failure(answers.rate_limited(5, 5))),
    ]
    assert strict.handle(update("A-1", now=NOW + 5, Age=1)).status == 200


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "a lead needs an id"),
        ({"id": "x", "emailaddress": "JANE@example.com"}, "another lead has the same emailaddress"),
        ({"id": "x", "Phone": "61491570006"}, "another lead has the same phone"),
        ({"id": "x", "schema": "FirstName"}, "schema is a list of schema names"),
        (
            {"id": "x", "in_queue": -1},
            "in_queue is a number of status calls, broken is true or false",
        ),
    ],
)
def test_a_lead_that_can_not_be_kept_is_not_seeded(
    account: Backend, given: JsonObject, message: str
) -> None:
    """With the reason."""
    with pytest.raises(ValueError) as raised:
        account.seed(given)
    assert str(raised.value) == message


def test_the_lead_of_a_call_is_told(account: Backend) -> None:
    """For faults and records of one lead."""
    request_id = accepted(account, update("A-1", UPDATE_PATH, Age="1"))
    one = many({"EmailAddress": "jack@example.com", "Age": 1}, key="EmailAddress")
    two = many({"ProspectId": "A-1", "Age": 1}, {"ProspectId": "A-2", "Age": 1})
    asked = [
        update("A-1", Age=1),
        call("GET", STATUS_PATH, RequestID=request_id),
        one,
        two,
        call("POST", BULK_PATH, b"{"),
        call("GET", METRICS_PATH),
    ]
    found = [account.lead_of(each) for each in asked]
    assert found == ["A-1", "A-1", "A-2", None, None, None]
