"""What the PollyBot tests share: captures, a caller, and events as the gateway would make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from connectors.delivery.connector import Conversation, Verdict
from connectors.pollybot.inbound import PollyBotCredential, PollyBotDialect
from gateway.dialect import Call, Caller, Parsed, RequestedUpdate
from gateway.model.event import LeadUpdate, Origin, lead_key
from gateway.transport.port import HttpReply, HttpRequest

CAPTURES = Path(__file__).parent / "captures"
EVENT_ID = "0193503c-79a0-7000-8000-000000000001"

Told = tuple[list[HttpRequest], tuple[Verdict, ...]]


class MakesEvents(Protocol):
    def __call__(
        self, update: RequestedUpdate, dialect: str = ..., operation: str = ..., system: str = ...
    ) -> LeadUpdate: ...


@pytest.fixture(scope="session")
def capture() -> Callable[[str], bytes]:
    """The bytes of a sample of the vendor's page."""
    return lambda name: (CAPTURES / f"{name}.json").read_bytes()


@pytest.fixture(scope="session")
def dialect() -> PollyBotDialect:
    """The dialect under test."""
    return PollyBotDialect()


@pytest.fixture(scope="session")
def caller() -> Caller:
    """A caller in Australia, with the ids of the system `polly`."""
    credential = PollyBotCredential(system="polly", token="sk-test")
    return Caller("default", "polly", "AU", "Australia/Melbourne", credential)


@pytest.fixture(scope="session")
def gen1() -> Call:
    """A gen-1 call for the page's lead."""
    return Call(
        "PUT",
        "/api/v1/leads/lead_1234567890abcdef",
        "updateLead",
        {"leadId": "lead_1234567890abcdef"},
        (),
        {"authorization": "Bearer sk-test"},
    )


@pytest.fixture(scope="session")
def gen2() -> Call:
    """A gen-2 call for a lead of the chatbot `bot_1`."""
    return Call(
        "PUT",
        "/api/v1/chatbots/bot_1/leads/cl_1",
        "updateChatbotLead",
        {"chatbotId": "bot_1", "id": "cl_1"},
        (),
        {"authorization": "Bearer sk-test"},
    )


@pytest.fixture(scope="session")
def asked(dialect: PollyBotDialect, caller: Caller) -> Callable[[Call, bytes], RequestedUpdate]:
    """The one update of a call that is accepted."""

    def read(call: Call, body: bytes) -> RequestedUpdate:
        parsed = dialect.parse(call, body, caller)
        assert isinstance(parsed, Parsed)
        (update,) = parsed.updates
        return update

    return read


@pytest.fixture(scope="session")
def event() -> MakesEvents:
    """An update as it stands in the log."""

    def make(
        update: RequestedUpdate,
        dialect: str = "pollybot",
        operation: str = "updateLead",
        system: str = "polly",
    ) -> LeadUpdate:
        return LeadUpdate(
            id=EVENT_ID,
            time="2026-11-22T00:00:00.000Z",
            tenant="default",
            lead_key=lead_key("default", update.lead),
            ids=(update.lead,),
            changes=update.changes,
            attributes=update.attributes,
            triggers=update.triggers,
            origin=Origin(dialect, operation, system, None, update.scope, update.names),
        )

    return make


@pytest.fixture(scope="session")
def held() -> Callable[[Conversation, Sequence[HttpReply]], Told]:
    """Hold a conversation with these replies; what was sent, and the verdicts."""

    def hold(conversation: Conversation, replies: Sequence[HttpReply]) -> Told:
        sent: list[HttpRequest] = []
        waiting = iter(replies)
        try:
            sent.append(next(conversation))
            while True:
                sent.append(conversation.send(next(waiting)))
        except StopIteration as end:
            assert next(waiting, None) is None
            return sent, end.value

    return hold
