"""What every vendor's connector keeps: whatever is sent and comes back, there is a verdict."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.delivery.connector import (
    Conversation,
    Delivery,
    Throttled,
    Unavailable,
    Unreachable,
    Verdict,
)
from connectors.vendor import SampleCall
from gateway.model.event import LeadUpdate
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)
from tests.contracts.subjects import every_sample, every_vendor
from tests.contracts.vendors import (
    BASE_URL,
    TENANT,
    Delivered,
    Subject,
    asked_of,
    held,
    refusing,
    sample_of,
)
from tests.gateway.model import strategies

LONGEST_TALK = 5
DAY = 86_400.0


HEADER_TEXTS = (
    "",
    "0",
    "7",
    "-1",
    "1.5",
    "9" * 400,
    "²",
    "٣",
    "soon",
    "Wed, 21 Oct 2015 07:28:00 GMT",
    "Wed, 21 Oct 2015 07:28:00",
    "Wed, 21 Oct 2015 07:28:00 +99999999999999999999",
    "Wed, 21 Oct 0001 00:00:00 +2359",
    "Wed, 99 Oct 99999 99:99:99 GMT",
)
header_names = st.sampled_from(
    ["retry-after", "date", "x-ratelimit-reset", "content-type", "location"]
)


@st.composite
def replies(draw: st.DrawFn, subject: Delivered) -> HttpReply:
    """Whatever may come back: the vendor's own answers, altered ones, garbage, nothing."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.just(ConnectFailed("refused")) | st.just(AnswerUnknown("timed out")))
    own = [said.body for said in subject.errors]
    envelope = st.sampled_from(own).map(orjson.loads)
    altered = st.builds(
        lambda body, name, value: orjson.dumps({**body, name: value}),
        envelope,
        st.sampled_from(sorted({name for body in own for name in orjson.loads(body)})),
        strategies.values,
    )
    known = sorted({said.status for said in subject.errors})
    status = draw(st.sampled_from(known) | st.integers(100, 599))
    plain = st.sampled_from([b"", b"[]", b"null", b"<html>", b'{"success":true,"data":{}}'])
    body = draw(st.sampled_from(own) | altered | plain | st.binary(max_size=40))
    return HttpResponse(
        status, draw(st.dictionaries(header_names, st.sampled_from(HEADER_TEXTS))), body
    )


@st.composite
def deliveries(draw: st.DrawFn, subject: Delivered) -> Delivery:
    """Any event, half of them of this vendor's own dialect; the lead's ids may be missing."""
    event: LeadUpdate = draw(strategies.updates)
    dialect = subject.vendor.dialect
    if dialect is not None and draw(st.booleans()):
        operation = draw(st.sampled_from([route.operation for route in dialect.routes]))
        origin = replace(event.origin, dialect=dialect.name, operation=operation)
        event = replace(event, origin=origin)
    known = {name: draw(strategies.values) for name in sorted(subject.connect().reads)}
    return Delivery(event, event.ids, (), known)


def judged(talk: Conversation, reply: Callable[[], HttpReply]) -> Verdict:
    """The one verdict of a conversation, which is short and with one host."""
    sent, verdicts = held(talk, lambda _: reply())
    assert len(sent) <= LONGEST_TALK
    for request in sent:
        assert request.url.startswith(BASE_URL + "/")
        assert not re.search(r"[\s#]", request.url)
    (verdict,) = verdicts
    assert isinstance(verdict, Verdict)
    return verdict


@every_vendor
@settings(max_examples=80)
@given(st.data())
def test_whatever_comes_back_there_is_a_verdict(subject: Delivered, data: st.DataObject) -> None:
    """The vendor's own answers, altered ones, garbage, nothing."""
    talk = subject.connect().converse([subject.deliveries[0]])
    judged(talk, lambda: data.draw(replies(subject)))


@every_vendor
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_the_event_there_is_a_verdict(subject: Delivered, data: st.DataObject) -> None:
    """Of any dialect, with values of any type, answered in any way the vendor documents."""
    answers = [HttpResponse(said.status, {}, said.body) for said in subject.errors]
    talk = subject.connect().converse([data.draw(deliveries(subject))])
    judged(talk, lambda: data.draw(st.sampled_from(answers)))


@every_vendor
@pytest.mark.parametrize(
    ("reply", "verdict"), [(ConnectFailed, Unreachable), (AnswerUnknown, Unavailable)]
)
def test_no_answer_is_told_apart_by_whether_the_request_left(
    subject: Delivered,
    reply: type[ConnectFailed | AnswerUnknown],
    verdict: type[Unreachable | Unavailable],
) -> None:
    """Only a write that left may have been acted on; what is read before it is answered."""
    backend = subject.backend(subject.seed)

    def answered(request: HttpRequest) -> HttpReply:
        return asked_of(backend, request) if request.method == "GET" else reply("why")

    talk = subject.connect().converse([subject.deliveries[0]])
    _, (found,) = held(talk, answered)
    assert isinstance(found, verdict)
    assert getattr(found, "answer_unknown", False) is (reply is AnswerUnknown)


@every_vendor
def test_a_throttle_says_a_sane_time_or_none(subject: Delivered) -> None:
    """Whatever its headers hold."""
    connector, delivery = subject.connect(), subject.deliveries[0]
    for first, second in product(HEADER_TEXTS, HEADER_TEXTS):
        for names in (("retry-after", "date"), ("x-ratelimit-reset", "date")):
            headers = dict(zip(names, (first, second), strict=True))
            found = judged(connector.converse([delivery]), partial(HttpResponse, 429, headers, b""))
            assert isinstance(found, Throttled), headers
            assert found.retry_after is None or 0 <= found.retry_after <= DAY, headers


@every_sample
def test_the_vendors_path_is_appended(subject: Subject, sample: SampleCall) -> None:
    """To `base_url`, its own prefix kept, a slash at its end or not."""
    own = {"vendor": subject.vendor.name, "system": "theirs", **subject.connector}
    said = []
    for base_url in (BASE_URL, BASE_URL + "/"):
        configured = subject.vendor.connector_settings.model_validate({**own, "base_url": base_url})
        connector = subject.vendor.connect("there", configured, {"default": TENANT})
        sent, _ = held(connector.converse([subject.delivery(sample)]), refusing)
        said.append([request.url for request in sent])
    assert said[0] == said[1]
    (url,) = said[0]
    assert sample_of(HttpRequest("GET", url)).path in {
        sample.path,
        *(route.path for route in subject.dialect.routes),
    }
