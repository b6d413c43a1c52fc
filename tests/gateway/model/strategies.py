"""Canonical values of every shape, for property tests of the model."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from gateway.model.changes import CLEAR, FIELDS, KEEP, Change, Set
from gateway.model.codec import trigger_data
from gateway.model.codes import Code
from gateway.model.event import (
    Attributes,
    LeadId,
    LeadUpdate,
    Origin,
    TriggerWishes,
    scope_of,
)
from gateway.model.outcome import Attempt, Kind, Outcome, Result
from gateway.model.trigger import Trigger, TriggerKind

whole_events = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
"""For tests over whole events: each example is large, and a busy machine is no finding."""

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
some = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
names = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
uuids = st.uuids().map(str)
times = st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z")
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(text, values, max_size=3)
words = st.dictionaries(some, text, max_size=3)

changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(Set, values, st.none() | st.from_regex(r"\+[0-9]{3,15}", fullmatch=True), raw=values),
    st.sampled_from([CLEAR, KEEP]),
)
fields = st.sampled_from(sorted(FIELDS)) | names.map("phones.{}".format)
lead_ids = st.builds(LeadId, some, some, words.map(scope_of))

updates = st.builds(
    LeadUpdate,
    id=uuids,
    time=times,
    tenant=names,
    lead_key=names.map("ld_{}".format),
    ids=st.lists(lead_ids, max_size=3).map(tuple),
    changes=st.dictionaries(fields, changes, max_size=5),
    attributes=st.builds(Attributes, st.sampled_from(["merge", "replace"]), objects),
    triggers=st.builds(TriggerWishes, st.booleans(), st.booleans()),
    origin=st.builds(
        Origin, names, text, text, st.none() | text, objects, words, st.integers(0, 9)
    ),
    connectors=st.lists(names, max_size=4).map(tuple),
    authority=st.none() | names,
    followers=st.sampled_from(["at_once", "after_authority"]),
    replyto=st.none() | st.integers(0, 99).map(str),
    traceparent=st.none() | some,
)

attempts = st.builds(
    Attempt,
    number=st.integers(0, 99),
    at=times,
    seconds=st.floats(0.0, 1e6),
    result=st.sampled_from(Result),
    status=st.none() | st.integers(100, 599),
    message=text,
)
outcomes = st.builds(
    Outcome,
    event_id=uuids | st.just(""),
    connector=names | st.just(""),
    kind=st.sampled_from(Kind),
    code=st.sampled_from(Code),
    tenant=names,
    lead_key=names | st.just(""),
    round=st.integers(1, 9),
    message=text,
    status=st.none() | st.integers(100, 599),
    attempts=st.lists(attempts, max_size=3).map(tuple),
    dropped=st.lists(text, max_size=3).map(tuple),
    details=objects,
    snapshot=st.none() | objects,
    time=times | st.just(""),
)
triggers = st.builds(
    Trigger,
    kind=st.sampled_from(TriggerKind),
    event_id=uuids,
    connector=names,
    tenant=names,
    lead_key=names,
    data=st.builds(trigger_data, updates, st.lists(text, max_size=3)),
    time=times | st.just(""),
)
