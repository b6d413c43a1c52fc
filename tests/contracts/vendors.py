"""What the vendors' contract suite asks of a vendor's description, and what it does with one.

A vendor is described by a `Subject`: settings, recorded calls, and what its answers look like.
Everything else the suite finds out from what the slice exports.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
from pydantic import BaseModel, SecretStr

from connectors.delivery.connector import (
    Connector,
    Conversation,
    Delivery,
    NeedsHuman,
    Pending,
    Refused,
    Verdict,
)
from connectors.sandbox.host import load
from connectors.sandbox.port import Backend, BackendCall
from connectors.vendor import SampleCall, Vendor
from gateway.dialect import (
    Answer,
    Answering,
    Call,
    Caller,
    Dialect,
    OverQuota,
    Parsed,
    QuotaState,
    Refusal,
    RequestedUpdate,
    Settled,
)
from gateway.model.codec import read_update, update_headers, update_value
from gateway.model.codes import Code
from gateway.model.event import LeadUpdate, Origin, lead_key
from gateway.model.json import JsonObject
from gateway.model.outcome import Kind, Outcome
from gateway.settings.model import ConnectorSettings, CredentialSettings, TenantSettings
from gateway.transport.port import ConnectFailed, HttpReply, HttpRequest, HttpResponse

BASE_URL = "https://api.example.com/tenant-7"
SYSTEM = "theirs"
INBOUND, OUTBOUND = "sk-workspace_inbound-S3CRET", "sk-workspace_outbound-S3CRET"
TENANT = TenantSettings(region="AU", timezone="Australia/Melbourne")
EVENT_ID = "0192d000-0000-7000-8000-000000000001"
NOW = 1_767_225_600.0
LONGEST_WAIT = 5
"""Conversations in which a fake backend says what became of an update."""
QUOTA = QuotaState(limit=10, remaining=0, used=10, reset_at=NOW + 2.5, per=5.0)

Keyed: TypeAlias = Callable[[SampleCall, str | None], SampleCall]
Ending: TypeAlias = tuple[Kind, Code | None]


@dataclass(frozen=True)
class Said:
    """An answer that the vendor documents (or that its slice infers)."""

    status: int
    body: bytes
    but: str = ""
    """Why our own answer is another one; empty where it is the same."""


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """A vendor under test as one that is delivered to; one with two APIs is described twice."""

    name: str
    vendor: Vendor
    connector: Mapping[str, Any]
    """What a connector needs beside `vendor`, its address and `system`."""
    seed: JsonObject
    """The deliveries' lead, in a state in which all of them are applied."""
    errors: tuple[Said, ...]
    """Every answer of the vendor's table, about that lead."""
    given: tuple[Delivery, ...] = ()
    """What is delivered, where no recorded calls say it."""

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """Updates of one lead."""
        return self.given

    @property
    def folder(self) -> Path:
        """The slice."""
        package = import_module(self.vendor.sandbox.rpartition(".")[0])
        return Path(inspect.getfile(package)).parent

    def configured(self) -> ConnectorSettings:
        """The settings of a connector that speaks the callers' ids."""
        own = {"vendor": self.vendor.name, "system": SYSTEM, **self.vendor.sandboxed(BASE_URL)}
        return self.vendor.connector_settings.model_validate({**own, **self.connector})

    def connect(self) -> Connector:
        """A connector with those settings."""
        return self.vendor.connect("there", self.configured(), {"default": TENANT})

    def backend(self, *leads: JsonObject) -> Backend:
        """A fake backend with these leads."""
        made = load(self.vendor.sandbox, faithful=False)
        for lead in leads:
            made.seed(lead)
        return made


@dataclass(frozen=True, kw_only=True)
class Subject(Delivered):
    """A vendor under test that is spoken to us as well; its connectors' secrets are OUTBOUND."""

    credential: Mapping[str, Any]
    """What an inbound key needs beside `dialect` and `system`; its secrets are INBOUND."""
    samples: tuple[SampleCall, ...]
    """Recorded calls, each of a lead of its own or of the same one."""
    keyed: Keyed
    """The call with this key and no other."""
    ours: Callable[[bytes], bool]
    """Whether a body is an answer of this vendor."""
    empty_body: bool
    """Whether no body at all is a call that changes nothing."""
    no_key: Said
    wrong_key: Said
    busy: Said
    over_quota: Said
    says_when: bool
    """Whether busy and over quota carry a Retry-After."""
    success: Callable[[Answer], bool] = lambda answer: answer.status < 300
    """Whether an answer says that the update was applied."""
    spelt: Mapping[str, str] | None = None
    """Canonical fields whose names a connector spells in its own way."""
    fine: frozenset[Ending] = frozenset(
        {
            (Kind.APPLIED, None),
            (Kind.SUPERSEDED, None),
            (Kind.SKIPPED, Code.SHADOWED),
            (Kind.SKIPPED, Code.UNROUTED),
        }
    )
    """How an update may end that is answered 2xx; None is any code."""

    @property
    def dialect(self) -> Dialect:
        """The vendor's dialect."""
        assert self.vendor.dialect is not None
        return self.vendor.dialect

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """What the recorded calls become."""
        return tuple(map(self.delivery, self.samples))

    def key(self, **settings: Any) -> CredentialSettings:
        """The settings of an inbound key."""
        model = self.vendor.credential_settings
        assert model is not None
        given = {"dialect": self.dialect.name, "system": SYSTEM, **self.credential, **settings}
        return model.model_validate(given)

    def caller(self) -> Caller:
        """Who calls with that key."""
        return Caller("default", SYSTEM, TENANT.region, TENANT.timezone, self.key())

    def parsed(self, sample: SampleCall) -> Parsed:
        """A recorded call, read; it must be a good one."""
        parsed = self.dialect.parse(call_of(self.dialect, sample), sample.body, self.caller())
        assert isinstance(parsed, Parsed), parsed
        return parsed

    def asked(self, sample: SampleCall) -> RequestedUpdate:
        """What it asks: one update."""
        (update,) = self.parsed(sample).updates
        return update

    def delivery(self, sample: SampleCall) -> Delivery:
        """The delivery that a recorded call becomes, by way of the log."""
        operation = call_of(self.dialect, sample).operation
        event = event_of(self.asked(sample), self.dialect.name, operation)
        return Delivery(read_update(update_headers(event), update_value(event)), event.ids)


def event_of(update: RequestedUpdate, dialect: str, operation: str) -> LeadUpdate:
    """The event that an accepted update becomes."""
    return LeadUpdate(
        id=EVENT_ID,
        time="2026-01-01T00:00:00.000Z",
        tenant="default",
        lead_key=lead_key("default", update.lead),
        ids=(update.lead,),
        changes=update.changes,
        attributes=update.attributes,
        triggers=update.triggers,
        origin=Origin(dialect, operation, SYSTEM, None, update.scope, update.names),
    )


# --- calls ----------------------------------------------------------------------------------


def call_of(dialect: Dialect, sample: SampleCall) -> Call:
    """A call as the front door hands it on; raises LookupError where no route takes it."""
    for route in dialect.routes:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path)
        match = re.fullmatch(pattern, sample.path)
        if route.method == sample.method and match is not None:
            parameters = {name: unquote(text) for name, text in match.groupdict().items()}
            headers = {name.lower(): value for name, value in sample.headers}
            path = unquote(sample.path)
            return Call(sample.method, path, route.operation, parameters, sample.query, headers)
    raise LookupError(f"{sample.method} {sample.path}")


def sample_of(request: HttpRequest) -> SampleCall:
    """What a connector sends, as a call to whoever is behind BASE_URL."""
    parts = urlsplit(request.url)
    path = parts.path.removeprefix(urlsplit(BASE_URL).path)
    query = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return SampleCall(request.method, path, query, request.headers, request.body, "")


def asked_of(backend: Backend, request: HttpRequest) -> HttpResponse:
    """What a fake backend answers to a connector."""
    sent = sample_of(request)
    headers = {name.lower(): value for name, value in sent.headers}
    path = unquote(sent.path)
    answer = backend.handle(BackendCall(sent.method, path, sent.query, headers, sent.body, NOW))
    told = {name.lower(): value for name, value in answer.headers}
    return HttpResponse(answer.status, told, answer.body)


Held: TypeAlias = tuple[list[HttpRequest], tuple[Verdict, ...]]


def held(conversation: Conversation, reply: Callable[[HttpRequest], HttpReply]) -> Held:
    """Hold a whole conversation; what was sent, and the verdicts."""
    sent: list[HttpRequest] = []
    try:
        sent.append(next(conversation))
        while True:
            sent.append(conversation.send(reply(sent[-1])))
    except StopIteration as end:
        return sent, end.value


def concluded(subject: Delivered, delivery: Delivery, backend: Backend) -> Held:
    """Hold conversations with a fake backend until it has said what became of a delivery."""
    sent: list[HttpRequest] = []
    for _ in range(LONGEST_WAIT):
        talk = subject.connect().converse([delivery])
        asked, (verdict,) = held(talk, lambda request: asked_of(backend, request))
        sent += asked
        if not isinstance(verdict, Pending):
            return sent, (verdict,)
        delivery = delivery._replace(pending=verdict.token)
    raise AssertionError("it never ends")


def refusing(_: HttpRequest) -> HttpReply:
    """Nobody is there."""
    return ConnectFailed("refused")


def in_query(name: str) -> Keyed:
    """A key that is a parameter of the query."""

    def keyed(sample: SampleCall, key: str | None) -> SampleCall:
        others = tuple(pair for pair in sample.query if pair[0].strip() != name)
        return replace(sample, query=others + _pairs(name, key))

    return keyed


def in_header(name: str, before: str = "") -> Keyed:
    """A key that is a header, after a word."""

    def keyed(sample: SampleCall, key: str | None) -> SampleCall:
        others = tuple(pair for pair in sample.headers if pair[0].lower() != name.lower())
        value = None if key is None else before + key
        return replace(sample, headers=others + _pairs(name, value))

    return keyed


def _pairs(name: str, value: str | None) -> tuple[tuple[str, str], ...]:
    return () if value is None else ((name, value),)


def secrets_of(settings: BaseModel) -> Iterator[str]:
    """Every secret in settings, however deep."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, SecretStr):
                yield one.get_secret_value()
            elif isinstance(one, BaseModel):
                yield from secrets_of(one)


# --- bodies ---------------------------------------------------------------------------------

HOLE = "@hole@"
OTHER_MEMBERS = ("metadata", "customFields", "other")


def holed(value: Any) -> Iterator[Any]:
    """A body with a hole in it: in place of it all, of any value in it, or as one more member."""
    yield HOLE
    if isinstance(value, dict):
        for name, held_there in {**dict.fromkeys(OTHER_MEMBERS), **value}.items():
            for inner in holed(held_there):
                yield {**value, name: inner}
    elif isinstance(value, list):
        for place, held_there in enumerate(value):
            for inner in holed(held_there):
                yield [*value[:place], inner, *value[place + 1 :]]


def names_in(value: Any) -> Iterator[str]:
    """The names of all members of a body, however deep."""
    if isinstance(value, dict):
        yield from value
    for held_there in value.values() if isinstance(value, dict) else value:
        if isinstance(held_there, dict | list):
            yield from names_in(held_there)


def filled(body: Any, raw: bytes) -> bytes:
    """The bytes of a body with this JSON in its hole."""
    return orjson.dumps(body).replace(orjson.dumps(HOLE), raw)


# --- answers --------------------------------------------------------------------------------


def rendered(answer: Answer) -> Answer:
    """An answer that is bytes of the type it says it is, in the vendor's shape."""
    assert isinstance(answer.body, bytes)
    assert 100 <= answer.status <= 599
    if answer.content_type.startswith("application/json"):
        orjson.loads(answer.body)
    assert all(type(part) is str for header in answer.headers for part in header)
    assert all("\n" not in part and "\r" not in part for pair in answer.headers for part in pair)
    return answer


def refused(subject: Subject, refusal: Refusal, sample: SampleCall | None = None) -> Answer:
    """A refusal, rendered: never a success, always the vendor's own."""
    call = call_of(subject.dialect, sample or subject.samples[0])
    quota = refusal.quota if isinstance(refusal, OverQuota) else None
    answer = rendered(subject.dialect.refuse(call, refusal, quota))
    assert answer.status >= 400
    assert subject.ours(answer.body), answer
    return answer


def told(subject: Subject, sample: SampleCall, outcome: Outcome) -> Answer:
    """The answer to a caller whose update ended so."""
    dialect = subject.dialect
    parsed = subject.parsed(sample)
    leads = [{"id": parsed.updates[0].lead.id}] if dialect.wants_lead else []
    settled = [Settled(EVENT_ID, outcome)]
    call = call_of(dialect, sample)
    return dialect.answer(Answering(call, subject.caller(), parsed, settled, leads, QUOTA, NOW))


def ended(kind: Kind, code: Code, verdict: Refused | NeedsHuman | None = None) -> Outcome:
    """An outcome, of a verdict where there is one."""
    outcome = Outcome(EVENT_ID, "there", kind, code, "default", "ld_1")
    if verdict is None:
        return outcome
    details = verdict.details if isinstance(verdict, Refused) else {}
    return replace(outcome, message=verdict.message, status=verdict.status, details=details)
