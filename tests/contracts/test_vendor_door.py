"""What every vendor's dialect keeps: who is let in, what is taken, how the others are told."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.delivery.connector import (
    Delivery,
)
from connectors.vendor import SampleCall
from gateway.clock import SystemClock
from gateway.dialect import (
    Busy,
    Fault,
    Invalid,
    KeyReused,
    Malformed,
    MethodNotAllowed,
    OverQuota,
    Parsed,
    Refusal,
    TooLarge,
    Unauthenticated,
)
from gateway.edge.credentials import Credentials
from gateway.edge.quota import counted_here
from gateway.model.codec import update_headers, update_value
from gateway.model.codes import Code
from tests.contracts.subjects import every_sample, every_subject
from tests.contracts.vendors import (
    INBOUND,
    QUOTA,
    TENANT,
    Subject,
    asked_of,
    call_of,
    event_of,
    filled,
    held,
    holed,
    names_in,
    refused,
    refusing,
    sample_of,
)
from tests.gateway.model import strategies

few = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])

COUNTING = counted_here(SystemClock())


@every_sample
def test_a_recorded_call_is_taken(subject: Subject, sample: SampleCall) -> None:
    """By a route of the dialect, with a key in it, as one update."""
    assert subject.dialect.presented(call_of(subject.dialect, sample))
    update = subject.asked(sample)
    assert update.lead.id == subject.seed["id"]
    assert update.changes or update.attributes.patch


@every_sample
def test_what_goes_in_comes_out_as_it_was(subject: Subject, sample: SampleCall) -> None:
    """A connector of the same vendor writes what the caller sent: its door reads the same update,
    whatever else the connector reads before and after."""
    backend = subject.backend(subject.seed)
    sent, _ = held(
        subject.connect().converse([subject.delivery(sample)]), lambda r: asked_of(backend, r)
    )
    written = [request for request in sent if request.method != "GET"]
    expected = subject.asked(sample)
    if subject.spelt is not None:
        names = {ours: subject.spelt.get(ours, own) for ours, own in expected.names.items()}
        expected = replace(expected, names=names)
    assert subject.asked(sample_of(written[-1])) == expected


@every_subject
def test_the_right_key_opens(subject: Subject) -> None:
    """In the place where the vendor's callers put it."""
    tenant = TENANT.model_copy(update={"credentials": [subject.key()]})
    known = Credentials({"default": tenant}, {subject.dialect.name: subject.dialect}, COUNTING)
    call = call_of(subject.dialect, subject.keyed(subject.samples[0], INBOUND))
    found = known.find(subject.dialect, call)
    assert not isinstance(found, bool)
    assert found.caller == subject.caller()


ODD_KEYS = {
    "none": None,
    "empty": "",
    "blank": " ",
    "wrong": "wrong",
    "cut": INBOUND[:-1],
    "longer": INBOUND + "x",
    "lower case": INBOUND.lower(),
    "not ASCII": "ключ-🔑",
    "half a surrogate": "\ud800",
    "NUL": "\x00",
    "folded": INBOUND.replace("s", "ſ"),
    "huge": "x" * 10_000,
}


@every_subject
@pytest.mark.parametrize("key", ODD_KEYS.values(), ids=ODD_KEYS.keys())
def test_no_other_key_opens(subject: Subject, key: str | None) -> None:
    """However odd it is; the answer is the vendor's."""
    tenant = TENANT.model_copy(update={"credentials": [subject.key()]})
    known = Credentials({"default": tenant}, {subject.dialect.name: subject.dialect}, COUNTING)
    found = known.find(
        subject.dialect, call_of(subject.dialect, subject.keyed(subject.samples[0], key))
    )
    assert isinstance(found, bool)
    answer = refused(subject, Unauthenticated(presented=found))
    expected = subject.wrong_key if found else subject.no_key
    assert (answer.status, answer.body) == (expected.status, expected.body)
    assert found or key is None or not key.strip()


UNREADABLE = {
    "blank": b" \n",
    "no JSON": b"name=Jane&stage=Lost",
    "an array of nothing": b"[null]",
    "a number": b"17",
    "a text": b'"Jane"',
    "null": b"null",
    "true": b"true",
    "NUL": b'{"a":"b"}\x00',
    "NULs": b"\x00" * 64,
    "another encoding": '{"name":"Jané"}'.encode("utf-16"),
    "no UTF-8": b'{"name":"\xff\xfe"}',
    "half a surrogate": b'{"name":"\\ud800"}',
    "no number": b'{"score":NaN}',
    "infinite": b'{"score":1e999}',
    "bottomless": b'{"a":' * 100_000,
    "bottomless list": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@every_subject
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_body_that_cannot_be_read_is_refused(subject: Subject, body: bytes) -> None:
    """As bad data, never as a fault of the server."""
    sample = subject.samples[0]
    parsed = subject.dialect.parse(call_of(subject.dialect, sample), body, subject.caller())
    assert not isinstance(parsed, Parsed)
    assert 400 <= refused(subject, parsed).status < 500


@every_subject
def test_no_body_is_refused_where_the_vendor_refuses_it(subject: Subject) -> None:
    """One vendor takes it, as a call that changes nothing."""
    call = call_of(subject.dialect, subject.samples[0])
    parsed = subject.dialect.parse(call, b"", subject.caller())
    if subject.empty_body:
        assert isinstance(parsed, Parsed)
        (update,) = parsed.updates
        assert (dict(update.changes), update.attributes.patch) == ({}, {})
    else:
        assert not isinstance(parsed, Parsed)
        assert 400 <= refused(subject, parsed).status < 500


@every_sample
def test_half_a_body_is_refused(subject: Subject, sample: SampleCall) -> None:
    """Wherever it was cut."""
    call, caller = call_of(subject.dialect, sample), subject.caller()
    for length in range(1, len(sample.body.rstrip())):
        parsed = subject.dialect.parse(call, sample.body[:length], caller)
        assert not isinstance(parsed, Parsed)
        refused(subject, parsed)


def taken_or_refused(subject: Subject, body: bytes) -> None:
    """Whatever is posted is either refused, or can be written down and answered."""
    sample = subject.samples[0]
    call = call_of(subject.dialect, sample)
    parsed = subject.dialect.parse(call, body, subject.caller())
    if not isinstance(parsed, Parsed):
        refused(subject, parsed)
        return
    for update in parsed.updates:
        event = event_of(update, subject.dialect.name, call.operation)
        update_headers(event)
        update_value(event)
        held(subject.connect().converse([Delivery(event, event.ids)]), refusing)


@every_subject
@pytest.mark.parametrize("depth", [10, 64, 65, 200, 250, 254, 300, 900])
def test_a_deep_body_is_refused_or_kept(subject: Subject, depth: int) -> None:
    """A reader goes deeper than a writer; what can't be written must not be taken."""
    for nested in (b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth + b"]" * depth):
        for body in holed(orjson.loads(subject.samples[0].body)):
            taken_or_refused(subject, filled(body, nested))


@every_subject
@few
@given(st.binary(max_size=200))
def test_random_bytes_are_refused_or_kept(subject: Subject, body: bytes) -> None:
    """Nothing that is posted makes a dialect raise."""
    taken_or_refused(subject, body)


@every_subject
@few
@given(st.data())
def test_values_of_any_type_are_refused_or_kept(subject: Subject, data: st.DataObject) -> None:
    """In place of any part of a call, or beside it; under the vendor's own names and others."""
    sent = orjson.loads(subject.samples[0].body)
    names = sorted({name for s in subject.samples for name in names_in(orjson.loads(s.body))})
    fields = st.dictionaries(st.sampled_from(names) | strategies.text, strategies.values)
    given_body = data.draw(fields | strategies.values)
    taken_or_refused(subject, orjson.dumps(given_body))
    if isinstance(sent, dict) and isinstance(given_body, dict):
        taken_or_refused(subject, orjson.dumps({**sent, **given_body}))
    body = data.draw(st.sampled_from(list(holed(sent))))
    taken_or_refused(subject, filled(body, orjson.dumps(given_body)))


REFUSALS: tuple[Refusal, ...] = (
    Malformed("it is\nnot 'JSON' ☹"),
    TooLarge(1024),
    MethodNotAllowed(("PUT", "PATCH")),
    KeyReused(),
    *(Invalid((Fault(code),)) for code in Code),
    *(Invalid((Fault(code, "feld", {"a": [1]}, "wörds"), Fault(Code.OK))) for code in Code),
)


@every_subject
def test_every_refusal_is_told_in_the_vendors_shape(subject: Subject) -> None:
    """And as the caller's own doing, not as a success."""
    for refusal in REFUSALS:
        refused(subject, refusal)


@every_subject
def test_a_wrong_method_is_told_the_right_ones(subject: Subject) -> None:
    """With the header that HTTP asks for."""
    answer = refused(subject, MethodNotAllowed(("PUT", "PATCH")))
    assert answer.status == 405
    assert dict(answer.headers)["Allow"] == "PUT, PATCH"


@every_subject
@pytest.mark.parametrize("refusal", [Busy(2.5, appended=True), OverQuota(QUOTA, 2.5)])
def test_a_caller_that_should_come_back_is_told_so(
    subject: Subject, refusal: Busy | OverQuota
) -> None:
    """In the vendor's words; the time is rounded up."""
    expected = subject.busy if isinstance(refusal, Busy) else subject.over_quota
    answer = refused(subject, refusal)
    assert (answer.status, answer.body) == (expected.status, expected.body)
    wait = dict(answer.headers).get("Retry-After")
    assert wait == ("3" if subject.says_when else None)
