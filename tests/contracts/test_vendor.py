"""What every vendor's slice keeps: its parts, secrets, words both ways, and fake backend."""

from __future__ import annotations

import re

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.delivery.connector import (
    Applied,
    NeedsHuman,
    Refused,
    Verdict,
)
from connectors.registry import VENDORS
from connectors.vendor import SampleCall
from gateway.dialect import (
    Accepted,
    Answering,
)
from gateway.edge.native import NATIVE
from gateway.model.codes import Code
from gateway.model.outcome import Kind
from gateway.transport.port import (
    HttpRequest,
    HttpResponse,
)
from tests.contracts.subjects import (
    ALL,
    SUBJECTS,
    every_delivery,
    every_sample,
    every_subject,
    every_vendor,
)
from tests.contracts.vendors import (
    BASE_URL,
    EVENT_ID,
    NOW,
    Delivered,
    Said,
    Subject,
    asked_of,
    call_of,
    concluded,
    ended,
    held,
    refusing,
    rendered,
    sample_of,
    secrets_of,
    told,
)
from tests.example_vendor import VENDOR as ACME
from tests.gateway.model import strategies

PARTS = frozenset({"__init__", "wire", "mapping", "inbound", "outbound", "sandbox", "settings"})


# --- the slice ------------------------------------------------------------------------------


def test_every_registered_vendor_is_described() -> None:
    """In `subjects.py`, beside the example."""
    assert {subject.vendor for subject in ALL} == {*VENDORS, ACME}
    spoken = {subject.vendor for subject in SUBJECTS}
    assert spoken == {vendor for vendor in (*VENDORS, ACME) if vendor.dialect is not None}


def test_no_two_dialects_serve_the_same_path() -> None:
    """They share one listener; the name of a parameter makes no difference."""
    served = [
        (route.method, re.sub(r"\{\w+\}", "{}", route.path))
        for dialect in {NATIVE.dialect, *(subject.dialect for subject in SUBJECTS)}
        for route in dialect.routes
    ]
    assert len(served) == len(set(served))


@every_vendor
def test_a_slice_has_only_its_parts(subject: Delivered) -> None:
    """A part that outgrows a file is a folder of that name."""
    inside = [path for path in subject.folder.iterdir() if path.name != "__pycache__"]
    parts = {path.stem for path in inside if path.is_dir() or path.suffix == ".py"}
    assert {path.name for path in inside if path.is_file() and path.suffix != ".py"} == {
        "README.md"
    }
    assert parts <= PARTS
    assert parts >= {"__init__", "wire", "outbound"}


@every_vendor
def test_a_readme_names_its_sources_and_their_day(subject: Delivered) -> None:
    """Addresses of pages, and when they were read."""
    _, found, sources = (subject.folder / "README.md").read_text().partition("\n## Sources")
    assert found
    sources = sources.partition("\n## ")[0]
    assert re.search(r"\b20\d\d-\d\d-\d\d\b", sources)
    assert re.search(r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)+/\S+", sources)


@every_vendor
def test_no_secret_is_shown(subject: Delivered) -> None:
    """Not by settings, a connector or a request; and a connector knows them all."""
    configured, connector = subject.configured(), subject.connect()
    sent, _ = held(connector.converse([subject.deliveries[0]]), refusing)
    secrets = set(secrets_of(configured))
    assert secrets
    assert secrets <= set(connector.secrets)
    assert [shown for shown in (connector, configured, *sent) if tells(shown, secrets)] == []


@every_subject
def test_no_callers_secret_is_shown(subject: Subject) -> None:
    """Not by a credential or a caller."""
    credential, caller = subject.key(), subject.caller()
    secrets = set(secrets_of(credential))
    assert secrets
    assert [shown for shown in (credential, caller) if tells(shown, secrets)] == []


def tells(shown: object, secrets: set[str]) -> bool:
    """Whether somebody who prints it sees a secret."""
    return any(secret in f"{shown!r} {shown!s}" for secret in secrets)


# --- outcomes -------------------------------------------------------------------------------


@every_subject
def test_every_outcome_is_told(subject: Subject) -> None:
    """A success only where the vendor's callers would see one."""
    for kind in Kind:
        for code in Code:
            answer = rendered(told(subject, subject.samples[0], ended(kind, code)))
            fine = {(kind, None), (kind, code)} & subject.fine
            assert subject.success(answer) == bool(fine), (kind, code, answer)
            assert bool(fine) or subject.ours(answer.body)


@every_sample
def test_an_update_that_is_only_safe_is_a_success(subject: Subject, sample: SampleCall) -> None:
    """Nobody's outcome was waited for."""
    parsed = subject.parsed(sample)
    leads = [{"id": parsed.updates[0].lead.id}] if subject.dialect.wants_lead else []
    call, caller = call_of(subject.dialect, sample), subject.caller()
    accepted = [Accepted(EVENT_ID)]
    answering = Answering(call, caller, parsed, accepted, leads, None, NOW)
    answer = rendered(subject.dialect.answer(answering))
    assert subject.success(answer)


# --- both ways ------------------------------------------------------------------------------


def verdict_on(subject: Subject, said: Said) -> Verdict:
    """What a connector makes of an answer to its first request."""
    talk = subject.connect().converse([subject.delivery(subject.samples[0])])
    _, (verdict,) = held(talk, lambda _: HttpResponse(said.status, {}, said.body))
    return verdict


ERRORS = [(subject, said) for subject in SUBJECTS for said in subject.errors]


@pytest.mark.parametrize(
    ("subject", "said"),
    ERRORS,
    ids=[f"{s.name}-{s.errors.index(e)}-{e.status}-{e.body[:40]!r}" for s, e in ERRORS],
)
def test_what_the_vendor_says_is_what_its_callers_hear(subject: Subject, said: Said) -> None:
    """An answer of the vendor's, judged and told again in its own dialect, is the same answer."""
    verdict = verdict_on(subject, said)
    if isinstance(verdict, Applied):
        outcome = ended(Kind.APPLIED, Code.OK)
    elif isinstance(verdict, Refused | NeedsHuman):
        outcome = ended(Kind.REJECTED, verdict.code, verdict)
    else:
        assert said.but, verdict
        return
    answer = told(subject, subject.samples[0], outcome)
    same = (answer.status, answer.body) == (said.status, said.body)
    assert same == (said.but == ""), (verdict, answer)


# --- the fake backend -----------------------------------------------------------------------


@every_delivery
def test_a_fake_backend_applies_a_delivery(subject: Delivered, number: int) -> None:
    """Sent by the vendor's connector to a lead that is there."""
    backend = subject.backend(subject.seed)
    before = backend.leads()
    sent, (verdict,) = concluded(subject, subject.deliveries[number], backend)
    assert isinstance(verdict, Applied), verdict
    assert verdict.dropped == ()
    assert backend.leads() != before
    assert sent


@every_sample
def test_a_fake_backend_does_not_know_every_lead(subject: Subject, sample: SampleCall) -> None:
    """One that was not seeded is not found."""
    backend = subject.backend()
    _, (verdict,) = concluded(subject, subject.delivery(sample), backend)
    assert isinstance(verdict, Refused), verdict
    assert verdict.code is Code.LEAD_NOT_FOUND
    assert backend.leads() == []


@every_vendor
def test_what_a_fake_backend_shows_can_be_seeded(subject: Delivered) -> None:
    """So that a state can be kept and brought back."""
    backend = subject.backend(subject.seed)
    for delivery in subject.deliveries:
        concluded(subject, delivery, backend)
    leads = backend.leads()
    assert subject.backend(*leads).leads() == leads


@every_vendor
@settings(max_examples=40)
@given(st.data())
def test_a_fake_backend_answers_anything(subject: Delivered, data: st.DataObject) -> None:
    """Any body, any path below, with and without a key."""
    backend = subject.backend(subject.seed)
    ((first, *_), _) = held(subject.connect().converse([subject.deliveries[0]]), refusing)
    sample = sample_of(first)
    body = data.draw(st.binary(max_size=60) | strategies.values.map(orjson.dumps))
    path = data.draw(st.sampled_from([sample.path, sample.path + "/x", "/", "/other"]))
    method = data.draw(st.sampled_from([sample.method, "GET", "DELETE"]))
    headers = data.draw(st.sampled_from([sample.headers, ()]))
    request = HttpRequest(method, BASE_URL + path, headers, body)
    assert asked_of(backend, request).status >= 200


@every_subject
def test_a_description_is_of_one_lead(subject: Subject) -> None:
    """So that one seeded lead is enough for all of a vendor's recorded calls."""
    asked = {subject.asked(sample).lead for sample in subject.samples}
    assert {lead.id for lead in asked} == {subject.seed["id"]}
