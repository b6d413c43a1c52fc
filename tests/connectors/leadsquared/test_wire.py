"""LeadSquared's bytes: what is read is what was written, and samples are the pages' own."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.leadsquared.wire import answers, attributes, bulk
from connectors.leadsquared.wire.answers import Exc, Failure, State, TaskStatus, Workload
from connectors.leadsquared.wire.attributes import Attribute, Parameters, Unreadable
from connectors.leadsquared.wire.bulk import BulkAnswer, BulkLead, BulkUpdate, Entry
from tests.gateway.model import strategies

Capture = Callable[[str], bytes]

TEXT = strategies.text
NAME = TEXT.filter(lambda text: bool(text.strip()))
SCALAR = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT
PLAIN = st.tuples(NAME, SCALAR).map(lambda parts: Attribute(*parts))
ATTRIBUTES = st.lists(
    PLAIN
    | st.tuples(NAME, st.just(""), st.lists(PLAIN, max_size=2).map(tuple)).map(
        lambda parts: Attribute(*parts)
    ),
    min_size=1,
    max_size=4,
).map(tuple)
LEADS = st.builds(BulkLead, ATTRIBUTES | st.just(()), st.none() | TEXT)
BULK = st.builds(
    BulkUpdate,
    st.lists(LEADS, min_size=1, max_size=3).map(tuple),
    st.none() | TEXT,
    st.none() | st.booleans(),
)
ENTRIES = st.lists(st.builds(Entry, TEXT, TEXT, st.none() | TEXT), max_size=3).map(tuple)
BULK_ANSWERS = st.builds(BulkAnswer, ENTRIES, ENTRIES, st.none() | ENTRIES)
STATUSES = st.builds(
    TaskStatus,
    TEXT,
    st.sampled_from(State),
    TEXT,
    TEXT,
    st.none() | TEXT,
    st.none() | TEXT,
)
WORKLOADS = st.builds(
    Workload,
    st.integers(0, 10**9),
    st.integers(0, 10**6).map(float),
    st.integers(0, 10**6).map(lambda tenths: tenths / 10),
)
PARAMETERS = st.builds(
    Parameters, *(st.none() | TEXT.map(str.strip) for _ in attributes.PARAMETERS)
)


# --- both ways ------------------------------------------------------------------------------


@given(said=ATTRIBUTES)
def test_attributes_are_read_as_they_were_written(said: tuple[Attribute, ...]) -> None:
    """Sets of fields included."""
    assert attributes.parse_attributes(attributes.render_attributes(said)) == said


@given(said=PARAMETERS)
def test_parameters_are_read_as_they_were_written(said: Parameters) -> None:
    """In any number."""
    assert attributes.read_parameters(attributes.render_parameters(said)) == said


@given(call=BULK)
def test_a_bulk_call_is_read_as_it_was_written(call: BulkUpdate) -> None:
    """With and without its optional parts."""
    assert bulk.parse(bulk.render(call)) == call


@given(answer=BULK_ANSWERS)
def test_a_bulk_answer_is_read_as_it_was_written(answer: BulkAnswer) -> None:
    """Its counts are those of its lists."""
    body = bulk.render_answer(answer)
    status = orjson.loads(body)["Status"]
    assert bulk.read_answer(body) == answer
    assert status["TotalCount"] == answer.total


@given(status=STATUSES)
def test_a_status_is_read_as_it_was_written(status: TaskStatus) -> None:
    """In each of the four states."""
    assert answers.read_status(answers.render_status(status)) == status


@given(workload=WORKLOADS)
def test_metrics_are_read_as_they_were_written(workload: Workload) -> None:
    """Whole seconds, and a rate to a tenth."""
    assert answers.read_metrics(answers.render_metrics(workload)) == workload


@given(failure=st.builds(Failure, TEXT, TEXT))
def test_an_error_is_read_as_it_was_written(failure: Failure) -> None:
    """Of any type."""
    assert answers.read_failure(answers.render_failure(failure)) == failure


@given(request_id=NAME, rows=st.integers(0, 25))
def test_other_answers_are_read_as_they_were_written(request_id: str, rows: int) -> None:
    """Accepted, and done."""
    assert answers.read_accepted(answers.render_accepted(request_id)) == request_id
    assert answers.read_done(answers.render_done(rows)) == rows


# --- the pages' samples ---------------------------------------------------------------------


def test_the_async_sample_is_read(capture: Capture) -> None:
    """Its body and its answer, and both are written as the page has them."""
    said = attributes.parse_attributes(capture("async_request"))
    assert said == (Attribute("Phone", "9999999999"), Attribute("mx_City", "London"))
    assert attributes.render_attributes(said) == orjson.dumps(
        orjson.loads(capture("async_request"))
    )
    assert answers.render_accepted("7ba60ab0-7054-4856-8590-1b5a9f904ad1") == orjson.dumps(
        orjson.loads(capture("async_answer"))
    )


def test_the_bulk_sample_is_read(capture: Capture) -> None:
    """And written as the page has it."""
    call = bulk.parse(capture("bulk_request"))
    assert (call.search_by, call.unprocessed) == ("EmailAddress", False)
    assert [[each.name for each in lead.fields] for lead in call.leads] == [
        ["EmailAddress", "mx_FirstName", "mx_LastName", "Age"],
        ["EmailAddress", "mx_FirstName", "mx_LastName", "PhoneNumber"],
    ]
    assert bulk.render(call) == orjson.dumps(orjson.loads(capture("bulk_request")))


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        (
            "bulk_answer",
            BulkAnswer(
                (Entry("EmailAddress", "james@gmail.com"), Entry("EmailAddress", "jack@gmail.com"))
            ),
        ),
        (
            "bulk_failed_answer",
            BulkAnswer(failed=(Entry("EmailAddress", "johnwick@gmail.com", bulk.NOT_FOUND),)),
        ),
        (
            "bulk_unprocessed_answer",
            BulkAnswer(unprocessed=(Entry("EmailAddress", "johnwick @gmail.com", bulk.NOT_FOUND),)),
        ),
    ],
)
def test_the_bulk_answers_are_the_pages_bytes(
    capture: Capture, name: str, answer: BulkAnswer
) -> None:
    """Key order and absent keys included."""
    sample = capture(name)
    assert bulk.read_answer(sample) == answer
    assert bulk.render_answer(answer) == orjson.dumps(orjson.loads(sample))


def test_the_status_answer_is_the_vendors_bytes() -> None:
    """With `Message` as a text inside the text."""
    status = TaskStatus("id-1", State.SUCCESS, answers.COMPLETED, "[]", '{"Status":"Success"}')
    assert answers.render_status(status) == (
        b'{"RequestID":"id-1","TaskStatus":{"TaskType":"Lead Update","Status":"Success",'
        b'"StatusReason":"Request was successfully completed","TaskCurrentStep":null,'
        b'"TaskLastStep":"In-Process-Queue","RequestBody":"[]",'
        b'"Message":"{\\"Status\\":\\"Success\\"}"}}'
    )


def test_the_metrics_answer_is_the_vendors_bytes() -> None:
    """Its three keys in order."""
    assert answers.render_metrics(Workload(1, 0.9, 24.84)) == (
        b'{"PendingMessages":1,"MaxDelayInSeconds":0,"ProcessingRatePerMinute":24.8}'
    )


def test_the_errors_are_the_vendors_bytes() -> None:
    """The documented missing parameter, and the documented sentence of a 429."""
    assert answers.render_failure(answers.LEAD_ID_MISSING) == (
        b'{"Status":"Error","ExceptionType":"MXMandatoryAttributeMissingException",'
        b'"ExceptionMessage":"\'leadId\' is mandatory for updating lead"}'
    )
    assert answers.render_failure(answers.rate_limited(25, 5.0)) == (
        b'{"Status":"Error","ExceptionType":"MXAPIRateLimitExceededException",'
        b'"ExceptionMessage":"API calls exceeded the limit of 25 in 5 second(s)"}'
    )
    assert answers.render_done() == b'{"Status":"Success","Message":{"AffectedRows":1}}'


# --- liberal, but bounded -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Request body is not valid JSON"),
        (b"{", "Request body is not valid JSON"),
        (b"[]", "At least one lead field is needed"),
        (b"17", "Lead fields must be an array of Attribute and Value pairs"),
        (b"[null]", "Each lead field must be an object with Attribute and Value"),
        (b'[{"Value":"x"}]', "Attribute must be the schema name of a lead field"),
        (
            b'[{"Attribute":" ","Value":"x"}]',
            "Attribute must be the schema name of a lead field",
        ),
        (b'[{"Attribute":"Phone"}]', "Value is missing for Phone"),
        (
            b'[{"Attribute":"Phone","Value":[]}]',
            "Value of Phone must be a text, a number, a boolean or null",
        ),
        (
            b'[{"Attribute":"mx_A","Value":"","Fields":{}}]',
            "Lead fields must be an array of Attribute and Value pairs",
        ),
        (
            b'[{"Attribute":"mx_A","Fields":' * 40 + b"[]" + b"}]" * 40,
            "Request body is nested deeper than 64 levels",
        ),
    ],
)
def test_what_is_no_list_of_attributes_is_unreadable(body: bytes, message: str) -> None:
    """Broken, foreign or bottomless."""
    with pytest.raises(Unreadable) as raised:
        attributes.parse_attributes(body)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[]", "Request body must be a JSON object"),
        (b"{}", "LeadPropertiesList must be an array of leads"),
        (b'{"LeadPropertiesList":[]}', "LeadPropertiesList must be an array of leads"),
        (b'{"LeadPropertiesList":[null]}', "Each lead must be an object with Fields"),
        (
            b'{"SearchByKey":1,"LeadPropertiesList":[{}]}',
            "SearchByKey must be the schema name of a lead field",
        ),
        (b'{"Options":[],"LeadPropertiesList":[{}]}', "Options must be an object"),
        (
            b'{"Options":{"PushNonExistentLeadsToUnProcessedList":"maybe"},'
            b'"LeadPropertiesList":[{}]}',
            "PushNonExistentLeadsToUnProcessedList must be true or false",
        ),
        (b'{"LeadPropertiesList":[{"ProspectId":1}]}', "ProspectId must be a text"),
    ],
)
def test_what_is_no_bulk_call_is_unreadable(body: bytes, message: str) -> None:
    """Each part is told by its name."""
    with pytest.raises(Unreadable) as raised:
        bulk.parse(body)
    assert str(raised.value) == message


def test_parameters_are_encoded_for_a_url() -> None:
    """A dollar sign in a key too."""
    parameters = Parameters("u$r1", "s/1", "a b")
    assert (
        attributes.encode_parameters(parameters) == "accessKey=u%24r1&secretKey=s%2F1&leadId=a%20b"
    )


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"{}", b'{"Status":"Success"}'])
def test_what_is_no_answer_is_read_as_none(body: bytes) -> None:
    """By any of the readers."""
    assert answers.read_accepted(body) is None
    assert answers.read_done(body) is None
    assert answers.read_status(body) is None
    assert answers.read_metrics(body) is None
    assert answers.read_failure(body) is None
    assert bulk.read_answer(body) is None


def test_other_spellings_of_answers_are_read() -> None:
    """Those of sibling pages, and objects where a text is shown."""
    assert answers.read_accepted(b'{"Status":"x","RequestId":"id-1"}') == "id-1"
    metrics = b'{"PendingMessages":1,"MaxDelayInSeconds":2,"ProcessingratePerMinute":3}'
    assert answers.read_metrics(metrics) == Workload(1, 2.0, 3.0)
    status = (
        b'{"RequestId":"id-1","TaskStatus":{"Status":"success","RequestBody":[1],'
        b'"Message":{"Status":"Success"}}}'
    )
    assert answers.read_status(status) == TaskStatus(
        "id-1", State.SUCCESS, "", "[1]", '{"Status":"Success"}', None
    )


def test_an_error_is_known_by_its_body_alone() -> None:
    """An exception type, or the word `Error`."""
    assert answers.read_failure(b'{"ExceptionType":"MXOdd"}') == Failure("MXOdd", "")
    assert answers.read_failure(b'{"Status":"Error","IsMXException":true}') == Failure("", "")
    assert answers.read_failure(b'{"Status":{"Message":"Error"}}') is None


def test_no_value_of_a_lead_is_in_a_repr() -> None:
    """They are people's data, and keys are secrets."""
    shown = repr(
        (
            Attribute("Phone", "+61491570006"),
            BulkLead((), "lead-1"),
            Entry("Phone", "+61491570006"),
            Parameters(access_key="u$r1", secret_key="s3cret"),
        )
    )
    for private in ("+61491570006", "lead-1", "u$r1", "s3cret"):
        assert private not in shown


def test_exception_types_are_spelt_as_they_were_seen() -> None:
    """Callers compare them."""
    assert {str(each) for each in Exc} == {
        "MXMandatoryAttributeMissingException",
        "MXDuplicateEntryException",
        "MXUnknownAttributeException",
        "MXInvalidInputException",
        "MXAPIRateLimitExceededException",
        "MXUnAuthorizedAccessException",
        "MXAuthenticationFailedException",
    }
